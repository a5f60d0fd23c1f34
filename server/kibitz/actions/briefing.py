"""From an `Order` to a `Brief`: the text that may be sent, the lines it is about and the layers of
context around them.

All reading of files happens off the event loop and through the gate; nothing is sent from here.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from kibitz.actions.brief import Brief, shown_path
from kibitz.actions.preparing import Preparer, Subject, gate_of, is_missing
from kibitz.actions.recent import MOST_DIFF_CHARACTERS
from kibitz.actions.repositories import Repositories
from kibitz.actions.scope import whole_lines
from kibitz.actions.snapshot_size import snapshot_tokens
from kibitz.actions.task_text import prompt_text
from kibitz.actions.tools import tools_for
from kibitz.actions.values import GettingReady, Indexing, Order, Step
from kibitz.claude.models import catalogue
from kibitz.claude.models.catalogue import Catalogue
from kibitz.claude.prompts.affordable import affordable_prompt_tokens
from kibitz.claude.prompts.estimate import tool_tokens
from kibitz.claude.values import Tier
from kibitz.completion.window import CHARACTERS_ABOVE, CHARACTERS_BELOW
from kibitz.errors import UserError
from kibitz.plain_text import one_line
from kibitz.settings import Settings
from kibitz_context.lines import LineTable, Position, Span
from kibitz_context.tokens import CHARACTERS_PER_TOKEN, estimate
from kibitz_context.values import Allowed, Focus, Refused

if TYPE_CHECKING:
    from kibitz.looking.sight import Sight
    from kibitz_context.caching.prefix import PrefixRequest
    from kibitz_context.files.repository import Repository

logger = logging.getLogger(__name__)

# Dense text has this much less room than the estimate says.
SAFE_SHARE_OF_A_LIMIT = 0.8

# What our own words add to a task.
TASK_WORDS_TOKENS = 1_000

# What becomes of a prefix that does not go on, in the words of the log.
_GIVEN_UP: Mapping[str, str] = {
    "rebuild": "the snapshot is written anew",
    "fold": "the log of changes is written anew",
    "return": "a log of changes that was sent before goes on",
}

# How often it is told how far an index is.
PROGRESS_SECONDS = 0.25

# After a repository could not be prepared, requests go on without waiting for so long.
AGAIN_SECONDS = 300.0


class Briefing:
    """Gathers what orders need of their repositories.

    `settings_for` gives the settings that hold in a repository.  What was sent is remembered in
    the folder `cache`, None for this process alone; there `preparer` puts what a request needs of
    a repository.  `known_models` are those that hold for the endpoint; `tokens_factor` says how
    many tokens of a model there are to one that we estimate.  Both may block.  `may_warm` says
    whether a repository's prefix may be kept alive by requests that nobody has asked for.
    `get_ready` starts an endpoint that has to be started, and says how far it is.
    """

    def __init__(
        self,
        settings_for: Callable[[Path], Settings],
        *,
        cache: Path | None = None,
        preparer: Preparer | None = None,
        known_models: Callable[[], Catalogue] = catalogue.builtin,
        tokens_factor: Callable[[str], float] | None = None,
        may_warm: Callable[[Path], bool] = lambda _: False,
        get_ready: Callable[[], AsyncGenerator[str, None]] | None = None,
    ) -> None:
        self._settings_for = settings_for
        self.cache = cache
        self.preparer = preparer
        self.known_models = known_models
        self._tokens_factor = tokens_factor or (lambda model: known_models().tokens_factor(model))
        self._may_warm = may_warm
        self._get_ready = get_ready
        self._repositories = Repositories()
        self._failed: dict[Path, float] = {}

    async def prepare(self, order: Order) -> AsyncGenerator[Step, None]:
        """Wait until the endpoint can be asked, and until what `order` needs of its repository is
        ready, for that not for too long.

        Yields `GettingReady` and `Indexing` on the way.  To be exhausted before `brief`, which
        takes what there is.
        """
        if self._get_ready is not None:
            async with aclosing(self._get_ready()) as waiting:
                async for words in waiting:
                    yield GettingReady(words)
        if self.preparer is None:
            return
        subject = await asyncio.to_thread(self._missing, order)
        if subject is None or self._failed.get(subject.repository.root, 0.0) > time.monotonic():
            return
        preparation = await asyncio.to_thread(self.preparer.prepare, subject)
        deadline = time.monotonic() + self.preparer.longest_wait_seconds
        while not await preparation.wait(PROGRESS_SECONDS) and time.monotonic() < deadline:
            yield Indexing(preparation.done, preparation.total)
        if preparation.has_failed:
            self._failed[subject.repository.root] = time.monotonic() + AGAIN_SECONDS

    async def brief(self, order: Order, *, record: bool = True) -> Brief:
        """Gather what `order` needs.  Raises UserError when its document may not be sent.

        Without `record` nothing is remembered: it is what would be sent, not what is.
        """
        stopped = threading.Event()
        try:
            return await asyncio.to_thread(self._brief, order, record, stopped.is_set)
        finally:
            # A thread cannot be cancelled: it looks whether anybody still waits for it.
            stopped.set()

    def repository(self, start: Path, folders: tuple[Path, ...] = ()) -> Repository:
        """The repository that holds `start`; see `Repository.find`.  May run git: not for the
        event loop."""
        return self._repositories.find(start, folders)

    def settings_in(self, root: Path) -> Settings:
        """The settings that hold at `root`.  Reads files: not for the event loop."""
        return self._settings_for(root)

    def subject(self, repository: Repository, tier: Tier, model: str | None = None) -> Subject:
        """What is to be prepared for requests of a tier, to `model` where an order names one."""
        settings = self._settings_for(repository.root)
        gate = gate_of(repository.root, settings.context)
        most_tokens = snapshot_tokens(settings, self.known_models(), tier, model)
        return Subject(repository, gate, most_tokens)

    def _missing(self, order: Order) -> Subject | None:
        """What is to be prepared before `order` can have all of its context; None: nothing."""
        repository = self.repository(order.root, order.folders)
        tier, model = self._tier(order, self._settings_for(order.root))
        subject = self.subject(repository, tier, model)
        return subject if is_missing(subject, model, self.cache) else None

    def model_for(self, order: Order) -> str:
        """The model that `order` goes to.  Reads files: not for the event loop."""
        return self._tier(order, self._settings_for(order.root))[1]

    @staticmethod
    def _tier(order: Order, settings: Settings) -> tuple[Tier, str]:
        tier = order.tier or settings.route.get(order.action, "standard")
        return tier, order.model or settings.models.of(tier)

    def _brief(self, order: Order, record: bool, should_stop: Callable[[], bool]) -> Brief:
        # Loaded when somebody asks for something: no start of a server has to wait for them.
        from kibitz_context.gate.secrets import redact
        from kibitz_context.gather import gather
        from kibitz_context.texts.symbols import symbols

        settings = self._settings_for(order.root)
        repository = self.repository(order.root, order.folders)
        tier, model = self._tier(order, settings)
        subject = self.subject(repository, tier, model)
        gate = subject.gate
        document = order.document
        path, allowed, first_line, end_line = "", Allowed(""), 0, 0
        if document is not None:
            path = shown_path(document.path, document.uri, repository.root)
            answer = gate.admit(document.path, document.text)
            # A buffer that was never saved may have a name all the same, and `.env` says enough.
            if document.path is None and (reason := gate.name_refusal(path)) is not None:
                answer = Refused(reason)
            if isinstance(answer, Refused):
                raise UserError(f"{one_line(path)} is not sent: {answer.reason}.")
            allowed = answer
            first_line, end_line = whole_lines(document, order.span)
        instruction = redact(order.instruction)
        diagnostics = [redact(each) for each in order.diagnostics]
        order = replace(
            order,
            instruction=instruction.text,
            diagnostics=tuple(each.text for each in diagnostics),
        )
        focus = None
        region = ""
        if document is not None:
            table = LineTable(allowed.text)
            start = table.offset(Position(first_line, 0), "utf-32")
            end = table.offset(Position(end_line, 0), "utf-32")
            region = allowed.text[start:end]
            if document.path is not None:
                in_task = order.action != "ask" or order.span is not None
                alone = order.action == "complete"
                focus = Focus(path, allowed.text, Span(start, end), in_task, alone)
        tokens_factor = self._tokens_factor(model)
        shown = region if order.action != "complete" else _round_the_cursor(order, allowed.text)
        said = (shown, order.instruction, *order.diagnostics, settings.review.instructions)
        context = gather(
            repository,
            gate,
            max_tokens=subject.max_tokens,
            focus=focus,
            overlays=order.overlays,
            question=_question(order, allowed.text),
            should_stop=should_stop,
            cache=self.cache,
            parse=self.preparer.parse if self.preparer is not None else symbols,
            prefix=self._prefix_request(
                model,
                tier,
                said,
                ttl=settings.context.ttl,
                record=record,
                tokens_factor=tokens_factor,
                keep_warm=self._may_warm(repository.root),
                limit_usd=settings.budget.request_usd,
            ),
        )
        if record and context.plan is not None and context.plan.step in _GIVEN_UP:
            # The bytes that were sent end before where they ended: that is never by accident.
            step, reason = context.plan.step, context.plan.reason
            logger.info("%s (%s tier): %s", _GIVEN_UP[step], tier, reason)
        return Brief(
            order,
            settings,
            context,
            tier,
            model,
            path,
            allowed.text,
            tuple(pair for part in (allowed, instruction, *diagnostics) for pair in part.secrets),
            redact(settings.review.instructions).text,
            first_line,
            end_line,
            tokens_factor,
            subject,
        )

    def sight(self, brief: Brief, should_stop: Callable[[], bool]) -> Sight:
        """What Claude may look at while it works on `brief`; nothing is read yet."""
        from kibitz.looking.sight import Sight

        order, document = brief.order, brief.order.document
        buffers = dict(order.overlays)
        if document is not None and document.path is not None:
            buffers[Path(os.path.realpath(document.path))] = document.text
        subject = brief.subject
        return Sight(subject.repository, subject.gate, buffers, brief.path, self.cache, should_stop)

    def syntax_faults(self, path: str, text: str) -> int | None:
        """How many places of a text do not parse; None where that cannot be told.

        Blocking; in a server another process does it.
        """
        if self.preparer is not None:
            return self.preparer.syntax_faults(path, text)
        from kibitz_context.texts.syntax_faults import syntax_faults

        return syntax_faults(path, text)

    def _prefix_request(
        self,
        model: str,
        tier: Tier,
        said: Sequence[str],
        *,
        ttl: Literal["auto", "5m", "1h"],
        record: bool,
        tokens_factor: float,
        keep_warm: bool,
        limit_usd: float,
    ) -> PrefixRequest:
        """How the prefix of a request is to be kept; `said` is what the task will hold."""
        from kibitz_context.caching.prefix import PrefixRequest

        known = self.known_models()
        most_tokens = known.most_prompt_tokens(model, tier)
        if most_tokens is not None:
            # The estimate may be too low, and above the limit is no prompt at all.
            most_tokens = int(most_tokens * SAFE_SHARE_OF_A_LIMIT)
        paid = affordable_prompt_tokens(known, model, tier, limit_usd)
        if paid is not None:
            paid = int(paid * tokens_factor)
            most_tokens = paid if most_tokens is None else min(most_tokens, paid)
        tools = tools_for(known.context_tokens(model))
        rules_tokens = sum(tool_tokens(tool, CHARACTERS_PER_TOKEN) for tool in tools)
        return PrefixRequest(
            model,
            prices=known.prices(model),
            ttl=ttl,
            record=record,
            tokens_factor=tokens_factor,
            max_prompt_tokens=most_tokens,
            caller_tokens=sum(map(estimate, said)) + TASK_WORDS_TOKENS,
            rules_tokens=rules_tokens + estimate(prompt_text("rules")),
            keep_warm=keep_warm,
        )


def _round_the_cursor(order: Order, text: str) -> str:
    """As much text as a completion shows besides the layers."""
    cursor = order.span.start if order.span is not None else 0
    window = text[max(0, cursor - CHARACTERS_ABOVE) : cursor + CHARACTERS_BELOW]
    return window + " " * (MOST_DIFF_CHARACTERS * len(order.recent_edits))


def _question(order: Order, text: str) -> str:
    """What related code is looked for by: what is asked, and the names of what was changed."""
    if order.hunks is None:
        return order.instruction
    from kibitz_context.texts.outline import definitions

    known = definitions(text.split("\n"))
    names: list[str] = []
    for start, end in order.hunks.lines:
        names += [found.name for found in known if found.line < start][-1:]
        names += [found.name for found in known if start <= found.line < end]
    return " ".join((order.instruction, *dict.fromkeys(names)))
