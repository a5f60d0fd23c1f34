"""Which file refers to which: by a name that it uses and another defines, or by an import.

Made of mentions and paths alone.  The same on any machine: everything is taken in the order of
the paths, and the numbers are sums, products, quotients and square roots, which IEEE 754 defines
to the last bit.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, NamedTuple

from kibitz_context.ranking.imports import Imports

if TYPE_CHECKING:
    from kibitz_context.texts.mentions import Mentions

# A name that is defined in more files (``main``, ``__init__``, ``toString``) does not tell which
# of them is meant.
MAX_DEFINING_FILES = 8
# The hundredth use of a name says nothing that the fourth has not.
MAX_COUNTED_USES = 4
LEAST_NAME_CHARACTERS = 3
# A file of ten thousand names refers to everything; what it refers to most is kept.
MAX_EDGES_OF_A_FILE = 64


class Edges(NamedTuple):
    """What one file refers to: numbers of files, in order, and the weight of each.

    Arrays: as tuples of pairs they would be most of the memory of an index.
    """

    targets: array[int]
    weights: array[float]

    @classmethod
    def of(cls, weighted: Iterable[tuple[int, float]]) -> Edges:
        pairs = sorted(weighted)
        return cls(
            array("L", (target for target, _ in pairs)), array("d", (weight for _, weight in pairs))
        )


@dataclass(frozen=True, slots=True)
class Graph:
    """References between files: `edges[i]` are what `paths[i]` refers to."""

    paths: tuple[str, ...]
    edges: tuple[Edges, ...]


def references(
    paths: Sequence[str], mentions_of: Mapping[str, Mentions], import_weight: float
) -> Graph:
    """The graph of the files at `paths`; those that mention nothing (by path) have no edges.

    One use of a name weighs 1, divided among the files that define it; an import weighs
    `import_weight`.
    """
    ordered = tuple(sorted(paths))
    number = {path: position for position, path in enumerate(ordered)}
    defining = _defining(ordered, mentions_of)
    imports = Imports(ordered)
    edges: list[Edges] = []
    for position, path in enumerate(ordered):
        found = mentions_of.get(path)
        weights: dict[int, float] = {}
        if found is not None:
            for name, count in zip(found.used, found.counts, strict=True):
                targets = defining.get(name, ())
                # A file that defines the name itself means its own.
                if position in targets or len(targets) > MAX_DEFINING_FILES:
                    continue
                for target in targets:
                    weight = _SQUARE_ROOTS[min(count, MAX_COUNTED_USES)] / len(targets)
                    weights[target] = weights.get(target, 0.0) + weight
            imported = imports.resolve(path, found.imports) if found.imports else ()
            for other in imported:
                target = number[other]
                weights[target] = weights.get(target, 0.0) + import_weight / sqrt(len(imported))
        kept = [edge for edge in weights.items() if edge[1] > 0]
        if len(kept) > MAX_EDGES_OF_A_FILE:
            kept = sorted(kept, key=_heaviest_first)[:MAX_EDGES_OF_A_FILE]
        edges.append(Edges.of(kept) if kept else _NO_EDGES)
    return Graph(ordered, tuple(edges))


def _defining(
    ordered: Sequence[str], mentions_of: Mapping[str, Mentions]
) -> dict[str, tuple[int, ...]]:
    """The numbers of the files that define each name, and of too many one too many."""
    # Nearly every name has one home, and all names of a file share the tuple of it.
    found: dict[str, tuple[int, ...]] = {}
    for position, path in enumerate(ordered):
        mentions = mentions_of.get(path)
        here = (position,)
        for name in mentions.defined if mentions is not None else ():
            if len(name) >= LEAST_NAME_CHARACTERS:
                known = found.get(name)
                if known is None:
                    found[name] = here
                elif len(known) <= MAX_DEFINING_FILES:
                    found[name] = known + here
    return found


_NO_EDGES = Edges.of(())
_SQUARE_ROOTS = tuple(sqrt(count) for count in range(MAX_COUNTED_USES + 1))


def _heaviest_first(edge: tuple[int, float]) -> tuple[float, int]:
    return -edge[1], edge[0]
