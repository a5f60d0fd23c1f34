"""What the cached prefix costs, and what is to be done about it: the policy.

Pure: the time, the prices and everything that was seen come as arguments, the answer is a value
with its reason in one sentence, and the same arguments give the same answer.  Nothing here knows
texts, files, git or who sends the requests.

Amounts are prompt tokens and USD, times are Unix seconds, durations are seconds.  Where prices are
not known the usual proportions stand in for them, which is enough to choose by; only what is
bounded in dollars is then not done.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from kibitz_context.caching.lease import LIFETIME_SECONDS, USUAL_PROPORTIONS, Lease, TtlSetting
from kibitz_context.caching.pauses import best_bridge, observed
from kibitz_context.caching.warmth import Opening, Ping, Prewarm, Warmth, next_ping, prewarm
from kibitz_context.values import CacheLifetime, Prices, Step

__all__ = [
    "LIFETIME_SECONDS",
    "OPEN_TIMES_KEPT",
    "REQUEST_TIMES_KEPT",
    "USUAL_PROPORTIONS",
    "Decision",
    "Lease",
    "Opening",
    "Ping",
    "Prewarm",
    "Rebuild",
    "State",
    "TailEntry",
    "TtlSetting",
    "Warmth",
    "decide",
    "next_ping",
    "prewarm",
]

# How many times of earlier requests are worth keeping: at eighty requests a day nights and a
# weekend are among them.  Fewer: a busy week looks as if nobody ever went home.
REQUEST_TIMES_KEPT = 512
# The same for the times at which the editor was opened.
OPEN_TIMES_KEPT = 32

# No prefix is expected to be read more often than this before something else ends it.  Higher:
# rebuilds that pay only after weeks; lower: a base that stays although a newer one is cheaper.
MOST_EXPECTED_READS = 50.0

# For so many requests the reading of what no longer holds is counted against folding the log.
# Higher: it is written anew again and again; lower: it drags the past along.
FOLD_READS = 12.0

# At which sighting in the same state a change is bought; what nobody works on counts as seen once
# before.  One less: most of what is worked on is bought while it is only being typed; one more:
# what stays is paid for once too often.  See docs/decisions/0007 for the figures.
PROMOTE_AT = 2

# In how many requests running a change is found in the same state: the number, and the share of the
# tokens of such changes; from the sessions that `python -m bench cost_replay` plays.  One that is
# typed in is gone at the next request, one that is done stays for a day.  Shares that were counted
# by hunk (0.39 once, 0.24 twice) decide the same.
RUN_LENGTHS: tuple[tuple[int, float], ...] = (
    *((1, 0.50), (2, 0.11), (3, 0.07), (4, 0.05), (6, 0.06)),
    *((8, 0.07), (12, 0.05), (18, 0.04), (40, 0.05)),
)
_COMES_AGAIN = sum(share for length, share in RUN_LENGTHS if length >= PROMOTE_AT)


@dataclass(frozen=True, slots=True)
class TailEntry:
    """A change whose present state is not in the log.

    `sightings` is how many requests have found it in this very state, the present one included;
    one more where there is reason to believe that it will stay so.
    """

    tokens: int
    sightings: int = 1


@dataclass(frozen=True, slots=True)
class Rebuild:
    """What a snapshot of a newer base would be like.

    `changes_tokens` is what would be left to tell in the changes layer.  `lease` is the entry of
    the very same snapshot from when it was sent before, as after a branch that one comes back to.
    """

    snapshot_tokens: int
    changes_tokens: int
    lease: Lease | None = None


@dataclass(frozen=True, slots=True)
class State:
    """What is known when a request is about to be sent.

    `request_times` are those of earlier requests with this prefix, ascending, without the present
    one and without pings.  `prefix_known` is whether a prefix was sent before for this key; if
    not, the other fields describe the one that would be.  `log_tokens` is all of the log,
    `stale_log_tokens` the part of it that no longer holds.  `tail` are the changes that would be
    told behind the log; `left_out_tokens` is what there would be no room for.  `rebuild` is None
    where the base is the best one already.  `keep_warm` is whether pings may be sent for this
    prefix.
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
    left_out_tokens: int = 0
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


def decide(state: State) -> Decision:
    """What becomes of the prefix with this request."""
    # Proportions are all that counts here, and what is free has none.
    prices = state.prices
    if prices is None or prices.input <= 0.0:
        prices = USUAL_PROPORTIONS
    terms = _terms(state, prices)
    step, reason = _Step(state, terms).taken()
    lease = state.snapshot_lease
    if step == "rebuild":
        lease = state.rebuild.lease if state.rebuild is not None else None
    if step == "first" or lease is None or not lease.alive(state.now):
        return Decision(
            step, terms.snapshot, terms.log, terms.promote_at, f"{reason}; {terms.reason}"
        )
    # What is in the cache keeps the lifetime that it was written with, and is read as long as it
    # is marked.
    log = terms.log
    if state.log_lease is not None and _alive(state.log_lease, state.now) and step == "keep":
        log = state.log_lease.lifetime
    return Decision(step, lease.lifetime, not_longer(log, lease.lifetime), terms.promote_at, reason)


