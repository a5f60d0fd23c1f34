"""Where names are defined, without an index: by the look of lines, found by git.

Names are words, and a line that looks like a definition of a word defines it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

from kibitz_context import kinds, markup
from kibitz_context.gate.baseline import Baseline, Sources
from kibitz_context.ranking.excerpts import MAX_WORDS, Excerpts, usable
from kibitz_context.remembered import Remembered
from kibitz_context.texts.outline import block_end, definition, definitions, posix_patterns
from kibitz_context.tokens import estimate
from kibitz_context.values import FileUse

MAX_EXCERPT_LINES = 40
# A name that is defined in more files than this tells nothing (``main``, ``__init__``).
MAX_DEFINING_FILES = 8
MAX_FILES = 12
# Git searches some 30 MB of blobs a second; more of them would be felt.
MAX_SEARCHED_BYTES = 48 * 1024 * 1024
_MAX_REMEMBERED_SEARCHES = 64
# Without git, files are read to be searched: at most this many, in the order of `kinds`.
_MAX_SEARCHED_FILES = 300


def excerpts(
    words: Sequence[str],
    sources: Sources,
    current: Mapping[str, str | None],
    seen: frozenset[str],
    near: str,
    max_characters: int,
) -> Excerpts:
    """Definitions of `words`, found by the look of lines."""
    wanted = frozenset(words[:MAX_WORDS])
    if not wanted:
        return Excerpts((), ())
    names_by_path: dict[str, set[str]] = defaultdict(set)
    for path, line in _lines(wanted, sources, current, seen, near):
        found = definition(line)
        if found is not None and found[0] in wanted:
            names_by_path[path].add(found[0])
    files_of = Counter(name for names in names_by_path.values() for name in names)
    scores = {
        path: sum(1 / files_of[name] for name in names if files_of[name] <= MAX_DEFINING_FILES)
        for path, names in names_by_path.items()
    }
    best = sorted((path for path in scores if scores[path] > 0), key=lambda p: (-scores[p], p))
    blocks: list[str] = []
    uses: list[FileUse] = []
    for path in best[:MAX_FILES]:
        text = current[path] if path in current else sources.text(path)
        block = _excerpt(path, text or "", names_by_path[path])
        if block and len(block) <= max_characters:
            max_characters -= len(block)
            blocks.append(block)
            uses.append(FileUse(path, estimate(block), "excerpt", round(scores[path], 4)))
    return Excerpts(tuple(blocks), tuple(uses))


def _lines(
    words: frozenset[str],
    sources: Sources,
    current: Mapping[str, str | None],
    seen: frozenset[str],
    near: str,
) -> Iterator[tuple[str, str]]:
    """(path, line) of lines that may define one of `words`."""
    base, may_be_used = sources.base, usable(sources, seen)
    sources.check()
    unchanged = base.by_path.keys() - current.keys()
    if base.commit is not None:
        for path, line in _grep(sources, base.commit, words, near):
            if path in unchanged and may_be_used(path):
                yield path, line
    else:
        paths = (path for path in sorted(unchanged, key=kinds.order) if may_be_used(path))
        for path in islice(paths, _MAX_SEARCHED_FILES):
            yield from _own_lines(path, sources.text(path))
    for path in sorted(current):
        if may_be_used(path):
            yield from _own_lines(path, current[path])


def _grep(
    sources: Sources, commit: str, words: frozenset[str], near: str
) -> tuple[tuple[str, str], ...]:
    """What git finds; remembered, since one selection is asked about more than once."""
    folder = _searched_folder(sources.base, near)
    if folder is None:
        return ()
    key = (sources.repository.root, commit, folder, words)
    patterns = posix_patterns(sorted(words))
    return _remembered.get_or_make(key, lambda: sources.repository.grep(commit, patterns, folder))


_remembered: Remembered[tuple[Path, str, str, frozenset[str]], tuple[tuple[str, str], ...]] = (
    Remembered(_MAX_REMEMBERED_SEARCHES)
)


def _searched_folder(base: Baseline, near: str) -> str | None:
    """The largest folder round `near` that is not too large to be searched; "" is all."""
    ends = [index + 1 for index, char in enumerate(near) if char == "/"]
    for folder in ("", *(near[:end] for end in ends)):
        total = sum(file.size_bytes or 0 for file in base.files if file.path.startswith(folder))
        if total <= MAX_SEARCHED_BYTES:
            return folder
    return None


def _own_lines(path: str, text: str | None) -> Iterable[tuple[str, str]]:
    return ((path, line) for line in (text or "").split("\n"))


def _excerpt(path: str, text: str, names: set[str]) -> str:
    """The blocks of `text` that define `names`, each under the numbers of its lines."""
    lines = text.split("\n")
    parts: list[str] = []
    done = 0
    for found in definitions(lines):
        if found.name in names and found.line >= done:
            done = block_end(lines, found.line, MAX_EXCERPT_LINES)
            parts.append(f"lines {found.line + 1}-{done}:\n")
            parts += [f"{line}\n" for line in lines[found.line : done]]
    return markup.block("excerpt", "".join(parts), path=path) if parts else ""
