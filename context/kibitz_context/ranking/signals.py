"""What speaks for a file being related to the one that is worked on: one function a signal.

Each gives some files a number above 0, as large as it likes; `relevance` brings them to one scale
and weighs them.  No signal reads a file: they ask the index, the paths and the history.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import log, log2, sqrt
from typing import Protocol

from kibitz_context.indexing.history import History, message_words
from kibitz_context.ranking.graph import MAX_COUNTED_USES, MAX_DEFINING_FILES
from kibitz_context.ranking.tree import Tree
from kibitz_context.texts.symbols import LEXICAL, Symbols

Signal = dict[str, float]

NO_SYMBOLS = Symbols(LEXICAL)

# Of a name that more files define, its users are not looked for: they may mean another.
MAX_DEFINING_FILES_OF_A_USED_NAME = 4
LEAST_NAME_CHARACTERS = 4
MAX_NAMES = 200

# Of what words find, the first; the rest is found by chance.
MAX_FOUND = 300

# After so many commits a change counts half of what the newest does.
HALF_LIFE_COMMITS = 50
HALF_LIFE_SHARED_COMMITS = 200
RECENT_COMMITS = 20
# The same by the file's own commits: old ones are told by how many others changed the file since,
# and not by what else happened in the repository.
HALF_LIFE_OWN_COMMITS = 5
HALF_LIFE_SMALL_COMMITS = 10
# Of commits this small nearly all files belong together, however long ago.
MAX_FILES_OF_A_SMALL_CHANGE = 6
# What was changed together with what was changed together: from so many files, so many commits.
MAX_STEPS = 8
MAX_COMMITS_OF_A_STEP = 40
HALF_LIFE_FIRST_STEP_COMMITS = 20
HALF_LIFE_SECOND_STEP_COMMITS = 10
# What is said in a message is said again for longer than files are changed together.
HALF_LIFE_SAID_COMMITS = 500
# A word that is in the message of more of the commits says nothing about what they changed.
MAX_SHARE_OF_MESSAGES = 0.1

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{2,100}")


class SymbolIndex(Protocol):
    """What the signals ask of the index; see `index.Index`."""

    def symbols(self, blobs: Iterable[str]) -> Mapping[str, Symbols]: ...
    def definers(self, names: Iterable[str]) -> Mapping[str, frozenset[str]]: ...
    def users(self, names: Iterable[str]) -> Mapping[str, frozenset[str]]: ...
    def frequencies(self, words: Iterable[str]) -> Mapping[str, int]: ...
    def search(
        self, words: Sequence[str], limit: int, among: Container[str] | None = None
    ) -> list[tuple[str, float]]: ...


@dataclass(frozen=True, slots=True)
class Query:
    """What is worked on: the file at `path` ("" for none) as it is now, and what was said.

    `symbols` are those of the file's present text, `words` the words of it to search with (see
    `words.search_words`);
    `instruction` is a question, an order or a commit's message.
    """

    path: str = ""
    symbols: Symbols = NO_SYMBOLS
    words: tuple[str, ...] = ()
    instruction: str = ""


@dataclass(frozen=True, slots=True)
class Names:
    """Names and the paths of this tree that define them; each has at least one."""

    used: Mapping[str, tuple[int, Sequence[str]]]
    own: Mapping[str, Sequence[str]]


def names(query: Query, index: SymbolIndex, tree: Tree) -> Names:
    """The names that the file uses (with counts) and those it defines, as far as they tell."""
    own = {each.name for each in query.symbols.definitions if each.depth <= 1}
    used = {name: count for name, count in query.symbols.references if name not in own}
    often = sorted(used, key=lambda name: (-used[name], name))[:MAX_NAMES]
    asked = sorted(name for name in own if len(name) >= LEAST_NAME_CHARACTERS)[:MAX_NAMES]
    where = index.definers([*often, *asked])
    defining = {name: tree.paths(blobs) for name, blobs in where.items()}
    return Names(
        {
            name: (used[name], defining[name])
            for name in often
            if 0 < len(defining.get(name, ())) <= MAX_DEFINING_FILES
        },
        {
            name: defining.get(name, ())
            for name in asked
            if len(defining.get(name, ())) <= MAX_DEFINING_FILES_OF_A_USED_NAME
        },
    )


def defines(found: Names) -> Signal:
    """Files that define what the file uses; a name counts the less, the more files define it."""
    scores: Signal = defaultdict(float)
    for count, paths in found.used.values():
        for path in paths:
            scores[path] += sqrt(min(count, MAX_COUNTED_USES)) / len(paths)
    return scores


def uses(found: Names, index: SymbolIndex, tree: Tree) -> Signal:
    """Files that use what the file defines; a name counts the less, the more files use it."""
    scores: Signal = defaultdict(float)
    for name, blobs in sorted(index.users(found.own).items()):
        own = found.own.get(name, ())
        paths = [path for path in tree.paths(blobs) if path not in own]
        for path in paths:
            scores[path] += 1 / sqrt(len(paths))
    return scores


def imports(query: Query, tree: Tree) -> Signal:
    """Files that the file imports; one of a package counts less than one that is named."""
    found = tree.imports.resolve(query.path, query.symbols.imports)
    return dict.fromkeys(found, 1.0)


def imported_by(query: Query, index: SymbolIndex, tree: Tree, candidates: Iterable[str]) -> Signal:
    """Those of `candidates` that import the file."""
    blobs = {path: tree.blobs[path] for path in candidates}
    known = index.symbols(sorted(set(blobs.values())))
    return {
        path: 1.0
        for path, blob in sorted(blobs.items())
        if blob in known
        and known[blob].imports
        and query.path in tree.imports.resolve(path, known[blob].imports)
    }


def changed_together(query: Query, tree: Tree, history: History) -> Signal:
    """Files that were changed in the same commits; large and old commits count less."""
    return _companions(
        query.path,
        tree,
        history,
        lambda place, _, count: 1 / log2(1 + count) / (1 + place / HALF_LIFE_COMMITS),
    )


def changed_with_few(query: Query, tree: Tree, history: History) -> Signal:
    """The same where a commit has one to give, to all other files together; old ones for longer."""
    return _companions(
        query.path,
        tree,
        history,
        lambda place, _, count: 1 / max(1, count - 1) / (1 + place / HALF_LIFE_SHARED_COMMITS),
    )


def changed_with_newest(query: Query, tree: Tree, history: History) -> Signal:
    """The same where a commit is as old as there are newer ones of the file."""
    return _companions(
        query.path,
        tree,
        history,
        lambda _, nth, count: 1 / log2(1 + count) / (1 + nth / HALF_LIFE_OWN_COMMITS),
    )


def changed_in_small_commits(query: Query, tree: Tree, history: History) -> Signal:
    """Files that small commits changed with the file, its own newest commits above all.

    It speaks for files that are seldom changed: their newest commits may be a thousand commits old.
    """
    return _companions(
        query.path,
        tree,
        history,
        lambda _, nth, count: (
            1 / (1 + nth / HALF_LIFE_SMALL_COMMITS) if count <= MAX_FILES_OF_A_SMALL_CHANGE else 0.0
        ),
    )


def changed_in_two_steps(query: Query, tree: Tree, history: History) -> Signal:
    """Files that were changed with those that were changed with the file."""
    first = _companions(
        query.path,
        tree,
        history,
        lambda _, nth, count: 1 / log2(1 + count) / (1 + nth / HALF_LIFE_FIRST_STEP_COMMITS),
    )
    best = sorted(first, key=lambda path: (-first[path], path))[:MAX_STEPS]
    total = sum(first[path] for path in best)
    scores: Signal = defaultdict(float)
    for step in best:
        share = first[step] / total
        for nth, place in enumerate(history.by_path.get(step, ())[:MAX_COMMITS_OF_A_STEP]):
            paths = history.commits[place].paths
            weight = share / log2(1 + len(paths)) / (1 + nth / HALF_LIFE_SECOND_STEP_COMMITS)
            for path in paths:
                if path != step and path != query.path and path in tree.blobs:
                    scores[path] += weight
    return scores


def _companions(
    given: str, tree: Tree, history: History, weight_of: Callable[[int, int, int], float]
) -> Signal:
    """The other files of each commit that changed `given`, with the weight of the commit.

    `weight_of` is told its place in the history, its place among those of the file, and how many
    files it changed.
    """
    scores: Signal = defaultdict(float)
    for nth, place in enumerate(history.by_path.get(given, ())):
        paths = history.commits[place].paths
        weight = weight_of(place, nth, len(paths))
        if weight > 0:
            for path in paths:
                if path != given and path in tree.blobs:
                    scores[path] += weight
    return scores


def changed_lately(history: History, tree: Tree, candidates: Iterable[str]) -> Signal:
    """How short a while ago each of `candidates` was changed, in commits."""
    return {
        path: 1 / (1 + history.by_path[path][0] / RECENT_COMMITS)
        for path in candidates
        if path in history.by_path and path in tree.blobs
    }


def similar(query: Query, index: SymbolIndex, tree: Tree) -> Signal:
    """Files that are made of the same words as the file: the root of what BM25 says.

    One file that is nearly a copy would else make all others seem to have nothing in common.
    """
    found = search(query.words, index, tree)
    return {path: sqrt(score) for path, score in found.items() if score > 0}


def search(words: Sequence[str], index: SymbolIndex, tree: Tree) -> Signal:
    """What the index finds for `words`, as far as it is in this tree."""
    scores: Signal = {}
    for blob, score in index.search(words, MAX_FOUND, tree.paths_of) if words else ():
        if len(scores) >= MAX_FOUND:
            break
        for path in tree.paths_of.get(blob, ()):
            scores[path] = score
    return scores


def said_path(instruction: Sequence[str], tree: Tree) -> Signal:
    """Files whose paths hold words of the instruction, the rare ones above all."""
    scores: Signal = defaultdict(float)
    for word in instruction:
        paths = tree.by_word.get(word, ())
        for path in paths:
            scores[path] += log(1 + len(tree.blobs) / len(paths))
    return scores


def said_name(query: Query, index: SymbolIndex, tree: Tree) -> Signal:
    """Files that define a name which stands in the instruction as it is."""
    said = dict.fromkeys(
        name for name in _NAME.findall(query.instruction) if not name.islower() or "_" in name
    )
    scores: Signal = defaultdict(float)
    for _, blobs in sorted(index.definers(said).items()):
        paths = tree.paths(blobs)
        for path in paths:
            scores[path] += 1 / len(paths)
    return scores


def said_before(instruction: Sequence[str], tree: Tree, history: History) -> Signal:
    """Files that were changed by commits whose messages have words of the instruction.

    A message with two of the words says more than two messages with one each; large and old
    commits count less.
    """
    said: dict[int, float] = defaultdict(float)
    count = len(history.commits)
    for word in instruction:
        places = history.by_word.get(word, ())
        if places and len(places) <= MAX_SHARE_OF_MESSAGES * count:
            for place in places:
                said[place] += log(1 + count / len(places))
    scores: Signal = defaultdict(float)
    for place in sorted(said):
        paths = history.commits[place].paths
        weight = said[place] ** 2 / (1 + len(paths)) / (1 + place / HALF_LIFE_SAID_COMMITS)
        for path in paths:
            if path in tree.blobs:
                scores[path] += weight
    return scores


def by_place(signal: Signal) -> Signal:
    """1 for what `signal` puts first, 1/2 for the second, and so on; equals share a place.

    How much better the first is than the second is another matter in each repository; that it is
    the first, less so.
    """
    places: dict[float, int] = {}
    for place, value in enumerate(sorted(signal.values(), reverse=True), start=1):
        places.setdefault(value, place)
    return {path: 1 / places[value] for path, value in signal.items()}


def instruction_words(query: Query) -> tuple[str, ...]:
    return message_words(query.instruction)
