"""Whether a log that was sent before serves better than the one that was decided on.

Who comes back to a branch finds the changes of before: their log may still be in the cache, and
to read it costs a fraction of writing it anew.  Pure; see docs/decisions/0007 for the figures.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from kibitz_context.caching.advance import Ground, begun_with, pending, stale_tokens
from kibitz_context.caching.lease import USUAL_PROPORTIONS
from kibitz_context.caching.policy import FOLD_READS, PROMOTE_AT, Decision
from kibitz_context.caching.prefix_state import PrefixState, RestingLog
from kibitz_context.layers.log import AS_IN_SNAPSHOT
from kibitz_context.tokens import estimate
from kibitz_context.values import CacheLifetime, Prices


def with_resting_log(
    state: PrefixState,
    ground: Ground,
    decision: Decision,
    resting: Iterable[RestingLog],
    prices: Prices | None,
    *,
    now: float,
) -> tuple[Decision, RestingLog | None]:
    """The decision, and which of the `resting` logs it is taken with; None: with that which it
    names.  All of them must be readable behind the snapshot that the decision is for.
    """
    lifetime = decision.changes_lifetime
    if lifetime is None:
        return decision, None
    if prices is None or prices.input <= 0.0:
        prices = USUAL_PROPORTIONS
    after = begun_with(state, ground, decision.step, None, now=now)
    named_usd = least_usd = _usd(after, ground, state, prices, lifetime, now)
    best: RestingLog | None = None
    for each in resting:
        usd = _usd(after.with_log(each, now), ground, state, prices, lifetime, now)
        if usd < least_usd:
            best, least_usd = each, usd
    if best is None:
        return decision, None
    saved = round((named_usd - least_usd) / prices.input)
    why = f"a log that was sent before is in the cache and saves as much as {saved:,} tokens"
    if decision.step == "rebuild":
        return replace(decision, reason=f"{decision.reason}; {why}"), best
    return replace(decision, step="return", reason=why), best


def _usd(
    state: PrefixState,
    ground: Ground,
    known: PrefixState,
    prices: Prices,
    lifetime: CacheLifetime,
    now: float,
) -> float:
    """What the changes cost with the log of `state`: this once, and to drag along what no longer
    holds.  In tokens of our own estimate, which is enough to compare by."""
    write = prices.write(lifetime)
    is_alive = state.log_lease is not None and state.log_lease.alive(now)
    n_read = state.log_blocks_leased if is_alive else 0
    sizes = [estimate(block.text) for block in state.log.blocks]
    usd = sum(sizes[:n_read]) * prices.read + sum(sizes[n_read:]) * write
    usd += stale_tokens(state, ground) * prices.read * FOLD_READS
    for each in pending(state, ground, known):
        is_bought = each.sightings >= PROMOTE_AT or each.entry.state == AS_IN_SNAPSHOT
        usd += each.entry.tokens * (write if is_bought else prices.input)
    return usd
