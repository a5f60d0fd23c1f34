"""The passages of other files that a request needs, by what they tell for their length.

Definitions of the names that were selected come first, then the signatures of related files, the
callers of what is defined in the selection, and the tests of it.  Knows symbols and texts (which
have passed the gate); what is related is `relevance`'s business, and how it is written down
`related`'s.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from kibitz_context.ranking.graph import MAX_DEFINING_FILES
from kibitz_context.ranking.relevance import Scored
from kibitz_context.ranking.tree import is_test
from kibitz_context.ranking.weights import PassageWeights
from kibitz_context.texts.symbols import CONTAINERS, EXTENSION, Definition, Symbols

# Longer definitions are cut to their beginning and the signatures inside.
MAX_DEFINITION_LINES = 40
MAX_CUT_LINES = 16
MAX_SIGNATURES = 60
MAX_CONTAINER_LINES = 3
MAX_CALLERS_OF_A_NAME = 4
LINES_ROUND_A_CALL = 3
# What a passage costs beside its own characters: the tags and the numbers of its lines.
FRAME_CHARACTERS = 60
# A shorter passage is not worth more because it is nearly nothing.
LEAST_CHARACTERS = 120


@dataclass(frozen=True, slots=True)
class File:
    """A file that passages may be taken from: its text by lines, and its symbols."""

    path: str
    lines: Sequence[str]
    symbols: Symbols


FilesAt = Callable[[Sequence[str]], Iterable[File]]


@dataclass(frozen=True, slots=True)
class Passage:
    """Lines of a file, as half-open ranges in order, and what they are worth."""

    path: str
    ranges: tuple[tuple[int, int], ...]
    worth: float
    characters: int

    @property
    def density(self) -> float:
        return self.worth / max(LEAST_CHARACTERS, self.characters)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the passages are for.

    `names` are used in the selection, the most telling first, with the paths that define them;
    `defined` are names that the selection defines, with the paths that use them; `related` are
    files by rank, best first; the signatures of those that are `outlined` are known already.
    """

    names: Mapping[str, Sequence[str]]
    defined: Mapping[str, Sequence[str]]
    related: Sequence[Scored]
    outlined: frozenset[str] = frozenset()


def chosen(
    wanted: Wanted,
    files_at: FilesAt,
    max_characters: int,
    max_files: int,
    weights: PassageWeights | None = None,
) -> list[tuple[File, tuple[tuple[int, int], ...], float]]:
    """Files with the ranges of lines to show and their worth, the most worthy file first.

    `files_at` reads files, without those that may not be shown; it is asked for at most
    `max_files` of them.  The ranges are in order and do not overlap.
    """
    weights = weights or PassageWeights()
    found = sorted(
        _candidates(wanted, files_at, max_files, weights),
        key=lambda each: (-each[1].density, each[1].path, each[1].ranges),
    )
    files: dict[str, File] = {}
    ranges: dict[str, list[tuple[int, int]]] = defaultdict(list)
    worth: dict[str, float] = defaultdict(float)
    for file, passage in found:
        known = passage.path in wanted.outlined
        around = () if known else _containers(file, passage.ranges[0][0])
        new = _without(_joined([*around, *passage.ranges]), ranges[passage.path])
        cost = _characters(file, new)
        if not new or cost > max_characters:
            continue
        max_characters -= cost
        files[passage.path] = file
        ranges[passage.path] = _joined([*ranges[passage.path], *new])
        worth[passage.path] += passage.worth
    best = sorted(files, key=lambda path: (-round(worth[path], 6), path))
    return [(files[path], tuple(ranges[path]), round(worth[path], 4)) for path in best]


def _containers(file: File, line: int) -> list[tuple[int, int]]:
    """The first lines of the classes that hold `line`: a method alone says little."""
    return [
        (each.line, min(each.signature_end, each.line + MAX_CONTAINER_LINES, line))
        for each in file.symbols.definitions
        if each.line < line < each.end_line and each.kind in CONTAINERS
    ]


def _candidates(
    wanted: Wanted,
    files_at: FilesAt,
    max_files: int,
    weights: PassageWeights,
) -> Iterator[tuple[File, Passage]]:
    highest = max((each.score for each in wanted.related), default=1.0) or 1.0
    ranks = {each.path: each.score / highest for each in wanted.related}
    names_at: dict[str, dict[str, float]] = defaultdict(dict)
    for place, (name, paths) in enumerate(wanted.names.items()):
        if len(paths) <= MAX_DEFINING_FILES:
            for path in paths:
                # The first names are those of the selection itself.
                names_at[path][name] = 1 / len(paths) / (1 + place / 16)
    calls_at: dict[str, dict[str, float]] = defaultdict(dict)
    for name, paths in wanted.defined.items():
        nearest = sorted(paths, key=lambda path: (-ranks.get(path, 0.0), path))
        for path in nearest[:MAX_CALLERS_OF_A_NAME]:
            weight = weights.test if is_test(path) else weights.caller
            calls_at[path][name] = weight / min(len(paths), MAX_CALLERS_OF_A_NAME)
    promise: dict[str, float] = {
        path: (0.0 if path in wanted.outlined else weights.signatures * ranks.get(path, 0.0))
        + weights.definition * sum(names_at.get(path, {}).values())
        + sum(calls_at.get(path, {}).values())
        for path in (ranks.keys() | names_at.keys() | calls_at.keys())
    }
    promising = sorted(
        (path for path in promise if promise[path] > 0),
        key=lambda path: (-round(promise[path], 9), path),
    )
    for file in files_at(promising[:max_files]):
        path = file.path
        rank = ranks.get(path, 0.0)
        boost = weights.definition * (1 + weights.file_rank * rank)
        for passage in _definitions(file, names_at.get(path, {}), boost):
            yield file, passage
        for passage in _calls(file, calls_at.get(path, {})):
            yield file, passage
        if path not in wanted.outlined:
            for passage in _signatures(file, weights.signatures * rank):
                yield file, passage


