"""Claude with a meter: the one thing that everything in kibitz talks to.

Around each request: reserve its worst case, pass the stream on, write down what it cost.  However
the request ends — finished, failed, cancelled, or with its process killed — it is in the ledger,
and no reservation stays behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import random
import sqlite3
import time
from collections.abc import AsyncGenerator

from kibitz.claude import catalogue
from kibitz.claude.budget import Budget, Exceeded, Planned, Reservation
from kibitz.claude.catalogue import Catalogue
from kibitz.claude.estimate import text_weight, worst_usage
from kibitz.claude.ledger import Ledger, Outcome, Settlement, SoFar
from kibitz.claude.ordered_thread import OrderedThread
from kibitz.claude.values import (
    Claude,
    ClaudeFailure,
    Event,
    Finished,
    ModelFacts,
    Prompt,
    Purpose,
    Started,
    TextDelta,
    ToolInputDelta,
    Usage,
)

log = logging.getLogger(__name__)

# A request that is refused only because others are running waits for them this long.
LONGEST_WAIT_FOR_OTHERS_SECONDS = 5.0
FIRST_LOOK_SECONDS = 0.05
LONGEST_LOOK_SECONDS = 0.4

# How often a running request's row is brought up to date.  Higher: a killed process's last
# seconds are not counted; lower: more writes to the disk.
NOTE_SECONDS = 2.0

CLOSING_SECONDS = 3.0


class MeteredClaude:
    """Implements `values.Claude` over another one, with a ledger and a budget."""

    def __init__(
        self,
        claude: Claude,
        ledger: Ledger,
        budget: Budget,
        *,
        known_models: Catalogue | None = None,
        longest_wait_seconds: float = LONGEST_WAIT_FOR_OTHERS_SECONDS,
    ) -> None:
        self._claude = claude
        self._ledger = ledger
        self._budget = budget
        self._catalogue = known_models or catalogue.builtin()
        self._longest_wait_seconds = longest_wait_seconds
        self._books = OrderedThread("kibitz-ledger")
        self._without_price: set[str] = set()
        self._running = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._closed = False

    async def stream(self, prompt: Prompt, purpose: Purpose) -> AsyncGenerator[Event, None]:
        """See `values.Claude`; `Finished.cost_usd` is filled in.

        Raises ClaudeFailure "budget" instead of sending when a limit is in the way, with
        `facts = {limit, limit_usd, spent_usd, reserved_usd, needed_usd, waiting_may_help}`;
        `limit` is "request", "day" or "month".  When the ledger's file cannot be used,
        `facts = {limit: "ledger", path, error}`.
        """
        self._running += 1
        self._idle.clear()
        try:
            reservation = await self._reserve(prompt, purpose)
            meter = _Meter(prompt.model, self._catalogue)
            outcome: Outcome = "cancelled"
            try:
                async with contextlib.aclosing(self._claude.stream(prompt, purpose)) as events:
                    async for event in events:
                        meter.count(event)
                        if isinstance(event, Finished):
                            outcome = "finished"
                            await self._settle(reservation, meter.settlement(outcome))
                            yield dataclasses.replace(event, cost_usd=meter.so_far().cost_usd)
                        else:
                            self._note_if_due(reservation, meter)
                            yield event
            except ClaudeFailure as failure:
                outcome = failure.kind
                raise
            except Exception:
                outcome = "failed"
                raise
            finally:
                if outcome != "finished":
                    await self._settle(reservation, meter.settlement(outcome))
        finally:
            self._running -= 1
            if not self._running:
                self._idle.set()

    async def models(self) -> tuple[ModelFacts, ...]:
        """See `values.Claude`.  Costs nothing and is not recorded."""
        return await self._claude.models()

    async def preload(self) -> None:
        """Prepare for the first request: import what is slow."""
        preload = getattr(self._claude, "preload", None)
        if preload is not None:
            await preload()

    async def aclose(self) -> None:
        """Close Claude, wait a moment for open requests to be settled, close the budget.  The
        ledger stays open: it is not ours alone."""
        if self._closed:
            return
        self._closed = True
        await self._claude.aclose()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSING_SECONDS):
                await self._idle.wait()
        await self._books.aclose()
        await asyncio.to_thread(self._budget.close)

    async def _reserve(self, prompt: Prompt, purpose: Purpose) -> Reservation:
        if self._closed:
            raise ClaudeFailure("dropped", model=prompt.model, facts={"cause": "shut_down"})
        worst_case_usd = self._catalogue.cost_usd(prompt.model, worst_usage(prompt))
        if worst_case_usd is None:
            self._say_that_price_is_unknown(prompt.model)
        planned = Planned(purpose, prompt.tier, prompt.model, worst_case_usd)
        deadline = time.monotonic() + self._longest_wait_seconds
        look_seconds = FIRST_LOOK_SECONDS
        while True:
            try:
                answer = await self._books.acquire(
                    lambda: self._budget.reserve(planned), self._take_back
                )
            except (sqlite3.Error, OSError) as error:
                # Without the ledger no limit can be kept, so nothing is sent.
                log.warning("the ledger cannot be used: %s: %s", self._ledger.path, error)
                raise ClaudeFailure(
                    "budget",
                    model=prompt.model,
                    facts={
                        "limit": "ledger",
                        "path": str(self._ledger.path),
                        "error": str(error),
                    },
                ) from error
            if isinstance(answer, Reservation):
                return answer
            if not answer.waiting_may_help or time.monotonic() >= deadline:
                raise _refusal(answer, prompt.model)
            # At different moments in different processes, so that they do not wait in step.
            await asyncio.sleep(look_seconds * random.uniform(0.5, 1.0))  # noqa: S311
            look_seconds = min(look_seconds * 1.5, LONGEST_LOOK_SECONDS)

    def _take_back(self, answer: Reservation | Exceeded) -> None:
        if isinstance(answer, Reservation):
            nothing = SoFar(Usage(), 0.0, 0.0)
            self._ledger.settle(answer.request, Settlement("cancelled", nothing))

    async def _settle(self, reservation: Reservation, settlement: Settlement) -> None:
        def settle() -> None:
            try:
                self._ledger.settle(reservation.request, settlement)
            except (sqlite3.Error, OSError) as error:
                # The answer is worth more than its record.  The row stays as it was last noted,
                # and its reservation with it, until this process ends.
                log.warning("a request could not be recorded: %s", error)

        await self._books.complete(settle)

    def _note_if_due(self, reservation: Reservation, meter: _Meter) -> None:
        if meter.note_is_due():
            so_far = meter.so_far()
            self._books.post(lambda: self._ledger.note(reservation.request, so_far))

    def _say_that_price_is_unknown(self, model: str) -> None:
        if model not in self._without_price:
            self._without_price.add(model)
            log.warning("the price of %s is not known: no budget can limit it", model)


class _Meter:
    """What is known of one response so far: its usage, its cost, its times."""

    def __init__(self, model: str, known_models: Catalogue) -> None:
        self._asked_model = self._model = model
        self._catalogue = known_models
        self._chars_per_token = known_models.chars_per_token(model)
        self._began = time.monotonic()
        self._first_token: float | None = None
        self._usage = Usage()
        # An estimate: while a reply streams, the API does not say how much of it there is.
        self._received_tokens = 0.0
        self._finished: Finished | None = None
        self._request_id: str | None = None
        self._noted = 0.0

    def count(self, event: Event) -> None:
        match event:
            case Started(request_id, model, usage):
                self._request_id, self._model, self._usage = request_id, model, usage
            case TextDelta(text) | ToolInputDelta(_, _, text):
                if self._first_token is None:
                    self._first_token = time.monotonic()
                self._received_tokens += text_weight(text, self._chars_per_token)
            case Finished():
                self._finished = event
                self._request_id = event.request_id or self._request_id
                self._model, self._usage = event.model, event.usage
            case _:
                pass

    def note_is_due(self) -> bool:
        """Whether the ledger should hear of it: at once when the prompt's bill is known, then now
        and then."""
        now = time.monotonic()
        if self._usage == Usage() or now - self._noted < NOTE_SECONDS:
            return False
        self._noted = now
        return True

    def so_far(self) -> SoFar:
        usage = self._usage
        if self._finished is None:
            received = round(self._received_tokens)
            usage = dataclasses.replace(usage, output_tokens=max(usage.output_tokens, received))
        # A gateway may answer under a name of its own.
        model = self._model if self._catalogue.find(self._model) else self._asked_model
        cost_usd = self._catalogue.cost_usd(model, usage)
        if cost_usd is None:
            return SoFar(usage, None, None)
        without_cache_usd = self._catalogue.cost_without_cache_usd(model, usage)
        assert without_cache_usd is not None
        return SoFar(usage, cost_usd, without_cache_usd - cost_usd)

    def settlement(self, outcome: Outcome) -> Settlement:
        first = self._first_token
        return Settlement(
            outcome,
            self.so_far(),
            stop_reason=self._finished.stop_reason if self._finished else None,
            request_id=self._request_id,
            first_token_seconds=None if first is None else first - self._began,
            total_seconds=time.monotonic() - self._began,
        )


def _refusal(exceeded: Exceeded, model: str) -> ClaudeFailure:
    return ClaudeFailure(
        "budget",
        model=model,
        facts={
            "limit": exceeded.limit,
            "limit_usd": exceeded.limit_usd,
            "spent_usd": exceeded.spent_usd,
            "reserved_usd": exceeded.reserved_usd,
            "needed_usd": exceeded.needed_usd,
            "waiting_may_help": exceeded.waiting_may_help,
        },
    )
