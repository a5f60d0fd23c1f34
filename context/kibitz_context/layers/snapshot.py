"""The snapshot layer: a repository as of one commit, the same bytes wherever it is made.

A pure function of the commit's files and their history, the rules of the gate and the number of
tokens: no clock, no path of this machine, no order but by what changes least and by name.  First
come the conventions, then the tree, then the files: all of them whole where they fit; else the
best ones whole, and of the others what they define.  Which files are worth most is not judged here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kibitz_context import kinds, markup
from kibitz_context.files.repository import TrackedFile
from kibitz_context.gate.baseline import PASSING_REASONS, Baseline, Sources
from kibitz_context.texts.outline import outline
from kibitz_context.tokens import characters, estimate
from kibitz_context.values import FileUse, Layer, Omission, Refused

if TYPE_CHECKING:
    from kibitz_context.ranking.rank import Ranking

# Counted up with every change of what the text of a snapshot is for the same commit: here, in
# `layers`, `kinds`, `rank`, `outline` or in the names that are never read.
SNAPSHOT_VERSION = 5

# Shares of the tokens that a part may take at most.
CONVENTIONS_SHARE = 0.25
TREE_SHARE = 0.15
# Of what is left after those, where a repository does not fit whole.  Larger: more of what a
# change uses is known by its signature.  Smaller: more files can be read whole, to review or to
# explain them.  What outlines do not need goes to whole files.  Figures: decision 0006.
OUTLINES_SHARE = 0.6

# Larger: one file would be the whole snapshot.  It is shown by its definitions instead.
MAX_FILE_BYTES = 128 * 1024
# Larger: not even its definitions are looked for.
MAX_OUTLINED_BYTES = 1024 * 1024
# With less room than this no further file is read to see whether it fits.
_LEAST_ROOM_CHARACTERS = 200
# After so many that were read and did not fit, neither.  Larger: the last of the room is used,
# and in a large repository many files are read for it.
MAX_MISSES = 24
# In UTF-8: what has more bytes than this does not fit, whatever it holds.
_MOST_BYTES_OF_A_CHARACTER = 4

TOO_LARGE = "it is too large"
OVER_BUDGET = "it is over the budget of context.max_tokens"

_INTRODUCTION = (
    "This is the repository as of a commit. What has changed since is listed after it, under "
    "<changes>, and holds instead.\n"
)
_FOLDER_INTRODUCTION = (
    "This is the folder as it is on the disk. What is not saved yet is listed after it, under "
    "<changes>, and holds instead.\n"
)
# Else what an outline leaves out would seem not to exist.
_OUTLINES_INTRODUCTION = (
    "Of each of these files only signatures are shown, above all those that other files use: it "
    "may define more.\n"
)


@dataclass(frozen=True)
class Snapshot:
    """The layer; the paths of the files that it holds whole; what it left out, sorted by path.

    `folder` is what a folder held then, None for a commit, which remembers that by itself.
    """

    layer: Layer
    whole: frozenset[str]
    omitted: tuple[Omission, ...]
    folder: Baseline | None = None

    @property
    def lacking(self) -> tuple[str, ...]:
        """Paths of what could not be read and may be there another time: with these, it would be
        another snapshot."""
        return tuple(each.path for each in self.omitted if each.reason in PASSING_REASONS)


# The definitions of a file, given its gated text; "" where there are none.
OutlineOf = Callable[[TrackedFile, str], str]
# What a line of the outline of the file at a path is worth beside one of another file.
OutlineWorth = Callable[[str], float]


def build(
    sources: Sources,
    hidden: frozenset[str],
    max_tokens: int,
    *,
    ranking: Ranking | None = None,
    outline_of: OutlineOf | None = None,
    outline_worth: OutlineWorth | None = None,
) -> Snapshot:
    """The snapshot of the files of `sources`, without those at the paths `hidden`.

    Without a ranking files are taken in the order of `kinds`, without `outline_of` the lines
    that look like definitions are, without `outline_worth` one outline is worth as much as the
    other, but for the rank of its file.
    """
    builder = _Builder(
        sources,
        characters(max_tokens),
        ranking,
        outline_of or _lexical_outline,
        outline_worth or _equal_worth,
    )
    return builder.build(hidden)


def build_provisional(sources: Sources, hidden: frozenset[str], max_tokens: int) -> Snapshot:
    """What can be shown at once: the conventions and the tree.  Nothing counts as left out."""
    builder = _Builder(sources, characters(max_tokens), None, _lexical_outline, _equal_worth)
    return builder.build(hidden, is_provisional=True)


def _lexical_outline(_: TrackedFile, text: str) -> str:
    return outline(text)


def _equal_worth(_: str) -> float:
    return 1.0


def _length(blocks: Mapping[str, str]) -> int:
    return sum(map(len, blocks.values()))


class _Builder:
    """Collects the blocks of one snapshot and keeps count of the characters."""

    def __init__(
        self,
        sources: Sources,
        max_characters: int,
        ranking: Ranking | None,
        outline_of: OutlineOf,
        outline_worth: OutlineWorth,
    ) -> None:
        self._sources = sources
        self._outline_of = outline_of
        self._outline_worth = outline_worth
        self._scores = ranking.scores if ranking is not None else {}
        self._often_changed = ranking.often_changed if ranking is not None else {}
        self._gate = sources.gate
        self._max_characters = max_characters
        self._room = max_characters
        self._texts: dict[str, str] = {}
        # What was read, by path; None: it may not be shown, or is not worth it.
        self._admitted: dict[str, str | None] = {}
        self._uses: dict[str, FileUse] = {}
        self._omitted: dict[str, str] = {}

    def build(self, hidden: frozenset[str], *, is_provisional: bool = False) -> Snapshot:
        base = self._sources.base
        introduction = _FOLDER_INTRODUCTION if base.commit is None else _INTRODUCTION
        frame = markup.section("repository", [introduction])
        # The tags of the four sections, whether they come to be used or not.
        self._room -= len(frame) + sum(
            len(markup.section(tag, [" "])) for tag in ("conventions", "tree", "files", "outlines")
        )
        files = (file for file in base.files if file.path not in hidden)
        allowed = [file for file in files if self._is_allowed(file)]
        conventions = self._conventions(allowed)
        drawn, named = markup.tree([file.path for file in allowed], self._share(TREE_SHARE))
        self._room -= len(drawn)
        wanted = [file for file in allowed if file.path not in self._uses and self._wants(file)]
        wanted.sort(key=self._worst_last)
        if is_provisional:
            wanted.clear()
        whole, outlines = self._parts(wanted)
        self._note(wanted, whole, outlines)
        for path in named - self._uses.keys():
            name = path.rpartition("/")[2]
            self._uses[path] = FileUse(path, estimate(name), "name", self._score(path))
        sections = [
            introduction,
            markup.section("conventions", conventions),
            markup.section("tree", [drawn] if drawn else []),
            markup.section("files", self._least_changed_first(whole)),
            markup.section(
                "outlines",
                [_OUTLINES_INTRODUCTION, *self._least_changed_first(outlines)] if outlines else [],
            ),
        ]
        text = markup.section("repository", sections) if any(sections[1:]) else ""
        return Snapshot(
            markup.layer("snapshot", text, [self._uses[path] for path in sorted(self._uses)]),
            frozenset(self._texts),
            tuple(Omission(path, self._omitted[path]) for path in sorted(self._omitted)),
            replace(base, texts=self._texts) if base.commit is None else None,
        )

    def _worst_last(self, file: TrackedFile) -> tuple[float, tuple[int, int, str]]:
        """Sorts by worth; files of equal worth as their names tell."""
        return -self._score(file.path), kinds.order(file.path)

    def _score(self, path: str) -> float:
        return self._scores.get(path, 0.0)

    def _least_changed_first(self, blocks: Mapping[str, str]) -> list[str]:
        """What changes often stands last, so that less stands behind it when it does."""
        ordered = sorted(blocks, key=lambda path: (self._often_changed.get(path, 0), path))
        return [blocks[path] for path in ordered]

    def _share(self, share: float) -> int:
        return max(0, min(self._room, int(self._max_characters * share)))

    def _is_allowed(self, file: TrackedFile) -> bool:
        if reason := self._gate.name_refusal(file.path):
            self._omitted[markup.printable(file.path)] = reason
            return False
        return True

    def _wants(self, file: TrackedFile) -> bool:
        if self._gate.names_explicitly(file.path):
            return True
        if not self._gate.includes(file.path):
            self._omitted[file.path] = "it is not in context.include"
            return False
        if reason := kinds.unwanted_name(file.path):
            self._omitted[file.path] = reason
            return False
        return True

    def _conventions(self, files: Sequence[TrackedFile]) -> list[str]:
        by_path = {file.path: file for file in files}
        room = self._share(CONVENTIONS_SHARE)
        blocks: list[str] = []
        for path in kinds.CONVENTIONS:
            if path in by_path and (text := self._read(by_path[path])) is not None:
                block = markup.block("file", text, path=path)
                if len(block) <= room:
                    room -= len(block)
                    blocks.append(self._take(path, block, text))
        return blocks

    def _everything(self, files: Sequence[TrackedFile]) -> dict[str, str] | None:
        """Blocks of all files by path; None where they do not all fit."""
        sizes = [file.size_bytes or 0 for file in files]
        if sum(sizes) > _MOST_BYTES_OF_A_CHARACTER * self._room or max(sizes, default=0) > (
            MAX_FILE_BYTES
        ):
            return None
        room = self._room
        blocks: dict[str, str] = {}
        for file in files:
            if (block := self._whole_block(file)) is not None:
                room -= len(block)
                if room < 0:
                    return None
                blocks[file.path] = block
        return blocks

    def _add_whole_files(
        self,
        files: Sequence[TrackedFile],
        room: int,
        blocks: dict[str, str],
        outlines: dict[str, str],
    ) -> None:
        """Put the first of `files` that fit into `room` into `blocks`, and out of `outlines`."""
        misses = 0
        for file in files:
            if room < _LEAST_ROOM_CHARACTERS or misses >= MAX_MISSES:
                break
            shown = len(outlines.get(file.path, ""))
            size = file.size_bytes or 0
            if (
                file.path in blocks
                or size > MAX_FILE_BYTES
                or size > _MOST_BYTES_OF_A_CHARACTER * (room + shown)
            ):
                continue
            block = self._whole_block(file)
            if block is None:
                continue
            if len(block) > room + shown:
                misses += 1
                continue
            outlines.pop(file.path, None)
            room -= len(block) - shown
            blocks[file.path] = block

    def _add_outlines(
        self, files: Sequence[TrackedFile], room: int, outlines: dict[str, str]
    ) -> None:
        """Put the outlines of the first of `files` that fit into `room` into `outlines`."""
        misses = 0
        for file in files:
            if room < _LEAST_ROOM_CHARACTERS or misses >= MAX_MISSES:
                break
            text = self._wanted_text(file)
            lines = self._outline_of(file, text) if text is not None else ""
            if not lines:
                continue
            block = markup.block("outline", lines, path=file.path)
            if len(block) > room:
                misses += 1
                continue
            room -= len(block)
            outlines[file.path] = block

    def _most_told_first(self, files: Iterable[TrackedFile]) -> list[TrackedFile]:
        """Those of `files` that may have an outline, by what its lines are worth."""
        found = [
            (-self._score(file.path) * self._outline_worth(file.path), self._worst_last(file), file)
            for file in files
            if self._may_have_an_outline(file)
        ]
        return [file for _, _, file in sorted(found, key=lambda each: each[:2])]

    def _may_have_an_outline(self, file: TrackedFile) -> bool:
        return kinds.is_source(file.path) and (file.size_bytes or 0) <= MAX_OUTLINED_BYTES

    def _parts(self, files: Sequence[TrackedFile]) -> tuple[dict[str, str], dict[str, str]]:
        """Blocks of whole files and of outlines, by path; `files` are the best first."""
        if (everything := self._everything(files)) is not None:
            return everything, {}
        whole: dict[str, str] = {}
        outlines: dict[str, str] = {}
        self._add_whole_files(files, int(self._room * (1.0 - OUTLINES_SHARE)), whole, outlines)
        told = self._most_told_first(file for file in files if file.path not in whole)
        room = self._room - _length(whole) - len(_OUTLINES_INTRODUCTION)
        self._add_outlines(told, room, outlines)
        if outlines:
            self._room -= len(_OUTLINES_INTRODUCTION)
        # Where there is little to outline, more files are whole.
        room = self._room - _length(whole) - _length(outlines)
        self._add_whole_files(files, room, whole, outlines)
        return whole, outlines

    def _note(
        self, files: Sequence[TrackedFile], whole: Mapping[str, str], outlines: Mapping[str, str]
    ) -> None:
        """Say of each of `files` how it is shown, or why it is not."""
        for file in files:
            path = file.path
            if path in whole:
                self._take(path, whole[path], self._admitted[path] or "")
            elif path in outlines:
                self._room -= len(outlines[path])
                self._uses[path] = FileUse(
                    path, estimate(outlines[path]), "outline", self._score(path)
                )
            elif path not in self._omitted:
                is_larger = kinds.is_source(path) and not self._may_have_an_outline(file)
                self._omitted[path] = TOO_LARGE if is_larger else OVER_BUDGET

    def _whole_block(self, file: TrackedFile) -> str | None:
        text = self._wanted_text(file)
        return markup.block("file", text, path=file.path) if text is not None else None

    def _wanted_text(self, file: TrackedFile) -> str | None:
        """The text of a file that may be shown and is worth it; read once."""
        if file.path not in self._admitted:
            text = self._read(file)
            is_wanted = text is not None and not self._is_unwanted(file, text)
            self._admitted[file.path] = text if is_wanted else None
        return self._admitted[file.path]

    def _read(self, file: TrackedFile) -> str | None:
        answer = self._sources.read(file)
        if isinstance(answer, Refused):
            self._omitted[file.path] = answer.reason
            return None
        return answer.text

    def _is_unwanted(self, file: TrackedFile, text: str) -> bool:
        if self._gate.names_explicitly(file.path):
            return False
        if reason := kinds.unwanted_text(text):
            self._omitted[file.path] = reason
            return True
        return False

    def _take(self, path: str, block: str, text: str) -> str:
        self._room -= len(block)
        self._texts[path] = text
        self._uses[path] = FileUse(path, estimate(block), "full", self._score(path))
        return block
