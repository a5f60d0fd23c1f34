"""Something that belongs to lines and stays with them while the text around them changes.

Findings, and explanations that are kept for hover.  Knows changes of lines, nothing of editors.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from kibitz_context.lines import LineChange

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Tracked(Generic[T]):
    """`value` belongs to the lines ``[start, end)``, counted from 0."""

    value: T
    start: int
    end: int

    def after(self, change: LineChange) -> Tracked[T] | None:
        """Where it is after `change`; None when its lines were changed: then it is stale."""
        followed = change.follow(self.start, self.end)
        if followed is None:
            return None
        if followed == (self.start, self.end):
            return self
        return replace(self, start=followed[0], end=followed[1])


def follow(tracked: Iterable[Tracked[T]], change: LineChange) -> list[Tracked[T]]:
    """Those of `tracked` that `change` has left standing, where they are now."""
    moved = (each.after(change) for each in tracked)
    return [each for each in moved if each is not None]
