r"""Lines and positions of a text, as the Language Server Protocol defines them.

A line ends at ``\n``, ``\r\n`` or ``\r`` and at nothing else: ``str.splitlines`` also splits at
form feed, U+0085, U+2028 and others, which shifts every later line.  A column counts UTF-8,
UTF-16 or UTF-32 units, whichever the client and the server agreed on; offsets are Python's
(code points).  Positions past the end of a line or of the text are clamped, as the protocol asks.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

Encoding = Literal["utf-8", "utf-16", "utf-32"]

# Few enough to be counted for nothing, enough to be no loop over single lines.
_COUNTED_AT_ONCE = 64

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+\Z")


@dataclass(frozen=True, order=True, slots=True)
class Position:
    """A place in a text: zero-based line, and column in units of the agreed encoding."""

    line: int
    character: int


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open range of offsets in code points: ``text[start:end]``."""

    start: int
    end: int

    @property
    def is_empty(self) -> bool:
        return self.start == self.end


@dataclass(frozen=True, slots=True)
class LineChange:
    """Lines ``[first, first + removed)`` became `added` lines; all others are as they were."""

    first: int
    removed: int
    added: int

    def follow(self, start: int, end: int) -> tuple[int, int] | None:
        """Where the lines ``[start, end)`` are now; None when one of them was touched.

        Lines that are inserted directly above or below do not touch them; lines that are
        inserted between them do.
        """
        stop = self.first + self.removed
        if self.first >= end:
            return start, end
        if stop <= start:
            moved = self.added - self.removed
            return start + moved, end + moved
        return None


def line_change_between(old: list[str], new: list[str]) -> LineChange:
    """The smallest single change of lines that turns `old` into `new`."""
    limit = min(len(old), len(new))
    head = 0
    while head < limit and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < limit - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    return LineChange(head, len(old) - head - tail, len(new) - head - tail)


def split_lines(text: str) -> list[str]:
    r"""Split `text` into lines that keep their endings; the last one may have none.

    ``"".join(split_lines(text)) == text`` always holds.  A text that ends with a line ending
    has no empty last element (unlike `LineTable`, which counts that empty line).
    """
    return _LINE.findall(text)


def line_ending(line: str) -> str:
    r"""The ending of `line`: ``"\r\n"``, ``"\n"``, ``"\r"`` or ``""``."""
    if line.endswith("\r\n"):
        return "\r\n"
    return line[-1:] if line[-1:] in ("\n", "\r") else ""


def without_ending(line: str) -> str:
    """`line` without its line ending."""
    ending = line_ending(line)
    return line[: len(line) - len(ending)] if ending else line


def dominant_ending(lines: Iterable[str], default: str = "\n") -> str:
    """The line ending that most of `lines` have; the first seen wins a tie."""
    counts: dict[str, int] = {}
    for line in lines:
        ending = line_ending(line)
        if ending:
            counts[ending] = counts.get(ending, 0) + 1
    return max(counts, key=lambda ending: counts[ending]) if counts else default


def is_telling(line: str) -> bool:
    """Whether `line` says where it stands: brackets and blank lines stand everywhere."""
    return any(char.isalnum() for char in line)


def units(text: str, encoding: Encoding) -> int:
    """The length of `text` in units of `encoding`."""
    if encoding == "utf-32" or text.isascii():
        return len(text)
    if encoding == "utf-8":
        return len(text.encode("utf-8", "surrogatepass"))
    return len(text) + sum(1 for char in text if ord(char) > 0xFFFF)


def offset_in_line(line: str, character: int, encoding: Encoding) -> int:
    """The code-point offset in `line` of column `character`, clamped to before its ending.

    A column inside a character (half a surrogate pair, the middle of a UTF-8 sequence) counts
    as the start of that character.
    """
    content = without_ending(line)
    if character <= 0:
        return 0
    if encoding == "utf-32" or content.isascii():
        return min(character, len(content))
    seen = 0
    for offset, char in enumerate(content):
        width = units(char, encoding)
        if seen + width > character:
            return offset
        seen += width
    return len(content)


