"""Keep and revert: what was written is taken back exactly, or not at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz.edits.diff import StreamingDiff
from kibitz.edits.hunks import Hunk, HunkLedger, hunks_of
from kibitz.edits.values import LineEdit, Refusal, apply_line_edits
from kibitz_context.lines import LineChange


def edits_of(old: list[str], new: list[str]) -> list[LineEdit]:
    diff = StreamingDiff(old, held_lines=2)
    return [*diff.push(new), *diff.finish()]


def change(lines: list[str], first: int, removed: int, added: list[str]) -> LineChange:
    """Change `lines` in place."""
    lines[first : first + removed] = added
    return LineChange(first, removed, len(added))


HUNK = Hunk(2, ("old\n",), ("new 1\n", "new 2\n"))
TEXT = ["a\n", "b\n", "new 1\n", "new 2\n", "c\n"]


def test_a_hunk_is_taken_back() -> None:
    edit = HUNK.revert(TEXT)

    assert edit == LineEdit(2, 4, ("old\n",))
    assert apply_line_edits(TEXT, [edit]) == ["a\n", "b\n", "old\n", "c\n"]


@pytest.mark.parametrize(
    ("first", "removed", "added", "moved_to"),
    [
        (0, 0, ["x\n"], 3),
        (0, 2, [], 0),
        (2, 0, ["x\n"], 3),  # directly above
        (4, 0, ["x\n"], 2),  # directly below
        (4, 1, [], 2),
        (0, 1, ["x\n", "y\n"], 3),
    ],
)
def test_changes_elsewhere_move_it(
    first: int, removed: int, added: list[str], moved_to: int
) -> None:
    lines = list(TEXT)
    hunk = HUNK.after(change(lines, first, removed, added))

    assert hunk.first == moved_to
    edit = hunk.revert(lines)
    assert isinstance(edit, LineEdit)
    assert apply_line_edits(lines, [edit])[moved_to] == "old\n"


@pytest.mark.parametrize(
    ("first", "removed", "added"),
    [
        (2, 1, ["mine\n"]),
        (3, 0, ["mine\n"]),
        (2, 2, []),
        (1, 2, ["mine\n"]),
        (3, 2, []),
        (0, 5, ["mine\n"]),
    ],
)
def test_what_the_user_changed_is_not_taken_back(
    first: int, removed: int, added: list[str]
) -> None:
    lines = list(TEXT)
    hunk = HUNK.after(change(lines, first, removed, added))

    assert isinstance(hunk.revert(lines), Refusal)


def test_a_change_inside_that_was_undone_does_not_count() -> None:
    lines = list(TEXT)
    hunk = HUNK.after(change(lines, 3, 0, ["mine\n"]))
    assert isinstance(hunk.revert(lines), Refusal)
    hunk = hunk.after(change(lines, 3, 1, []))

    assert hunk.revert(lines) == LineEdit(2, 4, ("old\n",))


def test_other_line_endings_do_not_count() -> None:
    lines = [line.replace("\n", "\r\n") for line in TEXT]

    assert HUNK.revert(lines) == LineEdit(2, 4, ("old\n",))


def test_deleted_lines_come_back_where_they_were() -> None:
    lines = ["a\n", "c\n"]
    hunk = Hunk(1, ("b\n",), ()).after(change(lines, 0, 0, ["x\n"]))

    assert hunk.revert(lines) == LineEdit(2, 2, ("b\n",))


def test_deleted_lines_do_not_come_back_when_their_place_is_gone() -> None:
    lines = ["a\n", "c\n"]
    hunk = Hunk(1, ("b\n",), ()).after(change(lines, 0, 2, []))

    assert isinstance(hunk.revert(lines), Refusal)


def test_slices_of_one_hunk_are_one_hunk() -> None:
    old = ["a\n", "b\n", "c\n"]
    new = ["a\n", "1\n", "2\n", "3\n", "4\n", "c\n"]
    edits = edits_of(old, new)

    assert len(edits) == 2
    assert hunks_of(old, edits, first_line=10) == [Hunk(11, ("b\n",), ("1\n", "2\n", "3\n", "4\n"))]


def test_hunks_are_recorded_in_any_order() -> None:
    ledger = HunkLedger()
    low, high = Hunk(9, ("x\n",), ("y\n",)), Hunk(1, ("x\n",), ("y\n",))
    ledger.record(low)
    ledger.record(high)

    assert ledger.hunks == (high, low)
    ledger.keep(high)
    assert ledger.hunks == (low,)


def test_reverting_all_leaves_what_the_user_changed() -> None:
    old = [f"{number}\n" for number in range(10)]
    new = ["0\n", "x\n", "2\n", "3\n", "4\n", "y\n", "6\n", "7\n", "8\n", "9\n"]
    ledger = HunkLedger()
    for hunk in hunks_of(old, edits_of(old, new)):
        ledger.record(hunk)
    lines = list(new)
    ledger.follow(change(lines, 1, 1, ["mine\n"]))
    ledger.follow(change(lines, 3, 0, ["added\n"]))
    edits, changed = ledger.revert_all(lines)

    assert apply_line_edits(lines, edits) == [
        *("0\n", "mine\n", "2\n", "added\n", "3\n", "4\n", "5\n", "6\n", "7\n", "8\n", "9\n")
    ]
    assert [hunk.new_lines for hunk in changed] == [("x\n",)]


_LINES = st.lists(st.sampled_from(["a\n", "b\n", "c\n", "d\n", "}\n", "\n"]), max_size=20)


@given(_LINES, _LINES, _LINES, _LINES)
def test_reverting_all_hunks_brings_the_old_text_back(
    old: list[str], new: list[str], above: list[str], below: list[str]
) -> None:
    ledger = HunkLedger()
    for hunk in hunks_of(old, edits_of(old, new), first_line=1):
        ledger.record(hunk)
    lines = ["top\n", *new, "bottom\n"]
    ledger.follow(change(lines, 0, 0, above))
    ledger.follow(change(lines, len(lines), 0, below))
    edits, changed = ledger.revert_all(lines)

    assert changed == []
    assert apply_line_edits(lines, edits) == [*above, "top\n", *old, "bottom\n", *below]


@given(
    _LINES,
    _LINES,
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 4), st.integers(0, 3)), max_size=6),
)
def test_no_line_of_the_user_is_ever_lost(
    old: list[str], new: list[str], changes: list[tuple[int, int, int]]
) -> None:
    lines = list(new)
    ledger = HunkLedger()
    for hunk in hunks_of(old, edits_of(old, new)):
        ledger.record(hunk)
    for number, (first, removed, added) in enumerate(changes):
        first = min(first, len(lines))
        mine = [f"mine {number}.{index}\n" for index in range(added)]
        ledger.follow(change(lines, first, min(removed, len(lines) - first), mine))
    edits, _ = ledger.revert_all(lines)
    reverted = apply_line_edits(lines, edits)

    written = [line for line in lines if line.startswith("mine")]
    assert [line for line in reverted if line.startswith("mine")] == written
