"""Claude, the ledger and the budget of one process, opened when they are first needed.

The server and the command line get theirs here; nothing is imported or opened before somebody
asks for something.  Where Claude is and what may be spent come from the *user's* settings: a
project or an editor has no say in them.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from kibitz import endpoint, paths
from kibitz.claude.breaker import Breaker
from kibitz.claude.spending.days import midnight
from kibitz.claude.values import (
    Claude,
    ClaudeFailure,
    Event,
    Limits,
    ModelFacts,
    Prompt,
    Purpose,
    Started,
    Tier,
    Usage,
)
from kibitz.endpoint_models import EndpointModels
from kibitz.errors import UserError
from kibitz.models_file import KnownModels
from kibitz.settings import Settings

if TYPE_CHECKING:
    from kibitz.claude.anthropic_client import AnthropicClaude
    from kibitz.claude.auditing.audit import Audit
    from kibitz.claude.batching.batch_books import BatchBooks
    from kibitz.claude.batching.batch_runner import BatchRecord
    from kibitz.claude.batching.batches import BatchResult, BatchService
    from kibitz.claude.connection import Connection
    from kibitz.claude.spending.budget import Exceeded
    from kibitz.claude.spending.ledger import Ledger
    from kibitz.claude.telemetry import Telemetry
    from kibitz.confirmation import Confirm
    from kibitz.local_model import LocalModel

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SpentToday:
    """What was spent since midnight, in all processes of the user."""

    cost_usd: float
    day_limit_usd: float
    cache_share: float


class Backend:
    """Implements `Claude` by opening the real one on first use.

    `settings` are the user's own (no project, no editor).  A `claude` given by a test is used
    as it is, without ledger, budget and breaker.  `breaker` is the endpoint's.
    """

    def __init__(
        self,
        settings: Settings,
        environ: Mapping[str, str] = os.environ,
        *,
        claude: Claude | None = None,
    ) -> None:
        self.settings = settings
        # Asks the user whether a request may cost more than one may.  May be set at any time.
        self.confirm: Confirm | None = None
        # Tells the user of something that goes on without them; by default it is logged.
        self.warn: Callable[[str], None] | None = None
        self._environ = environ
        self._claude = claude
        self._is_given = claude is not None
        self._local_model: LocalModel | None = None
        self._unmetered: AnthropicClaude | None = None
        self._audit: Audit | None = None
        self._telemetry: Telemetry | None = None
        self._ledger: Ledger | None = None
        self._models = EndpointModels(settings, environ, lambda: self.local_model().chosen().facts)
        self._loop: asyncio.AbstractEventLoop | None = None
        self.breaker = Breaker()
        self._standin = contextlib.ExitStack()
        self._opening = asyncio.Lock()

    async def stream(self, prompt: Prompt, purpose: Purpose) -> AsyncGenerator[Event, None]:
        """See `Claude.stream`."""
        claude = await self.open()
        stream = claude.stream(prompt, purpose)
        try:
            async for event in stream:
                if isinstance(event, Started):
                    self._models.ask_if_due(claude)
                yield event
        except ClaudeFailure as failure:
            if failure.kind == "unknown_model":
                self._models.knowledge().doubt()
                self._models.ask_if_due(claude)
            raise
        finally:
            await stream.aclose()

    async def warm(self, prompt: Prompt, purpose: Purpose) -> Usage:
        """See `Claude.warm`."""
        return await (await self.open()).warm(prompt, purpose)

    async def count_tokens(self, prompt: Prompt) -> int | None:
        """See `Claude.count_tokens`."""
        return await (await self.open()).count_tokens(prompt)

    async def models(self) -> tuple[ModelFacts, ...]:
        """See `Claude.models`.  What is said of them holds from now on."""
        return await self._models.listed_by(await self.open())

    async def open(self) -> Claude:
        """Claude, made on first use.  Raises UserError for a provider that is not built in."""
        async with self._opening:
            if self._claude is None:
                self._loop = asyncio.get_running_loop()
                self._claude = await asyncio.to_thread(self._make)
            return self._claude

    async def batches(self) -> BatchService:
        """The endpoint's message batches, over the same connection.  Raises UserError where the
        provider has none."""
        from kibitz.claude.anthropic_client.batches import AnthropicBatches

        await self.open()
        if self._unmetered is None:
            raise UserError("This provider has no Message Batches; review without --batch.")
        return AnthropicBatches(self._unmetered)

    def batch_books(self, purpose: Purpose, model: str) -> BatchBooks:
        """Reservations and prices for batches.  Blocking on first use."""
        from kibitz.claude.batching.batch_books import BatchBooks
        from kibitz.claude.spending.budget import Budget

        ledger = self.ledger()
        budget = Budget(ledger.path, self._limits())
        return BatchBooks(ledger, budget, purpose, model, self.known_models().catalogue)

    def limit_in_the_way(
        self, purpose: Purpose, tier: Tier, model: str, costs_usd: Sequence[float]
    ) -> Exceeded | None:
        """The limit that requests of these costs would exceed together; nothing is reserved.

        Blocking."""
        from kibitz.claude.spending.budget import Budget, Planned

        budget = Budget(self.ledger().path, self._limits())
        try:
            return budget.foresee([Planned(purpose, tier, model, usd) for usd in costs_usd])
        finally:
            budget.close()

    async def warm_up(self) -> None:
        """Import the SDK and open the ledger ahead of the first request."""
        try:
            claude = await self.open()
        except UserError:
            return  # told when somebody asks for something
        preload = getattr(claude, "preload", None)
        if preload is not None:
            await preload()

    def ledger(self) -> Ledger:
        """The ledger of all requests.  Blocking on first use."""
        if self._ledger is None:
            from kibitz.claude.spending.ledger import Ledger

            path = paths.ledger_file(self._environ)
            paths.make_private(path.parent)
            self._ledger = Ledger(path)
        return self._ledger

    def known_models(self) -> KnownModels:
        """See `EndpointModels.known`."""
        return self._models.known()

    def context_folder(self) -> Path | None:
        """Where the context's caches are, made if need be; None where no folder can be."""
        try:
            return paths.make_private(paths.context_folder(self._environ))
        except UserError as error:
            logger.warning("%s", error.sentence)
            return None

    async def spent_today(self) -> SpentToday:
        """What was spent today, from the ledger."""

        def read() -> SpentToday:
            spent = self.ledger().spent()
            return SpentToday(spent.day_usd, self.settings.budget.day_usd, spent.cache_share)

        return await asyncio.to_thread(read)

    async def warming_spent_today_usd(self) -> float:
        """What was spent today on keeping or making cache entries, in all processes."""
        return await asyncio.to_thread(lambda: self.ledger().warming_usd(midnight()))

    def tokens_factor(self, model: str) -> float:
        """How many tokens of a model there are to one that we estimate, as far as the ledger has
        taught it.  Blocking."""
        import sqlite3

        known = self.known_models().catalogue
        try:
            return self.ledger().tokens_factor(model, known)
        except (sqlite3.Error, OSError, UserError):
            # Told where it matters: no request is sent without the ledger.
            return known.tokens_factor(model)

    async def aclose(self) -> None:
        """Close Claude's connections, the ledger and a stand-in that was started here."""
        await self._models.aclose()
        claude, self._claude = self._claude, None
        if claude is not None:
            await claude.aclose()
        if claude is not None and not self._is_given:
            from kibitz.claude import telemetry

            await asyncio.to_thread(telemetry.end)
        if self._local_model is not None:
            # Its loading may have begun before anything was asked.
            await self._local_model.aclose()
        await asyncio.to_thread(self._standin.close)
        if self._ledger is not None:
            self._ledger.close()
            self._ledger = None

    async def _ask_user(self, purpose: Purpose, exceeded: Exceeded) -> bool | None:
        if self.confirm is None:
            return None
        from kibitz.confirmation import Question

        return await self.confirm(Question.about(purpose, exceeded))

    def _make(self) -> Claude:
        from kibitz.claude.anthropic_client import AnthropicClaude
        from kibitz.claude.auditing.audit import AuditedClaude
        from kibitz.claude.guarded import GuardedClaude
        from kibitz.claude.metered import MeteredClaude
        from kibitz.claude.models.platforms import TRAITS
        from kibitz.claude.spending.budget import Budget
        from kibitz.claude.telemetry import TracedClaude
        from kibitz.claude.telemetry import begin as begin_telemetry

        ledger = self.ledger()
        knowledge = self._models.knowledge()
        claude: Claude
        if self.settings.provider == "local":
            claude = self.local_model()
        else:
            connection = self._connection()
            claude = AnthropicClaude(connection, known_models=knowledge)
            if TRAITS[connection.platform].batches:
                self._unmetered = claude
        if (audit := self._open_audit()) is not None:
            claude = AuditedClaude(claude, audit)
        metered = MeteredClaude(
            claude,
            ledger,
            Budget(ledger.path, self._limits()),
            known_models=knowledge,
            confirm=self._ask_user,
        )
        guarded = GuardedClaude(metered, self.breaker)
        self._telemetry = begin_telemetry(self._environ)
        if self._telemetry is None:
            return guarded
        return TracedClaude(guarded, self._telemetry, self.settings.provider)

    def _open_audit(self) -> Audit | None:
        """The audit, if the user's settings keep one; a project's have no say in it."""
        level = self.settings.audit
        if level == "off":
            return None
        from kibitz.claude.auditing.audit import Audit
        from kibitz.claude.auditing.audit_file import AuditFile

        try:
            folder = paths.make_private(paths.audit_folder(self._environ))
        except UserError as error:
            self._warn(f"What is asked of Claude is not being recorded: {error.sentence}")
            return None
        knowledge = self._models.knowledge()
        self._audit = Audit(AuditFile(folder), level, lambda: knowledge.catalogue, self._warn)
        return self._audit

    def _warn(self, sentence: str) -> None:
        """Tell the user, from any thread."""
        if self.warn is None or self._loop is None:
            logger.warning("%s", sentence)
        else:
            self._loop.call_soon_threadsafe(self.warn, sentence)

    def batch_record(self, purpose: Purpose, tier: str, model: str) -> BatchRecord:
        """What hears of the results of a batch, once Claude is open: the audit and telemetry."""
        hearing: list[BatchRecord] = []
        if self._audit is not None:
            hearing.append(self._audit.batch_result(purpose, tier, model))
        if self._telemetry is not None:
            provider = self.settings.provider
            hearing.append(self._telemetry.batch_result(provider, purpose, tier, model))

        def record(name: str, result: BatchResult, cost_usd: float | None) -> None:
            for tell in hearing:
                tell(name, result, cost_usd)

        return record

    def local_model(self) -> LocalModel:
        """The model of the provider `local`; it is loaded when it is first asked."""
        if self._local_model is None:
            from kibitz.local_model import LocalModel

            local = self.settings.local
            self._local_model = LocalModel(
                local.model,
                self._connect_to_local_model,
                context_tokens=local.context_tokens,
                threads=local.threads,
            )
        return self._local_model

    def _connect_to_local_model(self, address: str, key: str) -> Claude:
        from kibitz.claude.anthropic_client import AnthropicClaude

        return AnthropicClaude(
            endpoint.local_connection(address, key), known_models=self._models.knowledge()
        )

    async def get_ready(self) -> AsyncGenerator[str, None]:
        """Have a local model loaded, and another's server asked how much its model reads; yields
        words for a progress while that goes on."""
        if self._is_given:
            return
        if self.settings.provider == "compatible":
            # What is in the way is told by the request that follows.
            with contextlib.suppress(UserError):
                await self._models.learn_first(await self.open())
        if self.settings.provider != "local":
            return
        async with contextlib.aclosing(self.local_model().get_ready()) as waiting:
            async for words in waiting:
                yield words

    def _connection(self) -> Connection:
        """How to reach the endpoint, which for the stand-in is started here."""
        if self.settings.provider != "standin":
            return endpoint.connection(self.settings, self._environ)
        from kibitz.standin import Clock, StandIn

        # Like the service's, its cache outlives the process: each command starts one of its own.
        cache_file = paths.make_private(paths.cache_folder(self._environ)) / "standin.sqlite"
        standin = self._standin.enter_context(
            StandIn.in_thread(clock=Clock.real(), cache_file=cache_file)
        )
        connection = endpoint.connection(self.settings, self._environ)
        return replace(connection, base_url=standin.base_url, api_key="stand-in", proxy=None)

    def _limits(self) -> Limits:
        budget = self.settings.budget
        return Limits(
            budget.request_usd,
            budget.day_usd,
            budget.month_usd,
            self.settings.context.keep_warm_day_usd,
        )
