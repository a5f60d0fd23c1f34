"""What the cached prefix costs, and what is to be done about it: the policy.

Pure: the time, the prices and everything that was seen come as arguments, the answer is a value
with its reason in one sentence, and the same arguments give the same answer.  Nothing here knows
texts, files, git or who sends the requests.

Amounts are prompt tokens and USD, times are Unix seconds, durations are seconds.  Where prices are
not known the usual proportions stand in for them, which is enough to choose by; only what is
bounded in dollars is then not done.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kibitz_context.values import CacheLifetime, Prices, Step

TtlSetting = Literal["auto", "5m", "1h"]

LIFETIME_SECONDS: dict[CacheLifetime, float] = {"5m": 300.0, "1h": 3_600.0}

# How many times of earlier requests are worth keeping: at eighty requests a day nights and a
# weekend are among them.  Fewer: a busy week looks as if nobody ever went home.
REQUEST_TIMES_KEPT = 512
# The same for the times at which the editor was opened.
OPEN_TIMES_KEPT = 32

# In units of the input price, for models whose prices nobody has told us.
USUAL_PROPORTIONS = Prices(input=1.0, write_5m=1.25, write_1h=2.0, read=0.1)


@dataclass(frozen=True, slots=True)
class Lease:
    """A cache entry that is to be readable until `expires_at`, if the endpoint keeps its word.

    An entry lives from the start of the last request that wrote or read it.
    """

    lifetime: CacheLifetime
    expires_at: float

    def alive(self, now: float) -> bool:
        return now < self.expires_at


@dataclass(frozen=True, slots=True)
class TailEntry:
    """A changed file whose present state is not in the log.

    `sightings` is how many requests have found it in this very state, the present one included.
    """

    tokens: int
    sightings: int = 1


@dataclass(frozen=True, slots=True)
class Rebuild:
    """What a snapshot of a newer base would be like.

    `changes_tokens` is what would be left to tell in the changes layer; the first
    `readable_tokens` of rules and snapshot together are in the cache already.
    """

    snapshot_tokens: int
    changes_tokens: int
    readable_tokens: int = 0


@dataclass(frozen=True, slots=True)
class State:
    """What is known when a request is about to be sent.

    `request_times` are those of earlier requests with this prefix, ascending, without the present
    one and without pings.  `prefix_known` is whether a prefix was sent before for this key; if
    not, the other fields describe the one that would be.  `log_tokens` is all of the log,
    `stale_log_tokens` the part of it that no longer holds.  `rebuild` is None where the base is
    the best one already.  `keep_warm` is whether pings may be sent for this prefix.
    """

    now: float
    snapshot_tokens: int
    changes_budget_tokens: int
    rules_tokens: int = 0
    prices: Prices | None = None
    ttl: TtlSetting = "auto"
    keep_warm: bool = True
    request_times: tuple[float, ...] = ()
    prefix_known: bool = False
    snapshot_lease: Lease | None = None
    log_lease: Lease | None = None
    log_tokens: int = 0
    stale_log_tokens: int = 0
    tail: tuple[TailEntry, ...] = ()
    rebuild: Rebuild | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of the prefix.

    Tail entries with at least `promote_at` sightings are appended to the log; None: all of the
    changes that are not in a live log stay in the tail.  `changes_lifetime` is never longer than
    `snapshot_lifetime`.
    """

    step: Step
    snapshot_lifetime: CacheLifetime | None
    changes_lifetime: CacheLifetime | None
    promote_at: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Warmth:
    """What is known between two requests, when a ping may be due.

    A ping is a request with the same prefix and `max_tokens` 0.  `prefix_tokens` are rules and
    snapshot, `log_tokens` the log behind them.  `spent_today_usd` is what pings and pre-warming
    have cost today, in all repositories; `day_usd` is the cap on that.
    `pings_since_request` counts those sent since the last request.
    """

    now: float
    prefix_tokens: int
    snapshot_lease: Lease | None
    spent_today_usd: float
    day_usd: float
    log_tokens: int = 0
    log_lease: Lease | None = None
    prices: Prices | None = None
    request_times: tuple[float, ...] = ()
    pings_since_request: int = 0
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class Ping:
    """The next ping: when it is due, and whether it reads the log as well.

    `at` is None when there is to be none until the next request.
    Ask again when it is due, since the machine may have slept; it is to be sent when `at` is not
    later than now.
    """

    at: float | None
    with_changes: bool
    usd: float
    reason: str


@dataclass(frozen=True, slots=True)
class Opening:
    """What is known when a repository has been opened in an editor.

    `open_times` are those of earlier openings, ascending, without the present one.
    """

    now: float
    prefix_tokens: int
    snapshot_lease: Lease | None
    spent_today_usd: float
    day_usd: float
    prices: Prices | None = None
    ttl: TtlSetting = "auto"
    request_times: tuple[float, ...] = ()
    open_times: tuple[float, ...] = ()
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class Prewarm:
    """Whether to write the snapshot's entry before anybody has asked anything, and for how long."""

    lifetime: CacheLifetime | None
    usd: float
    reason: str


def decide(state: State) -> Decision:
    """What becomes of the prefix with this request."""
    lifetime: CacheLifetime = "5m" if state.ttl == "5m" else "1h"
    alive = state.snapshot_lease is not None and state.snapshot_lease.alive(state.now)
    needed = state.log_tokens + sum(entry.tokens for entry in state.tail)
    step: Step = "keep"
    reason = f"the entry of {state.snapshot_tokens:,} tokens is alive and goes on"
    if not state.prefix_known:
        step, reason = "first", "nothing was sent for this repository and model before"
    elif not alive and state.rebuild is not None:
        step, reason = "rebuild", "the entry has expired, so that a newer base costs nothing more"
    elif needed > state.changes_budget_tokens:
        live = needed - state.stale_log_tokens
        step = "fold" if live <= state.changes_budget_tokens or state.rebuild is None else "rebuild"
        reason = f"the changes are {needed:,} tokens and may be {state.changes_budget_tokens:,}"
    return Decision(step, lifetime, lifetime, 2, reason)


def next_ping(warmth: Warmth) -> Ping:
    """The next ping by ski-rental: they stop when they have cost what a write costs."""
    lease, prices = warmth.snapshot_lease, warmth.prices
    if not warmth.enabled:
        return Ping(None, False, 0.0, "keep-warm is off")
    if prices is None:
        return Ping(None, False, 0.0, "the price is not known, so the daily cap could not hold")
    if lease is None or not lease.alive(warmth.now):
        return Ping(None, False, 0.0, "there is no entry that a ping could keep alive")
    usd = warmth.prefix_tokens * prices.read
    write_usd = warmth.prefix_tokens * (prices.write(lease.lifetime) - prices.read)
    if warmth.pings_since_request * usd >= write_usd:
        return Ping(None, False, usd, "the pings of this pause have cost what a write costs")
    if warmth.spent_today_usd + usd > warmth.day_usd:
        return Ping(None, False, usd, f"the daily cap of ${warmth.day_usd:.2f} is reached")
    margin = 0.1 * LIFETIME_SECONDS[lease.lifetime] if lease.lifetime == "5m" else 120.0
    return Ping(lease.expires_at - margin, False, usd, "a ping costs less than a write")


def prewarm(opening: Opening) -> Prewarm:
    """Whether it pays to write the entry now: without a history of openings it does not."""
    if opening.snapshot_lease is not None and opening.snapshot_lease.alive(opening.now):
        return Prewarm(None, 0.0, "the entry is alive")
    return Prewarm(None, 0.0, "too little is known of what follows when the editor is opened")
