"""What an edit has changed, kept so that it can be taken back.

Hunks are places in the *current* text: they move with every change of it.  Knows lines and
changes of lines, nothing of editors.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from kibitz.edits.splices import Splice, explained, same_lines
from kibitz.edits.values import LineEdit, Refusal
from kibitz_context.lines import LineChange


@dataclass(frozen=True, slots=True)
class Hunk:
    """Where `old_lines` stood, `new_lines` were written, from line `first` on.

    `grown` is by how many lines changes inside the hunk have made it longer.  `broken` says
    that a change reached over one of its edges: then nobody can tell any more where it is.
    """

    first: int
    old_lines: tuple[str, ...]
    new_lines: tuple[str, ...]
    grown: int = 0
    broken: bool = False

    @property
    def stop(self) -> int:
        """The line after the last one."""
        return self.first + len(self.new_lines) + self.grown

    def after(self, change: LineChange) -> Hunk:
        """The hunk where it is after `change` of the text."""
        followed = change.follow(self.first, self.stop)
        if followed is not None:
            return replace(self, first=followed[0])
        if self.first <= change.first and change.first + change.removed <= self.stop:
            return replace(self, grown=self.grown + change.added - change.removed)
        return replace(self, broken=True)

    def stands(self, lines: Sequence[str]) -> bool:
        """Whether the text `lines` holds what was written, as it was written.

        That is so again when a change inside was undone.  The kind of line ending does not
        count: some editors change it on their own.
        """
        return not self.broken and same_lines(lines[self.first : self.stop], self.new_lines)

    def is_taken_back(self, splice: Splice, before: Sequence[str], after: Sequence[str]) -> bool:
        """Whether `splice`, which made `after` of `before`, did just what `revert` would."""
        reach = len(self.old_lines) + len(self.new_lines)
        is_near = splice.first <= self.stop + reach and self.first - reach <= splice.stop
        grown = len(splice.added) - len(splice.removed)
        if not is_near or grown != len(self.old_lines) - len(self.new_lines):
            return False
        edit = self.revert(before)
        return isinstance(edit, LineEdit) and explained(before, after, [edit], [splice])

    def is_undone(self, lines: Sequence[str]) -> bool:
        """Whether changes inside it have brought the old lines back, one after the other."""
        changed = bool(self.grown or self.new_lines) and not self.broken
        return changed and same_lines(lines[self.first : self.stop], self.old_lines)

    def revert(self, lines: Sequence[str]) -> LineEdit | Refusal:
        """The edit of the text `lines` that brings the old lines back.

        Indices of the edit count the lines of that text.  Refused when somebody has changed the
        hunk since: what they wrote would be lost.
        """
        if not self.stands(lines):
            return Refusal("These lines were changed since, so they are not taken back.")
        return LineEdit(self.first, self.stop, self.old_lines)


class HunkLedger:
    """The hunks of one edit, from the first one applied until the user keeps or reverts them."""

    def __init__(self) -> None:
        self._hunks: list[Hunk] = []

    @property
    def hunks(self) -> tuple[Hunk, ...]:
        """The hunks from top to bottom."""
        return tuple(self._hunks)

    def record(self, hunk: Hunk) -> None:
        """Add a hunk that now stands in the text.

        One that begins where the hunk above it ends belongs to it, if nobody has changed that
        one since: a long hunk arrives in slices.
        """
        place = bisect_right(self._hunks, hunk.first, key=lambda each: each.first)
        above = self._hunks[place - 1] if place else None
        if above is not None and above.stop == hunk.first and not (above.grown or above.broken):
            self._hunks[place - 1] = Hunk(
                above.first, above.old_lines + hunk.old_lines, above.new_lines + hunk.new_lines
            )
        else:
            self._hunks.insert(place, hunk)

    def follow(self, change: LineChange) -> None:
        """Move all hunks with a change of the text that is not one of our own edits."""
        self._hunks = [hunk.after(change) for hunk in self._hunks]

    def follow_user(self, splice: Splice, before: Sequence[str], after: Sequence[str]) -> None:
        """Move all hunks with a change, and forget those that it has taken back."""
        left = [hunk for hunk in self._hunks if not hunk.is_taken_back(splice, before, after)]
        moved = [hunk.after(splice.change) for hunk in left]
        self._hunks = [hunk for hunk in moved if not hunk.is_undone(after)]

    def keep(self, hunk: Hunk) -> None:
        """Forget `hunk`: the user wants it to stay."""
        self._hunks.remove(hunk)

    def revert_all(self, lines: Sequence[str]) -> tuple[list[LineEdit], list[Hunk]]:
        """The edits that take back what still stands, in order, and the hunks that do not."""
        edits: list[LineEdit] = []
        changed: list[Hunk] = []
        for hunk in self._hunks:
            match hunk.revert(lines):
                case LineEdit() as edit:
                    edits.append(edit)
                case Refusal():
                    changed.append(hunk)
        return edits, changed


def hunks_of(
    old_lines: Sequence[str], edits: Iterable[LineEdit], first_line: int = 0
) -> list[Hunk]:
    """The hunks that `edits` of a region make, where they stand after all were applied.

    `old_lines` are the region's lines; `first_line` is where the region begins in the text.
    """
    ledger = HunkLedger()
    moved = first_line
    for edit in edits:
        ledger.record(Hunk(edit.start + moved, tuple(old_lines[edit.start : edit.end]), edit.lines))
        moved += len(edit.lines) - (edit.end - edit.start)
    return list(ledger.hunks)
