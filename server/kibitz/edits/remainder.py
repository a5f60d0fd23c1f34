"""The old lines of a region that are still to come, and what the user has made of them.

Knows lines and their places, counted from where the first line still to come stands; nothing of
documents or edits in flight.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass

from kibitz.edits.splices import same_lines


@dataclass(frozen=True, slots=True)
class _Change:
    """The user has made `lines` of the old lines ``[start, end)``; ``start == end`` inserts."""

    start: int
    end: int
    lines: tuple[str, ...]

    @property
    def grown(self) -> int:
        return len(self.lines) - (self.end - self.start)


class Remainder:
    """The `old_lines` from the frontier on.  What stands before it is decided."""

    def __init__(self, old_lines: Sequence[str]) -> None:
        self._old = tuple(old_lines)
        self._frontier = 0
        self._changes: list[_Change] = []  # from top to bottom; they do not touch

    def copy(self) -> Remainder:
        twin = copy(self)
        twin._changes = list(self._changes)
        return twin

    @property
    def frontier(self) -> int:
        """The first old line that is not decided."""
        return self._frontier

    @property
    def untouched_count(self) -> int:
        """How many of the old lines still to come stand as they did."""
        changed = sum(change.end - change.start for change in self._changes)
        return len(self._old) - self._frontier - changed

    def __len__(self) -> int:
        """How many lines of the document are still to come, the user's included."""
        grown = sum(change.grown for change in self._changes)
        return len(self._old) - self._frontier + grown

    def old(self, start: int, end: int) -> tuple[str, ...]:
        """The old lines ``[start, end)``."""
        return self._old[start:end]

    # -- the user ------------------------------------------------------------------------------

    def replace(self, start: int, stop: int, lines: tuple[str, ...]) -> None:
        """The user made `lines` of the lines at the places ``[start, stop)``."""
        old_start, old_end = self._old_line(start, up=True), self._old_line(stop, up=False)
        others: list[_Change] = []
        for place, change in self._placed():
            end = place + len(change.lines)
            if start <= end and place <= stop:  # they touch, and become one
                old_start, old_end = min(old_start, change.start), max(old_end, change.end)
                head = change.lines[: max(0, start - place)]
                tail = change.lines[len(change.lines) - max(0, end - stop) :]
                lines = (*head, *lines, *tail)
            else:
                others.append(change)
        made = self._trimmed(_Change(old_start, old_end, lines))
        if made.lines or made.start < made.end:
            others.append(made)
        self._changes = sorted(others, key=lambda change: (change.start, change.end))

    def _placed(self) -> Iterator[tuple[int, _Change]]:
        """Each change with the place of its first line."""
        place, index = 0, self._frontier
        for change in self._changes:
            place += change.start - index
            yield place, change
            place, index = place + len(change.lines), change.end

    def _old_line(self, place: int, *, up: bool) -> int:
        """The old line at `place`; inside a change its upper or lower edge."""
        moved = self._frontier
        for start, change in self._placed():
            if place <= start:
                break
            if place < start + len(change.lines):
                return change.start if up else change.end
            moved -= change.grown
        return moved + place

    def _trimmed(self, change: _Change) -> _Change:
        """`change` without the lines at its ends that are the old ones (again)."""
        start, end, lines = change.start, change.end, list(change.lines)
        while start < end and lines and same_lines(lines[:1], self._old[start : start + 1]):
            start += 1
            del lines[0]
        while start < end and lines and same_lines(lines[-1:], self._old[end - 1 : end]):
            end -= 1
            del lines[-1]
        return _Change(start, end, tuple(lines))

    # -- what is written -----------------------------------------------------------------------

    def is_free(self, start: int, end: int) -> bool:
        """Whether the old lines ``[start, end)`` can be replaced, and the user's stay.

        What the user typed directly above or below them is no hindrance, and nothing is to be
        put in front of a line that the user has changed: it may be meant to replace that line.
        """
        return not any(
            (change.start < end and start < change.end)
            or start < change.start == change.end < end
            or change.start <= start == end < change.end
            for change in self._changes
        )

    def is_deleted_or_free(self, start: int, end: int) -> bool:
        """Whether the user has done nothing to the old lines ``[start, end)`` but delete some."""
        return all(
            start <= change.start and change.end <= end and not change.lines
            for change in self._changes
            if (change.start < end and start < change.end) or start < change.start < end
        )

    def widened(self, start: int, end: int) -> tuple[int, int]:
        """The old lines ``[start, end)`` with all of what the user has changed there."""
        for change in self._changes:
            if (change.start < end and start < change.end) or change.start <= start < change.end:
                start, end = min(start, change.start), max(end, change.end)
        return start, end

    def typed_at_frontier(self) -> int:
        """How many lines the user has put directly in front of the first line to come."""
        first = self._changes[0] if self._changes else None
        return len(first.lines) if first and first.start == first.end == self._frontier else 0

    def pass_by(self, end: int, *, typed_too: bool) -> int:
        """Move the frontier to the old line `end`; returns how many lines of the document go by.

        `typed_too` says whether what the user has put directly in front of `end` is among them.
        """
        passed = end - self._frontier
        while self._changes and self._changes[0].end <= end:
            if self._changes[0].start == end and not typed_too:
                break
            passed += self._changes.pop(0).grown
        self._frontier = end
        return passed

    def cut(self, end: int) -> tuple[str, ...]:
        """Take out the old lines to come up to `end`, and return those that stand there still.

        What the user has put in front of them stands in front of `end` now.
        """
        typed = self._changes.pop(0).lines if self.typed_at_frontier() else ()
        standing: list[str] = []
        index = self._frontier
        for change in self._changes:
            if change.start >= end:
                break
            standing += self._old[index : change.start]
            index = change.end
        standing += self._old[index:end]
        self.pass_by(end, typed_too=False)
        if typed:
            if self.typed_at_frontier():
                typed += self._changes.pop(0).lines
            self._changes.insert(0, _Change(end, end, typed))
        return tuple(standing)
