"""Arriving lines become edits: minimal, in order, early, and never wrong."""

from __future__ import annotations

import difflib
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz.edits.diff import DRIFT_SHARE, PATIENCE_LINES, StreamingDiff
from kibitz.edits.values import LineEdit, apply_line_edits, coalesced
from kibitz_context.lines import split_lines

HELD_LINES = 4

_WORDS = st.lists(st.sampled_from(["a", "b", "c", "d", "e", "f", "", "}", "  }"]), max_size=40)
_LINES = _WORDS.map(lambda words: [f"{word}\n" for word in words])


def lines_of(words: str) -> list[str]:
    """One line for each word; "." is a blank line."""
    return [("" if word == "." else word) + "\n" for word in words.split()]


def stream(
    old: list[str], new: list[str], size: int = 1, held_lines: int = HELD_LINES
) -> list[list[LineEdit]]:
    """The edits that each push of `size` lines gave, and last those of the end."""
    diff = StreamingDiff(old, held_lines=held_lines)
    pushes = [diff.push(new[start : start + size]) for start in range(0, len(new), size)]
    return [*pushes, diff.finish()]


def edits_of(old: list[str], new: list[str]) -> list[LineEdit]:
    return [edit for edits in stream(old, new) for edit in edits]


def kept_by(old: list[str], edits: list[LineEdit]) -> int:
    return len(old) - sum(edit.end - edit.start for edit in edits)


def most_kept(old: list[str], new: list[str]) -> int:
    """The length of the longest common subsequence, the slow and plain way."""
    row = [0] * (len(old) + 1)
    for line in new:
        above = row
        row = [0]
        for index, other in enumerate(old):
            best = above[index] + 1 if other == line else max(row[-1], above[index + 1])
            row.append(best)
    return row[-1]


def check_diff(before: str, after: str, *edits: tuple[int, int, str]) -> None:
    """The words of `before` become those of `after` by exactly these edits."""
    expected = [LineEdit(start, end, tuple(lines_of(words))) for start, end, words in edits]

    assert edits_of(lines_of(before), lines_of(after)) == expected


def test_only_what_changes_is_in_the_edits() -> None:
    check_diff("a b c", "a b c")
    check_diff("a b c", "a x c", (1, 2, "x"))
    check_diff("a b c", "a c", (1, 2, ""))
    check_diff("a b c", "a b x c", (2, 2, "x"))
    check_diff("a b c", "a b", (2, 3, ""))
    check_diff("a b c", "a b c x", (3, 3, "x"))
    check_diff("a b c", "x a b c", (0, 0, "x"))
    check_diff("a b c", "", (0, 3, ""))
    check_diff("", "a b", (0, 0, "a b"))
    check_diff("", "")
    check_diff("a b c d e f g", "a x c d y z f g", (1, 2, "x"), (4, 5, "y z"))


def test_blank_lines_do_not_lead_astray() -> None:
    # The blank line behind the changed line is the old one, although there are others.
    check_diff("a . b . c . d", "x . b . c . d", (0, 1, "x"))
    check_diff("f1 . f2 . f3", "f1 . new . f2 . f3", (2, 2, "new ."))
    check_diff("f1 . f2 . f3", "f1 . f3", (2, 4, ""))
    check_diff("a { b } . c { d } . e", "a { x } . c { d } . e", (2, 3, "x"))


def test_lines_that_moved_up_do_not_take_the_rest_with_them() -> None:
    old = [f"line {number}\n" for number in range(300)]
    moved = old[250:260]
    new = [*old[:5], *moved, *old[5:250], *old[260:]]

    assert edits_of(old, new) == [
        LineEdit(5, 5, tuple(moved[:5])),
        LineEdit(5, 5, tuple(moved[5:])),
        LineEdit(250, 260, ()),
    ]


def test_a_block_that_is_gone_is_deleted_before_the_end() -> None:
    old = [f"line {number}\n" for number in range(60)]
    pushes = stream(old, [*old[:10], *old[20:]])

    assert pushes[18:20] == [[], [LineEdit(10, 20, ())]]
    assert pushes[-1] == []


def test_an_edit_comes_as_soon_as_its_hunk_has_ended() -> None:
    pushes = stream(lines_of("a b c d e"), lines_of("a x c d y"))

    assert pushes == [[], [], [LineEdit(1, 2, ("x\n",))], [], [], [LineEdit(4, 5, ("y\n",))]]


def test_a_long_insertion_comes_in_slices_and_what_it_replaces_goes_last() -> None:
    old = lines_of("a b c")
    new = ["a\n", *(f"new {number}\n" for number in range(12)), "c\n"]
    pushes = stream(old, new, held_lines=4)

    assert [len(edits) for edits in pushes] == [0] * 5 + [1] + [0] * 4 + [1] + [0] * 2 + [1, 0]
    assert pushes[5] == [LineEdit(1, 1, tuple(new[1:6]))]
    assert pushes[-2] == [LineEdit(1, 2, tuple(new[11:13]))]


