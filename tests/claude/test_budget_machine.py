"""Any order of requests, ends, deaths, expiries and midnights: spending stays within its limits.

A second bookkeeper, who only adds up what each request did cost, looks over the ledger's shoulder.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from kibitz.claude.spending import budget as budget_module
from kibitz.claude.spending.budget import UNTOUCHED_SECONDS, Budget, Limits, Planned, Reservation
from kibitz.claude.spending.ledger import Ledger, Settlement, SoFar
from kibitz.claude.spending.processes import ProcessIdentity, this_process
from kibitz.claude.values import Purpose, Usage

DAY_USD, MONTH_USD = 1.0, 2.5
NOON = 1_796_126_400.0  # of 1 December 2026 in UTC: whatever happens lies in one month
DAY_SECONDS = 86_400.0


@dataclass
class Running:
    """A request under way, and what the second bookkeeper knows of it."""

    row: int
    holder: ProcessIdentity
    worst_usd: float
    day: int
    noted_usd: float = 0.0


class Spending(RuleBasedStateMachine):
    running = Bundle("running")

    def __init__(self) -> None:
        super().__init__()
        self.patched = pytest.MonkeyPatch()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "ledger.sqlite"
        self.ledger = Ledger(self.path)
        self.budget = Budget(self.path, Limits(day_usd=DAY_USD, month_usd=MONTH_USD))
        self.now = NOON
        self.dead: set[ProcessIdentity] = set()
        self.spent: dict[int, float] = {}
        self.open: dict[int, Running] = {}
        self.patched.setenv("TZ", "UTC")
        time.tzset()
        self.patched.setattr(time, "time", lambda: self.now)
        self.patched.setattr(budget_module, "whereabouts", self.whereabouts)

    def teardown(self) -> None:
        self.patched.undo()
        time.tzset()
        self.ledger.close()
        self.budget.close()
        self.folder.cleanup()

    def whereabouts(self, process: ProcessIdentity) -> str:
        if process in self.dead:
            return "gone"
        return "unknown" if process.host == "elsewhere" else "here"

    @property
    def day(self) -> int:
        return int((self.now - NOON) // DAY_SECONDS)

    @rule(
        target=running,
        worst_usd=st.floats(0.001, 0.8),
        pid=st.integers(1, 4),
        host=st.sampled_from(["here", "elsewhere"]),
    )
    def reserve(self, worst_usd: float, pid: int, host: str) -> Running | None:
        holder = replace(this_process(), host=host, pid=pid)
        self.patched.setattr(budget_module, "this_process", lambda: holder)
        planned = Planned(Purpose("explain"), "standard", "m", worst_usd)
        answer = self.budget.reserve(planned)
        if not isinstance(answer, Reservation):
            # It is refused for a reason: with it, one of the limits would not be kept.
            held = self.held()
            assert (
                held.get(self.day, 0.0) + worst_usd > DAY_USD
                or sum(held.values()) + worst_usd > MONTH_USD
            )
            return None
        self.dead.discard(holder)
        request = Running(answer.request, holder, worst_usd, self.day)
        self.open[answer.request] = request
        return request

    @rule(request=running, share=st.floats(0, 1))
    def note(self, request: Running | None, share: float) -> None:
        if request is not None and request.row in self.open:
            request.noted_usd = max(request.noted_usd, share * request.worst_usd)
            self.ledger.note(request.row, SoFar(Usage(), request.noted_usd, 0.0))

    @rule(request=consumes(running), share=st.floats(0, 1))
    def settle(self, request: Running | None, share: float) -> None:
        if request is None or self.open.pop(request.row, None) is None:
            return
        cost_usd = max(request.noted_usd, share * request.worst_usd)
        settlement = Settlement("finished", SoFar(Usage(), cost_usd, 0.0))
        self.ledger.settle(request.row, settlement)
        self.spent[request.day] = self.spent.get(request.day, 0.0) + cost_usd

    @rule(request=running)
    def kill(self, request: Running | None) -> None:
        """The process dies, and with it all its requests: each has cost what was noted of it."""
        if request is None or request.row not in self.open or request.holder.host != "here":
            return
        self.dead.add(request.holder)
        self.lose(request.holder)

    @rule()
    def wait_until_it_expires(self) -> None:
        """Nobody hears of other machines for long; their requests count as what was noted."""
        self.now += UNTOUCHED_SECONDS + 1
        self.lose_those_elsewhere()

    @rule()
    def sleep(self) -> None:
        self.now = NOON + (self.day + 1) * DAY_SECONDS
        self.lose_those_elsewhere()

    def lose_those_elsewhere(self) -> None:
        for holder in {each.holder for each in self.open.values()}:
            if holder.host == "elsewhere":
                self.lose(holder)

    def lose(self, holder: ProcessIdentity) -> None:
        for row, request in list(self.open.items()):
            if request.holder == holder:
                del self.open[row]
                noted = self.spent.get(request.day, 0.0) + request.noted_usd
                self.spent[request.day] = noted

    def held(self) -> dict[int, float]:
        """By day: what was spent, and the worst case of what runs."""
        held = dict(self.spent)
        for request in self.open.values():
            held[request.day] = held.get(request.day, 0.0) + request.worst_usd
        return held

    @invariant()
    def no_limit_is_exceeded(self) -> None:
        for day, usd in self.spent.items():
            assert usd <= DAY_USD + 1e-6, f"day {day}"
        assert sum(self.spent.values()) <= MONTH_USD + 1e-6

    @invariant()
    def even_the_worst_case_fits(self) -> None:
        held = self.held()
        assert all(usd <= DAY_USD + 1e-6 for usd in held.values())
        assert sum(held.values()) <= MONTH_USD + 1e-6

    @invariant()
    def the_ledger_says_the_same(self) -> None:
        noted = sum(each.noted_usd for each in self.open.values())
        total = self.ledger.summary().total.cost_usd
        assert total == pytest.approx(sum(self.spent.values()) + noted, abs=1e-6)


Spending.TestCase.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
TestSpending = Spending.TestCase
