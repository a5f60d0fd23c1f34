"""The snapshot layer: a repository as of one commit, the same bytes wherever it is made.

A pure function of the commit's files and their history, the rules of the gate and the number of
tokens: no clock, no path of this machine, no order but by what changes least and by name.  First
come the conventions, then the tree, then whole files while they fit, then the definitions of
those that did not.  Which files are worth most is not judged here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kibitz_context import kinds, layers
from kibitz_context.baseline import Baseline, Sources
from kibitz_context.outline import outline
from kibitz_context.repository import TrackedFile
from kibitz_context.tokens import characters, estimate
from kibitz_context.values import FileUse, Layer, Omission, Refused

if TYPE_CHECKING:
    from kibitz_context.rank import Ranking

# Counted up with every change of what the text of a snapshot is for the same commit: here, in
# `layers`, `kinds`, `rank`, `outline` or in the names that are never read.
SNAPSHOT_VERSION = 2

# Shares of the tokens that a part may take at most; whole files take what is left.
CONVENTIONS_SHARE = 0.25
TREE_SHARE = 0.15
OUTLINES_SHARE = 0.15

# Larger: one file would be the whole snapshot.  It is shown by its definitions instead.
MAX_FILE_BYTES = 128 * 1024
# Larger: not even its definitions are looked for.
MAX_OUTLINED_BYTES = 1024 * 1024
# With less room than this no further file is read to see whether it fits.
_LEAST_ROOM_CHARACTERS = 200

OVER_BUDGET = "it is over the budget of context.max_tokens"

_INTRODUCTION = (
    "This is the repository as of a commit. What has changed since is listed after it, under "
    "<changes>, and holds instead.\n"
)
_FOLDER_INTRODUCTION = (
    "This is the folder as it is on the disk. What is not saved yet is listed after it, under "
    "<changes>, and holds instead.\n"
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


# The definitions of a file, given its gated text; "" where there are none.
OutlineOf = Callable[[TrackedFile, str], str]


def build(
    sources: Sources,
    hidden: frozenset[str],
    max_tokens: int,
    *,
    ranking: Ranking | None = None,
    outline_of: OutlineOf | None = None,
) -> Snapshot:
    """The snapshot of the files of `sources`, without those at the paths `hidden`.

    Without a ranking files are taken in the order of `kinds`, without `outline_of` the lines
    that look like definitions are.
    """
    builder = _Builder(sources, characters(max_tokens), ranking, outline_of or _lexical_outline)
    return builder.build(hidden)


def build_provisional(sources: Sources, hidden: frozenset[str], max_tokens: int) -> Snapshot:
    """What can be shown at once: the conventions and the tree.  Nothing counts as left out."""
    builder = _Builder(sources, characters(max_tokens), None, _lexical_outline)
    return builder.build(hidden, is_provisional=True)


def _lexical_outline(_: TrackedFile, text: str) -> str:
    return outline(text)


class _Builder:
    """Collects the blocks of one snapshot and keeps count of the characters."""

    def __init__(
        self,
        sources: Sources,
        max_characters: int,
        ranking: Ranking | None,
        outline_of: OutlineOf,
    ) -> None:
        self._sources = sources
        self._outline_of = outline_of
        self._scores = ranking.scores if ranking is not None else {}
        self._often_changed = ranking.often_changed if ranking is not None else {}
        self._gate = sources.gate
        self._max_characters = max_characters
        self._room = max_characters
        self._texts: dict[str, str] = {}
        self._uses: dict[str, FileUse] = {}
        self._omitted: dict[str, str] = {}

    def build(self, hidden: frozenset[str], *, is_provisional: bool = False) -> Snapshot:
        base = self._sources.base
        introduction = _FOLDER_INTRODUCTION if base.commit is None else _INTRODUCTION
        frame = layers.section("repository", [introduction])
        # The tags of the four sections, whether they come to be used or not.
        self._room -= len(frame) + sum(
            len(layers.section(tag, [" "])) for tag in ("conventions", "tree", "files", "outlines")
        )
        files = (file for file in base.files if file.path not in hidden)
        allowed = [file for file in files if self._is_allowed(file)]
        conventions = self._conventions(allowed)
        drawn, named = layers.tree([file.path for file in allowed], self._share(TREE_SHARE))
        self._room -= len(drawn)
        wanted = [file for file in allowed if file.path not in self._uses and self._wants(file)]
        wanted.sort(key=self._worst_last)
        if is_provisional:
            wanted.clear()
        whole, rest = self._whole_files(wanted)
        outlines = self._outlines(rest)
        for path in named - self._uses.keys():
            name = path.rpartition("/")[2]
            self._uses[path] = FileUse(path, estimate(name), "name", self._score(path))
        sections = [
            introduction,
            layers.section("conventions", conventions),
            layers.section("tree", [drawn] if drawn else []),
            layers.section("files", self._least_changed_first(whole)),
            layers.section("outlines", self._least_changed_first(outlines)),
        ]
        text = layers.section("repository", sections) if any(sections[1:]) else ""
        return Snapshot(
            layers.layer("snapshot", text, [self._uses[path] for path in sorted(self._uses)]),
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
            self._omitted[layers.printable(file.path)] = reason
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
                block = layers.block("file", text, path=path)
                if len(block) <= room:
                    room -= len(block)
                    blocks.append(self._take(path, block, text))
        return blocks

    def _whole_files(
        self, files: Sequence[TrackedFile]
    ) -> tuple[dict[str, str], list[tuple[TrackedFile, str | None]]]:
        """Blocks of whole files by path, and the files that did not fit.

        Room for outlines is held back as soon as a file does not fit.
        """
        blocks: dict[str, str] = {}
        rest: list[tuple[TrackedFile, str | None]] = []
        reserve = self._share(OUTLINES_SHARE)
        room = self._room
        for file in files:
            size = file.size_bytes or 0
            if size > MAX_FILE_BYTES or room < _LEAST_ROOM_CHARACTERS or size > 4 * room:
                rest.append((file, None))
                room = min(room, self._room - reserve)
                continue
            text = self._read(file)
            if text is None or self._is_unwanted(file, text):
                continue
            block = layers.block("file", text, path=file.path)
            if len(block) > room:
                rest.append((file, text))
                room = min(room, self._room - reserve)
                continue
            room -= len(block)
            blocks[file.path] = self._take(file.path, block, text)
        return blocks, rest

    def _outlines(self, files: Sequence[tuple[TrackedFile, str | None]]) -> dict[str, str]:
        blocks: dict[str, str] = {}
        for file, known in files:
            self._omitted[file.path] = OVER_BUDGET
            if not kinds.is_source(file.path) or self._room < _LEAST_ROOM_CHARACTERS:
                continue
            if (file.size_bytes or 0) > MAX_OUTLINED_BYTES:
                self._omitted[file.path] = "it is too large"
                continue
            text = known if known is not None else self._read(file)
            if text is None or self._is_unwanted(file, text):
                continue
            lines = self._outline_of(file, text)
            block = layers.block("outline", lines, path=file.path)
            if lines and len(block) <= self._room:
                self._room -= len(block)
                self._uses[file.path] = FileUse(
                    file.path, estimate(block), "outline", self._score(file.path)
                )
                del self._omitted[file.path]
                blocks[file.path] = block
        return blocks

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
