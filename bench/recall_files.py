"""Which files a commit changes together: kibitz's fusion beside BM25 and each signal alone.

One file of a commit is given, the others are to be found among the source files of the commit's
parent.  Index and history hold what there was before the commit: cases are taken from the oldest
to the newest, and before each one the index is given its parent's files and nothing else.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from bench.recall_cases import Case, Clone, recall, wanted_files
from kibitz_context.gate.baseline import Baseline, opened
from kibitz_context.gate.gate import Gate
from kibitz_context.indexing import history as history_module
from kibitz_context.indexing.index import Index
from kibitz_context.indexing.reading import read_into
from kibitz_context.ranking import signals
from kibitz_context.ranking.relevance import all_signals
from kibitz_context.ranking.signals import Query, Signal
from kibitz_context.ranking.tree import Tree
from kibitz_context.ranking.weights import RelatedWeights
from kibitz_context.texts.symbols import symbols
from kibitz_context.texts.words import search_words
from kibitz_context.values import Allowed

FOUND_FIRST = 5
#: Signals that need the commit's message.
SAID = ("said", "said_first", "said_path", "said_name", "said_before")
SIGNALS = tuple(field.name for field in fields(RelatedWeights))


@dataclass(frozen=True)
class Question:
    """A case, each signal's answer to it, and BM25's with and without the message."""

    case: Case
    n_files: int
    seconds: float
    signals: Mapping[str, Signal]
    bm25: Signal
    bm25_and_message: Signal

    def fused(self, weights: RelatedWeights, with_message: bool) -> Signal:
        scores: Signal = {}
        for name in SIGNALS:
            if with_message or name not in SAID:
                weight = getattr(weights, name)
                for path, value in self.signals.get(name, {}).items():
                    scores[path] = scores.get(path, 0.0) + weight * value
        return {path: round(score, 6) for path, score in scores.items()}


def questions(clone: Clone, cases: Sequence[Case], folder: Path) -> Iterator[Question]:
    """Ask about each of `cases` (the oldest first), with an index in `folder`."""
    gate = Gate(clone.repository.root)
    index = Index.open(folder / "index.sqlite")
    with opened(clone.repository, gate, lambda: None) as closed:
        for case in cases:
            files = wanted_files(clone, case.parent)
            sources = closed.at(Baseline(case.parent, tuple(files.values())))
            read_into(index, sources, index.missing(files.values()))
            tree = Tree({path: file.blob_id for path, file in files.items()})
            answer = sources.read(files[case.given])
            text = answer.text if isinstance(answer, Allowed) else ""
            past = history_module.history(clone.repository, case.parent, folder / "history.sqlite")
            # Made once for a commit, not for each request.
            _ = past.by_path, past.by_word, tree.paths_of, tree.imports, tree.by_word
            start = time.perf_counter()
            query = Query(
                case.given,
                symbols(case.given, text),
                search_words(text, len(tree.blobs), index.frequencies),
                case.message,
            )
            found = all_signals(query, index, tree, past, RelatedWeights())
            seconds = time.perf_counter() - start
            both = (*query.words, *signals.instruction_words(query))
            yield Question(
                case,
                len(files),
                seconds,
                found,
                _without(signals.search(query.words, index, tree), case.given),
                _without(signals.search(both, index, tree), case.given),
            )


def _without(signal: Signal, path: str) -> Signal:
    return {each: value for each, value in signal.items() if each != path}


def mean_recall(answers: Iterable[tuple[Case, Signal]]) -> float:
    """The mean over cases of the share of files that are among the first five."""
    return statistics.fmean(
        recall(first(signal), case.wanted, FOUND_FIRST) for case, signal in answers
    )


def first(signal: Signal) -> list[str]:
    return sorted(signal, key=lambda path: (-signal[path], path))[:FOUND_FIRST]


@dataclass(frozen=True)
class FileRecall:
    """One repository's figures, each a mean of recall@5 over `n_cases`."""

    n_cases: int
    n_files: float
    milliseconds: float
    fused: float
    fused_and_message: float
    bm25: float
    bm25_and_message: float
    alone: Mapping[str, float]


def measured(asked: Sequence[Question], weights: RelatedWeights) -> FileRecall:
    return FileRecall(
        len(asked),
        statistics.fmean(each.n_files for each in asked),
        1e3 * statistics.median(each.seconds for each in asked),
        mean_recall((each.case, each.fused(weights, False)) for each in asked),
        mean_recall((each.case, each.fused(weights, True)) for each in asked),
        mean_recall((each.case, each.bm25) for each in asked),
        mean_recall((each.case, each.bm25_and_message) for each in asked),
        {
            name: mean_recall((each.case, each.signals.get(name, {})) for each in asked)
            for name in SIGNALS
        },
    )
