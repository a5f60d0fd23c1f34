"""The files of one commit, and what their paths alone tell: names, folders, tests.

Made once for a commit and asked by every request: each view is built when it is first needed.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

from kibitz_context import kinds
from kibitz_context.indexing.history import message_words
from kibitz_context.ranking.imports import Imports

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_TEST_WORDS = frozenset(("test", "tests", "spec", "specs", "it"))
# What `kinds.order` says of tests and of what stands beside them.
_TEST_RANK = 4
# Of a test's name, all runs of words are looked up; longer names are sentences.
_MAX_STEM_WORDS = 6
_MIN_STEM_CHARACTERS = 3
# Files of these names stand for their folder, and folders of those for the one above.
_OF_THE_FOLDER = (["init"], ["index"], ["mod"], ["lib"], ["main"])
_OF_THE_FOLDER_ABOVE = frozenset(("src", "lib", "source", "main"))


@dataclass(frozen=True)
class Tree:
    """`blobs` maps each path to git's id of its content."""

    blobs: Mapping[str, str]

    @cached_property
    def paths_of(self) -> Mapping[str, tuple[str, ...]]:
        """The paths that have a content, sorted; nearly always one."""
        found: dict[str, list[str]] = defaultdict(list)
        for path in sorted(self.blobs):
            found[self.blobs[path]].append(path)
        return {blob: tuple(paths) for blob, paths in found.items()}

    @cached_property
    def imports(self) -> Imports:
        return Imports(self.blobs)

    @cached_property
    def by_word(self) -> Mapping[str, tuple[str, ...]]:
        """The paths that hold a word, in lower case and singular."""
        found: dict[str, list[str]] = defaultdict(list)
        for path in sorted(self.blobs):
            for word in message_words(path):
                found[word].append(path)
        return {word: tuple(paths) for word, paths in found.items()}

    @cached_property
    def _by_stem(self) -> Mapping[tuple[str, ...], tuple[str, ...]]:
        found: dict[tuple[str, ...], list[str]] = defaultdict(list)
        for path in sorted(self.blobs):
            found[stem(path)].append(path)
        return {words: tuple(paths) for words, paths in found.items()}

    @cached_property
    def _tests_by_part(self) -> Mapping[tuple[str, ...], tuple[str, ...]]:
        """Tests by every run of words in their names, the whole name left out."""
        found: dict[tuple[str, ...], list[str]] = defaultdict(list)
        for path in sorted(self.blobs):
            if is_test(path):
                for part in _parts(stem(path)):
                    found[part].append(path)
        return {part: tuple(paths) for part, paths in found.items()}

    def paths(self, blobs: Iterable[str]) -> list[str]:
        """The paths of those of `blobs` that are in this tree, sorted."""
        of = self.paths_of
        return sorted(path for blob in blobs if blob in of for path in of[blob])

    def partners(self, path: str) -> dict[str, float]:
        """Files that belong to `path` by name: its test, what it tests, its header.

        1.0 for a test and what it tests; 0.6 for others of the same name; 0.5 where a test's
        name only holds the other's.
        """
        own = stem(path)
        found: dict[str, float] = {}
        if own:
            tests = is_test(path)
            parts = _parts(own) if tests else ()
            for part in parts:
                for other in self._by_stem.get(part, ()):
                    if not is_test(other):
                        found[other] = 0.5
            if not tests and len("".join(own)) >= _MIN_STEM_CHARACTERS:
                found.update(dict.fromkeys(self._tests_by_part.get(own, ()), 0.5))
            for other in self._by_stem.get(own, ()):
                found[other] = 0.6 if is_test(other) == tests else 1.0
        found.pop(path, None)
        return found


@lru_cache(maxsize=65_536)
def stem(path: str) -> tuple[str, ...]:
    """The words of a file's name, in lower case, without its endings and without "test".

    A file that stands for its folder has the folder's name, and ``shop/src/lib.rs`` that of the
    folder above: else it would seem to belong to every other ``src/lib.rs``.
    """
    *folders, name = path.split("/")
    words = _lower_words(name.partition(".")[0])
    if words in _OF_THE_FOLDER:
        while folders and folders[-1] in _OF_THE_FOLDER_ABOVE:
            folders.pop()
        words = _lower_words(folders[-1]) if folders else []
    if len(words) > 1 and words[0] in _TEST_WORDS:
        words = words[1:]
    if len(words) > 1 and words[-1] in _TEST_WORDS:
        words = words[:-1]
    return tuple(words)


def _lower_words(name: str) -> list[str]:
    return [word.lower() for word in _WORDS.findall(name)]


def is_test(path: str) -> bool:
    return kinds.order(path)[0] == _TEST_RANK


def nearness(left: str, right: str) -> float:
    """1.0 for two files of one folder, less the more folders there are between them."""
    ours, theirs = left.split("/")[:-1], right.split("/")[:-1]
    shared = 0
    for one, other in zip(ours, theirs, strict=False):
        if one != other:
            break
        shared += 1
    return (1 + shared) / (1 + max(len(ours), len(theirs)))


def _parts(words: tuple[str, ...]) -> set[tuple[str, ...]]:
    """All runs of `words` that are long enough to mean something, `words` itself left out."""
    words = words[:_MAX_STEM_WORDS]
    count = len(words)
    return {
        words[start:end]
        for start in range(count)
        for end in range(start + 1, count + 1)
        if end - start < count and len("".join(words[start:end])) >= _MIN_STEM_CHARACTERS
    }