def not_longer(log: CacheLifetime | None, snapshot: CacheLifetime | None) -> CacheLifetime | None:
    """The lifetime of a log behind a snapshot, which can be no longer than that one's."""
    if log is None or snapshot is None:
        return None
    return log if LIFETIME_SECONDS[log] <= LIFETIME_SECONDS[snapshot] else snapshot


def _alive(lease: Lease | None, now: float) -> bool:
    return lease is not None and lease.alive(now)


@dataclass(frozen=True, slots=True)
class _Terms:
    """For how long entries are to be written now, and how often one is then expected to be read
    before it lapses."""

    prices: Prices
    snapshot: CacheLifetime | None
    log: CacheLifetime | None
    promote_at: int | None
    reads: float
    reason: str


def _terms(state: State, prices: Prices) -> _Terms:
    """The lifetimes that cost the least, by the user's own pauses."""
    pauses = observed((*state.request_times, state.now))
    bridges = {
        lifetime: best_bridge(pauses, prices, lifetime, may_ping=state.keep_warm)
        for lifetime in LIFETIME_SECONDS
    }
    costs: dict[CacheLifetime | None, float] = {
        lifetime: bridge.pause_usd for lifetime, bridge in bridges.items()
    }
    costs[None] = prices.input
    if state.ttl == "auto":
        snapshot = min(costs, key=lambda lifetime: costs[lifetime])
        shares = {lifetime: f"{usd / prices.input:.0%}" for lifetime, usd in costs.items()}
        reason = (
            f"with pauses like yours a token is expected to cost {shares['1h']} of its price if it "
            f"is cached for 1 h, {shares['5m']} if for 5 min, {shares[None]} if not at all"
        )
    else:
        snapshot = state.ttl
        reason = f"the setting context.ttl is {snapshot}"
    if snapshot is None:
        return _Terms(prices, None, None, None, 0.0, reason)
    survival = bridges[snapshot].survival
    reads = min(MOST_EXPECTED_READS, survival / max(1.0 - survival, 1e-9))
    log_costs: dict[CacheLifetime | None, float] = {None: _cost_of_a_change(prices, None, 0, 0)}
    for lifetime, seconds in LIFETIME_SECONDS.items():
        if seconds <= LIFETIME_SECONDS[snapshot]:
            # Pings that keep a longer entry alive come too rarely for a shorter one.
            kept = survival if lifetime == snapshot else pauses.share_up_to(seconds)
            log_costs[lifetime] = _cost_of_a_change(prices, lifetime, kept, reads)
    log = min(log_costs, key=lambda lifetime: log_costs[lifetime])
    return _Terms(prices, snapshot, log, PROMOTE_AT if log else None, reads, reason)


def _cost_of_a_change(
    prices: Prices, lifetime: CacheLifetime | None, kept: float, reads: float
) -> float:
    """What a token of a changed file is expected to cost as long as the file is in that state.

    `kept` is the share of pauses over which the log is kept, `reads` as in `_Terms`.
    """
    if lifetime is None:
        return sum(share * length * prices.input for length, share in RUN_LENGTHS)
    write = prices.write(lifetime)
    again = kept * prices.read + (1.0 - kept) * write
    usd = 0.0
    for length, share in RUN_LENGTHS:
        rented = min(length, PROMOTE_AT - 1)
        usd += share * rented * prices.input
        if length >= PROMOTE_AT:
            # Afterwards it is dragged along until the log is folded.
            dragged = min(reads, FOLD_READS) * prices.read
            usd += share * (write + (length - PROMOTE_AT) * again + dragged)
    return usd


