"""Arriving lines turned into edits of the lines they replace, while they arrive.

Knows lines and indices, nothing of tags, editors or time.

What is decided is final, and lines that are kept are never touched, so a decision has to wait
until it is safe.  How safe it is can be counted.  Let the new lines so far be made of the first
``end`` old lines not yet decided, `matches` of them kept and ``skipped = end - matches`` of them
deleted, where with all old lines `length` could be kept.  Whatever comes later, to decide so costs
at most ``max(skipped, length - matches)`` kept lines against the best decision.  Hence:

* what costs nothing is decided at once: lines kept in place, and lines that are new;
* the way that keeps most, or the one that skips nothing, is taken when it keeps as many lines as
  it may cost, and its last line says something (brackets and blank lines stand everywhere);
* after `PATIENCE_LINES` undecided lines any line is good enough for that, and what cannot be kept
  in place is taken for new if this may cost few lines: one for every `DRIFT_SHARE` lines of
  reply, and one that says something for every `TELLING_SHARE`.

So the best diff keeps at most twice the lines that this one keeps, and one for every
`DRIFT_SHARE` lines of reply; the tests hold that.  Ordinary replies cost next to nothing:
`make bench` prints how much.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from kibitz.edits.lcs import Occurrences, Table
from kibitz.edits.values import LineEdit
from kibitz_context.lines import is_telling, line_ending

PATIENCE_LINES: Final = 8  # higher: long rewrites stand still; lower: chance decides
DRIFT_SHARE: Final = 4  # higher: long rewrites stand still; lower: kept brackets are rewritten
TELLING_SHARE: Final = 32  # higher: long rewrites stand still; lower: kept code is rewritten


class StreamingDiff:
    """Pushes new lines in and takes edits of `old_lines` out, as early as they are certain.

    Edits are in order and do not overlap; together they make the new text, in which kept lines
    keep their own line ending.  An edit is a whole hunk, unless the hunk has more than
    `held_lines` new lines: then those come in slices, and what is deleted comes last.  Slices of
    one hunk touch, hunks do not: who gathers edits can tell.
    """

    def __init__(self, old_lines: Sequence[str], *, held_lines: int = 0) -> None:
        self._old = [_key(line) for line in old_lines]
        self._occurrences = Occurrences(self._old)
        self._base = 0  # old lines before it are decided
        self._window: list[str] = []  # new lines that are not
        self._table = self._telling = Table(0)
        self._hunks = _Hunks(held_lines)

    @property
    def in_hunk(self) -> bool:
        """Whether more of the hunk of the last edit may follow."""
        return self._hunks.is_open

    def push(self, lines: Sequence[str]) -> list[LineEdit]:
        """The edits that are certain after `lines` have come."""
        for line in lines:
            self._push(line)
        return self._hunks.take()

    def finish(self) -> list[LineEdit]:
        """The remaining edits; old lines that no new line has kept are deleted."""
        rest = len(self._old) - self._base
        if self._window:
            self._take(rest)
        else:
            self._hunks.delete(rest)
            self._base += rest
        self._hunks.close()
        return self._hunks.take()

    def _push(self, line: str) -> None:
        key = _key(line)
        if not self._window:
            if self._base < len(self._old) and self._old[self._base] == key:
                self._hunks.keep(1)
                self._base += 1
                return
            if not self._occurrences.any_from(key, self._base):
                self._hunks.insert(line)
                return
            self._table = Table(len(self._old) - self._base)
            self._telling = Table(len(self._old) - self._base)
        self._window.append(line)
        bits = self._occurrences.bits_from(key, self._base)
        self._table.add(bits)
        self._telling.add(bits if is_telling(line) else 0)
        end = self._find_way(line)
        if end is not None:
            self._take(end)

    def _find_way(self, line: str) -> int | None:
        """How many old lines to use up for the lines of the window; None to wait for more.

        `line` is the last of them.
        """
        table, count = self._table, len(self._window)
        in_place = table.unbroken
        missed = table.length - in_place
        if missed == 0:
            return in_place
        is_late = count >= PATIENCE_LINES
        if is_late or is_telling(line):
            if missed <= in_place and (is_late or table.is_new_step(in_place)):
                return in_place
            skipped = table.top - table.length
            if skipped <= table.length and (is_late or table.is_new_step(table.top)):
                return table.top
        if is_late and missed * DRIFT_SHARE <= count:
            missed_telling = self._telling.length - self._telling.matches(in_place)
            if missed_telling * TELLING_SHARE <= count:
                return in_place
        return None

    def _take(self, end: int) -> None:
        """Decide for the best way that uses up `end` old lines for the lines of the window."""
        pairs = list(self._table.path(end))
        old = new = 0
        for old_match, new_match in reversed(pairs):
            self._hunks.delete(old_match - old)
            for line in self._window[new:new_match]:
                self._hunks.insert(line)
            self._hunks.keep(1)
            old, new = old_match + 1, new_match + 1
        self._hunks.delete(end - old)
        for line in self._window[new:]:
            self._hunks.insert(line)
        self._base += end
        self._window = []


class _Hunks:
    """Gathers what was decided, line after line, into edits."""

    def __init__(self, held_lines: int) -> None:
        self._held_lines = held_lines
        self._edits: list[LineEdit] = []
        self._start = self._end = 0
        self._lines: list[str] = []
        self.is_open = False

    def keep(self, count: int) -> None:
        self.close()
        self._start = self._end = self._end + count

    def insert(self, line: str) -> None:
        self.is_open = True
        self._lines.append(line)
        if len(self._lines) > self._held_lines:
            self._emit()

    def delete(self, count: int) -> None:
        self._end += count

    def close(self) -> None:
        if self._lines or self._end > self._start:
            self._emit()
        self.is_open = False

    def take(self) -> list[LineEdit]:
        """The edits gathered since the last call."""
        edits, self._edits = self._edits, []
        return edits

    def _emit(self) -> None:
        self._edits.append(LineEdit(self._start, self._end, tuple(self._lines)))
        self._start = self._end
        self._lines = []


def _key(line: str) -> str:
    """What makes two lines equal: the kind of ending does not count, having one does."""
    return line.rstrip("\r\n") + "\n" if line_ending(line) else line
