"""Claude with a meter: the one thing that everything in kibitz talks to.

Around each request: see that it fits, let nobody write the same cache entry at the same moment,
reserve the worst case, pass the stream on, write down what it cost and whether the cache did what
was expected of it.  However the request ends — finished, failed, cancelled, or with its process
killed — it is in the ledger, and no reservation stays behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from types import TracebackType
from typing import Self

from kibitz.claude.around import AroundClaude
from kibitz.claude.first_alone import FirstAlone, Names, Turn
from kibitz.claude.models.catalogue import Catalogue
from kibitz.claude.models.knowledge import Knowledge
from kibitz.claude.prompts import prompt as prompts
from kibitz.claude.prompts.cache_memory import CacheMemory, Outlook
from kibitz.claude.prompts.estimate import prompt_tokens, worst_usage
from kibitz.claude.prompts.limits import PromptLimits
from kibitz.claude.prompts.misses import SURPRISES, Miss, miss
from kibitz.claude.prompts.prefixes import Prefix, prefixes
from kibitz.claude.spending.books import LONGEST_WAIT_FOR_OTHERS_SECONDS, Books
from kibitz.claude.spending.budget import Budget, Exceeded, Planned, Reservation
from kibitz.claude.spending.ledger import Ledger, Outcome
from kibitz.claude.spending.meter import Meter
from kibitz.claude.values import (
    Claude,
    ClaudeFailure,
    Event,
    Finished,
    Prompt,
    Purpose,
    Started,
    Usage,
)

log = logging.getLogger(__name__)

CLOSING_SECONDS = 3.0

# They come by themselves: nobody wants to be asked about them.
NEVER_ASKED_ACTIONS = frozenset({"complete", "hover"})

# A longer prompt is hashed in a thread: on the event loop a million tokens take 5 to 10 ms.
MOST_TOKENS_AT_ONCE = 200_000


class MeteredClaude(AroundClaude):
    """Implements `values.Claude` over another one, with a ledger and a budget.

    `confirm` asks the user whether a request may cost more than one may; None: nobody can say.
    """

    def __init__(
        self,
        claude: Claude,
        ledger: Ledger,
        budget: Budget,
        *,
        known_models: Catalogue | Knowledge | None = None,
        confirm: Callable[[Purpose, Exceeded], Awaitable[bool | None]] | None = None,
        longest_wait_seconds: float = LONGEST_WAIT_FOR_OTHERS_SECONDS,
    ) -> None:
        self.knowledge = (
            known_models if isinstance(known_models, Knowledge) else Knowledge.of(known_models)
        )
        super().__init__(claude)
        self._books = Books(ledger, budget, longest_wait_seconds)
        self._confirm = confirm
        self._memory = CacheMemory()
        self._first_alone = FirstAlone()
        self._limits = PromptLimits(claude, lambda: self.known_models, self._memory)
        self._warms = True
        self._told_of_no_cache = False
        self._running = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._closed = False

    @property
    def known_models(self) -> Catalogue:
        """The models and prices that hold at this moment."""
        return self.knowledge.catalogue

    async def stream(self, prompt: Prompt, purpose: Purpose) -> AsyncGenerator[Event, None]:
        """See `values.Claude`; `Finished.cost_usd` is filled in.

        Raises ClaudeFailure "too_large" instead of sending what cannot fit, and "budget" when a
        limit is in the way, with `facts = {limit, limit_usd, spent_usd, reserved_usd, needed_usd,
        waiting_may_help}`; `limit` is "request", "day" or "month", and `declined` is there if the
        user was asked and said no.  When the ledger's file cannot
        be used, `facts = {limit: "ledger", path, error}`.
        """
        async with (
            _Sending(self, prompt, purpose) as sending,
            contextlib.aclosing(self._claude.stream(prompt, purpose)) as events,
        ):
            async for event in events:
                sending.count(event)
                if isinstance(event, Finished):
                    cost_usd = await sending.finish()
                    yield dataclasses.replace(event, cost_usd=cost_usd)
                else:
                    yield event

    async def warm(self, prompt: Prompt, purpose: Purpose) -> Usage:
        """See `values.Claude`.  The budget's limits hold, and so does `keep_warm_day_usd`: the
        failure is "budget" with `limit` "keep_warm" when that is used up for the day."""
        warming = prompts.warming(prompt)
        if warming is None:
            return Usage()
        if not self._warms:
            raise _no_warming(prompt.model)
        try:
            async with _Sending(self, warming, purpose) as sending:
                usage = await self._claude.warm(warming, purpose)
                sending.complete(usage)
                await sending.finish()
        except ClaudeFailure as failure:
            if failure.kind != "bad_request":
                raise
            self._stop_warming("it does not take requests without a reply")
            raise _no_warming(prompt.model) from failure
        if usage.output_tokens:
            self._stop_warming("it generates a reply all the same")
        elif not self._memory.endpoint_caches:
            self._stop_warming("it has no cache of prompts")
        return usage

    async def tokens_factor(self, model: str) -> float:
        """What an estimate of `kibitz_context.tokens` is to be multiplied by: learnt from the
        ledger, or else what is known of the model."""
        learnt = await self._books.learnt_tokens_factor(model)
        return self.known_models.tokens_factor(model) if learnt is None else learnt

    async def aclose(self) -> None:
        """Close Claude, wait a moment for open requests to be settled, close the budget.  The
        ledger stays open: it is not ours alone."""
        if self._closed:
            return
        self._closed = True
        self._books.stop_reserving()
        self._first_alone.let_all_go()
        await super().aclose()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSING_SECONDS):
                await self._idle.wait()
        await self._books.aclose()

    def _tell(self, missed: Miss) -> None:
        """What was foreseen is told by whoever has decided it."""
        if missed.reason == "no_cache":
            if not self._told_of_no_cache:
                self._told_of_no_cache = True
                log.info("the endpoint keeps no cache of prompts")
        elif missed.reason in SURPRISES:
            log.info(
                "%d tokens of a prompt were not read from the cache: %s",
                missed.tokens,
                missed.reason,
            )

    def _stop_warming(self, because: str) -> None:
        if self._warms:
            self._warms = False
            log.info("the cache of this endpoint is not kept warm: %s", because)

    async def _ask_if_over_one_request(self, planned: Planned) -> bool:
        """Whether the user has confirmed what is over the limit of one request.  Raises
        ClaudeFailure "budget" if not."""
        exceeded = self._books.over_one_request(planned)
        if exceeded is None:
            return False
        purpose = planned.purpose
        may_ask = purpose.interactive and purpose.action not in NEVER_ASKED_ACTIONS
        answer = None
        if may_ask and not planned.is_warming and self._confirm is not None:
            answer = await self._confirm(purpose, exceeded)
        if answer:
            return True
        failure = exceeded.as_failure(planned.model)
        if answer is False:
            failure.facts = {**failure.facts, "declined": True}
        raise failure


class _Sending:
    """One request on its way, from before it is sent until it is settled."""

    _prefixes: tuple[Prefix, ...]
    _tokens_factor: float
    _is_factor_learnt: bool
    _turn: Turn
    _outlook: Outlook | None = None
    _asked_at: float
    _reservation: Reservation

    def __init__(self, claude: MeteredClaude, prompt: Prompt, purpose: Purpose) -> None:
        self._claude = claude
        self._prompt = prompt
        self._purpose = purpose
        self._estimated_tokens = prompt_tokens(prompt)
        self._meter = Meter(prompt.model, claude.known_models)
        self._confirmed = False
        self._settled = False

    async def __aenter__(self) -> Self:
        claude = self._claude
        claude._running += 1
        claude._idle.clear()
        try:
            await self._prepare()
            # Asked before it is anybody's turn: others do not wait for an answer.
            self._confirmed = await claude._ask_if_over_one_request(self._planned())
            self._turn = await claude._first_alone.turn(self._to_write)
            try:
                self._outlook = self._look_out()
                self._reservation = await claude._books.reserve(self._planned())
                self._asked_at = time.time()
            except BaseException:
                self._turn.end()
                raise
        except BaseException:
            self._leave()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._turn.end()
        try:
            if not self._settled:
                outcome: Outcome = "cancelled"
                if isinstance(error, ClaudeFailure):
                    outcome = error.kind
                    if error.usage is not None:
                        self._meter.broke_off(error.usage)
                elif isinstance(error, Exception):
                    outcome = "failed"
                await self._settle(outcome)
        finally:
            self._leave()

    def count(self, event: Event) -> None:
        self._meter.count(event)
        if isinstance(event, Started):
            self._begun(event.usage)
        if not isinstance(event, Finished):
            self._claude._books.note_if_due(self._reservation, self._meter)

    def complete(self, usage: Usage) -> None:
        """The response has come in one piece."""
        self._meter.complete(usage, "max_tokens")
        self._begun(usage)

    async def finish(self) -> float | None:
        """Settle a request that has come to its end; gives its cost in USD."""
        await self._settle("finished")
        return self._meter.so_far().cost_usd

    async def _prepare(self) -> None:
        claude, prompt = self._claude, self._prompt
        options = claude.known_models.request_options(prompt.model, prompt.tier)
        if self._estimated_tokens > MOST_TOKENS_AT_ONCE:
            self._prefixes = await asyncio.to_thread(prefixes, prompt, options)
        else:
            self._prefixes = prefixes(prompt, options)
        self._tokens_factor = await claude.tokens_factor(prompt.model)
        self._is_factor_learnt = await claude._books.learnt_tokens_factor(prompt.model) is not None
        await claude._limits.check(prompt, self._prefixes, self._tokens_factor)

    def _look_out(self) -> Outlook | None:
        return self._claude._memory.outlook(
            self._prefixes, self._prompt.expectation, self._tokens_factor
        )

    def _to_write(self) -> Names:
        outlook = self._look_out()
        return frozenset() if outlook is None else frozenset(outlook.to_write)

    def _planned(self) -> Planned:
        known, outlook = self._claude.known_models, self._outlook
        worst = worst_usage(self._prompt, self._tokens_factor)
        worst_case_usd = known.cost_usd(self._prompt.model, worst)
        return Planned(
            self._purpose,
            self._prompt.tier,
            self._prompt.model,
            worst_case_usd,
            warming_usd=self._expected_usd(outlook),
            estimated_tokens=self._estimated_tokens,
            expected_read_tokens=None if outlook is None else outlook.read_tokens,
            expected_write_tokens=None if outlook is None else outlook.write_tokens,
            confirmed=self._confirmed,
        )

    def _expected_usd(self, outlook: Outlook | None) -> float | None:
        """What the request costs if the cache does what is expected of it; None where only the
        worst case is sure, since something is to be written of which nobody knows the length."""
        if outlook is None:
            return None
        if outlook.to_write and not (outlook.counted or self._is_factor_learnt):
            return None
        is_short = all(block.marker != "1h" for block in self._prompt.system)
        placeholder_tokens = self._estimated_tokens - self._prefixes[-1].tokens
        usage = Usage(
            input_tokens=placeholder_tokens,
            cache_read_tokens=outlook.read_tokens,
            cache_write_5m_tokens=outlook.write_tokens if outlook.to_write and is_short else 0,
            cache_write_1h_tokens=outlook.write_tokens if outlook.to_write and not is_short else 0,
        )
        return self._claude.known_models.cost_usd(self._prompt.model, usage)

    def _begun(self, usage: Usage) -> None:
        self._claude._memory.began(self._prefixes, self._asked_at, usage)
        self._turn.end()

    async def _settle(self, outcome: Outcome) -> None:
        claude, meter = self._claude, self._meter
        missed = self._miss()
        if missed is not None:
            claude._tell(missed)
        await claude._books.settle(
            self._reservation, self._prompt.model, meter.settlement(outcome, missed)
        )
        self._settled = True

    def _miss(self) -> Miss | None:
        if self._outlook is None:
            return None
        return miss(
            self._outlook,
            self._prompt.expectation,
            self._meter.usage,
            expected_prompt_tokens=round(self._estimated_tokens * self._tokens_factor),
            endpoint_caches=self._claude._memory.endpoint_caches,
            started=self._meter.started,
        )

    def _leave(self) -> None:
        claude = self._claude
        claude._running -= 1
        if not claude._running:
            claude._idle.set()


def _no_warming(model: str) -> ClaudeFailure:
    return ClaudeFailure("bad_request", model=model, facts={"reason": "no_warming"})
