"""What every request of a played trace met, for those who look back on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bench.replay_traces import Trace
from bench.replay_world import Blocks, Made
from kibitz_context import markup
from kibitz_context.layers.changes import Now, entries_of, since_told
from kibitz_context.layers.log import Entry
from kibitz_context.values import Place

PlaceState = tuple[str, int]
"""Which state a file or some lines of it are in, and the tokens of telling it."""


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """The repository at one action: what is checked out, and the files as the editor has them."""

    at: float
    head: Made
    now: dict[str, Blocks]


@dataclass(frozen=True, slots=True)
class _Differing:
    """What differs from a base: places, and the files that are told whole; the tokens of both."""

    places: Mapping[Place, PlaceState]
    wholes: tuple[Entry, ...]
    tokens: int


@dataclass(slots=True)
class Session:
    """A trace and what its actions saw; answers what was changed beside any base."""

    trace: Trace
    seen: list[Seen] = field(default_factory=list)
    _differing: dict[tuple[int, int], _Differing] = field(default_factory=dict)
    _entries: dict[tuple[Blocks | None, Blocks], tuple[Entry, ...]] = field(default_factory=dict)
    _since: dict[tuple[str, str, str], dict[Place, PlaceState] | None] = field(default_factory=dict)

    def changes(self, base: Made, index: int, told: dict[str, Entry]) -> dict[Place, PlaceState]:
        """What differs from `base` at an action, as the changes layer tells it behind a log.

        `told` are the files that this log has told whole, by path; those that are told whole now
        are added.
        """
        differing = self._differing_from(base, index)
        found = dict(differing.places)
        for whole in differing.wholes:
            before = told.get(whole.path)
            since = self._since_told(before, whole) if before is not None else None
            if before is None or since is None:
                told[whole.path] = before = whole
                since = {}
            found[before.place] = (before.state, before.tokens)
            found |= since
        return found

    def tokens(self, base: Made, index: int) -> int:
        """How long the changes are where nothing was told before."""
        return self._differing_from(base, index).tokens

    def _differing_from(self, base: Made, index: int) -> _Differing:
        key = (base.number, index)
        if key not in self._differing:
            entries: list[Entry] = []
            for path, blocks in self.seen[index].now.items():
                old = base.tree.get(path)
                if blocks is not old:
                    entries += self._entries_of(path, old, blocks)
            places = {
                entry.place: (entry.state, entry.tokens)
                for entry in entries
                if entry.form != "full"
            }
            wholes = tuple(entry for entry in entries if entry.form == "full")
            tokens = sum(entry.tokens for entry in entries)
            self._differing[key] = _Differing(places, wholes, tokens)
        return self._differing[key]

    def _entries_of(self, path: str, old: Blocks | None, new: Blocks) -> tuple[Entry, ...]:
        if old == new:
            return ()
        if (old, new) not in self._entries:
            before = "".join(old) if old is not None else None
            now = Now(path, "modified" if old else "added", "".join(new))
            self._entries[old, new] = entries_of(now, before)
        return self._entries[old, new]

    def _since_told(self, before: Entry, whole: Entry) -> dict[Place, PlaceState] | None:
        key = (whole.path, before.state, whole.state)
        if key not in self._since:
            start, end = markup.inside(before.text)
            entries = since_told(whole, before.text[start:end])
            self._since[key] = (
                {entry.place: (entry.state, entry.tokens) for entry in entries}
                if entries is not None
                else None
            )
        return self._since[key]
