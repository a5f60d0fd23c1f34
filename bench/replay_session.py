"""What every request of a played trace met, for those who look back on it."""

from __future__ import annotations

from dataclasses import dataclass, field

from bench.replay_traces import Trace
from bench.replay_world import Blocks, Made
from kibitz_context.layers.changes import Now, entries_of
from kibitz_context.values import Place

PlaceState = tuple[str, int]
"""Which state a file or some lines of it are in, and the tokens of telling it."""


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """The repository at one action: what is checked out, and the files as the editor has them."""

    at: float
    head: Made
    now: dict[str, Blocks]


@dataclass(slots=True)
class Session:
    """A trace and what its actions saw; answers what was changed beside any base."""

    trace: Trace
    seen: list[Seen] = field(default_factory=list)
    _changes: dict[tuple[int, int], dict[Place, PlaceState]] = field(default_factory=dict)
    _told: dict[tuple[Blocks, Blocks], dict[Place, PlaceState]] = field(default_factory=dict)

    def changes(self, base: Made, index: int) -> dict[Place, PlaceState]:
        """What differs from `base` at an action, as the changes layer tells it."""
        key = (base.number, index)
        if key not in self._changes:
            found: dict[Place, PlaceState] = {}
            for path, blocks in self.seen[index].now.items():
                if blocks is not base.tree[path]:
                    found |= self._of_file(path, base.tree[path], blocks)
            self._changes[key] = found
        return self._changes[key]

    def _of_file(self, path: str, old: Blocks, new: Blocks) -> dict[Place, PlaceState]:
        if old == new:
            return {}
        if (old, new) not in self._told:
            entries = entries_of(Now(path, "modified", "".join(new)), "".join(old))
            self._told[old, new] = {entry.place: (entry.state, entry.tokens) for entry in entries}
        return self._told[old, new]
