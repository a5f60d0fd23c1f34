"""Which file refers to which: by a name that it uses and another defines, or by an import.

Made of symbols and paths alone.  The same on any machine: everything is taken in the order of
the paths, and the numbers are sums, products, quotients and square roots, which IEEE 754 defines
to the last bit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

from kibitz_context.imports import Imports

if TYPE_CHECKING:
    from kibitz_context.symbols import Symbols

# A name that is defined in more files (``main``, ``__init__``, ``toString``) does not tell which
# of them is meant.
MAX_DEFINING_FILES = 8
# The hundredth use of a name says nothing that the fourth has not.
MAX_COUNTED_USES = 4
LEAST_NAME_CHARACTERS = 3
# A file of ten thousand names refers to everything; what it refers to most is kept.
MAX_EDGES_OF_A_FILE = 64


@dataclass(frozen=True, slots=True)
class Graph:
    """References between files: `edges[i]` are (j, weight) of what `paths[i]` refers to."""

    paths: tuple[str, ...]
    edges: tuple[tuple[tuple[int, float], ...], ...]


def definers(symbols_of: Mapping[str, Symbols]) -> dict[str, list[str]]:
    """The paths that define each name, sorted."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted(symbols_of):
        for name in dict.fromkeys(each.name for each in symbols_of[path].definitions):
            found[name].append(path)
    return found


def references(
    paths: Sequence[str], symbols_of: Mapping[str, Symbols], import_weight: float
) -> Graph:
    """The graph of the files at `paths`; those without symbols (by path) have no edges.

    One use of a name weighs 1, divided among the files that define it; an import weighs
    `import_weight`.
    """
    ordered = tuple(sorted(paths))
    number = {path: position for position, path in enumerate(ordered)}
    known = {path: symbols_of[path] for path in ordered if path in symbols_of}
    defining = {
        name: [number[path] for path in where]
        for name, where in definers(known).items()
        if len(where) <= MAX_DEFINING_FILES and len(name) >= LEAST_NAME_CHARACTERS
    }
    imports = Imports(ordered)
    edges: list[tuple[tuple[int, float], ...]] = []
    for position, path in enumerate(ordered):
        found = known.get(path)
        weights: dict[int, float] = {}
        if found is not None:
            for name, count in found.references:
                targets = defining.get(name)
                # A file that defines the name itself means its own.
                if targets is None or position in targets:
                    continue
                weight = _SQUARE_ROOTS[min(count, MAX_COUNTED_USES)] / len(targets)
                for target in targets:
                    weights[target] = weights.get(target, 0.0) + weight
            imported = imports.resolve(path, found.imports) if found.imports else ()
            for other in imported:
                target = number[other]
                weights[target] = weights.get(target, 0.0) + import_weight / sqrt(len(imported))
        kept = [edge for edge in weights.items() if edge[1] > 0]
        if len(kept) > MAX_EDGES_OF_A_FILE:
            kept = sorted(kept, key=_heaviest_first)[:MAX_EDGES_OF_A_FILE]
        edges.append(tuple(sorted(kept)))
    return Graph(ordered, tuple(edges))


_SQUARE_ROOTS = tuple(sqrt(count) for count in range(MAX_COUNTED_USES + 1))


def _heaviest_first(edge: tuple[int, float]) -> tuple[float, int]:
    return -edge[1], edge[0]
