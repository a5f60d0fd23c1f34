"""What completions of problems come to: how many passed, how many were empty, what they cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kibitz.evaluation.figures import Share, each


@dataclass(frozen=True, slots=True)
class CompletionFigures:
    """What one configuration comes to.  `same` are those that say what the original says, `empty`
    those where nothing would have been shown.  `cost_usd` is None for an unknown price."""

    name: str
    passed: Share
    same: Share
    empty: Share
    timed_out: int
    cost_usd: float | None
    n_failed: int

    @classmethod
    def of(cls, name: str, results: Sequence[Mapping[str, Any]]) -> CompletionFigures:
        """The figures of the results that `eval completion` has kept."""
        whole = len(results)
        costs = [result["cost_usd"] for result in results]
        return cls(
            name,
            Share(sum(result["outcome"] == "passed" for result in results), whole),
            Share(sum(result["is_same"] for result in results), whole),
            Share(sum(result["is_empty"] for result in results), whole),
            sum(result["outcome"] == "timed out" for result in results),
            None if None in costs else sum(costs),
            sum(bool(result["failed"]) for result in results),
        )

    @property
    def usd_per_pass(self) -> float | None:
        """What it costs to have one problem pass."""
        return each(self.cost_usd, self.passed.part)

    def as_json(self) -> dict[str, Any]:
        return {
            "configuration": self.name,
            "passed": self.passed.as_json(),
            "same_as_original": self.same.as_json(),
            "nothing_shown": self.empty.as_json(),
            "timed_out": self.timed_out,
            "cost_usd": self.cost_usd,
            "usd_per_pass": self.usd_per_pass,
            "failed": self.n_failed,
        }
