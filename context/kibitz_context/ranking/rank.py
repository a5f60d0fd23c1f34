"""Which files are worth a place in the prompt, before anybody has asked anything.

The rank of a file is that of a reader who starts anywhere and follows references (personalised
PageRank), times how often the file changes, divided by what it costs.  A pure function of paths,
symbols and history, the same to the last digit on any machine.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import fsum, sqrt
from typing import TYPE_CHECKING

from kibitz_context import kinds
from kibitz_context.files.repository import TrackedFile
from kibitz_context.indexing.history import History
from kibitz_context.ranking import graph
from kibitz_context.ranking.graph import Graph
from kibitz_context.ranking.weights import SnapshotWeights

if TYPE_CHECKING:
    from kibitz_context.texts.mentions import Mentions

# Ranks still move after this many steps, or when they have moved by less on average, but hardly
# past one another.
STEPS = 24
LEAST_MOVE = 0.002
# A file of this size costs half of its worth.
HALF_WORTH_BYTES = 24 * 1024
# What is not known to be small is taken to be this large.
UNKNOWN_SIZE_BYTES = 8 * 1024
DIGITS = 6


@dataclass(frozen=True)
class Ranking:
    """What each path is worth (1.0 is about average), and how often it changes.

    `often_changed` are the steps of `History.often_changed`: coarse, so that an order made of
    them outlives most commits.
    """

    scores: Mapping[str, float]
    often_changed: Mapping[str, int]

    def best_first(self) -> list[str]:
        """All paths, by score; equal ones by name."""
        return sorted(self.scores, key=lambda path: (-self.scores[path], path))


def snapshot_ranking(
    files: Sequence[TrackedFile],
    mentions_of: Mapping[str, Mentions],
    history: History,
    weights: SnapshotWeights | None = None,
) -> Ranking:
    """Rank `files`; `mentions_of` says what their blobs mention, as far as it is known.

    The order of `files` does not matter, nor does the machine.
    """
    weights = weights or SnapshotWeights()
    by_path = {
        file.path: found for file in files if (found := mentions_of.get(file.blob_id)) is not None
    }
    referred = graph.references([file.path for file in files], by_path, weights.imports)
    starts = [_start(path, weights) for path in referred.paths]
    ranks = page_rank(referred, starts, weights.reference)
    sizes = {file.path: file.size_bytes for file in files}
    often_changed = {path: history.often_changed(path) for path in referred.paths}
    scores: dict[str, float] = {}
    for path, rank in zip(referred.paths, ranks, strict=True):
        size = sizes[path]
        cost = (UNKNOWN_SIZE_BYTES if size is None else size) / HALF_WORTH_BYTES
        worth = sqrt(rank) * (1.0 + weights.often_changed * often_changed[path])
        scores[path] = round(worth / (1.0 + weights.size * cost), DIGITS)
    return Ranking(scores, often_changed)


def page_rank(referred: Graph, starts: Sequence[float], follow: float) -> list[float]:
    """How often a reader comes by each file, 1.0 being the average.

    The reader starts at a file by its share of `starts` and follows a reference with the
    probability `follow`, by its weight; else, or where there is none, starts anew.
    """
    count = len(referred.paths)
    # Unlike `sum`, `fsum` has the same result in every version of Python.
    total = fsum(starts)
    if not count or total <= 0:
        return [1.0] * count
    start = [each * count / total for each in starts]
    shares = [_shares(edges.weights, follow) for edges in referred.edges]
    ranks = start
    for _ in range(STEPS):
        lost = fsum(rank for rank, passed_on in zip(ranks, shares, strict=True) if not passed_on)
        again = (1.0 - follow) + follow * lost / count
        new = [again * each for each in start]
        for rank, edges, passed_on in zip(ranks, referred.edges, shares, strict=True):
            for target, share in zip(edges.targets, passed_on, strict=True):
                new[target] += rank * share
        moved = fsum(map(_distance, ranks, new))
        ranks = new
        if moved < LEAST_MOVE * count:
            break
    return ranks


def _shares(weights: array[float], follow: float) -> array[float]:
    """What part of its rank a file passes on to each that it refers to."""
    total = fsum(weights)
    return array("d", (follow * weight / total for weight in weights))


def _distance(left: float, right: float) -> float:
    return abs(left - right)


def _start(path: str, weights: SnapshotWeights) -> float:
    """How likely a reader starts at `path`: at code rather than beside it."""
    return 1.0 if kinds.order(path)[0] <= _LAST_OF_THE_CODE else weights.aside_start


# `kinds.order` puts what introduces a repository first, then sources, then all that is beside.
_LAST_OF_THE_CODE = 2
