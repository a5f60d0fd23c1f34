"""Keep-warm on a virtual clock: what is sent, when, and above all what is not."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kibitz.claude.values import Block, ClaudeFailure, Limits, Message, Prompt, Purpose
from kibitz.upkeep.keep_warm import MOST_PREFIXES, KeepWarm, Kept, pinging, pings_since_request
from kibitz_context.caching import prefix as prefixes
from kibitz_context.caching.policy import LIFETIME_SECONDS, Lease
from kibitz_context.caching.prefix_state import PrefixState
from kibitz_context.values import CacheLifetime, Context, Layer, Plan, PrefixId, Prices

NOON = 1_800_000_000.0
MINUTE = 60.0
HOUR = 3_600.0
TOKENS = 60_000
PRICES = Prices(input=2e-6, write_5m=2.5e-6, write_1h=4e-6, read=1e-7, output=1e-5)
PING_USD = TOKENS * PRICES.read
_numbers = itertools.count()

NOTHING = Layer("task", "", 0)


class Clock:
    """Python's `time.time`, moved by hand."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


@dataclass
class World:
    """Two repositories, an endpoint that takes pings, and the ledger of what they cost."""

    clock: Clock
    day_usd: float = 0.25
    trusted: set[str] = field(default_factory=lambda: {"one", "two"})
    pings: list[tuple[float, str, int]] = field(default_factory=list)
    spent_usd: float = 0.0
    fails: bool = False
    lifetime: CacheLifetime = "1h"
    contexts: dict[str, Context] = field(default_factory=dict)
    before_spent: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        self.keep_warm = self.another(0.0)

    def another(self, lateness: float) -> KeepWarm:
        """A further process with the same user."""
        return KeepWarm(
            self._warm, self._spent, lambda root: root.name in self.trusted, lateness=lateness
        )

    async def _warm(self, prompt: Prompt, purpose: Purpose) -> None:
        assert purpose.action == "keep_warm"
        assert not purpose.interactive
        if self.fails:
            raise ClaudeFailure("overloaded")
        self.pings.append((self.clock.now, Path(purpose.repository).name, len(prompt.system)))
        self.spent_usd += PING_USD

    async def _spent(self) -> float:
        self.before_spent()
        return self.spent_usd

    def context(self, name: str) -> Context:
        if name not in self.contexts:
            prefix = PrefixId(f"{name} {next(_numbers)}", 1)
            prefixes.store_in(None).update(prefix.key, lambda state: replace(state, generation=1))
            plan = Plan(self.lifetime, "5m", ("log\n",))
            empty = Layer("snapshot", "", 0)
            self.contexts[name] = Context(
                Path("/repositories") / name, "c" * 40, empty, empty, NOTHING, plan=plan,
                prefix=prefix,
            )  # fmt: skip
        return self.contexts[name]

    def ask(self, name: str = "one") -> None:
        """The user asks something about a repository, and the response begins."""
        context = self.context(name)
        prefixes.began(context, self.clock.now)
        limits = Limits(keep_warm_day_usd=self.day_usd)
        self.keep_warm.began(Kept(context, prompt(), limits, PRICES, TOKENS, 500))

    async def live(self, seconds: float, step: float = MINUTE) -> None:
        """Let time pass, looking at the clock on the way."""
        end = self.clock.now + seconds
        while self.clock.now < end:
            self.clock.now = min(end, self.clock.now + step)
            await self.keep_warm.look()

    def lease(self, name: str = "one") -> Lease:
        prefix = self.context(name).prefix
        assert prefix is not None
        lease = prefixes.state_of(prefix).snapshot_lease
        assert lease is not None
        return lease


def prompt() -> Prompt:
    system = (Block("rules"), Block("snapshot", "1h"), Block("log", "5m"), Block("tail"))
    return Prompt("standard", "claude-sonnet-5-5", system, (Message("user", (Block("?"),)),), 900)


@contextmanager
def world(day_usd: float = 0.25, **options: object) -> Iterator[World]:
    clock = Clock()
    with patch("time.time", clock):
        yield World(clock, day_usd, **options)  # type: ignore[arg-type]


async def test_a_pause_is_bridged_and_the_lease_goes_on() -> None:
    with world() as there:
        there.ask()
        await there.live(70 * MINUTE)
        assert len(there.pings) == 1
        at, name, n_blocks = there.pings[0]
        assert NOON + 30 * MINUTE < at < NOON + HOUR, "before the entry expires, and not too early"
        assert (name, n_blocks) == ("one", 2), "up to the snapshot's marker"
        assert there.lease().expires_at == at + HOUR


