"""The ledger and the budget, asked one after the other and off the event loop.

Whoever may spend reserves first and settles afterwards, whatever has become of the request.  Knows
nothing of prompts and replies.
"""

from __future__ import annotations

import asyncio
import logging
import random
import sqlite3
import time

from kibitz.claude.spending.budget import Budget, Exceeded, Planned, Reservation
from kibitz.claude.spending.ledger import Ledger, Settlement, SoFar
from kibitz.claude.spending.meter import Meter
from kibitz.claude.spending.ordered_thread import OrderedThread
from kibitz.claude.values import ClaudeFailure, Usage

log = logging.getLogger(__name__)

# A request that is refused only because others are running waits for them this long.
LONGEST_WAIT_FOR_OTHERS_SECONDS = 5.0
FIRST_LOOK_SECONDS = 0.05
LONGEST_LOOK_SECONDS = 0.4


class Books:
    """What is spent by one process, in books that it shares with others.

    The budget is closed with it; the ledger stays open.
    """

    def __init__(
        self,
        ledger: Ledger,
        budget: Budget,
        longest_wait_seconds: float = LONGEST_WAIT_FOR_OTHERS_SECONDS,
    ) -> None:
        self._ledger = ledger
        self._budget = budget
        self._longest_wait_seconds = longest_wait_seconds
        self._thread = OrderedThread("kibitz-ledger")
        self._learnt_factors: dict[str, float | None] = {}
        self._without_price: set[str] = set()
        self._reserves = True

    def over_one_request(self, planned: Planned) -> Exceeded | None:
        """See `Budget.over_one_request`."""
        return self._budget.over_one_request(planned)

    async def reserve(self, planned: Planned) -> Reservation:
        """Set the worst case of a request aside.  Raises ClaudeFailure "budget" when a limit or
        the ledger's file is in the way; see `MeteredClaude.stream`."""
        if planned.worst_case_usd is None:
            self._say_that_price_is_unknown(planned.model)
        deadline = time.monotonic() + self._longest_wait_seconds
        look_seconds = FIRST_LOOK_SECONDS
        while True:
            if not self._reserves:
                raise ClaudeFailure("dropped", model=planned.model, facts={"cause": "shut_down"})
            try:
                answer = await self._thread.acquire(
                    lambda: self._budget.reserve(planned), self._take_back
                )
            except (sqlite3.Error, OSError) as error:
                # Without the ledger no limit can be kept, so nothing is sent.
                log.warning("the ledger cannot be used: %s: %s", self._ledger.path, error)
                raise ClaudeFailure(
                    "budget",
                    model=planned.model,
                    facts={
                        "limit": "ledger",
                        "path": str(self._ledger.path),
                        "error": str(error),
                    },
                ) from error
            if isinstance(answer, Reservation):
                return answer
            if not answer.waiting_may_help or time.monotonic() >= deadline:
                raise answer.as_failure(planned.model)
            # At different moments in different processes, so that they do not wait in step.
            await asyncio.sleep(look_seconds * random.uniform(0.5, 1.0))  # noqa: S311
            look_seconds = min(look_seconds * 1.5, LONGEST_LOOK_SECONDS)

    def note_if_due(self, reservation: Reservation, meter: Meter) -> None:
        """Write down, now and then, how far a request has come: its process may be killed."""
        if meter.note_is_due():
            so_far = meter.so_far()
            self._thread.post(lambda: self._ledger.note(reservation.request, so_far))

    async def settle(self, reservation: Reservation, model: str, settlement: Settlement) -> None:
        """Write down what a request has come to; what it did not need is free again."""

        def settle() -> None:
            try:
                self._ledger.settle(reservation.request, settlement)
            except (sqlite3.Error, OSError) as error:
                # The answer is worth more than its record.  The row stays as it was last noted,
                # and its reservation with it, until this process ends.
                log.warning("a request could not be recorded: %s", error)

        await self._thread.complete(settle)
        # What was learnt from this one is read again from the ledger when it is next needed.
        self._learnt_factors.pop(model, None)

    async def learnt_tokens_factor(self, model: str) -> float | None:
        """See `Ledger.learnt_tokens_factor`."""
        if model in self._learnt_factors:
            return self._learnt_factors[model]

        def read() -> float | None:
            try:
                return self._ledger.learnt_tokens_factor(model)
            except (sqlite3.Error, OSError):
                # Told where it matters: no request is sent without the ledger.
                return None

        return self._learnt_factors.setdefault(model, await self._thread.complete(read))

    def stop_reserving(self) -> None:
        """From now on refuse, also whoever waits for others; what is open may be settled."""
        self._reserves = False

    async def aclose(self) -> None:
        await self._thread.aclose()
        await asyncio.to_thread(self._budget.close)

    def _take_back(self, answer: Reservation | Exceeded) -> None:
        if isinstance(answer, Reservation):
            nothing = SoFar(Usage(), 0.0, 0.0)
            self._ledger.settle(answer.request, Settlement("cancelled", nothing))

    def _say_that_price_is_unknown(self, model: str) -> None:
        if model not in self._without_price:
            self._without_price.add(model)
            log.warning("the price of %s is not known: no budget can limit it", model)
