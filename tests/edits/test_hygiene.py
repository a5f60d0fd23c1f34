r"""Replies fitted to their region: before → reply → after, each for every chunking."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz.edits.diff import StreamingDiff
from kibitz.edits.hygiene import LineNormalizer
from kibitz.edits.values import LineEdit, apply_line_edits
from kibitz_context.lines import line_ending, split_lines, without_ending
from support.chunks import chunkings, cut


def rewrite(region: str, pieces: list[str], ending: str = "\n") -> tuple[str, list[LineEdit]]:
    """What becomes of `region`, and the edits that made it."""
    old = split_lines(region)
    normalizer = LineNormalizer(old, ending)
    diff = StreamingDiff(old)
    edits: list[LineEdit] = []
    for piece in pieces:
        edits += diff.push(normalizer.feed(piece))
    edits += diff.push(normalizer.finish())
    edits += diff.finish()
    return "".join(apply_line_edits(old, edits)), edits


def check_rewrite(before: str, reply: str, after: str, ending: str = "\n") -> None:
    for pieces in chunkings(reply):
        text, edits = rewrite(before, pieces, ending)

        assert text == after
        assert bool(edits) == (before != after)


@pytest.mark.parametrize(
    ("before", "reply", "after"),
    [
        ("a\nb\n", "a\nc\n", "a\nc\n"),
        ("a\nb\n", "a\nc", "a\nc\n"),
        ("a\nb\n", "a\n\nb\n\n", "a\n\nb\n\n"),
        ("a\nb\n", "", ""),
        ("a\nb\n", "a\nb\n", "a\nb\n"),
        ("a\nb\n", "a\nb", "a\nb\n"),
        ("a\nb\n", "a\nb\n    ", "a\nb\n"),  # the blanks in front of the closing tag
        ("a\nb\n", "a  \nb\t\n", "a  \nb\t\n"),
        ("a  \nb\n", "a\nb\n", "a\nb\n"),
        ("a\n  \nb\n", "a\n\nb\n", "a\n\nb\n"),
    ],
)
def test_lines_are_the_replys(before: str, reply: str, after: str) -> None:
    check_rewrite(before, reply, after)


@pytest.mark.parametrize(
    ("before", "reply", "after"),
    [
        ("a\r\nb\r\n", "a\nc\nb\n", "a\r\nc\r\nb\r\n"),
        ("a\r\nb\r\n", "a\nb\n", "a\r\nb\r\n"),
        ("a\nb\n", "a\r\nc\r\nb\r\n", "a\nc\nb\n"),
        ("a\rb\r", "a\nc\nb\n", "a\rc\rb\r"),
        ("a\nb\n", "a\rc\rb\r", "a\nc\nb\n"),
        # Mixed: kept lines keep theirs, new ones take what most lines have.
        ("a\r\nb\nc\r\n", "a\nx\nb\nc\ny\n", "a\r\nx\r\nb\nc\r\ny\r\n"),
        ("a\nb\r\nc\rd\n", "a\nb\nc\nd\n", "a\nb\r\nc\rd\n"),
    ],
)
def test_line_endings_are_the_documents(before: str, reply: str, after: str) -> None:
    check_rewrite(before, reply, after)


def test_a_region_without_line_endings_takes_the_documents() -> None:
    check_rewrite("a", "a\nb", "a\r\nb", ending="\r\n")
    check_rewrite("", "a\nb", "a\r\nb\r\n", ending="\r\n")


@pytest.mark.parametrize(
    ("before", "reply", "after"),
    [
        ("a\nb", "a\nb\n", "a\nb"),
        ("a\nb", "a\nb", "a\nb"),
        ("a\nb", "a\nc\n", "a\nc"),
        ("a\nb", "a\nb\nc\n", "a\nb\nc"),
        ("a\nb", "a\n", "a"),
        ("a\nb", "a\nc\n\n\n", "a\nc"),
        ("a\nb", "", ""),
        ("a\nb", "\n\n", ""),
        ("a\n  ", "x\n  ", "x\n  "),
    ],
)
def test_a_file_without_a_final_newline_stays_so(before: str, reply: str, after: str) -> None:
    check_rewrite(before, reply, after)


@pytest.mark.parametrize(
    ("before", "reply", "after"),
    [
        ("\ufeffa\nb\n", "x\nb\n", "\ufeffx\nb\n"),
        ("\ufeffa\nb\n", "\ufeffx\nb\n", "\ufeffx\nb\n"),
        ("\ufeffa\nb\n", "a\nb\n", "\ufeffa\nb\n"),
        ("a\nb\n", "\ufeffa\nb\n", "a\nb\n"),
        ("\ufeff    a\n    b\n", "    a\n    c\n", "\ufeff    a\n    c\n"),
    ],
)
def test_a_byte_order_mark_is_kept_and_never_made(before: str, reply: str, after: str) -> None:
    check_rewrite(before, reply, after)


def test_only_line_breaks_of_the_protocol_end_a_line() -> None:
    check_rewrite(
        "a\fb\u2028c\nd\n", "a\fb\u2028c\nx\x0b\x85\x1c\n", "a\fb\u2028c\nx\x0b\x85\x1c\n"
    )
    check_rewrite("a\n", "😀\ud83d\n", "😀\ud83d\n")


@pytest.mark.parametrize(
    ("before", "reply", "after"),
    [
        # The whole reply has lost the region's indentation.
        ("    a\n    b\n", "a\nc\n", "    a\n    c\n"),
        ("    if a:\n        b\n", "if a:\n    c\n", "    if a:\n        c\n"),
        ("    if a:\n        b\n", "if a:\n    b\n", "    if a:\n        b\n"),
        ("    a\n\n    b\n", "a\n\nc\n", "    a\n\n    c\n"),
        ("    a\n    b\n", "a\n  \nc\n", "    a\n  \n    c\n"),
        ("\t\ta\n\t\tb\n", "a\n\tc\n", "\t\ta\n\t\t\tc\n"),
        ("        a\n        b\n", "    a\n    c\n", "        a\n        c\n"),
        ("    a\n", "b\n", "    b\n"),
        ("    a\n    b\n", "\nc\nd\n", "\n    c\n    d\n"),
        # The reply has it: nothing is re-indented, however the rest looks.
        ("    a\n    b\n", "    a\nc\n", "    a\nc\n"),
        ("    a\n    b\n", "        a\n    c\n", "        a\n    c\n"),
        ("    if a:\n        b\n", "    b\n", "    b\n"),
        ("a\n    b\n", "    b\n", "    b\n"),
        # Only the first line, behind the tag, has lost it.
        ("    a\n    b\n", "c\n    b\n", "    c\n    b\n"),
        ("    if a:\n        b\n", "if c:\n        b\n", "    if c:\n        b\n"),
        # Not so here: below the head of a block the second line must be deeper.
        ("    if a:\n        b\n    c\n", "if a:\n    c\n", "    if a:\n        c\n"),
        ("    a\n    b\n", "c", "    c\n"),
    ],
)
def test_lost_indentation_comes_back(before: str, reply: str, after: str) -> None:
    check_rewrite(before, reply, after)


@pytest.mark.parametrize(
    ("before", "reply", "after"),
    [
        ("\tif a:\n\t\tb\n", "    if a:\n        c\n", "\tif a:\n\t\tc\n"),
        ("\tif a:\n\t\tb\n", "  if a:\n    c\n", "\tif a:\n\t\tc\n"),
        ("\tif a:\n\t\tb\n", "        if a:\n                c\n", "\tif a:\n\t\tc\n"),
        ("\tif a:\n\t\tb\n", "if a:\n    c\n", "\tif a:\n\t\tc\n"),
        ("a {\n\tb\n}\n", "a {\n    c\n      d\n}\n", "a {\n\tc\n\t  d\n}\n"),
        ("\t\ta\n", "        b\n", "\t\tb\n"),
        ("\t\tif a:\n\t\t\tb\n", "        if x:\n            c\n", "\t\tif x:\n\t\t\tc\n"),
        ("\t\tif a:\n\t\t\tb\n", "      if x:\n         c\n", "\t\tif x:\n\t\t\tc\n"),
        # A line that stands in the region as it is stays as it is.
        ("\ta\n\t  b\n    c\n\td\n", "\ta\n\t  b\n    c\n\tx\n", "\ta\n\t  b\n    c\n\tx\n"),
        ("/**\n * a\n */\n\tb\n", "/**\n * x\n */\n\tb\n", "/**\n * x\n */\n\tb\n"),
        # Where the region uses spaces, spaces stay.
        ("    a\n    b\n", "    a\n    c\n", "    a\n    c\n"),
        ("    a\n    b\n\tc\n", "    a\n    d\n\tc\n", "    a\n    d\n\tc\n"),
    ],
)
def test_leading_spaces_become_tabs_where_the_region_uses_them(
    before: str, reply: str, after: str
) -> None:
    check_rewrite(before, reply, after)


def test_a_line_is_given_as_soon_as_it_is_complete() -> None:
    normalizer = LineNormalizer(["a\n"])

    assert normalizer.feed("x") == []
    assert normalizer.feed("y\nz") == ["xy\n"]
    assert normalizer.feed("\r") == []
    assert normalizer.feed("\nw\r") == ["z\n"]
    assert normalizer.feed("v") == ["w\n"]
    assert normalizer.finish() == ["v\n"]


def test_without_a_final_newline_only_what_may_be_the_last_line_waits() -> None:
    normalizer = LineNormalizer(["a"])

    assert normalizer.feed("x\ny\n") == ["x\n"]
    assert normalizer.feed("\n\n") == []
    assert normalizer.feed("z\n") == ["y\n", "\n", "\n"]
    assert normalizer.finish() == ["z"]


_TEXTS = st.text(alphabet="ab \t\n\r\f\ufeff", max_size=40)


@given(_TEXTS, cut(_TEXTS))
def test_the_result_does_not_depend_on_the_chunks(region: str, pieces: list[str]) -> None:
    whole, _ = rewrite(region, ["".join(pieces)])

    assert rewrite(region, pieces)[0] == whole
    assert rewrite(region, list("".join(pieces)))[0] == whole


@given(_TEXTS)
def test_a_reply_equal_to_its_region_changes_nothing(region: str) -> None:
    assert rewrite(region, [region]) == (region, [])


@given(_TEXTS, _TEXTS)
def test_the_final_newline_is_the_regions(region: str, reply: str) -> None:
    text, _ = rewrite(region, [reply])
    old, new = split_lines(region), split_lines(text)
    if old and new:
        assert bool(line_ending(new[-1])) == bool(line_ending(old[-1]))


@given(st.lists(st.text(alphabet="xy \t", max_size=4)), st.lists(st.text(alphabet="xy \t")))
def test_without_indentation_in_the_region_the_lines_are_the_replys(
    region: list[str], reply: list[str]
) -> None:
    old = "".join(f"x{line}\n" for line in region)
    text, _ = rewrite(old, ["".join(f"{line}\n" for line in reply)])

    assert [without_ending(line) for line in split_lines(text)] == reply
