"""An index in memory, with nothing clever in it: what the real one must answer like."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from math import log

from kibitz_context.texts.symbols import Symbols, symbols
from kibitz_context.texts.words import words as words_of


class MemoryIndex:
    """Answers `signals.SymbolIndex`."""

    def __init__(self, files: Mapping[str, str] | None = None) -> None:
        self._symbols: dict[str, Symbols] = {}
        self._words: dict[str, Counter[str]] = {}
        self._lengths: dict[str, int] = {}
        self._definers: dict[str, set[str]] = defaultdict(set)
        self._users: dict[str, set[str]] = defaultdict(set)
        self._holders: dict[str, dict[str, int]] = defaultdict(dict)
        for path, text in (files or {}).items():
            self.add(path, path, text)

    def has(self, blob: str) -> bool:
        return blob in self._symbols

    def add(self, blob: str, path: str, text: str) -> None:
        found = symbols(path, text)
        self._symbols[blob] = found
        for each in found.definitions:
            self._definers[each.name].add(blob)
        for name, _ in found.references:
            self._users[name].add(blob)
        counts = Counter(words_of(text))
        self._lengths[blob] = counts.total()
        for word, count in counts.items():
            self._holders[word][blob] = count

    def symbols(self, blobs: Iterable[str]) -> dict[str, Symbols]:
        return {blob: self._symbols[blob] for blob in blobs if blob in self._symbols}

    def definers(self, names: Iterable[str]) -> dict[str, frozenset[str]]:
        return {name: frozenset(self._definers[name]) for name in names if name in self._definers}

    def users(self, names: Iterable[str]) -> dict[str, frozenset[str]]:
        return {name: frozenset(self._users[name]) for name in names if name in self._users}

    def frequencies(self, words: Iterable[str]) -> dict[str, int]:
        return {word: len(self._holders[word]) for word in words if word in self._holders}

    def search(
        self, words: Sequence[str], limit: int, among: Container[str] | None = None
    ) -> list[tuple[str, float]]:
        scores: dict[str, float] = defaultdict(float)
        count = len(self._symbols)
        mean = sum(self._lengths.values()) / max(1, count)
        for word in words:
            holders = self._holders.get(word, {})
            rarity = log(1 + (count - len(holders) + 0.5) / (len(holders) + 0.5))
            for blob, uses in holders.items():
                length = 0.25 + 0.75 * self._lengths[blob] / mean
                scores[blob] += rarity * uses * 2.2 / (uses + 1.2 * length)
        found = (each for each in scores.items() if among is None or each[0] in among)
        best = sorted(found, key=lambda each: (-each[1], each[0]))
        return best[:limit]