async def test_a_request_that_has_just_renewed_needs_no_ping() -> None:
    with world() as there:
        for _ in range(8):
            there.ask()
            await there.live(40 * MINUTE)
        assert not there.pings


async def test_what_another_process_has_renewed_needs_no_ping() -> None:
    with world() as there:
        there.ask()
        await there.live(50 * MINUTE)
        prefixes.began(there.context("one"), there.clock.now, asked=False)
        await there.live(30 * MINUTE)
        assert not there.pings


async def test_pings_end_when_the_user_does_not_come_back() -> None:
    with world(day_usd=100.0) as there:
        there.ask()
        await there.live(4 * 24 * HOUR)
        write_usd = TOKENS * PRICES.write_1h
        assert 0 < len(there.pings) * PING_USD <= write_usd + PING_USD
        n_pings = len(there.pings)
        there.ask()
        await there.live(70 * MINUTE)
        assert len(there.pings) == n_pings + 1, "a new request begins anew"


async def test_the_cap_of_a_day_holds() -> None:
    with world(day_usd=2.5 * PING_USD) as there:
        there.ask("one")
        there.ask("two")
        await there.live(12 * HOUR)
        assert len(there.pings) == 2


async def test_no_ping_without_a_cap() -> None:
    with world(day_usd=0.0) as there:
        there.ask()
        await there.live(3 * HOUR)
        assert not there.pings


async def test_what_is_not_trusted_any_more_is_not_sent() -> None:
    with world() as there:
        there.ask("one")
        there.ask("two")
        await there.live(30 * MINUTE)
        there.trusted.remove("one")
        await there.live(4 * HOUR)
        assert {name for _, name, _ in there.pings} == {"two"}


async def test_trust_that_is_taken_back_in_the_last_moment_is_obeyed() -> None:
    with world() as there:
        there.ask()
        await there.live(50 * MINUTE)
        there.clock.now += 9 * MINUTE
        there.before_spent = lambda: there.trusted.discard("one")
        await there.keep_warm.look()
        assert not there.pings


async def test_a_machine_that_slept_over_the_end_sends_nothing() -> None:
    with world() as there:
        there.ask()
        await there.live(10 * MINUTE)
        there.clock.now += 8 * HOUR
        assert await there.keep_warm.look() is None
        assert not there.pings


async def test_a_ping_that_fails_is_the_last_one(caplog: pytest.LogCaptureFixture) -> None:
    with world() as there:
        there.ask()
        there.fails = True
        await there.live(58.5 * MINUTE)
        there.fails = False
        await there.live(5 * HOUR)
        assert not there.pings
        assert there.lease().expires_at == NOON + HOUR


async def test_bytes_that_were_given_up_are_not_kept() -> None:
    with world() as there:
        there.ask()
        prefix = there.context("one").prefix
        assert prefix is not None
        prefixes.store_in(None).update(prefix.key, lambda state: replace(state, generation=2))
        await there.live(3 * HOUR)
        assert not there.pings


async def test_a_provisional_prefix_is_not_kept() -> None:
    with world() as there:
        there.contexts["one"] = replace(there.context("one"), provisional=True)
        there.ask()
        await there.live(3 * HOUR)
        assert not there.pings


async def test_it_keeps_a_bounded_number() -> None:
    with world(trusted={str(n) for n in range(40)}, day_usd=100.0) as there:
        for number in range(MOST_PREFIXES + 4):
            there.ask(str(number))
        await there.live(70 * MINUTE)
        assert sorted({int(name) for _, name, _ in there.pings}) == list(
            range(4, MOST_PREFIXES + 4)
        )


async def test_the_loop_looks_when_something_is_due_and_ends_when_it_is_closed() -> None:
    with world() as there:
        looked = asyncio.Event()
        warm = there.keep_warm._warm

        async def seen(prompt: Prompt, purpose: Purpose) -> None:
            await warm(prompt, purpose)
            looked.set()

        there.keep_warm._warm = seen
        running = asyncio.ensure_future(there.keep_warm.run())
        there.ask()
        await asyncio.sleep(0)
        there.clock.now += 59 * MINUTE
        there.ask("two")  # Whatever wakes it: time has moved.
        async with asyncio.timeout(20):
            await looked.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        there.clock.now += 59 * MINUTE
        there.ask("two")
        await asyncio.sleep(0)
        assert len(there.pings) == 1


