"""The words that a text is found by: names, and the words that names are made of.

What is put into the index and what is searched for are taken apart in the same way.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from math import log, sqrt

# More: a slower search, in which the words that tell are outvoted by those that do not.
MAX_SEARCHED_WORDS = 64
# A word costs what there are files that hold it: some ten milliseconds for these.
MAX_SEARCHED_FILES = 24_000
# So many are asked about, the most frequent of the text first.
MAX_CONSIDERED_WORDS = 200
LEAST_CHARACTERS = 3
MAX_CHARACTERS = 60
# Of a text of a megabyte the beginning says what it is about.
MAX_TEXT_CHARACTERS = 256 * 1024
# A millisecond of looking for names.
PIECE_CHARACTERS = 32 * 1024
# The hundredth use of a word says nothing that the fourth has not.
MAX_COUNTED_USES = 4

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]+")
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def words(text: str) -> list[str]:
    """The words of `text` in lower case, in order, as often as they occur.

    A name that is made of words is there itself and in its parts.
    """
    found: list[str] = []
    for match in _NAME.finditer(text[:MAX_TEXT_CHARACTERS]):
        name = match[0]
        whole = name.lower().strip("_")
        if LEAST_CHARACTERS <= len(whole) <= MAX_CHARACTERS:
            found.append(whole)
        if name.islower() and whole.isalpha():
            continue  # As most names it is one part.
        parts = _PART.findall(name)
        if len(parts) > 1:
            found += [part.lower() for part in parts if len(part) >= LEAST_CHARACTERS]
    return found


def word_counts(text: str) -> dict[str, int]:
    """How often each word of `text` occurs: what `words` finds, counted, and ten times quicker."""
    names: Counter[str] = Counter()
    for piece in _pieces(text[:MAX_TEXT_CHARACTERS]):
        names.update(_NAME.findall(piece))
    counts: dict[str, int] = {}
    for name, count in names.items():
        for word in _words_of(name):
            counts[word] = counts.get(word, 0) + count
    return counts


def _pieces(text: str) -> Iterator[str]:
    """`text` in parts that end with a line: searching one holds the interpreter meanwhile."""
    start = 0
    while start < len(text):
        end = text.find("\n", start + PIECE_CHARACTERS) + 1 or len(text)
        yield text[start:end]
        start = end


@lru_cache(maxsize=4_096)
def _words_of(name: str) -> tuple[str, ...]:
    return tuple(words(name))


def search_words(
    text: str, file_count: int, frequencies: Callable[[Iterable[str]], Mapping[str, int]]
) -> tuple[str, ...]:
    """The words of `text` that are worth searching for, the most telling first.

    `frequencies` says in how many of about `file_count` files each of some words is.  A word
    that is in one alone is this text's own, and finds nothing.
    """
    counts = word_counts(text)
    considered = sorted(counts, key=lambda word: (-counts[word], word))[:MAX_CONSIDERED_WORDS]
    files = frequencies(considered)
    worth = {
        word: sqrt(min(counts[word], MAX_COUNTED_USES)) * log(1 + file_count / files[word])
        for word in considered
        if files.get(word, 0) > 1
    }
    chosen: list[str] = []
    cost = 0
    for word in sorted(worth, key=lambda word: (-worth[word], word))[:MAX_SEARCHED_WORDS]:
        cost += files[word]
        if chosen and cost > MAX_SEARCHED_FILES:
            break
        chosen.append(word)
    return tuple(chosen)
