"""Keeping an entry alive while nobody asks anything, and writing it before anybody does.

Pure, like `policy`, whose other half this is.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

from kibitz_context.caching.lease import (
    LIFETIME_SECONDS,
    PING_MARGIN_SECONDS,
    Lease,
    TtlSetting,
)
from kibitz_context.caching.pauses import best_bridge, observed
from kibitz_context.values import CacheLifetime, Prices


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


# So many pings of a pause keep the log alive as well.  After that it is a night: what no longer
# holds has been read often enough, and in the morning the log is folded for nothing.
LOG_PINGS = 3

# What it is worth that the first answer after opening a repository begins some seconds sooner.
WORTH_OF_A_FAST_START_USD = 0.01
# Of fewer openings nothing is concluded.
LEAST_OPENINGS = 5


def next_ping(warmth: Warmth) -> Ping:
    """When the next ping is due, if it pays to send one.

    Pings go on as long as they are expected to cost less than the write they may save, by the
    lengths of the user's pauses that were longer than the present one is already; never for more
    in one pause than that write, never beyond the day's cap.
    """
    lease, prices = warmth.snapshot_lease, warmth.prices
    if not warmth.enabled:
        return _rest("keep-warm is off")
    if prices is None:
        return _rest("the price is not known, so that the daily cap could not be kept")
    if lease is None or not lease.alive(warmth.now):
        return _rest("there is no entry that a ping could keep alive")
    sent = warmth.pings_since_request
    since = warmth.request_times[-1] if warmth.request_times else warmth.now
    idle = max(warmth.now - since, 0.0)
    pauses = observed(warmth.request_times).longer_than(idle)
    bridge = best_bridge(pauses, prices, lease.lifetime, sent=sent)
    log = warmth.log_lease
    with_changes = (
        log is not None
        and log.lifetime == lease.lifetime
        and log.alive(warmth.now)
        and sent < LOG_PINGS
    )
    usd = (warmth.prefix_tokens + (warmth.log_tokens if with_changes else 0)) * prices.read
    write_usd = warmth.prefix_tokens * prices.write(lease.lifetime)
    if bridge.pings <= sent:
        return _rest(
            f"after {_duration(idle)} and {sent} pings, a further one for ${usd:.4f} is not "
            f"expected to save the write for ${write_usd:.2f}"
        )
    if warmth.spent_today_usd + usd > warmth.day_usd:
        return _rest(
            f"${warmth.spent_today_usd:.2f} of ${warmth.day_usd:.2f} for today are spent, and a "
            f"ping costs ${usd:.4f}"
        )
    return Ping(
        lease.expires_at - PING_MARGIN_SECONDS[lease.lifetime],
        with_changes,
        usd,
        f"a ping for ${usd:.4f} may save a write for ${write_usd:.2f}, and up to "
        f"{bridge.pings - sent} more bridge {bridge.survival:.0%} of pauses like this one",
    )


def prewarm(opening: Opening) -> Prewarm:
    """Whether to write the entry now.

    That never saves money: at best the first request reads what it would have written.  It is
    worth it where the seconds that are saved are worth more than the writes for nothing, by how
    often a request has followed within the entry's life when the editor was opened before.
    """
    if not opening.enabled:
        return _cold("keep-warm is off")
    if opening.prices is None:
        return _cold("the price is not known, so that the daily cap could not be kept")
    if opening.snapshot_lease is not None and opening.snapshot_lease.alive(opening.now):
        return _cold("the entry is alive")
    if len(opening.open_times) < LEAST_OPENINGS:
        return _cold(f"only {len(opening.open_times)} openings are known so far")
    chosen = _cold("no lifetime is allowed")
    for lifetime in LIFETIME_SECONDS:
        if opening.ttl not in ("auto", lifetime):
            continue
        chosen = _prewarm_for(opening, opening.prices, lifetime)
        if chosen.lifetime is not None:
            break
    return chosen


def _prewarm_for(opening: Opening, prices: Prices, lifetime: CacheLifetime) -> Prewarm:
    followed = sum(
        _is_followed(opening.request_times, at, LIFETIME_SECONDS[lifetime])
        for at in opening.open_times
    )
    # One that was in vain is always assumed.
    share = followed / (len(opening.open_times) + 1)
    usd = opening.prefix_tokens * prices.write(lifetime)
    lost_usd = (1.0 - share) * usd + share * opening.prefix_tokens * prices.read
    told = (
        f"after {followed} of {len(opening.open_times)} openings a request came in time; writing "
        f"for ${usd:.2f} is expected to lose ${lost_usd:.3f}"
    )
    if lost_usd > share * WORTH_OF_A_FAST_START_USD:
        return _cold(f"{told}, more than a fast start is worth")
    if opening.spent_today_usd + usd > opening.day_usd:
        return _cold(f"{told}, but ${opening.spent_today_usd:.2f} of the day are spent")
    return Prewarm(lifetime, usd, told)


def _is_followed(request_times: tuple[float, ...], opened_at: float, within: float) -> bool:
    index = bisect_left(request_times, opened_at)
    return index < len(request_times) and request_times[index] - opened_at < within


def _rest(reason: str) -> Ping:
    return Ping(None, False, 0.0, reason)


def _cold(reason: str) -> Prewarm:
    return Prewarm(None, 0.0, reason)


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds < 5_400 else f"{seconds / 3_600:.1f} h"
