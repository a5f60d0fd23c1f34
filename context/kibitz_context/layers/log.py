"""The changes layer as a log that only grows, with a tail for what does not hold still.

Pure.  An entry tells how a file, or some lines of it, differ from the snapshot's commit, or from
the file as the log has told it as a whole, so that any later entry that speaks of the same lines
takes its place: newest wins.  What was appended once
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
    'shown differs in a way not told here. What says against="told" refers to the file as it was '
    "last told here as a whole, and names the lines of that text, which holds for all others.\n"
)


@dataclass(frozen=True, slots=True)
class Entry:
    """What is told of a place: `state` names the very state it is in, `text` is how it is told.

    `text` is an element, or, where there is a `change`, a hunk of the diff of a file with that
    change; with the form `full` it is the element of a file as a whole.  Equal states of a place
    have equal texts as long as the base is the same.  The order in which entries are given is that
    of their importance, where there is not room for all.
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
    """An entry that was told, without its text, which is in its block.

    `text_at` is where in the block's text that of a file stands which was told as a whole.
    """

    place: Place
    state: str
    form: FileForm
    tokens: int
    text_at: tuple[int, int] | None = None

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
    def whole(self) -> Mapping[str, tuple[Told, str]]:
        """The files that it has told as a whole, as far as that holds, each with the text."""
        return {
            told.path: (told, block.text[slice(*told.text_at)])
            for block in self.blocks
            for told in block.told
            if told.text_at is not None and self.newest.get(told.place) is told
        }

    @cached_property
    def tokens(self) -> int:
        return sum(estimate(block.text) for block in self.blocks)

    def stale_tokens(self, states: Mapping[Place, str], anew: Mapping[str, int]) -> int:
        """The tokens of entries that a fold would drop: overtaken, or of a state that is past; and
        what it would save on files that are told anew in fewer.

        `states` are those of the places that differ now; `anew` says for some paths in how many
        tokens a fold would tell the file.
        """
        live: dict[str, int] = {}
        for told in self.newest.values():
            if told.state != AS_IN_SNAPSHOT and states.get(told.place) == told.state:
                live[told.path] = live.get(told.path, 0) + told.tokens
        kept = sum(min(tokens, anew.get(path, tokens)) for path, tokens in live.items())
        return sum(told.tokens for block in self.blocks for told in block.told) - kept

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
        elements = list(_elements(entries))
        at = text.index("".join(element for element, _ in elements))
        found: list[Told] = []
        for element, told in elements:
            if told[0].form == "full":
                start, end = markup.inside(element)
                found.append(replace(told[0], text_at=(at + start, at + end)))
            else:
                found += told
            at += len(element)
        return Log((*self.blocks, LogBlock(text, tuple(found))))


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
    body = [element for element, _ in _elements(entries)]
    return markup.section("changes", [INTRODUCTION, *body] if is_first and body else body)


def tags_tokens(place: Place, change: str) -> int:
    """What stands round the hunks of a diff."""
    return estimate(markup.block("diff", "", **_attributes(place, change)))


def against(place: Place) -> dict[str, str]:
    """The attribute that says which text the lines of a place are of; the snapshot's goes without
    saying."""
    return {"against": "told"} if place.since_told else {}


def _attributes(place: Place, change: str) -> dict[str, str]:
    """That a diff modifies goes without saying."""
    changed = {} if change == "modified" else {"change": change}
    return {"path": place.path, **against(place), **changed}


def _elements(entries: Iterable[Entry]) -> Iterator[tuple[str, list[Told]]]:
    """The elements of a block in order, each with what it tells.

    The hunks of a file share their tags.
    """
    for group in _groups(entries):
        place, change = group[0].place, group[0].change
        if not change:
            yield from ((entry.text, [entry.told]) for entry in group)
            continue
        text = "".join(entry.text for entry in group)
        saved = tags_tokens(place, change) * (len(group) - 1) // len(group)
        told = [replace(entry.told, tokens=entry.tokens - saved) for entry in group]
        yield markup.block("diff", text, **_attributes(place, change)), told


def _groups(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    """The entries in order, those in one diff together.

    Nothing beside the hunks of a file has lines in common with them.
    """

    def diff_of(entry: Entry) -> tuple[str, str, bool]:
        return entry.path, entry.change, entry.place.since_told

    ordered = sorted(entries, key=lambda entry: (*diff_of(entry), entry.place.lines or (0, 0)))
    for _, group in groupby(ordered, key=diff_of):
        yield list(group)
