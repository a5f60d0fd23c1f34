"""What the ledger tells: sums, and what was expected of the cache beside what it did.

Values and their JSON; where they come from is not known here.
"""

from __future__ import annotations

import dataclasses
import datetime
from dataclasses import dataclass
from typing import Any

from kibitz.claude.prompts.misses import MissReason


@dataclass(frozen=True, slots=True)
class Figures:
    """Sums over requests.

    Of the `requests`, `without_price` are of models whose price is not known; they are not in
    `cost_usd` and `saved_usd`, which mean nothing when there are no others.
    """

    requests: int = 0
    cost_usd: float = 0.0
    saved_usd: float = 0.0
    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    without_price: int = 0

    @property
    def prompt_tokens(self) -> int:
        return self.input_tokens + self.cache_read_tokens + self.cache_write_tokens

    @property
    def cache_share(self) -> float:
        """The share of the prompts' tokens that was read from the cache, 0 to 1."""
        return self.cache_read_tokens / self.prompt_tokens if self.prompt_tokens else 0.0

    @property
    def is_cost_known(self) -> bool:
        return not self.requests or self.without_price < self.requests

    def as_json(self) -> dict[str, Any]:
        return {
            "requests": self.requests,
            "cost_usd": self.cost_usd if self.is_cost_known else None,
            "saved_usd": self.saved_usd if self.is_cost_known else None,
            "input_tokens": self.input_tokens,
            "cache_read_tokens": self.cache_read_tokens,
            "cache_write_tokens": self.cache_write_tokens,
            "output_tokens": self.output_tokens,
        }


@dataclass(frozen=True, slots=True)
class Summary:
    """`rows` by key: days in their order, everything else the most expensive first."""

    total: Figures
    rows: tuple[tuple[str, Figures], ...]

    def as_json(self) -> dict[str, Any]:
        """The shape of `kibitz usage --json`."""
        return {
            "total": self.total.as_json(),
            "rows": [{"key": key, **figures.as_json()} for key, figures in self.rows],
        }


@dataclass(frozen=True, slots=True)
class Spent:
    """What was spent by now, in USD, and the share of today's prompts that the cache gave."""

    day_usd: float = 0.0
    month_usd: float = 0.0
    cache_share: float = 0.0


@dataclass(frozen=True, slots=True)
class MissedRequest:
    """A request that read less from the cache than it should have, for no reason we know of."""

    at: datetime.datetime
    repository: str
    action: str
    model: str
    expected_read_tokens: int
    cache_read_tokens: int
    missed_tokens: int
    request_id: str | None

    def as_json(self) -> dict[str, Any]:
        return {**dataclasses.asdict(self), "at": self.at.isoformat(timespec="seconds")}


@dataclass(frozen=True, slots=True)
class CacheReport:
    """What was expected of the cache beside what it did.

    `expected_read_tokens` and `read_tokens` are of all requests that asked for a cache.  `misses`
    are how many requests missed something, and tokens, by reason.
    """

    expected_read_tokens: int = 0
    read_tokens: int = 0
    misses: tuple[tuple[MissReason, int, int], ...] = ()
    unexplained: tuple[MissedRequest, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "expected_read_tokens": self.expected_read_tokens,
            "read_tokens": self.read_tokens,
            "misses": [
                {"reason": reason, "requests": requests, "tokens": tokens}
                for reason, requests, tokens in self.misses
            ],
            "unexplained": [each.as_json() for each in self.unexplained],
        }
