"""Lines of Claude's for a place that the user has changed meanwhile: offered, not written.

Knows lines and changes of lines, nothing of editors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from kibitz.edits.splices import same_lines
from kibitz.edits.values import LineEdit
from kibitz_context.lines import LineChange


@dataclass(frozen=True, slots=True)
class Offer:
    """The lines ``[first, stop)`` of the text are the user's; Claude would have `lines` there.

    Unlike a hunk it may be applied whatever stands there by then: only the user does that, who
    sees both.
    """

    first: int
    stop: int
    lines: tuple[str, ...]

    @property
    def edit(self) -> LineEdit:
        """The edit of the text that takes Claude's version."""
        return LineEdit(self.first, self.stop, self.lines)

    def after(self, change: LineChange) -> Offer | None:
        """The offer where it is after `change` of the text.

        None when the change reached over an edge: nobody can tell any more where it is.
        """
        followed = change.follow(self.first, self.stop)
        if followed is not None:
            return replace(self, first=followed[0], stop=followed[1])
        if self.first <= change.first and change.first + change.removed <= self.stop:
            return replace(self, stop=self.stop + change.added - change.removed)
        return None

    def is_settled(self, lines: Sequence[str]) -> bool:
        """Whether the text `lines` has Claude's version there already."""
        return same_lines(lines[self.first : self.stop], self.lines)
