"""Which files matter for one request: many weak signals, fused.

None of the signals comes near their sum: what was changed together does not know a new file,
tests are not found by the words they share, and similar text alone leads astray.  Each is brought
to the scale from 0 to 1 and weighed; see `weights.RelatedWeights`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kibitz_context.indexing.history import History
from kibitz_context.ranking import signals
from kibitz_context.ranking.signals import Query, Signal, SymbolIndex
from kibitz_context.ranking.tree import Tree, nearness
from kibitz_context.ranking.weights import RelatedWeights

# So many of the newest commits name files that may matter although nothing else speaks for them.
_NEWEST_COMMITS = 20
# Who imports a file is found by looking at what others import: at those that rank best so far.
MAX_IMPORTERS_LOOKED_AT = 120
DIGITS = 6
# Signals that say a second time what another says, by its place alone.
_PLACES = {"few_first": "few_change", "similar_first": "similar", "said_first": "said"}


@dataclass(frozen=True, slots=True)
class Scored:
    """A file, how much speaks for it, and what: signals by name, each from 0 to 1."""

    path: str
    score: float
    signals: Mapping[str, float]


def related_files(
    query: Query,
    index: SymbolIndex,
    tree: Tree,
    history: History,
    limit: int,
    weights: RelatedWeights | None = None,
) -> list[Scored]:
    """The at most `limit` files of `tree` that matter most for `query`, best first.

    Without a history, without a path or without an instruction the signals that need it are
    silent.  The file itself is never among them.
    """
    weights = weights or RelatedWeights()
    found = all_signals(query, index, tree, history, weights)
    scores: dict[str, float] = {}
    parts: dict[str, dict[str, float]] = {}
    for name in sorted(found):
        weight = getattr(weights, name)
        for path, value in found[name].items():
            scores[path] = scores.get(path, 0.0) + weight * value
            parts.setdefault(path, {})[name] = value
    rounded = {path: round(score, DIGITS) for path, score in scores.items()}
    best = sorted(
        (path for path, score in rounded.items() if score > 0), key=lambda p: (-rounded[p], p)
    )
    return [Scored(path, rounded[path], parts[path]) for path in best[:limit]]


def all_signals(
    query: Query, index: SymbolIndex, tree: Tree, history: History, weights: RelatedWeights
) -> dict[str, Signal]:
    """Each signal by the name of its weight, on the scale from 0 to 1."""
    said = signals.instruction_words(query)
    names = signals.names(query, index, tree)
    found: dict[str, Signal] = {
        "defines": signals.defines(names),
        "uses": signals.uses(names, index, tree),
        "imports": signals.imports(query, tree),
        "co_change": signals.changed_together(query, tree, history),
        "few_change": signals.changed_with_few(query, tree, history),
        "newest_change": signals.changed_with_newest(query, tree, history),
        "small_change": signals.changed_in_small_commits(query, tree, history),
        "two_steps": signals.changed_in_two_steps(query, tree, history),
        "similar": signals.similar(query, index, tree),
        "said": signals.search(said, index, tree),
        "said_path": signals.said_path(said, tree),
        "said_name": signals.said_name(query, index, tree),
        "said_before": signals.said_before(said, tree, history),
    }
    scaled = {name: _scaled(signal, query.path) for name, signal in found.items()}
    # How sure a name is does not depend on whether there is a surer one.
    scaled["test_pair"] = tree.partners(query.path) if query.path else {}
    for name, of in _PLACES.items():
        scaled[name] = signals.by_place(scaled[of])
    candidates: dict[str, float] = {}
    for name in sorted(scaled):
        for path, value in scaled[name].items():
            candidates[path] = candidates.get(path, 0.0) + getattr(weights, name) * value
    for past in history.commits[:_NEWEST_COMMITS]:
        for path in past.paths:
            if path in tree.blobs and path != query.path:
                candidates.setdefault(path, 0.0)
    scaled["recent"] = _scaled(signals.changed_lately(history, tree, candidates), query.path)
    scaled["recent_first"] = signals.by_place(scaled["recent"])
    if query.path:
        scaled["near"] = {path: nearness(query.path, path) for path in candidates}
        best = sorted(candidates, key=lambda path: (-candidates[path], path))
        looked_at = best[:MAX_IMPORTERS_LOOKED_AT]
        scaled["imported_by"] = signals.imported_by(query, index, tree, looked_at)
    return scaled


def _scaled(signal: Signal, left_out: str) -> Signal:
    """`signal` with its largest number made 1; what is below 0 says nothing."""
    kept = {path: value for path, value in signal.items() if value > 0 and path != left_out}
    largest = max(kept.values(), default=1.0)
    return {path: value / largest for path, value in kept.items()}
