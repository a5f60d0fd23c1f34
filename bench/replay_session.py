"""What every request of a played trace met, for those who look back on it."""

from __future__ import annotations

from dataclasses import dataclass, field

from bench.replay_traces import Trace
from bench.replay_world import Blocks, Made
from kibitz_context.changes import Now, entry_of

FileState = tuple[int, int]
"""Which state a file is in, by a number that is the same for the same text, and its tokens."""


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
    _changes: dict[tuple[int, int], dict[str, FileState]] = field(default_factory=dict)
    _tokens: dict[tuple[Blocks, Blocks], int] = field(default_factory=dict)
    _states: dict[Blocks, int] = field(default_factory=dict)

    def changes(self, base: Made, index: int) -> dict[str, FileState]:
        """The files that differ from `base` at an action, as the changes layer tells them."""
        key = (base.number, index)
        if key not in self._changes:
            self._changes[key] = {
                path: (self._states.setdefault(blocks, len(self._states)), tokens)
                for path, blocks in self.seen[index].now.items()
                if blocks is not base.tree[path]
                and (tokens := self._told(path, base.tree[path], blocks))
            }
        return self._changes[key]

    def _told(self, path: str, old: Blocks, new: Blocks) -> int:
        if old == new:
            return 0
        if (old, new) not in self._tokens:
            entry = entry_of(Now(path, "modified", "".join(new)), "".join(old))
            self._tokens[old, new] = entry.tokens
        return self._tokens[old, new]
