r"""Lines and positions, held against an implementation that is slow and obviously right."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kibitz_context.lines import (
    Encoding,
    LineChange,
    LineTable,
    Position,
    Span,
    TextModel,
    dominant_ending,
    line_change_between,
    line_ending,
    offset_in_line,
    split_lines,
    units,
    without_ending,
)

ENCODINGS: tuple[Encoding, ...] = ("utf-8", "utf-16", "utf-32")

# What has gone wrong in editors: every line ending, what `str.splitlines` takes for one, and
# characters of one, two, three and four bytes, of one and two UTF-16 units.
TEXTS = st.text(st.sampled_from("ab \t\r\n\f\v\x1c\x85\u2028\u2029éß€漢😋𝒳\u0301"), max_size=30)
encodings = st.sampled_from(ENCODINGS)
positions = st.builds(Position, st.integers(-1, 12), st.integers(-1, 25))


# --- the slow implementation -------------------------------------------------------------------


def naive_lines(text: str) -> list[str]:
    """Lines with endings, character by character; the empty last line counts."""
    lines = [""]
    index = 0
    while index < len(text):
        if text[index : index + 2] == "\r\n":
            lines[-1] += "\r\n"
            lines.append("")
            index += 2
            continue
        lines[-1] += text[index]
        if text[index] in "\r\n":
            lines.append("")
        index += 1
    return lines


def naive_width(char: str, encoding: Encoding) -> int:
    codec = {"utf-8": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}[encoding]
    unit = {"utf-8": 1, "utf-16": 2, "utf-32": 4}[encoding]
    return len(char.encode(codec)) // unit


def naive_offset(text: str, position: Position, encoding: Encoding) -> int:
    """Walks through the text to `position`, and stops where the line or the text does."""
    if position.line < 0:
        return 0
    lines = naive_lines(text)
    if position.line >= len(lines):
        return len(text)
    offset = sum(map(len, lines[: position.line]))
    column = 0
    for char in lines[position.line]:
        column += naive_width(char, encoding)
        if char in "\r\n" or column > position.character:
            break
        offset += 1
    return offset


def naive_replace(
    text: str, start: Position, end: Position, new: str, encoding: Encoding
) -> tuple[str, int, int]:
    first, last = sorted((naive_offset(text, start, encoding), naive_offset(text, end, encoding)))
    return text[:first] + new + text[last:], first, last


# --- splitting ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", []),
        ("a", ["a"]),
        ("a\n", ["a\n"]),
        ("a\r\nb\rc\n", ["a\r\n", "b\r", "c\n"]),
        ("\r\r\n\n", ["\r", "\r\n", "\n"]),
        ("a\fb\vc\u2028d\x85e\x1cf", ["a\fb\vc\u2028d\x85e\x1cf"]),
    ],
)
def test_a_line_ends_at_line_feed_carriage_return_or_both(text: str, lines: list[str]) -> None:
    assert split_lines(text) == lines


@given(TEXTS)
def test_splitting_agrees_with_the_naive_one_and_loses_nothing(text: str) -> None:
    naive = naive_lines(text)
    assert split_lines(text) == (naive if naive[-1] else naive[:-1])
    assert "".join(split_lines(text)) == text
    assert LineTable(text).line_count == len(naive)


@given(TEXTS)
def test_a_line_is_its_content_and_its_ending(text: str) -> None:
    for line in split_lines(text):
        assert without_ending(line) + line_ending(line) == line
        assert not set(without_ending(line)) & {"\r", "\n"}


@pytest.mark.parametrize(
    ("lines", "ending"),
    [
        (["a\n", "b\r\n", "c\r\n"], "\r\n"),
        (["a\r", "b\n"], "\r"),
        (["a"], "\n"),
        ([], "\n"),
    ],
)
def test_the_ending_of_most_lines_wins_and_the_first_wins_a_tie(
    lines: list[str], ending: str
) -> None:
    assert dominant_ending(lines) == ending


# --- positions ---------------------------------------------------------------------------------


@given(TEXTS, encodings)
def test_units_are_what_the_codec_says(text: str, encoding: Encoding) -> None:
    assert units(text, encoding) == sum(naive_width(char, encoding) for char in text)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_half_a_surrogate_has_a_width_and_does_not_raise(encoding: Encoding) -> None:
    assert units("a\ud83d", encoding) >= 2


@given(TEXTS, positions, encodings)
def test_offsets_agree_with_the_naive_ones(
    text: str, position: Position, encoding: Encoding
) -> None:
    assert LineTable(text).offset(position, encoding) == naive_offset(text, position, encoding)


@given(TEXTS, encodings, st.integers(-2, 40))
def test_an_offset_comes_back_from_its_position(text: str, encoding: Encoding, offset: int) -> None:
    table = LineTable(text)
    inside = max(0, min(offset, len(text)))
    # Between "\r" and "\n" there is no position: the nearest one is before both.
    is_torn = text[inside - 1 : inside + 1] == "\r\n" and inside > 0
    position = table.position(offset, encoding)
    assert table.offset(position, encoding) == (inside - 1 if is_torn else inside)


@pytest.mark.parametrize(
    ("encoding", "character", "offset"),
    [
        ("utf-32", 1, 1),
        ("utf-32", 2, 2),
        ("utf-16", 2, 1),
        ("utf-16", 3, 2),
        ("utf-8", 3, 1),
        ("utf-8", 5, 2),
        ("utf-8", 99, 3),
    ],
)
def test_a_column_inside_a_character_is_its_beginning(
    encoding: Encoding, character: int, offset: int
) -> None:
    assert offset_in_line("a😋b\r\n", character, encoding) == offset


@given(TEXTS, positions, positions, encodings)
def test_a_span_has_its_ends_in_order(
    text: str, one: Position, other: Position, encoding: Encoding
) -> None:
    span = LineTable(text).span(one, other, encoding)
    assert span == LineTable(text).span(other, one, encoding)
    assert 0 <= span.start <= span.end <= len(text)


@given(TEXTS, st.integers(0, 30), st.integers(0, 30))
def test_whole_lines_cover_the_span_and_no_line_more(text: str, one: int, other: int) -> None:
    start, end = sorted((min(one, len(text)), min(other, len(text))))
    whole = LineTable(text).whole_lines(Span(start, end))
    assert whole.start <= start
    before, inside = text[: whole.start], text[whole.start : whole.end]
    assert naive_lines(before)[-1] == "", "begins at the beginning of a line"
    assert whole.end == len(text) or line_ending(split_lines(inside)[-1])
    # A span that ends at the beginning of a line does not take that line in.
    assert end <= whole.end
    last_line = split_lines(inside)[-1] if inside else ""
    assert start == end or whole.end - len(last_line) < end


# --- changes -----------------------------------------------------------------------------------


def explains(change: LineChange, old: list[str], new: list[str]) -> None:
    """`change` says exactly how `old` became `new`, and `follow` is right for every range."""
    stop = change.first + change.removed
    assert 0 <= change.first <= stop <= len(old)
    inserted = new[change.first : change.first + change.added]
    assert len(inserted) == change.added
    assert old[: change.first] + inserted + old[stop:] == new
    for start in range(len(old)):
        for end in range(start + 1, len(old) + 1):
            followed = change.follow(start, end)
            touched = any(start <= line < end for line in range(change.first, stop))
            split = change.removed == 0 and start < change.first < end
            assert (followed is None) == (touched or split)
            if followed is not None:
                assert new[followed[0] : followed[1]] == old[start:end]


lists_of_lines = st.lists(st.sampled_from(["a\n", "b\n", "c\n", "\n"]), max_size=7)


@given(lists_of_lines, lists_of_lines)
def test_the_change_between_two_texts_explains_them(old: list[str], new: list[str]) -> None:
    change = line_change_between(old, new)
    explains(change, old, new)
    if old == new:
        assert change.removed == change.added == 0


@settings(max_examples=500)
@given(
    TEXTS,
    st.lists(st.tuples(positions, positions, TEXTS, encodings), min_size=1, max_size=6),
)
def test_incremental_changes_agree_with_the_naive_text(
    text: str, edits: list[tuple[Position, Position, str, Encoding]]
) -> None:
    model = TextModel(text)
    for start, end, new, encoding in edits:
        old_lines = list(model.snapshot().lines)
        text, _, _ = naive_replace(text, start, end, new, encoding)
        change = model.replace(start, end, new, encoding)
        table = model.snapshot()
        assert table.text == text
        assert table.lines == split_lines(text), "a joined line ending was not joined"
        assert table.line_count == len(naive_lines(text))
        asked = max(start.line, 0)
        assert table.start_of(asked) == len("".join(naive_lines(text)[:asked]))
        explains(change, old_lines, table.lines)


def test_starts_are_right_however_far_down_they_were_counted() -> None:
    model = TextModel("".join(f"line {number}\n" for number in range(1_000)))
    for asked, changed in ((10, 500), (900, 300), (299, 301), (999, 0), (0, 998), (1_001, 40)):
        model.snapshot().start_of(asked)
        model.replace(Position(changed, 2), Position(changed, 3), "new\n" * 2, "utf-16")
        table = model.snapshot()
        fresh = LineTable(table.text)
        assert table.line_at(table.starts[changed]) == changed
        assert table.starts == fresh.starts
        assert len(table.starts) == table.line_count
    for number in (0, 63, 64, 65, 700, 1_012, 1_013):
        fresh = LineTable(table.text)
        assert fresh.start_of(number) == len("".join(table.lines[:number]))
        assert LineTable(table.text).line_at(fresh.start_of(number)) == min(number, 1_012)


@given(TEXTS, TEXTS)
def test_replacing_all_explains_itself(old: str, new: str) -> None:
    model = TextModel(old)
    change = model.replace_all(new)
    assert model.snapshot().text == new
    explains(change, split_lines(old), split_lines(new))


@given(TEXTS, positions, positions, TEXTS, encodings)
def test_a_snapshot_does_not_move(
    text: str, start: Position, end: Position, new: str, encoding: Encoding
) -> None:
    model = TextModel(text)
    before = model.snapshot()
    lines = list(before.lines)
    model.replace(start, end, new, encoding)
    assert (before.text, before.lines) == (text, lines)
    assert model.snapshot() is model.snapshot()


@pytest.mark.parametrize(
    ("text", "start", "end", "new", "after"),
    [
        # A "\n" that is typed behind a lone "\r" makes one line ending of both.
        ("a\rb", Position(1, 0), Position(1, 0), "\n", "a\r\nb"),
        # And a "\r" before a "\n" as well.
        ("a\nb", Position(0, 1), Position(0, 1), "\r", "a\r\nb"),
        ("a\r", Position(1, 0), Position(1, 0), "\n", "a\r\n"),
        ("", Position(0, 0), Position(0, 0), "a\n", "a\n"),
        ("a\nb\n", Position(9, 9), Position(0, 0), "", ""),
        ("a\n", Position(1, 0), Position(1, 0), "b", "a\nb"),
        ("x\u2028y\nz", Position(0, 3), Position(1, 0), " ", "x\u2028y z"),
    ],
)
def test_edits_where_lines_meet(
    text: str, start: Position, end: Position, new: str, after: str
) -> None:
    model = TextModel(text)
    model.replace(start, end, new, "utf-16")
    assert model.snapshot().text == after
    assert model.snapshot().lines == split_lines(after)


def test_lines_that_are_not_touched_are_followed() -> None:
    inserted_above = LineChange(2, 0, 3)
    assert inserted_above.follow(2, 4) == (5, 7)
    assert inserted_above.follow(0, 2) == (0, 2)
    assert inserted_above.follow(1, 3) is None
    assert LineChange(1, 1, 0).follow(1, 2) is None
