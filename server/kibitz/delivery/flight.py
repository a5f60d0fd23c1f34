"""An edit on its way, and whose the changes are that are heard of meanwhile.

A change may be the edit itself, a part of it, the edit put in the wrong place, or the user's; some
clients tell of two of these as of one.  Pure: what it finds, `machine` acts on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from kibitz.delivery.standing import Purpose, Standing
from kibitz.edits.rebase import Placed
from kibitz.edits.region import TextChange, lines_after
from kibitz.edits.splices import Splice, besides, explained, same_lines
from kibitz.edits.values import LineEdit
from kibitz.profiles import Profile, Versions
from kibitz_context.document import Document
from kibitz_context.lines import Encoding

MAX_UNEXPLAINED = 16  # changes that may be parts of one echo


class Echo(NamedTuple):
    """The edit came in as it was `placed`, behind all else that was heard, and made `text`.

    Changes of the user's came `behind` it; no client has told of them by themselves.
    """

    placed: Placed
    text: list[str]
    behind: Sequence[Splice]


class Astray(NamedTuple):
    """The edit was put where its lines were when it was sent, and turned `before` into `after`."""

    before: list[str]
    after: list[str]


@dataclass(slots=True)
class Flight:
    """An edit that was sent.  `heard` is what happened to `text` since, and is not understood."""

    purpose: Purpose
    batch: list[LineEdit]  # of the reply, in lines of the region as it was asked about
    document: Document
    changes: Sequence[TextChange]
    text: list[str]
    placed: Placed | None  # in `text`; None once that is another one
    encoding: Encoding  # that the client counts columns in
    sent_at: float  # seconds of the editor's clock
    heard: list[Splice] = field(default_factory=list[Splice])
    answered: bool = False
    echoed: bool = False
    call_off: Callable[[], None] | None = None

    def hear(
        self, splice: Splice, after: list[str], standing: Standing, profile: Profile
    ) -> Echo | Astray | None:
        """`splice` has made `after` of the text; what has come in by it, None for nothing yet."""
        self.heard.append(splice)
        may_stray = profile.versions != "transformed" and not profile.compares(
            self.document.version
        )
        return self.echo(self.heard, after, standing, profile.versions) or (
            self._astray(after) if may_stray else None
        )

    def is_first_the_users(self, standing: Standing) -> bool:
        """Whether the first thing heard cannot be a part of the edit."""
        if len(self.heard) == 1:
            return not self._reaches(self.heard[0], standing)
        return len(self.heard) > MAX_UNEXPLAINED

    def both(self, after: list[str], standing: Standing) -> Echo | None:
        """The edit, where the client told of it and of what the user did as of one change."""
        placed = self._placed_in(standing)
        found = besides(self.text, after, placed.edits) if placed.edits else None
        if found is None:
            return None
        text, behind = found
        return Echo(placed, text, behind)

    def take_for_users(self) -> tuple[Splice, list[str], list[str]]:
        """The first of what was heard is the user's after all; the text before and after it."""
        splice, before = self.heard.pop(0), self.text
        self.text, self.placed = splice.applied(before), None
        return splice, before, self.text

    def _placed_in(self, standing: Standing) -> Placed:
        """The edit as it has to be in the text as far as that is understood."""
        if self.placed is None:
            self.placed = standing.place(self.purpose, self.batch, self.text)
        return self.placed

    def _reaches(self, splice: Splice, standing: Standing) -> bool:
        edits = self._placed_in(standing).edits
        return any(
            splice.first < edit.end and edit.start < splice.stop
            if splice.removed and edit.start < edit.end
            else splice.first <= edit.end and edit.start <= splice.stop
            for edit in edits
        )

    def echo(
        self, heard: Sequence[Splice], after: list[str], standing: Standing, versions: Versions
    ) -> Echo | None:
        """The edit, if that is the end of what was `heard` and made `after` of the text."""
        rebase, text = standing.rebase, self.text
        for index, splice in enumerate(heard):
            placed = (
                standing.place(self.purpose, self.batch, text, rebase)
                if index
                else self._placed_in(standing)
            )
            rest = heard[index:]
            # A client that does not compare versions tells of an edit as of one change.  Several
            # that come to the same are what the user typed, and the edit put over it.
            may_be_all = len(rest) == 1 or versions != "ignored"
            if may_be_all and explained(text, after, placed.edits, rest):
                return Echo(placed, after, ())
            before, text = text, splice.applied(text)
            rebase = rebase.copy()
            if rebase.follow(splice, before, text) != "goes on":
                return None
        return None

    def _astray(self, after: list[str]) -> Astray | None:
        text = self.text
        for splice in self.heard[:-1]:
            text = splice.applied(text)
        if same_lines(text, self.document.lines.lines):
            return None
        if not same_lines(lines_after(text, self.document, self.changes, self.encoding), after):
            return None
        return Astray(text, after)
