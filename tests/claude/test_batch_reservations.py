"""What a batch may cost stays reserved until its results are in, whoever sent it."""

from __future__ import annotations

import multiprocessing
import os
import time
from pathlib import Path

import pytest

from kibitz.claude.spending import budget as budgets
from kibitz.claude.spending.budget import Budget, Exceeded, Planned
from kibitz.claude.spending.ledger import Ledger, Settlement, SoFar
from kibitz.claude.values import Limits, Purpose, Usage


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


def planned(*worst_cases_usd: float | None) -> dict[str, Planned]:
    purpose = Purpose("review", "/shop")
    return {
        f"item-{number}": Planned(purpose, "standard", "claude-sonnet-5-5", worst_usd)
        for number, worst_usd in enumerate(worst_cases_usd)
    }


def settled(cost_usd: float, request_id: str = "msg_1") -> Settlement:
    so_far = SoFar(Usage(100, 0, 0, 0, 10), cost_usd, 0.0)
    return Settlement("finished", so_far, stop_reason="tool_use", request_id=request_id)


def one_more(path: Path, worst_usd: float = 0.01) -> object:
    return Budget(path, Limits(None, 1.0, None)).reserve(planned(worst_usd)["item-0"])


def test_all_of_a_batch_is_reserved_or_nothing(path: Path) -> None:
    budget, ledger = Budget(path, Limits(0.5, 1.0, 5.0)), Ledger(path)
    exceeded = budget.reserve_batch("b1", planned(0.4, 0.4, 0.4))
    assert isinstance(exceeded, Exceeded)
    assert (exceeded.limit, round(exceeded.needed_usd, 6)) == ("day", 1.2)
    assert ledger.summary().total.requests == 0
    assert budget.reserve_batch("b1", planned(0.4, 0.4)) is None
    assert ledger.summary().total.requests == 2
    exceeded = budget.reserve_batch("b2", planned(0.3))
    assert exceeded is not None
    assert round(exceeded.reserved_usd, 6) == 0.8


def test_the_limit_of_one_request_holds_for_each_of_a_batch(path: Path) -> None:
    budget = Budget(path, Limits(0.5, None, None))
    assert budget.reserve_batch("b1", planned(*[0.5] * 20)) is None
    exceeded = budget.reserve_batch("b2", planned(0.1, 0.6))
    assert exceeded is not None
    assert (exceeded.limit, exceeded.needed_usd) == ("request", 0.6)


def test_what_is_foreseen_is_not_reserved(path: Path) -> None:
    budget = Budget(path, Limits(None, 1.0, None))
    assert budget.foresee(tuple(planned(0.6, 0.4).values())) is None
    assert budget.foresee(tuple(planned(0.6, 0.5).values())) is not None
    assert budget.reserve_batch("b1", planned(1.0)) is None


def reserve_and_die(path: str) -> None:
    """What it reserves for itself goes with it, what it reserves for a batch stays."""
    budget = Budget(Path(path), Limits(None, 1.0, None))
    budget.reserve(planned(0.3)["item-0"])
    budget.reserve_batch("b1", planned(0.3, 0.3))
    os._exit(9)


def test_a_killed_process_leaves_its_batch_reserved(path: Path) -> None:
    child = multiprocessing.get_context("spawn").Process(target=reserve_and_die, args=(str(path),))
    child.start()
    child.join()
    assert child.exitcode == 9
    exceeded = one_more(path, 0.5)
    assert isinstance(exceeded, Exceeded)
    assert round(exceeded.reserved_usd, 6) == 0.6
    Ledger(path).settle_batch("b1", {"item-0": settled(0.1), "item-1": settled(0.1)})
    assert not isinstance(one_more(path, 0.5), Exceeded)


def test_results_that_nobody_fetches_count_as_the_worst_case(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger(path)
    Budget(path, Limits()).reserve_batch("b1", planned(0.4, 0.4))
    later = time.time() + budgets.LONGEST_BATCH_SECONDS + 60
    monkeypatch.setattr(time, "time", lambda: later)
    one_more(path)
    assert ledger.summary().total.cost_usd == pytest.approx(0.8)
    # Somebody does, after all.
    ledger.settle_batch("b1", {"item-0": settled(0.1)})
    assert ledger.summary().total.cost_usd == pytest.approx(0.5)


def test_results_that_are_read_twice_are_counted_once(path: Path) -> None:
    ledger = Ledger(path)
    Budget(path, Limits()).reserve_batch("b1", planned(0.4))
    ledger.settle_batch("b1", {"item-0": settled(0.1)})
    ledger.settle_batch("b1", {"item-0": settled(0.3)})
    assert ledger.summary().total.cost_usd == pytest.approx(0.1)


def test_a_batch_that_was_never_sent_leaves_nothing(path: Path) -> None:
    ledger = Ledger(path)
    budget = Budget(path, Limits(None, 1.0, None))
    budget.reserve_batch("b1", planned(0.9))
    ledger.release_batch("b1")
    assert ledger.summary().total.requests == 0
    assert budget.reserve_batch("b2", planned(1.0)) is None
