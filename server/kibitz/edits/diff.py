"""Arriving lines turned into edits of the lines they replace, while they arrive.

Knows lines and indices, nothing of tags, editors or time.

What is decided is final, and lines that are kept are never touched, so a decision has to wait
until it is safe.  How safe it is can be counted.  Let ``end`` old lines have been used up for the
new lines so far, with ``matches`` of them kept and ``skipped`` of them deleted, where the best way
to use up any number of old lines keeps ``length``.  Whatever comes later, deciding for this way
costs at most ``max(skipped, length - matches)`` kept lines against the best decision.  So:

* a way that costs nothing is taken at once (lines kept in place, lines that are new);
* a way is taken when it has kept as many lines as it may cost (`_find_sync`);
* after `PATIENCE_LINES` undecided lines a way is also taken that may cost a few kept lines: one
  for every `DRIFT_SHARE` lines of reply, and one that says something for every `TELLING_SHARE`.

Hence the bound that the tests hold: the best diff keeps at most twice the lines that this one
keeps, and one for every `DRIFT_SHARE` lines of reply.  Ordinary replies cost next to nothing:
`make bench` prints how much.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from kibitz.edits.lcs import Occurrences, Table
from kibitz.edits.values import LineEdit
from kibitz_context.lines import line_ending

PATIENCE_LINES: Final = 8  # higher: long rewrites stand still; lower: chance decides
DRIFT_SHARE: Final = 4  # higher: long rewrites stand still; lower: kept brackets are rewritten
TELLING_SHARE: Final = 32  # higher: long rewrites stand still; lower: kept code is rewritten
HELD_LINES: Final = 4  # higher: new blocks appear late; lower: a hunk falls into more edits
_SYNC_TRIES: Final = 16


class StreamingDiff:
    """Pushes new lines in and takes edits of `old_lines` out, as early as they are certain.

    Edits are in order and do not overlap; together they make the new text, in which kept lines
    keep their own line ending.  An edit is a whole hunk, unless the hunk has more than
    `held_lines` new lines: then those come in slices, and what is deleted comes last.
    """

    def __init__(self, old_lines: Sequence[str], *, held_lines: int = HELD_LINES) -> None:
        self._old = [_key(line) for line in old_lines]
        self._occurrences = Occurrences(self._old)
        self._base = 0  # old lines before it are decided
        self._window: list[str] = []  # new lines that are not
        self._table = self._telling = Table(0)
        self._hunks = _Hunks(held_lines)

    @property
    def at_rest(self) -> bool:
        """Whether every line pushed so far is decided and no hunk is under way."""
        return not self._window and not self._hunks.is_open

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
        is_telling = _is_telling(line)
        bits = self._occurrences.bits_from(key, self._base)
        self._table.add(bits)
        self._telling.add(bits if is_telling else 0)
        end = self._find_free()
        if end is None:
            is_late = len(self._window) >= PATIENCE_LINES
            if is_late or is_telling:
                end = self._find_sync(any_line=is_late)
            if end is None and is_late:
                end = self._find_drift()
        if end is not None:
            self._take(end)

    def _find_free(self) -> int | None:
        """A way that keeps the most lines and skips none: no reply can make a better one."""
        end = self._table.length
        return end if self._table.matches(end) == end else None

    def _find_sync(self, *, any_line: bool) -> int | None:
        """The longest way that has kept as many lines as it may cost."""
        table = self._table
        end = table.last_step(2 * table.length)
        for _ in range(_SYNC_TRIES):
            matches = table.matches(end)
            if matches == 0 or table.length - matches > matches:
                return None
            if end - matches <= matches and (any_line or table.is_new_step(end)):
                return end
            end = table.last_step(end - 1)
        return None

    def _find_drift(self) -> int | None:
        """The cheapest way, if it is cheap enough: mostly to take the window for new lines."""
        end = self._table.last_step(self._table.length)
        cost = self._table.length - self._table.matches(end)
        telling_cost = self._telling.length - self._telling.matches(end)
        count = len(self._window)
        is_cheap = cost * DRIFT_SHARE <= count and telling_cost * TELLING_SHARE <= count
        return end if is_cheap else None

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
        if count:
            self.is_open = True
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


def _is_telling(line: str) -> bool:
    """Whether `line` says where we are: brackets and blank lines stand everywhere."""
    return any(char.isalnum() for char in line)
