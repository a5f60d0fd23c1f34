"""Limits that hold: within a process, across processes, and after a process has died."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from kibitz.claude.spending import budget as budget_module
from kibitz.claude.spending.budget import Budget, Exceeded, Limits, Planned, Reservation
from kibitz.claude.spending.ledger import Ledger, Settlement, SoFar
from kibitz.claude.spending.processes import ProcessIdentity, this_process, whereabouts
from kibitz.claude.spending.processes import _started_by_psutil as started_by_psutil
from kibitz.claude.values import Purpose, Usage


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


def planned(worst_case_usd: float | None) -> Planned:
    return Planned(Purpose("explain"), "standard", "claude-sonnet-5-5", worst_case_usd)


def settle(path: Path, reservation: Reservation | Exceeded, cost_usd: float) -> None:
    assert isinstance(reservation, Reservation)
    so_far = SoFar(Usage(output_tokens=1), cost_usd, 0.0)
    Ledger(path).settle(reservation.request, Settlement("finished", so_far))


class TestLimits:
    def test_of_one_request(self, path: Path) -> None:
        budget = Budget(path, Limits(request_usd=0.5))
        assert isinstance(budget.reserve(planned(0.5)), Reservation)
        assert budget.reserve(planned(0.51)) == Exceeded("request", 0.5, 0.0, 0.0, 0.51)
        assert Ledger(path).summary().total.requests == 1, "what is not sent is not recorded"

    def test_what_is_reserved_counts_until_it_is_settled(self, path: Path) -> None:
        budget = Budget(path, Limits(day_usd=1.0))
        first = budget.reserve(planned(0.7))
        refused = budget.reserve(planned(0.7))
        assert refused == Exceeded("day", 1.0, 0.0, 0.7, 0.7)
        assert refused.waiting_may_help
        settle(path, first, 0.3)
        assert isinstance(budget.reserve(planned(0.7)), Reservation)

    def test_what_is_spent_is_gone(self, path: Path) -> None:
        budget = Budget(path, Limits(day_usd=1.0))
        settle(path, budget.reserve(planned(0.7)), 0.7)
        refused = budget.reserve(planned(0.7))
        assert refused == Exceeded("day", 1.0, 0.7, 0.0, 0.7)
        assert not refused.waiting_may_help

    def test_the_limit_can_be_used_up_exactly(self, path: Path) -> None:
        budget = Budget(path, Limits(day_usd=0.3))
        for _ in range(3):
            settle(path, budget.reserve(planned(0.1)), 0.1)
        assert isinstance(budget.reserve(planned(0.000_001)), Exceeded)

    def test_what_a_running_request_has_spent_is_not_counted_twice(self, path: Path) -> None:
        budget = Budget(path, Limits(day_usd=1.0))
        first = budget.reserve(planned(0.6))
        assert isinstance(first, Reservation)
        Ledger(path).note(first.request, SoFar(Usage(), 0.5, 0.0))
        assert isinstance(budget.reserve(planned(0.4)), Reservation)
        assert budget.reserve(planned(0.1)) == Exceeded("day", 1.0, 0.5, pytest.approx(0.5), 0.1)

    def test_day_and_month_end(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def now_is(text: str) -> None:
            moment = time.mktime(time.strptime(text, "%Y-%m-%d %H:%M"))
            monkeypatch.setattr(time, "time", lambda: moment)

        budget = Budget(path, Limits(day_usd=1.0, month_usd=1.5))
        now_is("2026-11-29 23:59")
        settle(path, budget.reserve(planned(1.0)), 1.0)
        assert _limit(budget.reserve(planned(0.1))) == "day"
        now_is("2026-11-30 00:01")
        settle(path, budget.reserve(planned(0.5)), 0.5)
        assert _limit(budget.reserve(planned(0.1))) == "month"
        now_is("2026-12-01 00:01")
        assert isinstance(budget.reserve(planned(1.0)), Reservation)

    def test_without_a_price_nothing_can_be_bounded(self, path: Path) -> None:
        budget = Budget(path, Limits(request_usd=0.0, day_usd=0.0, month_usd=0.0))
        assert isinstance(budget.reserve(planned(None)), Reservation)
        assert isinstance(budget.reserve(planned(0.01)), Exceeded)


class TestProcesses:
    def test_own_and_dead(self) -> None:
        assert whereabouts(this_process()) == "here"
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        here = ProcessIdentity(this_process().host, child.pid, _started(child.pid))
        assert whereabouts(here) == "here"
        assert whereabouts(replace(here, started="another time")) == "gone"
        assert whereabouts(replace(here, host="another machine")) == "unknown"
        child.kill()
        # A zombie has ended, too, though its id is still taken.
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert whereabouts(here) == "gone"
        child.communicate()
        assert whereabouts(here) == "gone"

    def test_where_there_is_no_proc(self) -> None:
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        started = started_by_psutil(child.pid)
        assert started
        assert started == started_by_psutil(child.pid)
        child.kill()
        child.communicate()
        assert started_by_psutil(child.pid) == ""

    def test_reservation_of_a_killed_process_expires_and_its_cost_stays(self, path: Path) -> None:
        holder = _holder(path, reserve_usd=0.9, noted_usd=0.2)
        budget = Budget(path, Limits(day_usd=1.0))
        assert _limit(budget.reserve(planned(0.5))) == "day"
        holder.send_signal(signal.SIGKILL)
        holder.communicate()
        assert isinstance(budget.reserve(planned(0.8)), Reservation)
        assert Ledger(path).summary().total.cost_usd == 0.2

    def test_reservation_of_another_machine_expires_when_it_is_not_touched(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        elsewhere = replace(this_process(), host="elsewhere")
        with monkeypatch.context() as patched:
            patched.setattr(budget_module, "this_process", lambda: elsewhere)
            Budget(path, Limits()).reserve(planned(0.9))
        budget = Budget(path, Limits(day_usd=1.0))
        assert isinstance(budget.reserve(planned(0.5)), Exceeded)
        later = time.time() + budget_module.UNTOUCHED_SECONDS + 1
        monkeypatch.setattr(time, "time", lambda: later)
        assert isinstance(budget.reserve(planned(0.5)), Reservation)

    def test_many_processes_never_exceed_the_limit(self, path: Path) -> None:
        """Eight processes want 25 requests each, all at once; half of what they want fits."""
        workers = [
            subprocess.Popen(
                [sys.executable, "-c", _WORKER, str(path), str(seed)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for seed in range(8)
        ]
        for worker in workers:
            assert worker.stdout is not None
            assert worker.stdout.readline() == "ready\n"
        for worker in workers:
            assert worker.stdin is not None
            worker.stdin.write("go\n")
            worker.stdin.flush()
        finished = sum(int(worker.communicate()[0]) for worker in workers)
        assert [worker.returncode for worker in workers] == [0] * 8
        total = Ledger(path).summary().total
        assert total.requests == finished
        assert total.cost_usd <= 1.0
        # They stop only when not even the cheapest would fit any more.
        assert total.cost_usd > 0.95


_WORKER = """
import random, sys, time
from pathlib import Path
from kibitz.claude.spending.budget import Budget, Exceeded, Limits, Planned
from kibitz.claude.spending.ledger import Ledger, Settlement, SoFar
from kibitz.claude.values import Purpose, Usage

