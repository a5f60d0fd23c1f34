"""How long the user stays away: what earlier pauses say about the present one.

Pure.  A pause is the time between two requests with the same prefix.  What was observed is
weighed together with a few pauses that are assumed beforehand, so that the first days are not
ruled by the first pauses.  Pauses that began about the same time of the week count for more:
after the last question on a Friday, last Friday says more than all other evenings.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise

from kibitz_context.caching.lease import LIFETIME_SECONDS, ping_interval_seconds
from kibitz_context.values import CacheLifetime, Prices

# What is assumed of somebody of whom nothing is known: a third of the pauses are shorter than
# five minutes, one in nine is longer than an hour, and most of those are nights.
ASSUMED_PAUSES_SECONDS = (
    *(20.0, 40.0, 60.0, 90.0, 150.0, 240.0),
    *(360.0, 480.0, 660.0, 900.0, 1_200.0, 1_500.0, 1_800.0, 2_400.0, 3_000.0),
    *(5_400.0, 54_000.0),
)
# As much as so many observed pauses.  Higher: slower to learn; lower: ruled by the first morning.
ASSUMED_WEIGHT = 8.0
# A pause stands for some that are a little longer as well: tomorrow's night may be the longest so
# far, and pings that end an hour before it does were all in vain.  Higher: more of them are sent
# after the last moment at which anybody ever came back.
LIKE_PAUSES = (1.0, 1.15)


# How far apart in the week two beginnings of pauses are about the same, and how much more such a
# pause counts.  Higher: one free day is remembered for as long as the times of requests are;
# lower: a machine that is left on over the weekend sends pings through the whole of the first
# night.
SAME_TIME_SECONDS = 6 * 3_600.0
SAME_TIME_WEIGHT = 15.0
_WEEK_SECONDS = 7 * 86_400.0


@dataclass(frozen=True)
class Pauses:
    """Lengths in seconds, ascending, each with its weight."""

    lengths: tuple[float, ...]
    weights: tuple[float, ...]

    @cached_property
    def _cumulative(self) -> tuple[float, ...]:
        return (0.0, *accumulate(self.weights))

    @property
    def total(self) -> float:
        return self._cumulative[-1]

    def share_up_to(self, seconds: float) -> float:
        """The share of pauses that are not longer than that."""
        return self._cumulative[bisect_right(self.lengths, seconds)] / self.total

    def longer_than(self, seconds: float) -> Pauses:
        """The pauses that are not over after so many seconds; of none the longest remain."""
        first = min(bisect_right(self.lengths, seconds), len(self.lengths) - 1)
        return Pauses(self.lengths[first:], self.weights[first:])


def observed(request_times: Sequence[float]) -> Pauses:
    """The pauses between requests and the assumed ones, each for those that are like it.

    What is asked about is the pause that begins with the last of `request_times`.
    """
    seen = [
        (
            max(later - earlier, 0.0),
            SAME_TIME_WEIGHT if _is_same_time(earlier, request_times[-1]) else 1.0,
        )
        for earlier, later in pairwise(request_times)
    ]
    each = ASSUMED_WEIGHT / len(ASSUMED_PAUSES_SECONDS)
    seen += [(length, each) for length in ASSUMED_PAUSES_SECONDS]
    share = 1.0 / len(LIKE_PAUSES)
    found = sorted(
        (length * like, weight * share) for length, weight in seen for like in LIKE_PAUSES
    )
    return Pauses(tuple(length for length, _ in found), tuple(weight for _, weight in found))


def _is_same_time(earlier: float, now: float) -> bool:
    """Whether two moments are about the same time of different weeks."""
    apart = (now - earlier) % _WEEK_SECONDS
    is_near = min(apart, _WEEK_SECONDS - apart) <= SAME_TIME_SECONDS
    return is_near and now - earlier > _WEEK_SECONDS / 2


@dataclass(frozen=True, slots=True)
class Bridge:
    """How far a pause is to be bridged by pings, and what a pause then costs.

    Costs are for one token of the prefix, in units of `Prices`.  `survival` is the share of
    pauses over which the entry is kept.
    """

    pings: int
    pause_usd: float
    survival: float


def most_pings(prices: Prices, lifetime: CacheLifetime) -> int:
    """How many pings cost what they may save: the ski-rental bound."""
    if prices.read <= 0.0:
        return 0
    return max(0, int((prices.write(lifetime) - prices.read) / prices.read + 1e-9))


def best_bridge(
    pauses: Pauses,
    prices: Prices,
    lifetime: CacheLifetime,
    *,
    sent: int = 0,
    may_ping: bool = True,
) -> Bridge:
    """The number of pings after which to give up that costs the least on average.

    `sent` are those of the present pause, `pauses` how long it may be.  A pause that outlives the
    pings costs a write at its end, any other a read; pings never cost more than the write that
    they may save.
    """
    life, interval = LIFETIME_SECONDS[lifetime], ping_interval_seconds(lifetime)
    most = max(most_pings(prices, lifetime), sent) if may_ping else sent
    by_need: dict[int, float] = {sent: 0.0}
    for length, weight in zip(pauses.lengths, pauses.weights, strict=True):
        needed = 0 if length < life else int((length - life) // interval) + 1
        by_need[max(needed, sent)] = by_need.get(max(needed, sent), 0.0) + weight
    bridged = paid = 0.0
    best: Bridge | None = None
    # Only where some pause is bridged by it is one ping more worth looking at.
    for count in sorted(number for number in by_need if number <= most):
        bridged += by_need[count]
        paid += by_need[count] * (count - sent + 1) * prices.read
        lost = pauses.total - bridged
        usd = (paid + lost * ((count - sent) * prices.read + prices.write(lifetime))) / pauses.total
        if best is None or usd < best.pause_usd:
            best = Bridge(count, usd, bridged / pauses.total)
    assert best is not None, "at least no further ping at all is possible"
    return best
