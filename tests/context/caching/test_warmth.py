"""Pings and pre-warming: when they are sent, and that they never cost more than they may save."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz_context.caching.pauses import best_bridge, most_pings, observed
from kibitz_context.caching.policy import (
    LIFETIME_SECONDS,
    Lease,
    Opening,
    Warmth,
    next_ping,
    prewarm,
)
from kibitz_context.values import CacheLifetime, Prices

NOW = 1_790_000_000.0
MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0
SONNET = Prices(2e-6, 2.5e-6, 4e-6, 0.1e-6)
OLDER = Prices(3e-6, 3.75e-6, 6e-6, 0.3e-6)
FREE = Prices(0, 0, 0, 0)


def every(seconds: float, until: float = NOW, count: int = 60) -> tuple[float, ...]:
    return tuple(until - seconds * (count - 1 - index) for index in range(count))


def days(hours: tuple[float, ...], count: int = 12, weekends: bool = False) -> tuple[float, ...]:
    """Requests at these hours of each day, the last of them now."""
    times = [
        day * DAY + hour * HOUR for day in range(count) if weekends or day % 7 < 5 for hour in hours
    ]
    return tuple(NOW + each - times[-1] for each in times)


def warmth(**changes: object) -> Warmth:
    """Half an hour after a request whose entry lives for an hour."""
    usual = Warmth(
        now=NOW + 30 * MINUTE,
        prefix_tokens=61_500,
        snapshot_lease=Lease("1h", NOW + HOUR),
        spent_today_usd=0.0,
        day_usd=0.25,
        prices=SONNET,
        request_times=days((9, 10, 11, 13, 14, 15, 16, 17)),
    )
    return replace(usual, **changes)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    warmth: Warmth
    at: float | None
    reason: str


LONG_AGO = {"request_times": days((9, 17)), "pings_since_request": 20}
PINGS = (
    Case("shortly before it expires", warmth(), NOW + HOUR - 90, "a ping for $0.0062 may save"),
    Case("switched off", warmth(enabled=False), None, "off"),
    Case("prices unknown", warmth(prices=None), None, "not known"),
    Case("nothing there", warmth(snapshot_lease=None), None, "no entry"),
    Case("it has expired", warmth(now=NOW + 2 * HOUR), None, "no entry"),
    Case("the cap is reached", warmth(spent_today_usd=0.245), None, "$0.24 of $0.25"),
    Case("no cap to spend", warmth(day_usd=0.0), None, "$0.00 of $0.00"),
    Case("free", warmth(prices=FREE), None, "not expected to save"),
    Case(
        "a night of which nobody came back earlier",
        warmth(
            **LONG_AGO, now=NOW + 20 * HOUR, snapshot_lease=Lease("1h", NOW + 20 * HOUR + MINUTE)
        ),
        None,
        "after 20.0 h and 20 pings",
    ),
    Case(
        "one after the other, five minutes suffice",
        warmth(
            now=NOW + MINUTE,
            snapshot_lease=Lease("5m", NOW + 5 * MINUTE),
            request_times=every(20.0, count=500),
            prices=OLDER,
            pings_since_request=12,
        ),
        None,
        "not expected",
    ),
)


@pytest.mark.parametrize("case", PINGS, ids=lambda case: case.name)
def test_when_the_next_ping_is_due(case: Case) -> None:
    ping = next_ping(case.warmth)
    assert (ping.at, case.reason in ping.reason) == (case.at, True), ping.reason


def test_only_pauses_that_were_longer_already_say_how_this_one_goes_on() -> None:
    """After three hours it is a night or a weekend, however many short pauses there were."""
    times = days((9, 9.2, 9.4, 9.6, 9.8, 17), count=18)
    soon = next_ping(warmth(request_times=times))
    late = replace(
        warmth(request_times=times, now=NOW + 9 * HOUR, pings_since_request=9),
        snapshot_lease=Lease("1h", NOW + 9.5 * HOUR),
    )
    assert "up to 18 more bridge 96% of pauses like this one" in soon.reason
    assert "up to 9 more bridge 95% of pauses like this one" in next_ping(late).reason


def test_pings_bridge_the_lunch_break_and_the_night_but_not_the_weekend() -> None:
    """Somebody who works from nine to five, whose machine stays on."""
    times = days((9, 10, 11, 13, 14, 15, 16, 17), count=18)
    lunch, night, weekend = 2 * HOUR, 16 * HOUR, 64 * HOUR
    assert survives(times, lunch)
    assert survives(times, night)
    assert survives(times, night + 1.5 * HOUR), "a night that is longer than any before"
    assert not survives(times, weekend)
    assert sent_in(times, weekend) < 24


def test_last_fridays_say_more_about_a_friday_than_other_evenings_do() -> None:
    """Whose machine stays on over the weekend pays for no pings through its first night."""
    hours = (9, 10, 11, 13, 14, 15, 16, 17)
    weekend = 64 * HOUR
    assert sent_in(days(hours, count=19), weekend) <= 2, "as for a meeting"
    assert survives(days(hours, count=18), 16 * HOUR), "a Thursday is as ever"
    assert survives(days(hours, count=5), 16 * HOUR), "the first Friday is like any evening"


def survives(times: tuple[float, ...], pause: float) -> bool:
    _, alive_until = paused(times, pause, SONNET, "1h", 100.0)
    return alive_until > NOW + pause


def sent_in(times: tuple[float, ...], pause: float) -> int:
    sent, _ = paused(times, pause, SONNET, "1h", 100.0)
    return sent


def paused(
    times: tuple[float, ...], pause: float, prices: Prices, lifetime: CacheLifetime, cap: float
) -> tuple[int, float]:
    """How many pings go out in a pause that begins now, and how long the entry then lives."""
    sent, now, life = 0, NOW, LIFETIME_SECONDS[lifetime]
    lease = Lease(lifetime, NOW + life)
    while True:
        ping = next_ping(
            Warmth(
                now=now,
                prefix_tokens=1_000,
                snapshot_lease=lease,
                spent_today_usd=sent * 1_000 * prices.read,
                day_usd=cap,
                prices=prices,
                request_times=times,
                pings_since_request=sent,
            )
        )
        if ping.at is None or ping.at >= NOW + pause:
            return sent, lease.expires_at
        if ping.at > now:
            now = ping.at
            continue
        sent += 1
        lease = Lease(lifetime, now + life)


histories = st.lists(st.floats(1, 80 * HOUR), max_size=40).map(
    lambda pauses: (*(NOW - sum(pauses[index:]) for index in range(len(pauses))), NOW)
)
some_prices = st.sampled_from((SONNET, OLDER, Prices(8e-6, 10e-6, 16e-6, 0.2e-6)))
some_lifetimes = st.sampled_from(("5m", "1h"))


@given(histories, st.floats(1, 200 * HOUR), some_prices, some_lifetimes)
def test_a_pause_never_costs_more_than_twice_a_write(
    times: tuple[float, ...], pause: float, prices: Prices, lifetime: CacheLifetime
) -> None:
    """The bound of ski-rental: what pings cost in vain is at most the write they might save."""
    sent, alive_until = paused(times, pause, prices, lifetime, cap=100.0)
    write = prices.write(lifetime)
    assert sent * prices.read <= write
    paid = sent * prices.read + (prices.read if alive_until > NOW + pause else write)
    assert paid <= 2 * write


@given(histories, st.floats(1, 200 * HOUR), some_prices, some_lifetimes, st.floats(0, 0.01))
def test_pings_never_go_beyond_the_cap(
    times: tuple[float, ...],
    pause: float,
    prices: Prices,
    lifetime: CacheLifetime,
    cap: float,
) -> None:
    sent, _ = paused(times, pause, prices, lifetime, cap)
    assert sent * 1_000 * prices.read <= cap + 1e-12


@given(histories, some_prices, some_lifetimes)
def test_the_bridge_costs_the_least_on_average(
    times: tuple[float, ...], prices: Prices, lifetime: CacheLifetime
) -> None:
    """Beside every other number of pings, each pause counted out one by one."""
    pauses = observed(times)
    life = LIFETIME_SECONDS[lifetime]
    interval = life - {"5m": 20.0, "1h": 90.0}[lifetime]

    def average(pings: int) -> float:
        usd = 0.0
        for length, weight in zip(pauses.lengths, pauses.weights, strict=True):
            needed = 0
            while length >= life + needed * interval and needed <= pings:
                needed += 1
            ends_alive = needed <= pings
            usd += weight * prices.read * min(needed, pings)
            usd += weight * (prices.read if ends_alive else prices.write(lifetime))
        return usd / pauses.total

    bridge = best_bridge(pauses, prices, lifetime)
    assert bridge.pause_usd == pytest.approx(average(bridge.pings))
    others = [average(pings) for pings in range(most_pings(prices, lifetime) + 1)]
    assert bridge.pause_usd == pytest.approx(min(others))
    assert 0.0 < bridge.survival <= 1.0 + 1e-9


def test_the_log_is_kept_through_a_break_and_let_go_in_the_night() -> None:
    # A Thursday: last Friday would say that the machine stays on for nothing.
    times = days((9, 10, 11, 13, 14, 15, 16, 17), count=11)
    log = {
        "log_tokens": 5_000,
        "log_lease": Lease("1h", NOW + HOUR),
        "request_times": times,
    }
    lunch = next_ping(warmth(**log))
    assert lunch.with_changes
    assert lunch.usd == pytest.approx(66_500 * SONNET.read)
    night = next_ping(warmth(**log, pings_since_request=3))
    assert (night.at, night.with_changes) == (lunch.at, False)
    short = next_ping(warmth(log_tokens=5_000, log_lease=Lease("5m", NOW + HOUR)))
    assert not short.with_changes


MORNINGS = tuple(NOW - DAY * number for number in range(30, 0, -1))


def opening(**changes: object) -> Opening:
    usual = Opening(
        now=NOW,
        prefix_tokens=61_500,
        snapshot_lease=None,
        spent_today_usd=0.0,
        day_usd=0.25,
        prices=Prices(0.1e-6, 0.125e-6, 0.2e-6, 0.01e-6),
        request_times=tuple(at + 2 * MINUTE for at in MORNINGS),
        open_times=MORNINGS,
    )
    return replace(usual, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "lifetime", "reason"),
    [
        ({}, "5m", "after 30 of 30 openings a request came in time"),
        ({"ttl": "1h"}, "1h", "after 30 of 30 openings"),
        ({"request_times": tuple(at + 20 * MINUTE for at in MORNINGS)}, "1h", "30 of 30"),
        ({"request_times": tuple(at + 2 * HOUR for at in MORNINGS)}, None, "0 of 30"),
        ({"enabled": False}, None, "off"),
        ({"prices": None}, None, "not known"),
        ({"open_times": MORNINGS[:3]}, None, "only 3 openings"),
        ({"snapshot_lease": Lease("1h", NOW + 60)}, None, "alive"),
        ({"spent_today_usd": 0.249}, None, "of the day are spent"),
        ({"prices": Prices(8e-6, 10e-6, 16e-6, 0.2e-6)}, None, "more than a fast start is worth"),
    ],
)
def test_pre_warming(
    changes: dict[str, object], lifetime: CacheLifetime | None, reason: str
) -> None:
    answer = prewarm(opening(**changes))
    assert (answer.lifetime, reason in answer.reason) == (lifetime, True), answer.reason
    if lifetime is not None:
        assert answer.usd > 0


def test_the_pauses_of_a_newcomer_are_the_assumed_ones() -> None:
    assumed = observed(())
    assert assumed == observed((NOW,))
    assert list(assumed.lengths) == sorted(assumed.lengths)
    known = observed(every(7.0, count=3))
    assert known.lengths.count(7.0) == known.lengths.count(7.0 * 1.15) == 2
    assert known.total == pytest.approx(assumed.total + 2)
    assert all(earlier <= later for earlier, later in pairwise(known.lengths))


def test_of_a_pause_that_is_longer_than_all_others_the_longest_remain() -> None:
    pauses = observed(every(7.0))
    assert pauses.longer_than(1e9).lengths == pauses.lengths[-1:]
    assert min(pauses.longer_than(9.0).lengths) > 9.0
    assert pauses.share_up_to(1e9) == pytest.approx(1.0)
