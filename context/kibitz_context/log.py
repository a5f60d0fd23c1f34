"""The changes layer as a log that only grows, with a tail for what does not hold still.

Pure.  An entry tells a file's whole difference from the snapshot's commit, so that any later
entry about the file takes its place: newest wins.  What was appended once is sent with the same
bytes until the log is folded; what is not in the log stands in the tail, behind the last marker.
A file that is being typed in is rented that way, request by request, and bought when the policy
says so.  Which files there are, what the texts say and who pays is not known here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from kibitz_context import layers
from kibitz_context.tokens import estimate
from kibitz_context.values import FileForm, FileUse

# The state of a file that is as the snapshot has it.
AS_IN_SNAPSHOT = ""

INTRODUCTION = (
    "Files that differ from the repository above, as they are now. Diffs are against that "
    "repository. Where there are several entries about a file, the last one holds. A restored "
    "file is as in that repository again; one that is not shown differs in a way not told here.\n"
)


@dataclass(frozen=True, slots=True)
class Entry:
    """What is told of a file: `state` names the very state it is in, `text` is how it is told.

    Equal states of a path have equal texts as long as the base is the same.  The order in which
    entries are given is that of their importance, where there is not room for all.
    """

    path: str
    state: str
    text: str
    form: FileForm
    tokens: int

    @property
    def use(self) -> FileUse:
        return FileUse(self.path, self.tokens, self.form)


@dataclass(frozen=True, slots=True)
class Told:
    """An entry that is in the log, without its text, which is in its block."""

    path: str
    state: str
    form: FileForm
    tokens: int

    @property
    def use(self) -> FileUse:
        return FileUse(self.path, self.tokens, self.form)


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
    def newest(self) -> Mapping[str, Told]:
        """What holds of each path that the log speaks of."""
        return {told.path: told for block in self.blocks for told in block.told}

    @cached_property
    def tokens(self) -> int:
        return sum(estimate(block.text) for block in self.blocks)

    def stale_tokens(self, states: Mapping[str, str]) -> int:
        """The tokens of entries that a fold would drop: overtaken, or of a state that is past.

        `states` are those of the files that differ now.
        """
        live = sum(
            told.tokens
            for told in self.newest.values()
            if told.state != AS_IN_SNAPSHOT and states.get(told.path) == told.state
        )
        return sum(told.tokens for block in self.blocks for told in block.told) - live

    def untold(self, entries: Sequence[Entry]) -> list[Entry]:
        """Those of `entries` that the log does not tell already, in order."""
        newest = self.newest
        return [
            entry
            for entry in entries
            if (told := newest.get(entry.path)) is None or told.state != entry.state
        ]

    def appended(self, entries: Sequence[Entry]) -> Log:
        """The log with one more block; the same log where there are no entries."""
        if not entries:
            return self
        ordered = sorted(entries, key=lambda entry: entry.path)
        text = section(ordered, is_first=not self.blocks)
        told = tuple(Told(each.path, each.state, each.form, each.tokens) for each in ordered)
        return Log((*self.blocks, LogBlock(text, told)))


def section(entries: Iterable[Entry], *, is_first: bool) -> str:
    """The text of a block or of the tail; "" without entries.  The first one explains itself."""
    body = [entry.text for entry in sorted(entries, key=lambda entry: entry.path)]
    return layers.section("changes", [INTRODUCTION, *body] if is_first and body else body)
