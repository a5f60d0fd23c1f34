"""Two edits, one after the other, as the one that they come to.  Pure."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher

from kibitz.edits.hunks import Hunk, HunkLedger, hunks_of
from kibitz.edits.values import LineEdit, Refusal, apply_line_edits


def composed(
    between: Sequence[str], first: Sequence[Hunk], after: Sequence[str], second: Sequence[Hunk]
) -> list[Hunk] | None:
    """The hunks of both edits together, as they stand in the lines `after`.

    `first` are those of one edit as they stand in the lines `between`, `second` those of the edit
    that made `after` of these.  None where a hunk does not stand, or where something else has
    changed the text meanwhile: then nobody can tell what is whose.
    """
    before = _taken_back(between, first)
    if before is None or _taken_back(after, second) != list(between):
        return None
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    edits = [
        LineEdit(start, end, tuple(after[new_start:new_end]))
        for tag, start, end, new_start, new_end in matcher.get_opcodes()
        if tag != "equal"
    ]
    return hunks_of(before, edits)


def _taken_back(lines: Sequence[str], hunks: Sequence[Hunk]) -> list[str] | None:
    """`lines` without what the hunks have changed; None where one of them does not stand."""
    edits: list[LineEdit] = []
    for hunk in sorted(hunks, key=lambda each: each.first):
        edit = hunk.revert(lines)
        if isinstance(edit, Refusal):
            return None
        edits.append(edit)
    return apply_line_edits(list(lines), edits)


def ledger_of(hunks: Sequence[Hunk]) -> HunkLedger:
    """A ledger with these hunks."""
    ledger = HunkLedger()
    for hunk in hunks:
        ledger.record(hunk)
    return ledger
