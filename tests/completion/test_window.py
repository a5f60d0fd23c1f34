"""The part of a file that a completion is asked with."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from kibitz.completion.spot import Spot
from kibitz.completion.window import (
    CHARACTERS_ABOVE,
    CHARACTERS_BELOW,
    LINES_ABOVE,
    LINES_BELOW,
    LIVELY_LINES,
    STEP_LINES,
    Window,
    window,
)

TEXTS = st.lists(st.text("ab \t(", max_size=30), max_size=500).map("\n".join)


def numbered(count: int) -> str:
    return "".join(f"line {number}\n" for number in range(count))


def test_a_short_file_is_there_as_a_whole() -> None:
    part = window(Spot("def f(x):\n    return ", "\n\nprint(f(1))\n"))
    assert part == Window(0, "", "def f(x):\n    return ", "\n\nprint(f(1))\n")


def test_a_long_one_begins_at_a_step() -> None:
    part = window(Spot(numbered(1_000) + "last", ""))
    assert part.first_line == 840
    assert (part.head + part.before).startswith("line 840\n")
    assert part.before.endswith("line 999\nlast")


@given(TEXTS, TEXTS)
def test_it_is_the_text_round_the_cursor(before: str, after: str) -> None:
    part = window(Spot(before, after))
    assert before.endswith(part.head + part.before)
    assert after.startswith(part.after)
    assert len(part.head + part.before) <= CHARACTERS_ABOVE
    assert len(part.after) <= CHARACTERS_BELOW
    skipped = before[: len(before) - len(part.head + part.before)]
    assert skipped.count("\n") == part.first_line
    assert part.first_line % STEP_LINES == 0 or part.first_line == before.count("\n")
    assert not part.head or part.head.endswith("\n")


@given(st.integers(0, 600), st.integers(1, STEP_LINES + 60))
def test_its_beginning_moves_in_steps(line: int, typed: int) -> None:
    """Over so many lines that are typed the head begins with the same bytes, but for a step
    now and then."""
    parts = [window(Spot(numbered(line + more), "")) for more in range(typed + 1)]
    changes = [
        (one, other)
        for one, other in itertools.pairwise(parts)
        if (one.first_line, one.head) != (other.first_line, other.head)
    ]
    assert len(changes) <= typed // LIVELY_LINES + typed // STEP_LINES + 2
    for one, other in changes:
        if one.first_line == other.first_line:
            assert other.head.startswith(one.head)
        else:
            assert other.first_line - one.first_line == STEP_LINES


@given(st.integers(LINES_ABOVE, 600), st.text("abc (", max_size=80))
def test_what_is_typed_in_a_line_changes_nothing_of_its_head(line: int, typed: str) -> None:
    before = numbered(line)
    assert window(Spot(before, "")).head == window(Spot(before + typed, "")).head != ""


def test_wide_lines_make_it_shorter_by_whole_steps() -> None:
    wide = "".join(f"{number:0199}\n" for number in range(200))
    part = window(Spot(wide, wide))
    text = part.head + part.before
    assert CHARACTERS_ABOVE - STEP_LINES * 200 < len(text) <= CHARACTERS_ABOVE
    assert text.startswith(f"{part.first_line:0199}\n") and part.first_line % STEP_LINES == 0


def test_below_the_cursor_it_ends_soon() -> None:
    assert window(Spot("", numbered(1_000))).after == numbered(LINES_BELOW + 1)


def test_of_one_endless_line_the_end_is_there() -> None:
    part = window(Spot("x" * 50_000, "y" * 50_000))
    assert part.before == "x" * CHARACTERS_ABOVE
    assert part.after == "y" * CHARACTERS_BELOW
