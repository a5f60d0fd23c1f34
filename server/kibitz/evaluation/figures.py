"""What verdicts come to: shares with the range in which the truth is likely to be, and costs.

Pure arithmetic; knows neither reviews nor completions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

# 95 % of a normal distribution lie within so many standard deviations.
_Z = 1.96


@dataclass(frozen=True, slots=True)
class Share:
    """`part` of `whole`."""

    part: int
    whole: int

    @property
    def value(self) -> float | None:
        return self.part / self.whole if self.whole else None

    @property
    def range(self) -> tuple[float, float]:
        """Where the true share is with 95 % (Wilson's interval)."""
        if not self.whole:
            return 0.0, 1.0
        n, p = self.whole, self.part / self.whole
        middle = (p + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
        half = _Z / (1 + _Z**2 / n) * math.sqrt(p * (1 - p) / n + _Z**2 / (4 * n**2))
        return max(0.0, middle - half), min(1.0, middle + half)

    def __str__(self) -> str:
        if self.value is None:
            return "–"
        low, high = self.range
        return f"{self.value:.0%} ({low:.0%}–{high:.0%})"

    def as_json(self) -> dict[str, Any]:
        low, high = self.range
        return {
            "part": self.part,
            "whole": self.whole,
            "share": self.value,
            "low": round(low, 4),
            "high": round(high, 4),
        }


def each(total_usd: float | None, count: int) -> float | None:
    """What one of `count` costs; None for an unknown price, or where there is none."""
    return total_usd / count if total_usd is not None and count else None