async def test_of_two_processes_one_pings() -> None:
    with world() as there:
        second = there.another(1.0)
        there.ask()
        for kept in list(there.keep_warm._kept.values()):
            second.began(kept)
        for _ in range(70 * 60):
            there.clock.now += 1.0
            await there.keep_warm.look()
            await second.look()
        assert len(there.pings) == 1


async def test_what_fails_by_a_bug_does_not_end_it(caplog: pytest.LogCaptureFixture) -> None:
    with world() as there:
        failing = [True]

        def spoil() -> None:
            if failing:
                failing.clear()
                raise ValueError("a bug")

        there.before_spent = spoil
        running = asyncio.ensure_future(there.keep_warm.run())
        there.ask()
        async with asyncio.timeout(20):
            while not caplog.records:
                await asyncio.sleep(0.001)
        there.ask()
        there.clock.now += 59 * MINUTE
        there.ask("two")
        async with asyncio.timeout(20):
            while not there.pings:
                await asyncio.sleep(0.001)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running


def test_how_much_of_a_prompt_a_ping_is() -> None:
    whole = prompt()
    with_changes = [block.text for block in pinging(whole, with_changes=True).system]
    assert with_changes == ["rules", "snapshot", "log"]
    assert [block.text for block in pinging(whole, with_changes=False).system] == [
        "rules",
        "snapshot",
    ]
    bare = replace(whole, system=(Block("rules"),))
    assert pinging(bare, with_changes=False) == bare


@pytest.mark.parametrize("lifetime", ["5m", "1h"])
def test_pings_are_told_from_the_lease(lifetime: CacheLifetime) -> None:
    seconds = LIFETIME_SECONDS[lifetime]
    state = PrefixState(request_times=(NOON,))
    assert pings_since_request(state) == 0
    for n_pings in range(8):
        start = NOON + n_pings * 0.95 * seconds
        lease = Lease(lifetime, start + seconds)
        assert pings_since_request(replace(state, snapshot_lease=lease)) == n_pings


Step = tuple[str, float]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["ask", "ask two", "wait", "sleep", "trust", "distrust", "fail", "mend",
                         "other"]),
        st.floats(1.0, 3 * HOUR),
    ),
    max_size=40,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(steps=STEPS, n_pings_allowed=st.integers(0, 2), lifetime=st.sampled_from(["5m", "1h"]))
def test_any_order_of_events(
    steps: list[Step], n_pings_allowed: int, lifetime: CacheLifetime
) -> None:
    async def play() -> None:
        with world((n_pings_allowed + 0.5) * PING_USD, lifetime=lifetime) as there:
            warm = there.keep_warm._warm
            renewed: dict[str, float] = {}

            async def watched(prompt: Prompt, purpose: Purpose) -> None:
                name = Path(purpose.repository).name
                assert name in there.trusted
                assert there.lease(name).alive(there.clock.now), "a ping of nothing is a write"
                age = there.clock.now - renewed[name]
                assert age >= LIFETIME_SECONDS[lifetime] / 2, "it has just been renewed"
                await warm(prompt, purpose)
                renewed[name] = there.clock.now

            there.keep_warm._warm = watched
            acts: dict[str, Callable[[], object]] = {
                "trust": lambda: there.trusted.update({"one", "two"}),
                "distrust": lambda: there.trusted.discard("one"),
                "fail": lambda: setattr(there, "fails", True),
                "mend": lambda: setattr(there, "fails", False),
            }
            for act, seconds in steps:
                if act in ("ask", "ask two"):
                    name = "two" if act == "ask two" else "one"
                    renewed[name] = there.clock.now
                    there.ask(name)
                elif act == "other" and "one" in renewed and there.lease().alive(there.clock.now):
                    renewed["one"] = there.clock.now
                    prefixes.began(there.context("one"), there.clock.now, asked=False)
                elif act == "wait":
                    await there.live(seconds, step=MINUTE / 2)
                elif act == "sleep":
                    there.clock.now += seconds
                elif act in acts:
                    acts[act]()
                await there.keep_warm.look()
                assert len(there.pings) <= n_pings_allowed

    asyncio.run(play())
