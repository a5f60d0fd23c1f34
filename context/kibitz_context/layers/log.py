"""The changes layer as a log that only grows, with a tail for what does not hold still.

Pure.  An entry tells how a file, or some lines of it, differ from the snapshot's commit, so that
any later entry that speaks of the same lines takes its place: newest wins.  What was appended once
is sent with the same bytes until the log is folded; what is not in the log stands in the tail,
behind the last marker.  Lines that are being typed are rented that way, request by request, and
bought when the policy says so.  Which files there are, what the texts say and who pays is not
known here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby
from typing import Protocol, TypeVar

from kibitz_context import markup
from kibitz_context.tokens import estimate
from kibitz_context.values import FileForm, Place, Statement

# The state of what is as the snapshot has it.
AS_IN_SNAPSHOT = ""

INTRODUCTION = (
    "How files now differ from the repository above. Diffs are against it, and hunks name its "
    "lines. Of entries and hunks that have lines of a file in common the last one holds, and the "
    "earlier ones do not hold at all. What is restored is as in that repository again; what is not "
    "shown differs in a way not told here.\n"
)


@dataclass(frozen=True, slots=True)
class Entry:
    """What is told of a place: `state` names the very state it is in, `text` is how it is told.

    `text` is an element, or, where there is a `change`, a hunk of the diff of a file with that
    change.  Equal states of a place have equal texts as long as the base is the same.  The order
    in which entries are given is that of their importance, where there is not room for all.
    """

    place: Place
    state: str
    text: str
    form: FileForm
    tokens: int
    change: str = ""

    @property
    def path(self) -> str:
        return self.place.path

    @property
    def told(self) -> Told:
        return Told(self.place, self.state, self.form, self.tokens)


@dataclass(frozen=True, slots=True)
class Told:
    """An entry that was told, without its text, which is in its block."""

    place: Place
    state: str
    form: FileForm
    tokens: int

    @property
    def path(self) -> str:
        return self.place.path

    @property
    def statement(self) -> Statement:
        return Statement(self.place, self.state)


@dataclass(frozen=True, slots=True)
class LogBlock:
    """Entries that were appended together, and the bytes that they are sent as."""

    text: str
    told: tuple[Told, ...]


@dataclass(frozen=True)
class Log:
    """The blocks, oldest first."""

    blocks: tuple[LogBlock, ...] = ()

    @cached_property
    def newest(self) -> Mapping[Place, Told]:
        """What holds of what the log tells."""
        return newest(told for block in self.blocks for told in block.told)

    @cached_property
    def paths(self) -> AbstractSet[str]:
        """Of which files the log speaks."""
        return {place.path for place in self.newest}

    @cached_property
    def tokens(self) -> int:
        return sum(estimate(block.text) for block in self.blocks)

    def stale_tokens(self, states: Mapping[Place, str]) -> int:
        """The tokens of entries that a fold would drop: overtaken, or of a state that is past.

        `states` are those of the places that differ now.
        """
        live = sum(
            told.tokens
            for told in self.newest.values()
            if told.state != AS_IN_SNAPSHOT and states.get(told.place) == told.state
        )
        return sum(told.tokens for block in self.blocks for told in block.told) - live

    def untold(self, entries: Sequence[Entry]) -> list[Entry]:
        """Those of `entries` that the log does not tell already, in order."""
        newest = self.newest
        return [
            entry
            for entry in entries
            if (told := newest.get(entry.place)) is None or told.state != entry.state
        ]

    def appended(self, entries: Sequence[Entry]) -> Log:
        """The log with one more block; the same log where there are no entries."""
        if not entries:
            return self
        text = section(entries, is_first=not self.blocks)
        told = tuple(_as_told(entries))
        return Log((*self.blocks, LogBlock(text, told)))


class Placed(Protocol):
    """What speaks of a place."""

    @property
    def place(self) -> Place: ...


_Placed = TypeVar("_Placed", bound=Placed)


def newest(told: Iterable[_Placed]) -> dict[Place, _Placed]:
    """What holds after `told` was told in that order."""
    of_paths: dict[str, dict[Place, _Placed]] = {}
    for each in told:
        known = of_paths.setdefault(each.place.path, {})
        for earlier in [place for place in known if each.place.replaces(place)]:
            del known[earlier]
        known[each.place] = each
    return {place: each for known in of_paths.values() for place, each in known.items()}


def section(entries: Iterable[Entry], *, is_first: bool) -> str:
    """The text of a block or of the tail; "" without entries.  The first one explains itself."""
    body = list(_elements(entries))
    return markup.section("changes", [INTRODUCTION, *body] if is_first and body else body)


def _order(entry: Entry) -> tuple[str, str, tuple[int, int]]:
    """The hunks of a file stand together; nothing beside them has lines in common with them."""
    return entry.path, entry.change, entry.place.lines or (0, 0)


def tags_tokens(path: str, change: str) -> int:
    """What stands round the hunks of a diff."""
    return estimate(markup.block("diff", "", **_attributes(path, change)))


def _attributes(path: str, change: str) -> dict[str, str]:
    """That a diff modifies goes without saying."""
    return {"path": path} if change == "modified" else {"path": path, "change": change}


def _as_told(entries: Iterable[Entry]) -> Iterator[Told]:
    """The entries as one block tells them: the hunks of a file share their tags."""
    for (path, change), group in _groups(entries):
        n_saved = len(group) - 1 if change else 0
        saved = tags_tokens(path, change) * n_saved // len(group)
        for entry in group:
            yield replace(entry.told, tokens=entry.tokens - saved)


def _groups(entries: Iterable[Entry]) -> Iterator[tuple[tuple[str, str], list[Entry]]]:
    """The entries in order, those of a path and a change together."""
    ordered = sorted(entries, key=_order)
    for key, group in groupby(ordered, key=lambda entry: (entry.path, entry.change)):
        yield key, list(group)


def _elements(entries: Iterable[Entry]) -> Iterator[str]:
    for (path, change), group in _groups(entries):
        texts = [entry.text for entry in group]
        if change:
            yield markup.block("diff", "".join(texts), **_attributes(path, change))
        else:
            yield from texts
