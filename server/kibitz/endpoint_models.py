"""What is known of the models of the user's endpoint, and how it goes on being learnt.

The built-in catalogue, then what the endpoint has listed, then the user's own file: see
`kibitz.models_file`.  Asks whatever `Claude` it is given; how that is reached is not known here.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, get_args

from kibitz import endpoint, models_file, paths
from kibitz.claude.values import Claude, ClaudeFailure, ModelFacts, Tier
from kibitz.models_file import KnownModels
from kibitz.settings import Settings

if TYPE_CHECKING:
    from kibitz.claude.models.catalogue import Catalogue
    from kibitz.claude.models.knowledge import Knowledge
    from kibitz.claude.models.model_facts import Learnt

logger = logging.getLogger(__name__)

# How long a request waits for the list of models of a server that has not listed them before.
LISTING_SECONDS = 3.0


class EndpointModels:
    """The models of one endpoint.  `settings` are the user's own; `local_facts` says what the
    embedded model is, and may raise ClaudeFailure."""

    def __init__(
        self,
        settings: Settings,
        environ: Mapping[str, str],
        local_facts: Callable[[], ModelFacts],
    ) -> None:
        self._settings = settings
        self._environ = environ
        self._local_facts = local_facts
        self._known: KnownModels | None = None
        self._knowledge: Knowledge | None = None
        self._asking: asyncio.Task[None] | None = None

    def known(self) -> KnownModels:
        """The models and prices that hold at this moment.  Reads two files on first use; what is
        wrong in the user's is logged then."""
        self.knowledge()
        assert self._known is not None
        return self._known

    def knowledge(self) -> Knowledge:
        """What is known, as those take it who add to it."""
        if self._knowledge is None:
            from kibitz.claude.models.knowledge import Knowledge
            from kibitz.claude.models.model_facts_file import facts_file

            settings = self._settings
            address = settings.base_url or self._environ.get("ANTHROPIC_BASE_URL") or ""
            file = None
            if settings.provider not in ("standin", "local"):
                folder = paths.models_folder(self._environ)
                file = facts_file(folder, f"{settings.provider} {address}")
            self._knowledge = Knowledge(self._lay, file)
            if settings.provider == "local":
                with contextlib.suppress(ClaudeFailure):  # told when something is asked
                    self._knowledge.listed((self._local_facts(),))
        return self._knowledge

    def _lay(self, learnt: Learnt) -> Catalogue:
        known = models_file.load(
            self._settings.provider,
            self._environ,
            learnt,
            endpoint.priced_ids(self._settings, self._environ),
        )
        told = self._known.problems if self._known is not None else ()
        for problem in known.problems:
            if problem not in told:
                logger.warning("%s", problem)
        self._known = known
        return known.catalogue

    async def listed_by(self, claude: Claude) -> tuple[ModelFacts, ...]:
        """The models that the endpoint lists.  What is said of them holds from now on."""
        models = await claude.models()
        await asyncio.to_thread(self.knowledge().listed, self._as_named(models))
        return models

    def ask_if_due(self, claude: Claude) -> None:
        """Have the endpoint list its models, if that is due, while something else goes on."""
        is_asking = self._asking is not None and not self._asking.done()
        if not is_asking and self.knowledge().should_ask():
            self._asking = asyncio.create_task(self._ask(claude))

    async def learn_first(self, claude: Claude) -> None:
        """Have it list them before a prompt is made, if that is due: a small window must be known
        then.  Waits for `LISTING_SECONDS` at most."""
        if self.knowledge().should_ask():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LISTING_SECONDS):
                    await self._ask(claude)

    async def _ask(self, claude: Claude) -> None:
        try:
            await self.listed_by(claude)
        except ClaudeFailure as failure:
            logger.info("the endpoint does not list its models: %s", failure.kind)
            if failure.kind == "not_an_api":
                await asyncio.to_thread(self.knowledge().lists_nothing)

    def _as_named(self, models: tuple[ModelFacts, ...]) -> tuple[ModelFacts, ...]:
        """The models, with the names that the user has given to the one that a local server has,
        which answers to any."""
        if self._settings.provider != "compatible" or len(models) != 1:
            return models
        (only,) = models
        names = {self._settings.models.of(tier) for tier in get_args(Tier)} - {only.id}
        return (only, *(replace(only, id=name) for name in sorted(names)))

    async def aclose(self) -> None:
        """Ask for nothing any more."""
        asking, self._asking = self._asking, None
        if asking is not None:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
