"""Days and months where the user is, on days on which the clock is put forward, back, or wrong."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kibitz.claude.spending.budget import Budget, Exceeded, Limits, Planned, Reservation
from kibitz.claude.spending.days import Day, midnight
from kibitz.claude.spending.ledger import Ledger, Settlement, SoFar
from kibitz.claude.values import Purpose, Usage

Now = Callable[[str], None]


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> Iterator[Now]:
    """Sets the clock, to a moment in UTC; the user lives in Berlin."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()

    def set_to(moment: str) -> None:
        at = datetime.datetime.fromisoformat(f"{moment}+00:00").timestamp()
        monkeypatch.setattr(time, "time", lambda: at)

    yield set_to
    monkeypatch.undo()
    time.tzset()


def spend(path: Path, usd: float, limits: Limits | None = None) -> Exceeded | None:
    """One request that costs all that was reserved for it."""
    planned = Planned(Purpose("explain"), "standard", "m", usd)
    answer = Budget(path, limits or Limits(day_usd=1.0, month_usd=2.0)).reserve(planned)
    if isinstance(answer, Reservation):
        so_far = SoFar(Usage(output_tokens=1), usd, 0.0)
        Ledger(path).settle(answer.request, Settlement("finished", so_far))
        return None
    return answer


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


@pytest.mark.parametrize(
    ("moment", "began"),
    [
        # The day on which the clock is put back has 25 hours, that on which it is put forward 23.
        ("2026-10-25 20:00", "2026-10-24 22:00"),
        ("2026-10-26 08:00", "2026-10-25 23:00"),
        ("2027-03-28 20:00", "2027-03-27 23:00"),
        ("2027-03-29 08:00", "2027-03-28 22:00"),
    ],
)
def test_midnight_is_that_of_the_clock_that_held_then(now: Now, moment: str, began: str) -> None:
    now(moment)
    in_utc = midnight().astimezone(datetime.UTC)
    assert f"{in_utc:%Y-%m-%d %H:%M}" == began


def test_the_longest_day_is_one_day(path: Path, now: Now) -> None:
    now("2026-10-24 22:01")
    assert spend(path, 0.9) is None
    now("2026-10-25 22:59")
    refused = spend(path, 0.2)
    assert refused is not None
    assert refused.limit == "day"
    assert Ledger(path).spent().day_usd == 0.9
    now("2026-10-25 23:01")
    assert Ledger(path).spent().day_usd == 0.0
    assert spend(path, 0.2) is None


def test_a_clock_that_goes_back_does_not_give_a_day_twice(path: Path, now: Now) -> None:
    now("2026-11-10 12:00")
    assert spend(path, 0.9) is None
    now("2026-11-09 12:00")
    refused = spend(path, 0.2)
    assert refused is not None
    assert (refused.limit, refused.spent_usd) == ("day", 0.9)
    assert Ledger(path).spent().day_usd == 0.9, "what is shown is what counts"


def test_a_clock_that_was_years_ahead_does_not_use_up_the_years(path: Path, now: Now) -> None:
    now("2038-01-01 12:00")
    assert spend(path, 1.0) is None
    now("2026-11-10 12:00")
    assert spend(path, 1.0) is None
    assert Ledger(path).spent().month_usd == 1.0


def test_a_month_has_its_own_limit(path: Path, now: Now) -> None:
    for day in ("2026-10-30", "2026-10-31"):
        now(f"{day} 12:00")
        assert spend(path, 1.0) is None
    now("2026-10-31 22:59")
    assert Ledger(path).spent().month_usd == 2.0
    now("2026-10-31 23:01")  # November in Berlin
    assert (Ledger(path).spent().month_usd, spend(path, 1.0)) == (0.0, None)


def test_days_are_in_order(now: Now) -> None:
    now("2026-12-31 22:59")
    assert Day.today() == Day("2026-12-31", "2026-12-01", "2027-01-31")


@pytest.mark.parametrize("cents", [1, 3, 7, 10, 33])
def test_many_small_amounts_are_no_cent_over(path: Path, now: Now, cents: int) -> None:
    """Binary fractions are not exact; a limit that is used up by ten times a tenth is used up."""
    now("2026-11-10 12:00")
    limits = Limits(day_usd=cents * 20 / 100)
    for _ in range(20):
        assert spend(path, cents / 100, limits) is None
    assert spend(path, 0.000_001, limits) is not None
    assert Ledger(path).spent().day_usd == pytest.approx(cents * 20 / 100)
