"""A line costs no more in a region of 5,000 lines than in one of 500: in calls, not in time."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from typing import Any

import pytest

from kibitz.edits.diff import StreamingDiff
from kibitz.edits.hygiene import LineNormalizer
from kibitz.edits.reader import ReplacementReader

REWRITES: dict[str, Callable[[list[str]], list[str]]] = {
    "one line in ten": lambda old: [
        line if number % 10 else f"new {line}" for number, line in enumerate(old)
    ],
    "everything": lambda old: [f"new {line}" for line in old],
    "the order, by chance": lambda old: random.Random(1).sample(old, len(old)),
}


def region(count: int) -> list[str]:
    """Lines of which one in five is a bracket, and some others stand there more than once."""
    return [
        f"    value_{number % 700} = {number}\n" if number % 5 else "    }\n"
        for number in range(count)
    ]


def calls_per_line(old: list[str], new: list[str]) -> float:
    """How many functions are called for each line to turn the reply into edits."""
    count = 0

    def tally(_frame: object, event: str, _argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    reader, normalizer, diff = ReplacementReader(old), LineNormalizer(old), StreamingDiff(old)
    sys.setprofile(tally)
    try:
        for chunk in ("<replacement>\n", *new):
            diff.push(normalizer.feed(reader.feed(chunk)))
        rest = normalizer.feed(reader.finish(closed=True)) + normalizer.finish()
        diff.push(rest)
        diff.finish()
    finally:
        sys.setprofile(None)
    return count / len(old)


@pytest.mark.parametrize("rewritten", REWRITES)
def test_a_line_costs_no_more_in_a_longer_region(rewritten: str) -> None:
    few, many = region(500), region(5_000)
    rewrite = REWRITES[rewritten]

    assert calls_per_line(many, rewrite(many)) < 1.2 * calls_per_line(few, rewrite(few))