class LineTable:
    """The lines of one immutable text: offsets to positions and back.

    Lines are numbered from 0.  The empty line after a final line ending counts, so an empty
    text has one line.

    Where lines start is counted as far down as somebody asks: of a long text that changes again
    and again that is most of the work.  `starts` are those of the first lines, where known.
    """

    def __init__(
        self, text: str, lines: list[str] | None = None, starts: Sequence[int] = (0,)
    ) -> None:
        self.text = text
        self.lines = split_lines(text) if lines is None else lines
        self._starts = list(starts)

    @property
    def starts(self) -> list[int]:
        """The offset at which each line starts, the empty last line included."""
        return self._counted_to(self.line_count)

    @property
    def known_starts(self) -> Sequence[int]:
        """The first of `starts`, as many as somebody has asked for."""
        return self._starts

    @property
    def line_count(self) -> int:
        ends_open = bool(self.lines) and not line_ending(self.lines[-1])
        return len(self.lines) + (0 if ends_open else 1)

    def _counted_to(self, count: int) -> list[int]:
        """Where at least the first `count` lines start."""
        starts = self._starts
        known = len(starts)
        if known < count:
            stop = min(max(count, known + _COUNTED_AT_ONCE), self.line_count)
            lengths = map(len, self.lines[known - 1 : stop - 1])
            # A list of its own: other threads may be reading, and counting, too.
            starts = self._starts = [*starts[:-1], *accumulate(lengths, initial=starts[-1])]
        return starts

    def start_of(self, number: int) -> int:
        """The offset at which line `number` starts; the length of the text past the end."""
        starts = self._starts
        if number >= len(starts):
            if number >= self.line_count:
                return len(self.text)
            starts = self._counted_to(number + 1)
        return starts[number]

    def line(self, number: int) -> str:
        """Line `number` with its ending; ``""`` past the end."""
        return self.lines[number] if 0 <= number < len(self.lines) else ""

    def offset(self, position: Position, encoding: Encoding) -> int:
        """The offset of `position`, clamped into the text."""
        if position.line < 0:
            return 0
        if position.line >= self.line_count:
            return len(self.text)
        line = self.line(position.line)
        return self.start_of(position.line) + offset_in_line(line, position.character, encoding)

    def line_at(self, offset: int) -> int:
        """The number of the line that holds `offset`."""
        offset = max(0, min(offset, len(self.text)))
        starts = self._starts
        while starts[-1] <= offset and len(starts) < self.line_count:
            starts = self._counted_to(len(starts) + 1)
        return bisect_right(starts, offset) - 1

    def position(self, offset: int, encoding: Encoding) -> Position:
        """The position of `offset`, clamped into the text."""
        offset = max(0, min(offset, len(self.text)))
        number = self.line_at(offset)
        head = self.line(number)[: offset - self.start_of(number)]
        return Position(number, units(head, encoding))

    def span(self, start: Position, end: Position, encoding: Encoding) -> Span:
        """The span between two positions, in order whichever comes first."""
        first, last = self.offset(start, encoding), self.offset(end, encoding)
        return Span(min(first, last), max(first, last))

    def whole_lines(self, span: Span) -> Span:
        """`span` widened to whole lines, endings included.

        A span that ends at the start of a line does not take that line in, unless it is empty.
        """
        first = self.line_at(span.start)
        last = self.line_at(span.end)
        if last > first and span.end == self.start_of(last):
            last -= 1
        return Span(self.start_of(first), self.start_of(last + 1))


class TextModel:
    """A text that follows incremental changes: a list of lines, spliced.

    A change costs what it touches, not the size of the text.  `snapshot` joins the lines and is
    cached until the next change.
    """

    def __init__(self, text: str) -> None:
        self._lines = split_lines(text)
        self._table: LineTable | None = None
        self._starts: Sequence[int] = (0,)  # of the first lines, which no change has moved

    def snapshot(self) -> LineTable:
        """The text as it is now, frozen."""
        if self._table is None:
            self._table = LineTable("".join(self._lines), list(self._lines), self._starts)
        return self._table

    def lines_at(self, first: int, count: int) -> tuple[str, ...]:
        """The lines ``[first, first + count)`` as they are now, with their endings."""
        return tuple(self._lines[first : first + count])

    def replace_all(self, text: str) -> LineChange:
        """Replace the whole text; the change returned is the smallest that explains it."""
        old, self._lines = self._lines, split_lines(text)
        self._moved_from(0)
        return line_change_between(old, self._lines)

    def _moved_from(self, line: int) -> None:
        """All lines below `line` start elsewhere by now, and the text is another one."""
        known = self._starts if self._table is None else self._table.known_starts
        self._starts = known[: line + 1]
        self._table = None

    def replace(self, start: Position, end: Position, text: str, encoding: Encoding) -> LineChange:
        """Replace what stands between two positions (clamped, in order) by `text`."""
        if end < start:
            start, end = end, start
        first, head_offset = self._clamp(start, encoding)
        last, tail_offset = self._clamp(end, encoding)
        head = self._lines[first][:head_offset] if first < len(self._lines) else ""
        tail = self._lines[last][tail_offset:] if last < len(self._lines) else ""
        stop = min(last + 1, len(self._lines))
        # A lone "\r" and a "\n" that come to touch are one line ending: take the neighbours
        # into the part that is split anew, on the side where that can happen.
        if not head and first > 0 and self._lines[first - 1].endswith("\r"):
            first -= 1
            head = self._lines[first]
        if not tail or tail == "\r":
            while stop < len(self._lines) and (not tail or tail.endswith("\r")):
                tail += self._lines[stop]
                stop += 1
        old = self._lines[first:stop]
        new = split_lines(head + text + tail)
        self._lines[first:stop] = new
        self._moved_from(first)
        inner = line_change_between(old, new)
        return LineChange(first + inner.first, inner.removed, inner.added)

    def _clamp(self, position: Position, encoding: Encoding) -> tuple[int, int]:
        """The index of a line and the offset in it; one past the last line is (count, 0)."""
        count = len(self._lines)
        if position.line < 0:
            return 0, 0
        if position.line < count:
            line = self._lines[position.line]
            return position.line, offset_in_line(line, position.character, encoding)
        if count and not line_ending(self._lines[-1]):
            return count - 1, len(self._lines[-1])
        return count, 0
