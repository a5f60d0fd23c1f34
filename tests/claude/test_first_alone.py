"""Requests that would write the same entry: one goes, the others wait for it, and none for ever."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from kibitz.claude.first_alone import FirstAlone, Turn


@dataclass(eq=False)
class World:
    """The gate and what is in the cache."""

    gate: FirstAlone = field(default_factory=FirstAlone)
    alive: set[str] = field(default_factory=set)

    def ask(self, *names: str) -> asyncio.Task[Turn]:
        return asyncio.create_task(self.gate.turn(lambda: frozenset(names) - self.alive))


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_the_rest_goes_when_the_first_one_has_begun() -> None:
    world = World()
    first, second, third = (world.ask("snapshot") for _ in range(3))
    await settle()
    assert (first.done(), second.done(), third.done()) == (True, False, False)
    world.alive.add("snapshot")
    first.result().end()
    await settle()
    assert second.done(), "both at once"
    assert third.done()


async def test_when_it_fails_the_next_one_is_first() -> None:
    world = World()
    first, second, third = (world.ask("snapshot") for _ in range(3))
    await settle()
    first.result().end()
    await settle()
    assert (second.done(), third.done()) == (True, False)


async def test_what_is_alive_holds_nobody() -> None:
    world = World(alive={"snapshot"})
    asked = [world.ask("snapshot") for _ in range(3)]
    await settle()
    assert all(each.done() for each in asked)


async def test_different_entries_do_not_wait_for_one_another() -> None:
    world = World()
    asked = [world.ask(name) for name in ("one", "other")]
    await settle()
    assert all(each.done() for each in asked)


async def test_one_snapshot_under_two_logs_is_written_once() -> None:
    world = World()
    first, second = world.ask("snapshot", "log 1"), world.ask("snapshot", "log 2")
    await settle()
    assert not second.done()
    world.alive |= {"snapshot", "log 1"}
    first.result().end()
    await settle()
    assert second.done()


async def test_a_held_one_is_cancelled_at_once() -> None:
    world = World()
    world.ask("snapshot")
    second = world.ask("snapshot")
    await settle()
    second.cancel()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert second.cancelled()
    assert world.gate.n_held == 0


async def test_one_that_is_cancelled_as_it_gets_its_turn_gives_it_up() -> None:
    world = World()
    first, second, third = (world.ask("snapshot") for _ in range(3))
    await settle()
    first.result().end()
    second.cancel()
    await settle()
    assert second.cancelled()
    assert third.done()


async def test_nobody_waits_longer_than_is_sensible() -> None:
    world = World(FirstAlone(longest_hold_seconds=0.0))
    first, second = world.ask("snapshot"), world.ask("snapshot")
    turn = await second
    third = world.ask("snapshot")
    turn.end()
    assert first.done()
    await third


async def test_at_the_end_all_may_go() -> None:
    world = World()
    world.ask("snapshot")
    held = [world.ask("snapshot") for _ in range(3)]
    await settle()
    world.gate.let_all_go()
    await asyncio.gather(*held)
    assert world.gate.n_held == 0


names = st.frozensets(st.sampled_from("abc"), max_size=3)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), names),
        st.tuples(st.sampled_from(["begin", "fail", "cancel"]), st.integers(0, 30)),
        st.tuples(st.just("expire"), st.sampled_from("abc")),
    ),
    max_size=40,
)


@given(steps)
def test_any_order_of_events(story: list[tuple[str, object]]) -> None:
    asyncio.run(_play(story))


async def _play(story: list[tuple[str, object]]) -> None:
    world = World()
    asked: list[tuple[asyncio.Task[Turn], frozenset[str]]] = []
    writing: dict[int, frozenset[str]] = {}
    ended: set[int] = set()

    def take_stock(*, settled: bool) -> None:
        for number, (task, wanted) in enumerate(asked):
            if task.done() and not task.cancelled() and number not in ended | writing.keys():
                writing[number] = wanted - world.alive
        everything = [name for wanted in writing.values() for name in wanted]
        assert len(everything) == len(set(everything)), "an entry is written twice"
        if settled:
            for number, (task, wanted) in enumerate(asked):
                if not task.done():
                    others = set(everything)
                    assert wanted & others, f"request {number} waits for nobody"

    for kind, argument in story:
        match kind, argument:
            case "ask", frozenset() as wanted:
                asked.append((world.ask(*wanted), wanted))
            case "expire", str() as name:
                # Only what nobody who goes now has counted on.
                world.alive.discard(name)
            case _, int() as number if number < len(asked):
                task, wanted = asked[number]
                if kind == "cancel" and not task.done():
                    task.cancel()
                    await asyncio.sleep(0)
                    await asyncio.sleep(0)
                    assert task.cancelled()
                elif kind in ("begin", "fail") and number in writing:
                    if kind == "begin":
                        world.alive |= wanted
                    del writing[number]
                    ended.add(number)
                    task.result().end()
        await settle()
        take_stock(settled=kind != "expire")

    # Whatever has happened, everybody gets a turn in the end.
    while writing:
        number = min(writing)
        del writing[number]
        ended.add(number)
        asked[number][0].result().end()
        await settle()
        take_stock(settled=True)
    assert all(task.done() for task, _ in asked)
    assert world.gate.n_held == 0
