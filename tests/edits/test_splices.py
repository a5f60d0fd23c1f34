"""Changes of lines are told apart: ours, the user's, or both told as one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kibitz.edits.splices import Splice, besides, explained, refined, same_lines, splice_between
from kibitz.edits.values import LineEdit, apply_line_edits


def lines_of(words: str) -> list[str]:
    return [f"{word}\n" for word in words.split()]


def parts(before: str, after: str) -> list[tuple[int, str, str]]:
    return [
        (part.first, *(" ".join(map(str.strip, lines)) for lines in (part.removed, part.added)))
        for part in refined(splice_between(lines_of(before), lines_of(after)))
    ]


def test_a_change_of_the_whole_text_is_many_small_ones() -> None:
    assert parts("a b c d e", "a X c Y Z e") == [(1, "b", "X"), (3, "d", "Y Z")]
    assert parts("a b c", "A B C") == [(0, "a", "A"), (1, "b", "B"), (2, "c", "C")]
    assert parts("a b c", "b c d") == [(0, "a", ""), (2, "", "d")]
    assert parts("a b", "a b") == []


def test_other_line_endings_are_no_change() -> None:
    splice = Splice(0, ("a\n", "b\n", "c"), ("a\r\n", "x\r\n", "c\r\n"))

    assert refined(splice) == [Splice(1, ("b\n",), ("x\r\n",))]


def test_the_edit_is_known_in_a_change_that_is_told_as_one() -> None:
    before, edit = lines_of("a b c d"), LineEdit(1, 2, ("B\n", "BB\n"))

    assert besides(before, lines_of("mine a B BB c d"), [edit]) == (
        lines_of("a B BB c d"),
        [Splice(0, (), ("mine\n",))],
    )
    assert besides(before, lines_of("mine a b c d"), [edit]) is None
    assert besides(before, lines_of("a mine c d"), [edit]) is None


def test_a_text_that_is_nearer_to_the_old_one_does_not_hold_the_edit() -> None:
    """The user has written one of the edit's lines, and nothing else has changed."""
    edit = LineEdit(1, 4, ("x\n", "y\n", "z\n"))

    assert besides(lines_of("a b c d e"), lines_of("a b c z e"), [edit]) is None


def test_a_deletion_is_not_seen_where_the_lines_round_it_have_changed() -> None:
    edit = LineEdit(3, 4, ())

    assert besides(lines_of("a b c d e f"), lines_of("a b mine e f"), [edit]) is None
    assert besides(lines_of("a b c d e f"), lines_of("mine b c e f"), [edit]) is not None


_LINES = st.lists(st.sampled_from(["a\n", "b\n", "}\n", "\n", "c"]), max_size=12)


@given(_LINES, _LINES)
def test_the_parts_together_are_the_whole(before: list[str], after: list[str]) -> None:
    text = before
    for part in refined(splice_between(before, after)):
        assert same_lines(text[part.first : part.stop], part.removed)
        text = part.applied(text)

    assert same_lines(text, after)


@given(_LINES, st.integers(0, 12), st.integers(0, 3), _LINES)
def test_an_edit_explains_itself_and_nothing_else(
    before: list[str], first: int, count: int, new: list[str]
) -> None:
    first = min(first, len(before))
    edit = LineEdit(first, min(first + count, len(before)), tuple(new))
    after = apply_line_edits(before, [edit])
    splice = splice_between(before, after)

    assert explained(before, after, [edit], [splice])
    other = [*after, "more\n"]
    assert not explained(before, other, [edit], [splice_between(before, other)])
