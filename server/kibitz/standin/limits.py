"""Rate limits: token buckets per workspace, and the headers that tell of them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from kibitz.standin.clock import rfc3339
from kibitz.standin.errors import MESSAGES, ApiError

_THOUSAND = 1_000


@dataclass(frozen=True, slots=True)
class RateLimits:
    """What a workspace may use per minute.  The default is that of a new organisation.

    Reads from the cache do not count.  Unless `enforced`, the limits are only told, never held.
    """

    requests: int = 1_000
    input_tokens: int = 2_000_000
    output_tokens: int = 400_000
    enforced: bool = False


@dataclass(slots=True)
class _Bucket:
    """Fills up continuously, a whole minute's worth in a minute."""

    size: int
    level: float
    filled_at: float

    def at(self, now: float) -> float:
        gained = (now - self.filled_at) * self.size / 60
        self.level = min(float(self.size), self.level + gained)
        self.filled_at = now
        return self.level

    def full_at(self, now: float) -> float:
        return now + (self.size - self.at(now)) * 60 / self.size


@dataclass(slots=True)
class _Buckets:
    requests: _Bucket
    input_tokens: _Bucket
    output_tokens: _Bucket


@dataclass(slots=True)
class RateMeter:
    """What each workspace has used.  `now` is the virtual time."""

    limits: RateLimits
    _workspaces: dict[str, _Buckets] = field(default_factory=dict[str, _Buckets])

    def refuse(self, workspace: str, now: float) -> ApiError | None:
        """A 429 with its waiting time, if the limits are enforced and used up."""
        buckets = self._of(workspace, now)
        if not self.limits.enforced:
            return None
        waits = [
            (1 - bucket.at(now)) * 60 / bucket.size
            for bucket in (buckets.requests, buckets.input_tokens, buckets.output_tokens)
            if bucket.at(now) < 1
        ]
        if not waits:
            return None
        return ApiError(
            429, MESSAGES[429], headers={"retry-after": str(max(1, math.ceil(max(waits))))}
        )

    def use(self, workspace: str, now: float, *, input_tokens: int, output_tokens: int) -> None:
        """Counts one request.  A bucket may go below zero: the length of a reply is not known."""
        buckets = self._of(workspace, now)
        for bucket, amount in (
            (buckets.requests, 1),
            (buckets.input_tokens, input_tokens),
            (buckets.output_tokens, output_tokens),
        ):
            bucket.at(now)
            bucket.level -= amount

    def headers(self, workspace: str, now: float) -> dict[str, str]:
        """``anthropic-ratelimit-*``: tokens rounded to thousands, resets as times."""
        buckets = self._of(workspace, now)
        headers: dict[str, str] = {}
        for name, bucket, unit in (
            ("requests", buckets.requests, 1),
            ("input-tokens", buckets.input_tokens, _THOUSAND),
            ("output-tokens", buckets.output_tokens, _THOUSAND),
        ):
            left = max(0, int(bucket.at(now)) // unit * unit)
            headers |= _triple(name, bucket.size, left, bucket.full_at(now))
        both = (buckets.input_tokens, buckets.output_tokens)
        left = max(0, int(sum(bucket.at(now) for bucket in both)) // _THOUSAND * _THOUSAND)
        size = sum(bucket.size for bucket in both)
        return headers | _triple("tokens", size, left, max(b.full_at(now) for b in both))

    def _of(self, workspace: str, now: float) -> _Buckets:
        def bucket(size: int) -> _Bucket:
            return _Bucket(size, float(size), now)

        limits = self.limits
        return self._workspaces.setdefault(
            workspace,
            _Buckets(
                bucket(limits.requests), bucket(limits.input_tokens), bucket(limits.output_tokens)
            ),
        )


def _triple(name: str, limit: int, remaining: int, reset: float) -> dict[str, str]:
    prefix = f"anthropic-ratelimit-{name}"
    return {
        f"{prefix}-limit": str(limit),
        f"{prefix}-remaining": str(remaining),
        f"{prefix}-reset": rfc3339(reset),
    }
