"""Fits the weights of the fusion to cases: what `weights.RelatedWeights` holds came from here.

The files that a commit changed are to have the largest share of a softmax over all candidates.
That is convex in the weights, so that gradient steps find the one best answer from anywhere; it
is found for questions with and without the message at once, since one set of weights serves both.
A negative weight would say that a signal speaks against a file: none may.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log, sqrt

from bench.recall_files import SAID, SIGNALS, Question
from kibitz_context.ranking.weights import RelatedWeights

STEPS = 120
RATE = 0.2
# Draws weights to 0 a little, so that signals which say the same share what they say.
RIDGE = 0.004


@dataclass(frozen=True)
class _Example:
    """The candidates of one question as rows of signals, and which of them are right."""

    rows: Sequence[Sequence[float]]
    right: Sequence[int]
    share: float


def fitted(by_repository: Sequence[Sequence[Question]]) -> RelatedWeights:
    """The best weights, each repository counting alike."""
    examples = [
        _example(question, with_message, 1 / len(asked) / len(by_repository))
        for asked in by_repository
        for question in asked
        for with_message in (False, True)
    ]
    weights = [0.5] * len(SIGNALS)
    # Adam's steps: each weight at its own rate.
    mean, spread = [0.0] * len(SIGNALS), [0.0] * len(SIGNALS)
    for step in range(1, STEPS + 1):
        loss, slope = _loss(examples, weights)
        if step % 20 == 0:
            print(f"  step {step}: {loss:.4f}", flush=True)
        for place, each in enumerate(slope):
            mean[place] = 0.9 * mean[place] + 0.1 * each
            spread[place] = 0.99 * spread[place] + 0.01 * each * each
            move = mean[place] / (1 - 0.9**step) / (sqrt(spread[place] / (1 - 0.99**step)) + 1e-9)
            weights[place] = max(0.0, weights[place] - RATE / sqrt(step) * move)
    return RelatedWeights(**dict(zip(SIGNALS, (round(each, 2) for each in weights), strict=True)))


def _example(question: Question, with_message: bool, share: float) -> _Example:
    names = [name if with_message or name not in SAID else "" for name in SIGNALS]
    signals = [question.signals.get(name, {}) for name in names]
    paths = sorted({path for signal in signals for path in signal})
    rows = [[signal.get(path, 0.0) for signal in signals] for path in paths]
    wanted = set(question.case.wanted)
    return _Example(rows, [place for place, path in enumerate(paths) if path in wanted], share)


def _loss(examples: Sequence[_Example], weights: Sequence[float]) -> tuple[float, list[float]]:
    loss = RIDGE / 2 * sum(each * each for each in weights)
    slope = [RIDGE * each for each in weights]
    for example in examples:
        if not example.right:
            continue
        scores = [sum(map(_times, row, weights)) for row in example.rows]
        highest = max(scores)
        shares = [exp(score - highest) for score in scores]
        total = sum(shares)
        due = 1 / len(example.right)
        pull = [share / total for share in shares]
        for place in example.right:
            loss -= example.share * due * log(max(1e-12, pull[place]))
            pull[place] -= due
        for row, each in zip(example.rows, pull, strict=True):
            for place, value in enumerate(row):
                if value:
                    slope[place] += example.share * each * value
    return loss, slope


def _times(left: float, right: float) -> float:
    return left * right
