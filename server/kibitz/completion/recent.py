"""What was changed last, edit by edit: where it goes, a completion may go on.

An edit is what was changed in one place without going elsewhere in between.  It is told once it is
over, and never changes from then on, so that what is told of several can be read from a cache: new
ones come at the end, and the oldest go several at a time.

Knows texts and places; what of them may be shown to anybody is asked elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kibitz_context.document import Document
from kibitz_context.lines import LineChange

# Changes that are so many lines apart belong together.  Higher: what is typed at two places is
# told late; lower: one thought is told in pieces.
NEARBY_LINES = 8
# More lines than this nobody types: a formatter, another branch, a paste.
MOST_LINES = 60
# Both versions of the text are kept, and looked through for secrets.
MOST_CHARACTERS = 200_000
# The oldest go so many at a time; up to twice as many are kept.  Higher: more is paid for; lower:
# the beginning changes more often.
STEP_EDITS = 4


@dataclass(frozen=True)
class RecentEdit:
    """The whole text of a file before one edit of it and after."""

    path: Path
    before: str
    after: str


@dataclass(slots=True)
class _Running:
    """An edit that still goes on, in the lines ``[first, end)`` of the text as it is now."""

    before: Document
    after: Document
    first: int
    end: int


class RecentEdits:
    """The edits of one editor, oldest first.  Mutable."""

    def __init__(self) -> None:
        self._running: _Running | None = None
        self._settled: list[RecentEdit] = []

    @property
    def settled(self) -> tuple[RecentEdit, ...]:
        """Those that are over."""
        return tuple(self._settled)

    def changed(self, before: Document, after: Document, changes: Sequence[LineChange]) -> None:
        """A document was changed, by `changes` one after the other."""
        if not changes:
            return
        running = self._running
        if running is not None and running.before.uri == before.uri:
            place = _joined(running.first, running.end, changes)
            if place is not None:
                running.after, running.first, running.end = after, *place
                return
        self._settle()
        first, end = _hull(changes[0].first, changes[0].first, changes)
        self._running = _Running(before, after, first, end)

    def closed(self, uri: str) -> None:
        """The document is gone; what was done there is over."""
        if self._running is not None and self._running.before.uri == uri:
            self._settle()

    def _settle(self) -> None:
        running, self._running = self._running, None
        if running is None or not _says_something(running):
            return
        assert running.after.path is not None
        self._settled.append(
            RecentEdit(running.after.path, running.before.text, running.after.text)
        )
        if len(self._settled) == 2 * STEP_EDITS:
            del self._settled[:STEP_EDITS]


def _says_something(running: _Running) -> bool:
    before, after = running.before.text, running.after.text
    return (
        running.after.path is not None
        and before != after
        and running.end - running.first <= MOST_LINES
        and max(len(before), len(after)) <= MOST_CHARACTERS
    )


def _joined(first: int, end: int, changes: Sequence[LineChange]) -> tuple[int, int] | None:
    """The lines of an edit with those of `changes`, None where they are elsewhere."""
    near = range(first - NEARBY_LINES, end + NEARBY_LINES + 1)
    if not all(change.first in near or _reaches(change, first) for change in changes):
        return None
    return _hull(first, end, changes)


def _reaches(change: LineChange, line: int) -> bool:
    return change.first <= line <= change.first + change.removed


def _hull(first: int, end: int, changes: Sequence[LineChange]) -> tuple[int, int]:
    """All lines that were touched, numbered as after the last change."""
    for change in changes:
        first = min(first, change.first)
        end = max(end, change.first + change.removed) + change.added - change.removed
    return first, end
