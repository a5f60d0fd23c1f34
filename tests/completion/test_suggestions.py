"""Completions of one editor: who is answered when, and how often Claude is asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest

from kibitz.completion.reader import CutOffError
from kibitz.completion.spot import Spot
from kibitz.jobs import Jobs
from kibitz.suggestions import LINGER_SECONDS, Suggestion, Suggestions

URI = "file:///prices.py"
OPEN, CLOSE = "<completion>", "</completion>"


@dataclass
class Reply:
    """A reply whose pieces the test gives."""

    spot: Spot
    pieces: asyncio.Queue[str | Exception | None] = field(default_factory=asyncio.Queue)
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    def give(self, *pieces: str | Exception | None) -> None:
        for piece in pieces:
            self.pieces.put_nowait(piece)


@dataclass
class Timer:
    seconds: float
    callback: Callable[[], None]
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


class Bench:
    """The completions of an editor, with a Claude and a clock that the test moves."""

    def __init__(self) -> None:
        self.bugs: list[BaseException] = []
        self.jobs = Jobs(lambda _, error: self.bugs.append(error))
        self.timers: list[Timer] = []
        self.replies: list[Reply] = []
        self.now = 0.0
        self.suggestions = Suggestions(self.jobs, later=self._later, now=lambda: self.now)

    def _later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        timer = Timer(seconds, callback)
        self.timers.append(timer)
        return timer

    async def ask(self, spot: Spot) -> AsyncGenerator[str, None]:
        reply = Reply(spot)
        self.replies.append(reply)
        try:
            while (piece := await reply.pieces.get()) is not None:
                if isinstance(piece, Exception):
                    raise piece
                yield piece
        finally:
            reply.closed.set()

    def request(
        self, before: str, after: str = "", *, invoked: bool = True
    ) -> asyncio.Task[Suggestion | None]:
        spot = Spot(before, after, "python", was_invoked=invoked)
        return asyncio.ensure_future(self.suggestions.suggest(URI, spot, self.ask))

    def only_look(self, before: str, after: str = "") -> asyncio.Task[Suggestion | None]:
        return asyncio.ensure_future(
            self.suggestions.suggest(URI, Spot(before, after, "python"), None)
        )

    def fire(self) -> None:
        """Let the time pass that is waited for."""
        timers, self.timers = self.timers, []
        for timer in timers:
            if not timer.cancelled:
                timer.callback()


async def settle() -> None:
    """Let everything run that can run now."""
    for _ in range(30):
        await asyncio.sleep(0)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    bench = Bench()
    yield bench
    await bench.jobs.aclose()
    assert not bench.bugs


def text(task: asyncio.Task[Suggestion | None]) -> str | None:
    suggestion = task.result()
    return suggestion.text if suggestion is not None else None


async def test_a_reply_is_shown(bench: Bench) -> None:
    task = bench.request("total = ")
    await settle()
    bench.replies[0].give(OPEN + "sum(", "prices)", CLOSE, None)
    await settle()
    assert text(task) == "sum(prices)"


async def test_the_stream_is_closed_when_the_line_is_whole(bench: Bench) -> None:
    task = bench.request("total = ", invoked=False)
    await settle()
    bench.fire()
    await settle()
    bench.replies[0].give(OPEN, "sum(prices)\n", "print")
    await settle()
    assert text(task) == "sum(prices)"
    assert bench.replies[0].closed.is_set()


async def test_who_is_overtaken_hears_at_once_and_nothing_was_asked(bench: Bench) -> None:
    first = bench.request("total = s", invoked=False)
    await settle()
    second = bench.request("total = su", invoked=False)
    await settle()
    assert text(first) is None
    assert bench.replies == []
    bench.fire()
    await settle()
    assert [reply.spot.before for reply in bench.replies] == ["total = su"]
    second.cancel()


async def test_a_running_stream_serves_who_types_along(bench: Bench) -> None:
    first = bench.request("total = ")
    await settle()
    bench.replies[0].give(OPEN + "sum(")
    second = bench.request("total = su", invoked=False)
    await settle()
    assert text(first) is None
    bench.replies[0].give("prices)", CLOSE, None)
    await settle()
    assert text(second) == "m(prices)"
    assert len(bench.replies) == 1


async def test_what_nobody_is_typing_is_closed_before_anything_else_is_asked(
    bench: Bench,
) -> None:
    bench.request("total = ")
    await settle()
    bench.replies[0].give(OPEN + "sum(")
    second = bench.request("total = max", invoked=False)
    await settle()
    assert bench.replies[0].closed.is_set()
    bench.fire()
    await settle()
    bench.replies[1].give(OPEN + "(prices)" + CLOSE, None)
    await settle()
    assert text(second) == "(prices)"


async def test_who_types_along_what_is_shown_needs_nobody(bench: Bench) -> None:
    first = bench.request("total = ")
    await settle()
    bench.replies[0].give(OPEN + "sum(prices)" + CLOSE, None)
    await settle()
    assert text(first) == "sum(prices)"
    second = bench.request("total = sum", invoked=False)
    third = bench.request("total = sum(", ")", invoked=False)
    await settle()
    assert text(third) == "prices"
    assert second.done() and len(bench.replies) == 1


async def test_who_asks_again_where_there_was_nothing_is_taken_seriously(bench: Bench) -> None:
    first = bench.request("total = ")
    await settle()
    bench.replies[0].give(OPEN + CLOSE, None)
    await settle()
    assert text(first) is None
    again = bench.request("total = ")
    await settle()
    bench.replies[1].give(OPEN + "1" + CLOSE, None)
    await settle()
    assert text(again) == "1"


async def test_who_asks_where_only_a_bracket_is_left_to_show_is_taken_seriously(
    bench: Bench,
) -> None:
    there = ("total = len(a", ")\n")
    for place, reply in ((there, ""), (("total = ", "\n"), "len(a)")):
        task = bench.request(*place)
        await settle()
        bench.replies[-1].give(OPEN + reply + CLOSE, None)
        await settle()
        assert (text(task) or "") == reply
    # There was nothing to show, and with the bracket that the editor has closed nothing is left.
    bench.request(*there)
    await settle()
    assert [reply.spot.before for reply in bench.replies] == [there[0], "total = ", there[0]]


async def test_without_a_way_to_ask_a_running_stream_serves_and_nothing_is_begun(
    bench: Bench,
) -> None:
    bench.request("total = ")
    await settle()
    bench.replies[0].give(OPEN + "sum(")
    along = bench.only_look("total = su")
    await settle()
    bench.replies[0].give("prices)", CLOSE, None)
    await settle()
    assert text(along) == "m(prices)"
    elsewhere = bench.only_look("y = ")
    await settle()
    assert text(elsewhere) is None and len(bench.replies) == 1


async def test_a_change_of_the_text_answers_at_once_and_lets_the_stream_run(bench: Bench) -> None:
    task = bench.request("total = ")
    await settle()
    bench.suggestions.typed(URI)
    await settle()
    assert text(task) is None
    assert not bench.replies[0].closed.is_set()


async def test_a_failure_is_told_to_who_asked_and_not_kept(bench: Bench) -> None:
    first = bench.request("total = ")
    await settle()
    bench.replies[0].give(OSError("no network"))
    await settle()
    with pytest.raises(OSError, match="no network"):
        first.result()
    again = bench.request("total = ")
    await settle()
    bench.replies[1].give(OPEN + "1" + CLOSE, None)
    await settle()
    assert text(again) == "1"


async def test_of_a_reply_that_was_cut_off_whole_lines_are_shown(bench: Bench) -> None:
    task = bench.request("")
    task.cancel()
    task = bench.request("def f(x):\n    ")
    await settle()
    bench.replies[-1].give(OPEN + "y = x\n    return y +", CutOffError())
    await settle()
    assert text(task) == "y = x"


async def test_a_stream_that_nobody_waits_for_is_closed_after_a_while(bench: Bench) -> None:
    task = bench.request("total = ")
    await settle()
    task.cancel()
    await settle()
    assert not bench.replies[0].closed.is_set()
    assert [timer.seconds for timer in bench.timers] == [LINGER_SECONDS]
    bench.fire()
    await settle()
    assert bench.replies[0].closed.is_set()


async def test_closing_the_document_ends_everything(bench: Bench) -> None:
    task = bench.request("total = ")
    await settle()
    bench.suggestions.close(URI)
    await settle()
    assert text(task) is None
    assert bench.replies[0].closed.is_set()


async def test_shutting_down_answers_who_waits(bench: Bench) -> None:
    task = bench.request("total = ")
    await settle()
    await bench.jobs.aclose()
    await settle()
    assert text(task) is None
    assert len(bench.replies) == 1


async def test_after_something_else_was_typed_it_takes_longer(bench: Bench) -> None:
    async def delay(before: str) -> float:
        task = bench.request(before, invoked=False)
        await settle()
        seconds = bench.timers[-1].seconds
        bench.fire()
        await settle()
        bench.replies[-1].give(OPEN + "abc" + CLOSE, None)
        await settle()
        assert text(task) == "abc"
        return seconds

    usual = await delay("x = (")
    assert await delay("x = (1, (") > usual


async def test_a_suggestion_that_was_taken_is_known_once(bench: Bench) -> None:
    task = bench.request("total = ")
    await settle()
    bench.replies[0].give(OPEN + "sum(prices)" + CLOSE, None)
    await settle()
    suggestion = task.result()
    assert suggestion is not None
    assert bench.suggestions.accepted(suggestion.id)
    assert not bench.suggestions.accepted(suggestion.id)


async def test_there_is_never_more_than_one_stream(bench: Bench) -> None:
    for word in ("a", "b", "c", "d"):
        bench.request(f"{word} = ")
        await settle()
    assert [reply.closed.is_set() for reply in bench.replies] == [True, True, True, False]


async def test_who_asks_alone_waits_until_the_stream_is_closed_and_the_next_one_for_them() -> None:
    bench = Bench()
    first = bench.request("x = ")
    await settle()
    order: list[str] = []

    async def by_command(name: str) -> None:
        async with bench.suggestions.alone(URI):
            order.append(f"{name} begins, stream closed: {bench.replies[0].closed.is_set()}")
            await go_on.wait()
            order.append(f"{name} ends")

    go_on = asyncio.Event()
    commands = [asyncio.ensure_future(by_command(name)) for name in ("one", "two")]
    await settle()
    assert await first is None
    second = bench.request("x = 1 + ")
    await settle()
    assert order == ["one begins, stream closed: True"]
    assert len(bench.replies) == 1, "it waits for the commands"

    go_on.set()
    await asyncio.gather(*commands)
    await settle()
    assert order[1:] == ["one ends", "two begins, stream closed: True", "two ends"]
    bench.replies[1].give(OPEN, "2", CLOSE, None)
    found = await second
    assert found is not None
    assert found.text == "2"
