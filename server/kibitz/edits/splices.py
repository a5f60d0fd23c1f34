"""What happened to the lines of a text, with the lines, so that it can be told who did it.

Pure: lists of lines in, splices out.  The kind of a line's ending does not count anywhere here:
some editors write their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from kibitz.edits.lcs import Occurrences, Table
from kibitz.edits.values import LineEdit, apply_line_edits
from kibitz_context.lines import LineChange, line_change_between, without_ending

# Above so many pairs of lines a change is taken as a whole: looking closer would block.
_MOST_PAIRS: Final = 4_000_000


@dataclass(frozen=True, slots=True)
class Splice:
    """`removed` stood from line `first` on; `added` stands there now."""

    first: int
    removed: tuple[str, ...]
    added: tuple[str, ...]

    @property
    def stop(self) -> int:
        """The line after the last one that was removed."""
        return self.first + len(self.removed)

    @property
    def change(self) -> LineChange:
        return LineChange(self.first, len(self.removed), len(self.added))

    def applied(self, lines: Sequence[str]) -> list[str]:
        """`lines` after it happened."""
        return [*lines[: self.first], *self.added, *lines[self.stop :]]


def same_lines(these: Sequence[str], those: Sequence[str]) -> bool:
    """Whether both are the same lines but for the kind of their endings."""
    return len(these) == len(those) and all(
        this == that or without_ending(this) == without_ending(that)
        for this, that in zip(these, those, strict=True)
    )


def splice_between(before: list[str], after: list[str]) -> Splice:
    """The smallest single splice that turns `before` into `after`."""
    change = line_change_between(before, after)
    return Splice(
        change.first,
        tuple(before[change.first : change.first + change.removed]),
        tuple(after[change.first : change.first + change.added]),
    )


def refined(splice: Splice) -> list[Splice]:
    """`splice` as smaller ones, from top to bottom, each in terms of the text after those before.

    A formatter or a reload tells of the whole text as one change; most lines are as they were.
    As many lines in the place of others are taken for those lines, changed one by one.
    """
    old = [without_ending(line) for line in splice.removed]
    new = [without_ending(line) for line in splice.added]
    pairs: list[tuple[int, int]] = []
    if old and new and len(old) * len(new) <= _MOST_PAIRS:
        occurrences, table = Occurrences(old), Table(len(old))
        for line in new:
            table.add(occurrences.bits_from(line, 0))
        pairs = list(table.path(len(old)))[::-1]
    found: list[Splice] = []
    old_done = new_done = 0
    for old_kept, new_kept in [*pairs, (len(old), len(new))]:
        removed, added = splice.removed[old_done:old_kept], splice.added[new_done:new_kept]
        first = splice.first + new_done
        if len(removed) == len(added):
            found += [
                Splice(first + index, (before,), (after,))
                for index, (before, after) in enumerate(zip(removed, added, strict=True))
                if not same_lines((before,), (after,))
            ]
        else:
            found.append(Splice(first, removed, added))
        old_done, new_done = old_kept + 1, new_kept + 1
    return found


def explained(
    before: Sequence[str],
    after: Sequence[str],
    edits: Sequence[LineEdit],
    splices: Iterable[Splice],
) -> bool:
    """Whether `splices`, which turned `before` into `after`, did what `edits` do, and no more.

    `edits` count the lines of `before`.  Only lines that either of them touches are compared.
    """
    grown = sum(len(edit.lines) - (edit.end - edit.start) for edit in edits)
    if not edits or len(after) - len(before) != grown:
        return False
    head, tail, count = edits[0].start, len(before) - edits[-1].end, len(before)
    for splice in splices:
        head, tail = min(head, splice.first), min(tail, count - splice.stop)
        count += len(splice.added) - len(splice.removed)
    window = list(before[head : len(before) - tail])
    moved = [LineEdit(edit.start - head, edit.end - head, edit.lines) for edit in edits]
    return same_lines(apply_line_edits(window, moved), after[head : len(after) - tail])


def besides(
    before: list[str], after: list[str], edits: Sequence[LineEdit]
) -> tuple[list[str], list[Splice]] | None:
    """What else happened where `edits` and changes of somebody else's are told as one.

    The text after the edits alone, and the splices that turned it into `after`; None where the
    edits cannot be recognised: then `after` is better explained without them.
    """
    expected = apply_line_edits(before, list(edits))
    others = refined(splice_between(expected, after))
    alone = refined(splice_between(before, after))
    if _size(others) >= _size(alone):
        return None
    touched: set[int] = set()
    inserted: set[int] = set()
    moved = 0
    for splice in others:
        first = splice.first - moved
        touched.update(range(first, first + len(splice.removed)))
        if splice.added:
            inserted.add(first)
        moved += len(splice.added) - len(splice.removed)
    shift = 0
    for edit in edits:
        place = edit.start + shift
        mine = range(place, place + len(edit.lines))
        # Deleted lines are known by what stands round the place, new ones by one of them.
        round_it = place in inserted or not touched.isdisjoint((place - 1, place))
        if touched.issuperset(mine) if mine else round_it:
            return None
        shift += len(edit.lines) - (edit.end - edit.start)
    return expected, others


def _size(splices: Iterable[Splice]) -> int:
    return sum(len(splice.removed) + len(splice.added) for splice in splices)