path, chance = Path(sys.argv[1]), random.Random(int(sys.argv[2]))
budget, ledger = Budget(path, Limits(day_usd=1.0)), Ledger(path)
print("ready", flush=True)
sys.stdin.readline()
open_rows, finished, wanted = [], 0, 25
while wanted or open_rows:
    if wanted:
        worst = chance.uniform(0.01, 0.05)
        answer = budget.reserve(Planned(Purpose("explain"), "fast", "m", worst))
        if not isinstance(answer, Exceeded):
            open_rows.append((answer.request, worst))
            wanted -= 1
        elif not answer.waiting_may_help:
            wanted -= 1
    # Several run at a time; each may cost all that was reserved for it.
    if open_rows and (len(open_rows) > 3 or not wanted or isinstance(answer, Exceeded)):
        request, worst = open_rows.pop(chance.randrange(len(open_rows)))
        cost = worst * chance.choice([0.5, 1.0])
        ledger.settle(request, Settlement("finished", SoFar(Usage(), cost, 0.0)))
        finished += 1
print(finished)
"""

_HOLDER = """
import sys
from pathlib import Path
from kibitz.claude.spending.budget import Budget, Limits, Planned
from kibitz.claude.spending.ledger import Ledger, SoFar
from kibitz.claude.values import Purpose, Usage

path = Path(sys.argv[1])
planned = Planned(Purpose("explain"), "fast", "m", float(sys.argv[2]))
reservation = Budget(path, Limits()).reserve(planned)
Ledger(path).note(reservation.request, SoFar(Usage(), float(sys.argv[3]), 0.0))
print("reserved", flush=True)
sys.stdin.readline()
"""


def _holder(path: Path, *, reserve_usd: float, noted_usd: float) -> subprocess.Popen[str]:
    """A process in the middle of a request."""
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(path), str(reserve_usd), str(noted_usd)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "reserved\n"
    return holder


def _limit(answer: Reservation | Exceeded) -> str:
    assert isinstance(answer, Exceeded)
    return answer.limit


def _started(pid: int) -> str:
    from kibitz.claude.spending.processes import _started as started

    return started(pid)
