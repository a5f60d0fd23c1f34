"""The policy: what is decided in which situation, what is never decided, and with what reason."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz_context.caching import policy
from kibitz_context.caching.policy import (
    LIFETIME_SECONDS,
    Decision,
    Lease,
    Rebuild,
    State,
    TailEntry,
    decide,
)
from kibitz_context.values import CacheLifetime, Prices, Step

NOW = 1_790_000_000.0
MINUTE, HOUR = 60.0, 3_600.0
SONNET = Prices(2e-6, 2.5e-6, 4e-6, 0.1e-6)
OLDER = Prices(3e-6, 3.75e-6, 6e-6, 0.3e-6)

ALIVE = Lease("1h", NOW + 30 * MINUTE)
DEAD = Lease("1h", NOW - MINUTE)


def every(seconds: float, count: int = 60) -> tuple[float, ...]:
    """The times of `count` earlier requests, so far apart, the last one so long ago."""
    return tuple(NOW - seconds * (count - index) for index in range(count))


def state(**changes: object) -> State:
    """A prefix that is alive, at the second request of somebody of whom nothing is known."""
    usual = State(
        now=NOW,
        snapshot_tokens=60_000,
        changes_budget_tokens=15_000,
        rules_tokens=1_500,
        prices=SONNET,
        prefix_known=True,
        snapshot_lease=ALIVE,
    )
    return replace(usual, **changes)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    state: State
    step: Step
    reason: str


LOG = {"log_tokens": 4_000, "log_lease": ALIVE}
OVERFULL = {
    "log_tokens": 14_000,
    "log_lease": ALIVE,
    "tail": (TailEntry(3_500),),
    "left_out_tokens": 2_000,
}
NEWER = Rebuild(snapshot_tokens=60_000, changes_tokens=500)

STEPS = (
    Case("nothing was sent", state(prefix_known=False, snapshot_lease=None), "first", "nothing"),
    Case("all is well", state(**LOG), "keep", "61,500 tokens are in the cache for another 30 min"),
    Case("a newer base, little to gain", state(**LOG, rebuild=NEWER), "keep", "in the cache"),
    Case(
        "expired, and the base has moved on",
        state(snapshot_lease=DEAD, log_tokens=4_000, rebuild=NEWER),
        "rebuild",
        "expired and is written anew anyway; from the newer base 500 tokens",
    ),
    Case(
        "expired, but the newer base has more to tell",
        state(snapshot_lease=DEAD, log_tokens=300, rebuild=NEWER),
        "keep",
        "no newer base would be better",
    ),
    Case(
        "expired, with an outdated log",
        state(snapshot_lease=DEAD, log_tokens=4_000, stale_log_tokens=1_000),
        "fold",
        "expired",
    ),
    Case(
        "the log alone has expired and holds what is past",
        state(log_tokens=4_000, stale_log_tokens=10, log_lease=DEAD),
        "fold",
        "dropping 10 tokens that no longer hold costs nothing",
    ),
    Case(
        "the log alone has expired, and all of it holds",
        state(log_tokens=4_000, log_lease=DEAD),
        "keep",
        "in the cache",
    ),
    Case(
        "most of the log is past",
        state(log_tokens=9_000, stale_log_tokens=8_000, log_lease=ALIVE),
        "fold",
        "8,000 tokens of the log no longer hold",
    ),
    Case(
        "a little of the log is past",
        state(log_tokens=9_000, stale_log_tokens=1_000, log_lease=ALIVE),
        "keep",
        "in the cache",
    ),
    Case(
        "too much, most of the log past",
        state(**OVERFULL, stale_log_tokens=12_000, rebuild=NEWER),
        "fold",
        "2,000 tokens of changes are left out for want of room; 12,000 in the log no longer hold",
    ),
    Case(
        "too much, and nearly all of it holds",
        state(**OVERFULL, stale_log_tokens=100, rebuild=NEWER),
        "rebuild",
        "left out for want of room; from the newer base there are 500 to tell in all",
    ),
    Case(
        "too much, and dropping what is past makes room for less than half of it",
        state(**OVERFULL, stale_log_tokens=3_400),
        "keep",
        "in the cache",
    ),
    Case(
        "too much, and dropping what is past makes room for half of it",
        state(**OVERFULL, stale_log_tokens=3_500),
        "fold",
        "left out for want of room",
    ),
    Case("too much, and no way out", state(**OVERFULL), "keep", "in the cache"),
    Case(
        "too much, and from the newer base as well",
        state(**OVERFULL, rebuild=Rebuild(60_000, 17_000)),
        "keep",
        "in the cache",
    ),
    Case(
        "a log over its budget leaves nothing out as long as the tail fits",
        state(log_tokens=16_000, stale_log_tokens=1_000, log_lease=ALIVE, tail=(TailEntry(900),)),
        "keep",
        "in the cache",
    ),
    Case(
        "a newer snapshot that is in the cache already",
        state(**LOG, rebuild=replace(NEWER, lease=ALIVE)),
        "rebuild",
        "a newer base and its changes",
    ),
    Case(
        "a newer snapshot that was in the cache",
        state(**LOG, rebuild=replace(NEWER, lease=DEAD)),
        "keep",
        "in the cache",
    ),
    Case(
        "expired, but the entry of another base has not",
        state(snapshot_lease=DEAD, rebuild=Rebuild(60_000, 3_000, ALIVE)),
        "rebuild",
        "that of the other base, which was sent before, has not",
    ),
    Case(
        "expired, and the other base has more to tell than a snapshot costs",
        state(snapshot_lease=DEAD, rebuild=Rebuild(60_000, 90_000, ALIVE)),
        "keep",
        "no newer base would be better",
    ),
)


@pytest.mark.parametrize("case", STEPS, ids=lambda case: case.name)
def test_the_step(case: Case) -> None:
    decision = decide(case.state)
    assert (decision.step, case.reason in decision.reason) == (case.step, True), decision.reason


@dataclass(frozen=True, slots=True)
class Lifetimes:
    name: str
    state: State
    snapshot: CacheLifetime | None
    log: CacheLifetime | None


FRESH = state(prefix_known=False, snapshot_lease=None)
LIFETIMES = (
    Lifetimes("nothing known", FRESH, "1h", "1h"),
    Lifetimes("nothing known, prices neither", replace(FRESH, prices=None), "1h", "1h"),
    Lifetimes("one after the other", replace(FRESH, request_times=every(20, 500)), "1h", "5m"),
    Lifetimes("every half hour", replace(FRESH, request_times=every(30 * MINUTE)), "1h", "1h"),
    Lifetimes(
        "twice a day, no pings",
        replace(FRESH, request_times=every(12 * HOUR), keep_warm=False),
        None,
        None,
    ),
    Lifetimes("once a day", replace(FRESH, request_times=every(24 * HOUR)), None, None),
    Lifetimes(
        "twice a day, with pings", replace(FRESH, request_times=every(12 * HOUR)), "1h", "1h"
    ),
    Lifetimes(
        "twice a day, dear reads",
        replace(FRESH, request_times=every(12 * HOUR), prices=OLDER),
        None,
        None,
    ),
    Lifetimes(
        "5 min by the setting",
        replace(FRESH, ttl="5m", request_times=every(30 * MINUTE), keep_warm=False),
        "5m",
        None,
    ),
    Lifetimes("1 h by the setting", replace(FRESH, ttl="1h", request_times=every(20)), "1h", "5m"),
    Lifetimes("free of charge", replace(FRESH, prices=Prices(0, 0, 0, 0)), "1h", "1h"),
)


@pytest.mark.parametrize("case", LIFETIMES, ids=lambda case: case.name)
def test_the_lifetimes_follow_the_users_own_pauses(case: Lifetimes) -> None:
    decision = decide(case.state)
    assert (decision.snapshot_lifetime, decision.changes_lifetime) == (case.snapshot, case.log), (
        decision.reason
    )
    assert (decision.promote_at is None) == (case.log is None)


def test_what_is_in_the_cache_is_read_on_with_the_lifetime_it_was_written_with() -> None:
    """Somebody who used to ask all the time now asks once a day: no reason not to read."""
    rare = state(
        request_times=every(24 * HOUR),
        keep_warm=False,
        snapshot_lease=Lease("5m", NOW + 100),
        log_tokens=1_000,
        log_lease=Lease("5m", NOW + 100),
    )
    decision = decide(rare)
    assert (decision.snapshot_lifetime, decision.changes_lifetime) == ("5m", "5m")
    expired = decide(replace(rare, snapshot_lease=DEAD, log_lease=DEAD))
    assert expired.snapshot_lifetime is None


def test_unknown_prices_are_taken_for_the_usual_proportions() -> None:
    for case in STEPS:
        unknown = decide(replace(case.state, prices=None))
        usual = decide(replace(case.state, prices=policy.USUAL_PROPORTIONS))
        assert unknown == usual


def test_reasons_are_one_sentence() -> None:
    for case in (*STEPS, *LIFETIMES):
        reason = decide(case.state).reason
        assert reason == reason.strip()
        assert "\n" not in reason
        assert "$" not in reason, "prices may be unknown"
        assert not re.search(r"nan|inf\b|None", reason), reason


lifetimes = st.sampled_from(("5m", "1h"))
leases = st.none() | st.builds(
    Lease, lifetimes, st.floats(-HOUR, HOUR).map(lambda seconds: NOW + seconds)
)
tokens = st.integers(0, 200_000)
prices = st.sampled_from(
    (SONNET, OLDER, Prices(8e-6, 10e-6, 16e-6, 0.2e-6), Prices(0, 0, 0, 0), None)
)


@st.composite
def states(draw: st.DrawFn) -> State:
    log = draw(tokens)
    pauses = draw(st.lists(st.floats(0, 100 * HOUR), max_size=30))
    moment, times = NOW, []
    for pause in pauses:
        moment -= pause
        times.append(moment)
    return State(
        now=NOW,
        snapshot_tokens=draw(tokens),
        changes_budget_tokens=draw(tokens),
        rules_tokens=draw(st.integers(0, 5_000)),
        prices=draw(prices),
        ttl=draw(st.sampled_from(("auto", "5m", "1h"))),
        keep_warm=draw(st.booleans()),
        request_times=tuple(reversed(times)),
        prefix_known=draw(st.booleans()),
        snapshot_lease=draw(leases),
        log_lease=draw(leases),
        log_tokens=log,
        stale_log_tokens=draw(st.integers(0, log)),
        tail=tuple(
            TailEntry(size, seen)
            for size, seen in draw(st.lists(st.tuples(tokens, st.integers(1, 9)), max_size=5))
        ),
        left_out_tokens=draw(st.just(0) | tokens),
        rebuild=draw(st.none() | st.builds(Rebuild, tokens, tokens, leases)),
    )


@given(states())
def test_a_longer_entry_never_follows_a_shorter_one(given_state: State) -> None:
    decision = decide(given_state)
    assert (decision.snapshot_lifetime, decision.changes_lifetime) != ("5m", "1h")
    assert decision.snapshot_lifetime is not None or decision.changes_lifetime is None


@given(states())
def test_every_step_is_one_that_can_be_taken(given_state: State) -> None:
    decision = decide(given_state)
    assert (decision.step == "first") == (not given_state.prefix_known)
    assert decision.step != "rebuild" or given_state.rebuild is not None
    assert decision.step != "fold" or given_state.stale_log_tokens > 0
    assert decision.reason


@given(states())
def test_room_is_made_only_where_it_is_gained(given_state: State) -> None:
    """Else the same would be paid for again with the next request."""
    decision = decide(given_state)
    if "for want of room" not in decision.reason:
        return
    if decision.step == "fold":
        live = given_state.log_tokens - given_state.stale_log_tokens
        told = sum(entry.tokens for entry in given_state.tail)
        needed = live + told + given_state.left_out_tokens
    else:
        assert given_state.rebuild is not None
        needed = given_state.rebuild.changes_tokens
    left_out_after = needed - given_state.changes_budget_tokens
    assert 2 * left_out_after <= given_state.left_out_tokens


@given(states())
def test_a_snapshot_that_is_read_keeps_its_lifetime(given_state: State) -> None:
    rebuild = Rebuild(60_000, 0, Lease("5m", NOW + 1))
    decision = decide(replace(given_state, prefix_known=True, rebuild=rebuild))
    if decision.step == "rebuild":
        assert decision.snapshot_lifetime == "5m"
        assert decision.changes_lifetime in ("5m", None)


@given(states())
def test_the_same_state_gives_the_same_decision(given_state: State) -> None:
    assert decide(given_state) == decide(replace(given_state))


@given(states(), st.floats(1, 1e9))
def test_only_proportions_of_prices_and_differences_of_times_count(
    given_state: State, later: float
) -> None:
    def moved(lease: Lease | None) -> Lease | None:
        return lease and Lease(lease.lifetime, lease.expires_at + round(later))

    moved_state = replace(
        given_state,
        now=NOW + round(later),
        request_times=tuple(each + round(later) for each in given_state.request_times),
        snapshot_lease=moved(given_state.snapshot_lease),
        log_lease=moved(given_state.log_lease),
        rebuild=given_state.rebuild
        and replace(given_state.rebuild, lease=moved(given_state.rebuild.lease)),
    )

    def essence(decision: Decision) -> tuple[object, ...]:
        return (decision.step, decision.snapshot_lifetime, decision.changes_lifetime)

    assert essence(decide(moved_state)) == essence(decide(given_state))


@given(states())
def test_an_expired_entry_is_never_a_reason_to_stay_with_a_worse_base(given_state: State) -> None:
    rebuild = Rebuild(60_000, 100)
    expired = replace(
        given_state,
        prefix_known=True,
        snapshot_lease=DEAD,
        rebuild=rebuild,
        log_tokens=5_000,
        stale_log_tokens=0,
    )
    assert decide(expired).step == "rebuild"


@given(states())
def test_a_setting_for_the_lifetime_is_obeyed_by_what_is_written(given_state: State) -> None:
    for ttl in LIFETIME_SECONDS:
        written = decide(replace(given_state, ttl=ttl, snapshot_lease=None, rebuild=None))
        assert written.snapshot_lifetime == ttl
