"""Texts that arrive in pieces, for everything that must not care where the pieces break."""

from __future__ import annotations

import random
from collections.abc import Iterator

from hypothesis import strategies


def cut_randomly(text: str, seed: int) -> list[str]:
    """`text` in pieces of 1 to 9 characters, empty ones among them; equal seeds cut alike."""
    source = random.Random(seed)
    pieces: list[str] = []
    position = 0
    while position < len(text):
        size = source.choice((0, 1, 1, 2, 3, 5, 9))
        pieces.append(text[position : position + size])
        position += size
    return pieces


def chunkings(text: str, seeds: int = 20) -> Iterator[list[str]]:
    """`text` whole, in single characters, and cut at random `seeds` times."""
    yield [text]
    yield list(text)
    for seed in range(seeds):
        yield cut_randomly(text, seed)


@strategies.composite
def cut(draw: strategies.DrawFn, texts: strategies.SearchStrategy[str]) -> list[str]:
    """A text of `texts`, cut somewhere."""
    text = draw(texts)
    places = sorted(draw(strategies.lists(strategies.integers(0, len(text)), max_size=12)))
    return [text[a:b] for a, b in zip([0, *places], [*places, len(text)], strict=True)]
