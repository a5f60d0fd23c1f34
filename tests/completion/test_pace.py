"""When to ask: what was typed and taken, and how long is waited then."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz.completion.pace import (
    FORGOTTEN_SECONDS,
    INTERVALS_IN_WORD,
    LEAST_SECONDS,
    MOST_PATIENCE,
    MOST_SECONDS,
    PER_REJECTION,
    Pace,
)
from kibitz.completion.spot import Spot

LINE_START, WORD, OTHER = Spot("    ", ""), Spot("    ret", ""), Spot("x = (", "")


def typing(interval_seconds: float) -> Pace:
    pace = Pace()
    for number in range(20):
        pace.typed(number * interval_seconds)
    return pace


def test_who_asks_does_not_wait() -> None:
    assert Pace().delay_seconds(Spot("x", "", was_invoked=True), 0.0) == 0.0


def test_a_slow_typist_is_given_more_time() -> None:
    assert typing(0.4).delay_seconds(OTHER, 8.0) > typing(0.1).delay_seconds(OTHER, 2.0)


def test_within_a_word_it_takes_longer_than_at_a_line_start() -> None:
    pace = typing(0.2)
    delays = [pace.delay_seconds(spot, 4.0) for spot in (LINE_START, OTHER, WORD)]
    assert delays == sorted(delays) and len(set(delays)) == 3


def test_pauses_are_not_the_pace() -> None:
    pace = typing(0.2)
    before = pace.delay_seconds(OTHER, 4.0)
    pace.typed(100.0)
    assert pace.delay_seconds(OTHER, 100.0) == before


def test_what_is_not_wanted_comes_later_and_what_is_wanted_sooner() -> None:
    pace = typing(0.2)
    usual = pace.delay_seconds(OTHER, 4.0)
    pace.rejected(4.0)
    pace.rejected(4.0)
    assert pace.delay_seconds(OTHER, 4.0) > 2 * usual
    pace.accepted(5.0)
    assert pace.delay_seconds(OTHER, 5.0) == LEAST_SECONDS, "right after one that was taken"


def test_one_that_was_taken_hurries_the_next_one_only() -> None:
    pace = typing(0.2)
    usual = pace.delay_seconds(OTHER, 4.0)
    pace.accepted(4.0)
    assert pace.delay_seconds(OTHER, 4.0) == LEAST_SECONDS
    assert LEAST_SECONDS < pace.delay_seconds(OTHER, 4.0) < usual


def test_one_that_is_not_wanted_ends_the_hurry() -> None:
    pace = typing(0.4)
    pace.accepted(4.0)
    pace.rejected(4.0)
    assert pace.delay_seconds(OTHER, 4.0) > LEAST_SECONDS


def test_patience_has_an_end_and_so_has_the_waiting() -> None:
    pace = typing(1.0)
    for _ in range(50):
        pace.rejected(20.0)
    assert pace.patience(20.0) == MOST_PATIENCE
    assert pace.delay_seconds(WORD, 20.0) == MOST_SECONDS
    for _ in range(50):
        pace.accepted(20.0)
    assert pace.patience(20.0) == 1 / MOST_PATIENCE


def test_rejections_are_forgotten() -> None:
    pace = typing(0.2)
    for _ in range(5):
        pace.rejected(4.0)
    later = pace.patience(4.0 + 3 * FORGOTTEN_SECONDS)
    assert pace.patience(4.0) > 5 * later
    assert later < 1.5


@given(
    st.lists(
        st.tuples(st.sampled_from(["typed", "accepted", "rejected"]), st.floats(0.0, 10.0)),
        max_size=50,
    ),
    st.sampled_from([LINE_START, WORD, OTHER]),
)
def test_it_is_always_within_its_bounds(events: list[tuple[str, float]], spot: Spot) -> None:
    pace, now = Pace(), 0.0
    for name, pause in events:
        now += pause
        getattr(pace, name)(now)
    assert LEAST_SECONDS <= pace.delay_seconds(spot, now) <= MOST_SECONDS


def test_how_long_it_takes() -> None:
    pace = typing(0.2)
    assert pace.delay_seconds(WORD, 4.0) == pytest.approx(0.2 * INTERVALS_IN_WORD)
    assert pace.delay_seconds(Spot("x = a", ""), 4.0) == pace.delay_seconds(WORD, 4.0)
    pace.rejected(4.0)
    pace.rejected(4.0)
    assert pace.patience(4.0) == pytest.approx(PER_REJECTION**2)
    assert pace.delay_seconds(WORD, 4.0) == pytest.approx(
        0.2 * INTERVALS_IN_WORD * PER_REJECTION**2
    )
