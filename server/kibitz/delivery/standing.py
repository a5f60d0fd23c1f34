"""What of ours stands in a document while its user types, and what stands where it should not.

Pure: no editor, no clock.  `kibitz.edits.rebase` knows the region; this knows besides what a
client has put elsewhere, until it is taken back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from kibitz.edits.hunks import Hunk, HunkLedger
from kibitz.edits.offers import Offer
from kibitz.edits.rebase import Fate, Placed, Rebase
from kibitz.edits.splices import Splice, refined, splice_between
from kibitz.edits.values import LineEdit
from kibitz_context.lines import LineChange

#: What an edit does: write the reply, take all of it back, or mend what went astray.
Purpose = Literal["write", "take back", "mend"]


class Standing:
    """The region of `region_lines` that begins at `first_line`, as it is by now."""

    def __init__(self, first_line: int, region_lines: Sequence[str]) -> None:
        self._rebase = Rebase(first_line, region_lines)
        self._astray: list[HunkLedger] = []

    @property
    def rebase(self) -> Rebase:
        """The region as it stands; not to be changed by others."""
        return self._rebase

    @property
    def first_line(self) -> int:
        """The line of the document where the region begins."""
        return self._rebase.first

    @property
    def needs_mending(self) -> bool:
        """Whether something stands where a client should not have put it."""
        return bool(self._astray)

    def hunks(self) -> list[Hunk]:
        """What was written so far, top to bottom, where it stands now."""
        return self._rebase.hunks()

    def offers(self, lines: Sequence[str]) -> list[Offer]:
        """What was held, but for what the document `lines` says anyhow."""
        return self._rebase.offers(lines)

    # -- our edits -----------------------------------------------------------------------------

    def place(
        self,
        purpose: Purpose,
        batch: Sequence[LineEdit],
        lines: list[str],
        rebase: Rebase | None = None,
    ) -> Placed:
        """The edits of the document `lines` that do what is to be done.

        `rebase` is the region where it differs from the one that stands.
        """
        rebase = self._rebase if rebase is None else rebase
        if purpose == "write":
            return rebase.place(batch, lines)
        if purpose == "take back":
            return rebase.take_back(lines)
        return rebase.displaced(_mending(self._astray[-1], lines), lines)

    def done(self, purpose: Purpose, placed: Placed) -> None:
        """What was `placed` stands in the document, or there was nothing to send."""
        self._rebase = placed.after
        if purpose == "mend":
            self._astray.pop()

    def arrived(self, purpose: Purpose, placed: Placed, before: Sequence[Splice]) -> None:
        """The edits that were `placed` came in; changes of the user's came `before` them."""
        own = [
            LineChange(edit.start, edit.end - edit.start, len(edit.lines))
            for edit in reversed(placed.edits)
        ]
        self.done(purpose, placed)
        for ledger in self._astray:
            for change in (*(splice.change for splice in before), *own):
                ledger.follow(change)

    def hold(self, edits: Sequence[LineEdit], lines: list[str]) -> None:
        """Keep `edits` of the reply, which will not be written, to be offered."""
        self._rebase = self._rebase.place(edits, lines, hold_all=True).after

    # -- everything else -----------------------------------------------------------------------

    def follow_user(self, splice: Splice, before: list[str], after: list[str]) -> Fate:
        """Follow a change of the user's; what it means for what is still to be written."""
        for ledger in self._astray:
            ledger.follow(splice.change)
        return self._rebase.follow(splice, before, after)

    def went_astray(self, before: list[str], after: list[str]) -> None:
        """The client turned `before` into `after` with an edit that it should have refused."""
        ledger, text = HunkLedger(), before
        for splice in refined(splice_between(before, after)):
            following = splice.applied(text)
            self.follow_user(splice, text, following)
            ledger.record(Hunk(splice.first, splice.removed, splice.added))
            text = following
        self._astray.append(ledger)


def _mending(astray: HunkLedger, lines: Sequence[str]) -> list[LineEdit]:
    """The edits of the document `lines` that put back what an edit that went `astray` replaced.

    Where the user has gone on typing in what it put there, that stays, and what was replaced
    comes below it: either may be what they have written.
    """
    edits: list[LineEdit] = []
    for hunk in astray.hunks:
        answer = hunk.revert(lines)
        if isinstance(answer, LineEdit):
            edits.append(answer)
        elif hunk.old_lines and not hunk.is_undone(lines):
            at = max(min(hunk.stop, len(lines)), edits[-1].end if edits else 0)
            edits.append(LineEdit(at, at, hunk.old_lines))
    return edits