def test_without_holding_every_new_line_comes_at_once() -> None:
    pushes = stream(lines_of("a b c"), lines_of("a x y c"), held_lines=0)

    assert pushes == [
        [],
        [LineEdit(1, 1, ("x\n",))],
        [LineEdit(1, 1, ("y\n",))],
        [LineEdit(1, 2, ())],
        [],
    ]


def test_a_rewrite_with_chance_matches_does_not_stand_still() -> None:
    old = lines_of(" ".join(f"old{number} ." for number in range(40)))
    new = lines_of(" ".join(f"new{number} more{number} less{number} ." for number in range(40)))
    pushes = stream(old, new)
    came = [index for index, edits in enumerate(pushes) if edits]
    gaps = [after - before for before, after in zip([0, *came], came, strict=False)]

    assert max(gaps) <= 2 * (PATIENCE_LINES + HELD_LINES)


def test_who_gathers_edits_can_tell_whether_more_of_a_hunk_may_follow() -> None:
    diff = StreamingDiff(lines_of("a b c"))
    states = []
    for line in lines_of("a x y c"):
        diff.push([line])
        states.append(diff.in_hunk)

    assert states == [False, True, True, False]


@given(_LINES, _LINES)
def test_slices_of_one_hunk_touch_and_hunks_do_not(old: list[str], new: list[str]) -> None:
    slices = [edit for edits in stream(old, new, held_lines=0) for edit in edits]
    hunks = [edit for edits in stream(old, new, held_lines=len(new) + 1) for edit in edits]

    assert coalesced(slices) == hunks
    assert coalesced(hunks) == hunks


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("a\r\nb\nc\r", "a\nb\nc\n", "a\r\nb\nc\r"),
        ("a\nb", "a\nb\nc", "a\nb\nc"),
        ("a\nb", "a", "a"),
        ("a\nb", "a\nb\n", "a\nb\n"),
    ],
)
def test_kept_lines_keep_their_endings(before: str, after: str, expected: str) -> None:
    old = split_lines(before)

    assert "".join(apply_line_edits(old, edits_of(old, split_lines(after)))) == expected


@given(_LINES, _LINES, st.integers(1, 7), st.integers(0, 9))
def test_all_edits_together_make_the_reply(
    old: list[str], new: list[str], size: int, held_lines: int
) -> None:
    edits = [edit for edits in stream(old, new, size, held_lines) for edit in edits]

    # `apply_line_edits` raises where edits overlap or go back.
    assert apply_line_edits(old, edits) == new
    assert all(edit.end > edit.start or edit.lines for edit in edits)


@given(_LINES, _LINES)
def test_not_many_more_lines_are_touched_than_in_the_best_diff(
    old: list[str], new: list[str]
) -> None:
    kept = kept_by(old, edits_of(old, new))

    assert most_kept(old, new) <= 2 * kept + len(new) / DRIFT_SHARE


@given(_LINES)
def test_a_reply_equal_to_the_region_makes_no_edit(old: list[str]) -> None:
    assert edits_of(old, old) == []


@given(_LINES, _LINES, st.integers(2, 50))
def test_the_edits_do_not_depend_on_how_lines_come_together(
    old: list[str], new: list[str], size: int
) -> None:
    together = [edit for edits in stream(old, new, size) for edit in edits]

    assert together == edits_of(old, new)


@given(_LINES, _LINES)
def test_what_is_replaced_differs_at_its_ends(old: list[str], new: list[str]) -> None:
    """A hunk that came in one edit does not rewrite a line in place as it was."""
    for edit in edits_of(old, new):
        if edit.start < edit.end and edit.lines:
            assert old[edit.start : edit.end] != list(edit.lines)


@pytest.mark.parametrize("seed", range(12))
def test_ordinary_changes_of_a_program_touch_what_difflib_touches_or_less(seed: int) -> None:
    source = random.Random(seed)
    program = split_lines(Path(difflib.__file__).read_text(encoding="utf-8"))
    start = source.randrange(1200)
    old = program[start : start + 600]
    new = list(old)
    for _ in range(6):
        place = source.randrange(len(new))
        match source.choice(("change", "insert", "delete")):
            case "change":
                new[place] = new[place].rstrip() + "  # changed\n"
            case "insert":
                new[place:place] = [f"    added({number})\n" for number in range(5)]
            case _:
                del new[place : place + 3]
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    by_difflib = sum(block.size for block in matcher.get_matching_blocks())

    assert kept_by(old, edits_of(old, new)) >= by_difflib - 2
