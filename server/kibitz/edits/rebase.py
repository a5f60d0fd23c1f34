"""A region that is being rewritten while its user goes on typing.

Edits come in lines of the region as it was asked about.  `Rebase` knows where each of those lines
stands by now, and which of them the user has changed:

* changes outside move the region; what is typed directly at its borders is outside;
* in the part that was written already the user's text stays, whatever it does to ours;
* in the part that is still to come the user's lines join the old text: the rest is written round
  them, and where Claude rewrites such a line its version is held, to be offered;
* when one change takes all of the part still to come, the region is lost: nothing more can be
  placed with certainty.  When a change puts back what we wrote over, our text is taken back.

An edit replaces lines that stand in the text exactly as they were asked about, or none at all:
that is why no character of the user's is lost.

Pure: no editor, no clock.  Lines are counted in the document; equality of lines leaves the kind
of line ending out.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from kibitz.edits.hunks import Hunk, HunkLedger
from kibitz.edits.offers import Offer
from kibitz.edits.remainder import Remainder
from kibitz.edits.splices import Splice, explained, refined, same_lines
from kibitz.edits.values import LineEdit, apply_line_edits, coalesced
from kibitz_context.lines import LineChange, is_telling

#: What a change of the user's means for the edits still to come.
Fate = Literal["goes on", "lost", "taken back"]


@dataclass(frozen=True, slots=True)
class _Held:
    """`edits` of the old lines ``[start, end)`` that are held; None when their place is gone."""

    start: int
    end: int
    edits: tuple[LineEdit, ...]
    place: Offer | None


class Placed(NamedTuple):
    """`edits` of the document as it stands, in order, and the region once they are applied.

    Not `intact` when the document does not hold the lines that were to be replaced: then nothing
    may be sent.
    """

    edits: list[LineEdit]
    after: Rebase
    intact: bool


class Rebase:
    """Where the `old_lines` from line `first` of a document on are, and what became of them."""

    def __init__(self, first: int, old_lines: Sequence[str]) -> None:
        self._first = first
        self._to_come = Remainder(old_lines)
        self._boundary = first  # the line of the document where what is to come begins
        self._has_begun = False
        self._written: list[Hunk] = []  # in the order in which it was written
        self._last_count = 0  # hunks of the last edit
        self._held: list[_Held] = []

    def copy(self) -> Rebase:
        twin = copy(self)
        twin._to_come = self._to_come.copy()
        twin._written, twin._held = list(self._written), list(self._held)
        return twin

    # -- what became of it ---------------------------------------------------------------------

    @property
    def first(self) -> int:
        """The line of the document where the region begins."""
        return self._first

    @property
    def stop(self) -> int:
        """The line of the document after the region's last one."""
        return self._boundary + len(self._to_come)

    def hunks(self) -> list[Hunk]:
        """What was written, top to bottom; slices of one hunk are one."""
        return list(self._ledger().hunks)

    def offers(self, lines: Sequence[str]) -> list[Offer]:
        """What was held, but for what the document `lines` says anyhow."""
        places = (held.place for held in self._held)
        return [place for place in places if place is not None and not place.is_settled(lines)]

    # -- the user ------------------------------------------------------------------------------

    def follow(self, splice: Splice, before: Sequence[str], after: Sequence[str]) -> Fate:
        """Follow a change of the document that is not our own edit, from `before` to `after`."""
        untouched = self._to_come.untouched_count
        taken_back = self._takes_back(splice, before, after)
        for part in refined(splice):
            self._follow(part)
        if taken_back or any(
            _is_telling_hunk(hunk) and hunk.is_undone(after) for hunk in self._written
        ):
            return "taken back"
        # One line that the user is typing in is no loss: Claude's version of it can be offered.
        are_gone = untouched and not self._to_come.untouched_count
        return "lost" if are_gone and (untouched > 1 or not len(self._to_come)) else "goes on"

    def _follow(self, splice: Splice) -> None:
        change = splice.change
        grown = change.added - change.removed
        self._written = [hunk.after(change) for hunk in self._written]
        self._held = [
            replace(held, place=held.place.after(change)) if held.place is not None else held
            for held in self._held
        ]
        start, stop = splice.first - self._boundary, splice.stop - self._boundary
        count = len(self._to_come)
        # What is typed directly at a border is outside, and below what was written last.
        is_above = stop < 0 or (stop == 0 and (start < 0 or not self._has_begun))
        if splice.first < self._first < splice.stop:
            self._first = splice.first + change.added
        elif splice.stop <= self._first and (is_above or start < 0):
            self._first += grown
        if is_above:
            self._boundary += grown
        elif start < 0:  # across the upper edge: the user's text is above
            self._boundary = splice.first + change.added
            self._to_come.replace(0, min(stop, count), ())
        elif start < count and stop > count:  # across the lower edge: it is below
            self._to_come.replace(start, count, ())
        elif start < count:
            self._to_come.replace(start, stop, splice.added)

    def _takes_back(self, splice: Splice, before: Sequence[str], after: Sequence[str]) -> bool:
        """Whether `splice` puts back what the last edit, or one hunk, was written over."""
        last = self._written[len(self._written) - self._last_count :]
        inverse = [hunk.revert(before) for hunk in sorted(last, key=lambda hunk: hunk.first)]
        edits = [edit for edit in inverse if isinstance(edit, LineEdit)]
        if len(edits) == len(inverse) and explained(before, after, coalesced(edits), [splice]):
            return True
        return any(
            _is_telling_hunk(hunk) and hunk.is_taken_back(splice, before, after)
            for hunk in self._written
        )

    # -- Claude --------------------------------------------------------------------------------

    def place(
        self, edits: Sequence[LineEdit], lines: Sequence[str], *, hold_all: bool = False
    ) -> Placed:
        """`edits`, which follow those placed before, as edits of the document `lines`.

        With `hold_all` all of them are held, to be offered.
        """
        after = self.copy()
        made: list[LineEdit] = []
        intact, grown = True, 0
        for edit in edits:
            if hold_all or after._must_hold(edit):
                after._hold(edit)
                continue
            parts, is_there = after._write(edit, lines, made, grown)
            intact = intact and is_there
            for part in parts:
                insort(made, part, key=_by_place)
                grown += _growth(part)
        after._last_count = len(after._written) - len(self._written)
        return Placed(coalesced(made), after, intact)

    def take_back(self, lines: Sequence[str]) -> Placed:
        """The edits of the document `lines` that take back all that stands as it was written."""
        edits, changed = self._ledger().revert_all(lines)
        placed = self.displaced(edits, lines)
        # What was changed since stays; nobody takes it back later.
        placed.after._written, placed.after._last_count = changed, 0
        return placed

    def displaced(self, edits: Sequence[LineEdit], lines: Sequence[str]) -> Placed:
        """`edits` of the document `lines` that have nothing to do with the reply."""
        after = self.copy()
        for edit in reversed(edits):
            after._follow(Splice(edit.start, tuple(lines[edit.start : edit.end]), edit.lines))
        return Placed(coalesced(edits), after, intact=True)

    def _ledger(self) -> HunkLedger:
        ledger = HunkLedger()
        for hunk in self._written:
            ledger.record(hunk)
        return ledger

    def _write(
        self, edit: LineEdit, lines: Sequence[str], made: Sequence[LineEdit], grown: int
    ) -> tuple[list[LineEdit], bool]:
        """Write `edit`: its parts in `lines`, and whether they hold there what is replaced.

        `made` are the parts of earlier edits, and `grown` by how many lines they make the
        document longer.
        """
        continues = self._has_begun and edit.start == self._to_come.frontier
        if not continues:
            self._boundary += self._to_come.pass_by(edit.start, typed_too=True)
        # A hunk comes in slices; what the user types below a slice stays below the next one.
        typed = self._to_come.typed_at_frontier() if continues else 0
        replaced = self._to_come.cut(edit.end)
        upper = self._boundary
        lower = upper + typed if replaced else upper
        at, below = _before(upper, made, grown), _before(lower, made, grown)
        is_there = same_lines(lines[below : below + len(replaced)], replaced)
        if lower == upper:
            parts = [(upper, LineEdit(at, at + len(replaced), edit.lines))]
        else:
            deleted = LineEdit(below, below + len(replaced), ())
            parts = [(upper, LineEdit(at, at, edit.lines)), (lower + len(edit.lines), deleted)]
        parts = [(first, part) for first, part in parts if part.lines or part.start < part.end]
        for first, part in parts:
            gone = tuple(lines[part.start : part.end])
            if typed:  # an earlier slice may have deleted lines below
                change = LineChange(first, len(gone), len(part.lines))
                self._written = [each.after(change) for each in self._written]
            self._written.append(Hunk(first, gone, part.lines))
        self._boundary += len(edit.lines)
        self._has_begun = True
        return [part for _, part in parts], is_there

    def _must_hold(self, edit: LineEdit) -> bool:
        if edit.start < self._to_come.frontier or self._continues_held(edit):
            return True
        if self._to_come.is_free(edit.start, edit.end):
            return False
        return bool(edit.lines) or not self._to_come.is_deleted_or_free(edit.start, edit.end)

    def _continues_held(self, edit: LineEdit) -> bool:
        """Whether `edit` belongs to the hunk that was held last."""
        last = self._held[-1] if self._held else None
        return (
            last is not None
            and last.end == self._to_come.frontier
            and (edit.start < last.end or edit.start == last.edits[-1].end)
        )

    def _hold(self, edit: LineEdit) -> None:
        """Keep `edit` for later, with all of the user's changes that it reaches into."""
        to_come = self._to_come
        if self._continues_held(edit):
            last = self._held.pop()
            start, end = last.start, max(edit.end, last.end)
            edits, place = (*last.edits, edit), last.place
        elif edit.start < to_come.frontier:
            return
        else:
            start, end = to_come.widened(edit.start, edit.end)
            if not (self._has_begun and start == to_come.frontier):
                self._boundary += to_come.pass_by(start, typed_too=True)
            edits, place = (edit,), Offer(self._boundary, self._boundary, ())
        _, end = to_come.widened(to_come.frontier, end) if end > to_come.frontier else (0, end)
        is_at_boundary = place is not None and place.stop == self._boundary
        self._boundary += to_come.pass_by(end, typed_too=False)
        if place is not None:
            moved = [LineEdit(each.start - start, each.end - start, each.lines) for each in edits]
            wanted = apply_line_edits(list(to_come.old(start, end)), moved)
            place = Offer(place.first, self._boundary, tuple(wanted)) if is_at_boundary else None
        self._held.append(_Held(start, end, edits, place))
        self._has_begun = True


def _by_place(part: LineEdit) -> tuple[int, int]:
    return part.start, part.end


def _growth(part: LineEdit) -> int:
    return len(part.lines) - (part.end - part.start)


def _before(place: int, made: Sequence[LineEdit], grown: int) -> int:
    """Where the line at `place` was before `made`, which make the text `grown` lines longer.

    Most parts are above it.  One is not where the user has typed in front of what it deleted.
    """
    for part in reversed(made):
        grown -= _growth(part)
        if part.start + grown + len(part.lines) <= place:
            return place - grown - _growth(part)
    return place


def _is_telling_hunk(hunk: Hunk) -> bool:
    """Whether taking it back says something: a blank line or a bracket may be typed or deleted
    for many reasons."""
    return any(map(is_telling, (*hunk.old_lines, *hunk.new_lines)))