@dataclass(frozen=True, slots=True)
class _Step:
    """The choice between going on, folding the log and rebuilding the snapshot."""

    state: State
    terms: _Terms

    @property
    def tail_tokens(self) -> int:
        return sum(entry.tokens for entry in self.state.tail)

    @property
    def needed_tokens(self) -> int:
        """What the changes would be without anything that no longer holds."""
        state = self.state
        live = state.log_tokens - state.stale_log_tokens
        return live + self.tail_tokens + state.left_out_tokens

    def taken(self) -> tuple[Step, str]:
        state, now = self.state, self.state.now
        if not state.prefix_known:
            return "first", "nothing was sent for this repository and model before"
        if not _alive(state.snapshot_lease, now):
            return self._when_expired()
        if state.left_out_tokens and (made := self._room_made()) is not None:
            return made
        if state.stale_log_tokens and not _alive(state.log_lease, now):
            return "fold", (
                f"the entry of the log has expired, so that dropping {state.stale_log_tokens:,} "
                "tokens that no longer hold costs nothing"
            )
        return self._by_cost()

    def _when_expired(self) -> tuple[Step, str]:
        rebuild = self.state.rebuild
        if rebuild is not None and self._is_readable and self._is_cheaper_to_read(rebuild):
            return "rebuild", (
                "the entry has expired, and that of the other base, which was sent before, has not"
            )
        if rebuild is not None and rebuild.changes_tokens < self.needed_tokens:
            return "rebuild", (
                "the entry has expired and is written anew anyway; from the newer base "
                f"{rebuild.changes_tokens:,} tokens of changes are to be told, not "
                f"{self.needed_tokens:,}"
            )
        step: Step = "fold" if self.state.stale_log_tokens else "keep"
        return step, "the entry has expired and is written anew; no newer base would be better"

    @property
    def _is_readable(self) -> bool:
        """Whether the other snapshot is in the cache."""
        rebuild = self.state.rebuild
        return rebuild is not None and _alive(rebuild.lease, self.state.now)

    def _is_cheaper_to_read(self, rebuild: Rebuild) -> bool:
        """Whether to read the other snapshot costs less than to write this one anew."""
        more = max(0, rebuild.changes_tokens - self.needed_tokens) * self._log_write
        return more < self._prefix_tokens * (self._snapshot_write - self.terms.prices.read)

    @property
    def _prefix_tokens(self) -> int:
        return self.state.rules_tokens + self.state.snapshot_tokens

    def _room_made(self) -> tuple[Step, str] | None:
        """The cheapest step after which at least half of what is left out can be told; None: there
        is none."""
        state, rebuild = self.state, self.state.rebuild
        told = f"{state.left_out_tokens:,} tokens of changes are left out for want of room"
        can_fold = state.stale_log_tokens > 0 and self._is_enough(self.needed_tokens)
        can_rebuild = rebuild is not None and self._is_enough(rebuild.changes_tokens)
        if can_fold and not (can_rebuild and self._rebuild_usd() < self._fold_usd()):
            return "fold", f"{told}; {state.stale_log_tokens:,} in the log no longer hold"
        if rebuild is not None and can_rebuild:
            return "rebuild", (
                f"{told}; from the newer base there are {rebuild.changes_tokens:,} to tell in all"
            )
        return None

    def _is_enough(self, needed_tokens: int) -> bool:
        left_out = needed_tokens - self.state.changes_budget_tokens
        return left_out <= self.state.left_out_tokens / 2

    def _by_cost(self) -> tuple[Step, str]:
        state, prices, reads = self.state, self.terms.prices, self.terms.reads
        dragged_usd = state.stale_log_tokens * prices.read * min(reads, FOLD_READS)
        if dragged_usd > self._fold_usd():
            return "fold", (
                f"{state.stale_log_tokens:,} tokens of the log no longer hold; to read them on "
                f"would cost {self._as_input(dragged_usd)}, to write the rest anew costs "
                f"{self._as_input(self._fold_usd())}"
            )
        if state.rebuild is not None:
            keep_usd = state.log_tokens * prices.read * reads + self.tail_tokens * (
                prices.input + _COMES_AGAIN * self._log_write
            )
            rebuild_usd = self._rebuild_usd() + state.rebuild.changes_tokens * prices.read * reads
            if keep_usd > rebuild_usd:
                return "rebuild", (
                    f"over some {reads:.0f} requests the changes would cost "
                    f"{self._as_input(keep_usd)}, a newer base and its changes "
                    f"{self._as_input(rebuild_usd)}"
                )
        assert state.snapshot_lease is not None, "it is alive"
        minutes = (state.snapshot_lease.expires_at - state.now) / 60
        return "keep", (
            f"{state.rules_tokens + state.snapshot_tokens:,} tokens are in the cache for another "
            f"{minutes:.0f} min; to read one costs {_share(prices.read, prices.input)} of its price"
        )

    @property
    def _log_write(self) -> float:
        """For one token; where there is to be no log, what it costs to send it instead."""
        prices, lifetime = self.terms.prices, self.terms.log
        return prices.write(lifetime) if lifetime is not None else prices.input

    @property
    def _snapshot_write(self) -> float:
        """For one token; where it is not to be cached, what it costs to send it instead."""
        prices, lifetime = self.terms.prices, self.terms.snapshot
        return prices.write(lifetime) if lifetime is not None else prices.input

    def _fold_usd(self) -> float:
        """What it costs to write those entries anew that still hold, instead of reading them."""
        if not self.state.stale_log_tokens:
            return math.inf
        live = self.state.log_tokens - self.state.stale_log_tokens
        read = self.terms.prices.read if _alive(self.state.log_lease, self.state.now) else 0.0
        return live * (self._log_write - read)

    def _rebuild_usd(self) -> float:
        """What it costs to write the newer snapshot and its changes, instead of reading the old."""
        state, rebuild, prices = self.state, self.state.rebuild, self.terms.prices
        if rebuild is None:
            return math.inf
        written = 0 if self._is_readable else state.rules_tokens + rebuild.snapshot_tokens
        return (
            written * (self._snapshot_write - prices.read)
            + rebuild.changes_tokens * self._log_write
        )

    def _as_input(self, usd: float) -> str:
        tokens = round(usd / self.terms.prices.input)
        return f"as much as {tokens:,} uncached tokens" if tokens > 0 else "nothing"


def _share(part: float, whole: float) -> str:
    return f"{100 * part / whole:.3g}%"
