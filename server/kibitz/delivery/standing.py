"""What of ours stands in a document while its user types, and what stands where it should not.

Pure: no editor, no clock.  `kibitz.edits.rebase` knows the region; this knows besides what a
client has put elsewhere, until it is taken back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from kibitz.edits.hunks import Hunk, HunkLedger
from kibitz.edits.offers import Offer
from kibitz.edits.rebase import Fate, Placed, Rebase
from kibitz.edits.splices import Splice, refined, splice_between
from kibitz.edits.values import LineEdit

#: What an edit does: write the reply, take all of it back, or mend what went astray.
Purpose = Literal["write", "take back", "mend"]


@dataclass(frozen=True, slots=True)
class _Astray:
    """What an edit that went astray has made of the text `before`."""

    before: list[str]
    ledger: HunkLedger


class Standing:
    """The region of `region_lines` that begins at `first_line`, as it is by now."""

    def __init__(self, first_line: int, region_lines: Sequence[str]) -> None:
        self._rebase = Rebase(first_line, region_lines)
        # The last one is mended first; the text is then as the one before it left it, but for
        # what the user has typed: no other follows what happens meanwhile.
        self._astray: list[_Astray] = []

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
        return rebase.displaced(_mending(self._astray[-1].ledger, lines), lines)

    def done(self, purpose: Purpose, placed: Placed, lines: list[str]) -> None:
        """What was `placed` stands in the document `lines`, or there was nothing to send."""
        self._rebase = placed.after
        if purpose == "mend":
            mended = self._astray.pop()
            self._follow_astray(refined(splice_between(mended.before, lines)))

    def _follow_astray(self, splices: Sequence[Splice]) -> None:
        if self._astray:
            for splice in splices:
                self._astray[-1].ledger.follow(splice.change)

    def hold(self, edits: Sequence[LineEdit], lines: list[str]) -> None:
        """Keep `edits` of the reply, which will not be written, to be offered."""
        self._rebase = self._rebase.place(edits, lines, hold_all=True).after

    # -- everything else -----------------------------------------------------------------------

    def follow_user(self, splice: Splice, before: list[str], after: list[str]) -> Fate:
        """Follow a change of the user's; what it means for what is still to be written."""
        self._follow_astray([splice])
        return self._rebase.follow(splice, before, after)

    def went_astray(self, before: list[str], after: list[str]) -> None:
        """The client turned `before` into `after` with an edit that it should have refused."""
        ledger, text = HunkLedger(), before
        for splice in refined(splice_between(before, after)):
            following = splice.applied(text)
            self._rebase.follow(splice, text, following)
            ledger.record(Hunk(splice.first, splice.removed, splice.added))
            text = following
        self._astray.append(_Astray(before, ledger))


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
