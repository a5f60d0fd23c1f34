"""Where the names that a request is about are defined, as excerpts of other files.

Lexical: names are words, and a line that looks like a definition of a word defines it.  Only
files that Claude does not already see whole are looked at.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from kibitz_context import kinds, layers
from kibitz_context.baseline import Baseline, BaseTexts
from kibitz_context.gate import Gate
from kibitz_context.outline import block_end, definition, definitions
from kibitz_context.repository import Repository
from kibitz_context.tokens import estimate
from kibitz_context.values import FileUse, Refused

MAX_WORDS = 32
MAX_EXCERPT_LINES = 40
# A name that is defined in more files than this tells nothing (``main``, ``__init__``).
MAX_DEFINING_FILES = 8
MAX_FILES = 12
_MAX_GREP_LINES = 20_000
# Without git, files are read to be searched: at most this many, in the order of `kinds`.
_MAX_SEARCHED_FILES = 300

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]{2,80}")
_COMMON_NAMES = (
    "and any args async await bool break case catch char class const continue def default del "
    "delete dict double elif else end enum except export extends false final finally float for "
    "from func function get global goto if impl implements import include init int interface "
    "isinstance lambda len let list long main map match mod module mut namespace new nil none "
    "not null object optional package pass print private protected public raise range return "
    "self set short signed static str string struct super switch sync then this throw throws "
    "trait true try tuple type typedef typeof union unsigned use using val var void volatile "
    "when where while with yield the and that this what how why does for are can should"
)
_COMMON = frozenset(_COMMON_NAMES.split())


@dataclass(frozen=True, slots=True)
class Excerpts:
    """The blocks of the excerpts, and their files, best first."""

    blocks: tuple[str, ...]
    files: tuple[FileUse, ...]


def words_of(text: str) -> list[str]:
    """The names in `text` that may be defined elsewhere, the most frequent first."""
    counts = Counter(word for word in _WORD.findall(text) if word.lower() not in _COMMON)
    return sorted(counts, key=lambda word: (-counts[word], word))


def excerpts(
    words: Sequence[str],
    *,
    repository: Repository,
    base: Baseline,
    texts: BaseTexts,
    current: Mapping[str, str | None],
    seen: frozenset[str],
    gate: Gate,
    max_characters: int,
    check: Callable[[], None],
) -> Excerpts:
    """Definitions of `words` in files that are not in `seen`.

    `current` has the text of every file that differs from `base` (None: deleted).
    """
    wanted = frozenset(words[:MAX_WORDS])
    if not wanted or max_characters <= 0:
        return Excerpts((), ())
    names_by_path: dict[str, set[str]] = defaultdict(set)
    for path, line in _lines(wanted, repository, base, texts, current, seen, gate, check):
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
        check()
        text = current[path] if path in current else _text(path, base, texts)
        block = _excerpt(path, text or "", names_by_path[path])
        if block and len(block) <= max_characters:
            max_characters -= len(block)
            blocks.append(block)
            uses.append(FileUse(path, estimate(block), "excerpt", round(scores[path], 4)))
    return Excerpts(tuple(blocks), tuple(uses))


def _lines(
    words: frozenset[str],
    repository: Repository,
    base: Baseline,
    texts: BaseTexts,
    current: Mapping[str, str | None],
    seen: frozenset[str],
    gate: Gate,
    check: Callable[[], None],
) -> Iterator[tuple[str, str]]:
    """(path, line) of lines that may define one of `words`."""

    def may_be_used(path: str) -> bool:
        return (
            path not in seen
            and kinds.is_source(path)
            and kinds.unwanted_name(path) is None
            and gate.includes(path)
            and gate.name_refusal(path) is None
        )

    check()
    if base.commit is not None:
        usable: dict[str, bool] = {}
        for path, line in repository.grep(base.commit, sorted(words), _MAX_GREP_LINES):
            if path not in usable:
                usable[path] = path in base.by_path and path not in current and may_be_used(path)
            if usable[path]:
                yield path, line
    else:
        paths = sorted(base.by_path.keys() - current.keys(), key=kinds.order)
        for path in [each for each in paths if may_be_used(each)][:_MAX_SEARCHED_FILES]:
            check()
            yield from _own_lines(path, _text(path, base, texts))
    for path in sorted(current):
        if may_be_used(path):
            yield from _own_lines(path, current[path])


def _own_lines(path: str, text: str | None) -> Iterable[tuple[str, str]]:
    return ((path, line) for line in (text or "").split("\n"))


def _text(path: str, base: Baseline, texts: BaseTexts) -> str | None:
    answer = texts.read(base.by_path[path])
    return None if isinstance(answer, Refused) else answer.text


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
    return layers.block("excerpt", "".join(parts), path=path) if parts else ""