def _definitions(file: File, names: Mapping[str, float], boost: float) -> Iterator[Passage]:
    """The definitions of `names`, whole or cut to what they offer."""
    inside: set[str] = set()
    for place, each in enumerate(file.symbols.definitions):
        if each.name not in names or each.name in inside or each.kind == EXTENSION:
            continue
        inside.add(each.name)
        ranges = _shown(file.symbols.definitions, place, len(file.lines))
        yield _passage(file, ranges, boost * names[each.name])


def _shown(
    definitions: Sequence[Definition], place: int, line_count: int
) -> tuple[tuple[int, int], ...]:
    """The lines to show of one definition."""
    each = definitions[place]
    end = min(each.end_line, line_count)
    if end - each.line <= MAX_DEFINITION_LINES:
        return ((each.line, end),)
    beginning = (each.line, min(end, max(each.signature_end, each.line + MAX_CUT_LINES)))
    if each.kind not in CONTAINERS:
        return ((each.line, min(end, each.line + MAX_DEFINITION_LINES)),)
    inner = [
        (other.line, min(other.signature_end, line_count))
        for other in definitions[place + 1 :]
        if other.line < end and other.depth == each.depth + 1
    ]
    return tuple(_joined([beginning, *inner[:MAX_SIGNATURES]]))


def _signatures(file: File, worth: float) -> Iterator[Passage]:
    """What the file offers: its signatures, in passages that can be had one by one."""
    offered = [
        each
        for each in file.symbols.definitions
        if each.depth <= 1 and each.kind != EXTENSION and not _is_inner(each)
    ][: 2 * MAX_SIGNATURES]
    if not offered or worth <= 0:
        return
    for each in offered:
        end = min(each.signature_end, len(file.lines))
        # Names of the top say more than those inside.
        share = (1.0 if each.depth == 0 else 0.7) / (4 + len(offered)) * 4
        yield _passage(file, ((each.line, end),), worth * share)


def _is_inner(each: Definition) -> bool:
    return each.depth > 0 and each.kind not in ("method", "function", "field", "class")


def _calls(file: File, names: Mapping[str, float]) -> Iterator[Passage]:
    """The lines that use `names`, with the signature of what they stand in."""
    for name, worth in sorted(names.items()):
        uses = re.compile(rf"\b{re.escape(name)}\b")
        line = next(
            (
                number
                for number, text in enumerate(file.lines)
                if uses.search(text) and not text.lstrip().startswith(("import", "from", "use "))
            ),
            None,
        )
        if line is None:
            continue
        around = _enclosing(file.symbols.definitions, line)
        first = max(0, line - LINES_ROUND_A_CALL)
        last = min(len(file.lines), line + LINES_ROUND_A_CALL + 1)
        ranges = [(first, last)]
        if around is not None:
            first = max(first, around.line)
            last = min(last, max(around.end_line, line + 1))
            ranges = [(around.line, min(around.signature_end, len(file.lines))), (first, last)]
        yield _passage(file, tuple(_joined(ranges)), worth)


def _enclosing(definitions: Iterable[Definition], line: int) -> Definition | None:
    """The innermost definition that holds `line`."""
    found: Definition | None = None
    for each in definitions:
        if each.line <= line < each.end_line and (found is None or each.depth >= found.depth):
            found = each
    return found


def _passage(file: File, ranges: tuple[tuple[int, int], ...], worth: float) -> Passage:
    return Passage(file.path, ranges, worth, _characters(file, ranges))


def _characters(file: File, ranges: Iterable[tuple[int, int]]) -> int:
    return sum(
        FRAME_CHARACTERS // 2 + sum(len(line) + 1 for line in file.lines[start:end])
        for start, end in ranges
    )


def _joined(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """`ranges` in order, with those that touch or overlap made one."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if start >= end:
            continue
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


def _without(
    ranges: Iterable[tuple[int, int]], taken: Sequence[tuple[int, int]]
) -> list[tuple[int, int]]:
    """What of `ranges` is not in `taken` (in order, not overlapping)."""
    left: list[tuple[int, int]] = []
    for start, end in ranges:
        at = start
        for begin, stop in taken:
            if stop <= at or begin >= end:
                continue
            if begin > at:
                left.append((at, begin))
            at = max(at, stop)
        if at < end:
            left.append((at, end))
    return left
