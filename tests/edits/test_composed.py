"""Two edits as one: what is reverted afterwards is all of both and nothing else."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kibitz.edits.composed import composed
from kibitz.edits.hunks import Hunk, hunks_of
from kibitz.edits.values import LineEdit, apply_line_edits

LINE = st.sampled_from(["a\n", "b\n", "c\n", "d\n", "e\n"])
LINES = st.lists(LINE, max_size=12)


def edits_of(draw: st.DrawFn, lines: list[str]) -> list[LineEdit]:
    """Edits of `lines` in order, none of which touches another."""
    places = sorted(draw(st.sets(st.integers(0, len(lines)), max_size=6)))
    pairs = list(zip(places[::2], places[1::2], strict=False))
    return [LineEdit(start, end, tuple(draw(st.lists(LINE, max_size=3)))) for start, end in pairs]


@st.composite
def rounds(draw: st.DrawFn) -> tuple[list[str], list[LineEdit], list[LineEdit]]:
    before = draw(LINES)
    first = edits_of(draw, before)
    return before, first, edits_of(draw, apply_line_edits(before, first))


@given(rounds())
def test_taking_back_the_sum_of_two_edits_gives_what_was_before_both(
    drawn: tuple[list[str], list[LineEdit], list[LineEdit]],
) -> None:
    before, first, second = drawn
    between = apply_line_edits(before, first)
    after = apply_line_edits(between, second)
    hunks = composed(between, hunks_of(before, first), after, hunks_of(between, second))
    assert hunks is not None
    inverse = [hunk.revert(after) for hunk in hunks]
    assert all(isinstance(each, LineEdit) for each in inverse)
    assert apply_line_edits(after, inverse) == before  # type: ignore[arg-type]
    # Nothing of it is a change that is none.
    assert all(hunk.old_lines != hunk.new_lines for hunk in hunks)


def test_where_somebody_else_has_changed_the_text_nothing_is_said() -> None:
    first = [Hunk(1, ("b\n",), ("B\n",))]
    second = [Hunk(2, ("c\n",), ("C\n",))]
    between, after = ["a\n", "B\n", "c\n"], ["a\n", "B\n", "C\n"]
    assert composed(between, first, after, second) is not None
    assert composed(between, first, ["mine\n", *after[1:]], second) is None
    assert composed(["a\n", "mine\n", "c\n"], first, after, second) is None
    assert composed(between, first, ["a\n", "B\n", "mine\n"], second) is None
