"""Several reviews at once: who goes when, and what a failure stops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from kibitz.actions import whole_review as module
from kibitz.actions.desk import Desk
from kibitz.actions.review_many import OneOf, review_many
from kibitz.actions.values import Begun, Found, Order, Step
from kibitz.actions.whole_review import Ended, Known
from kibitz.claude.values import ClaudeFailure, Usage
from kibitz.errors import EXIT_CLAUDE, UserError
from kibitz.findings.values import Finding
from kibitz.settings import DEFAULTS
from kibitz_context.document import Document

FINDING = Found(Finding("a.py", "error", "c", 1, 1, "q", "t", "m"))


def orders(count: int) -> list[Order]:
    return [
        Order("review", Path("/r"), Document(f"file:///r/{n}", Path(f"/r/{n}"), f"{n}\n"))
        for n in range(count)
    ]


def number_of(order: Order) -> int:
    assert order.document is not None
    return int(order.document.text)


class Reviews:
    """Reviews that begin and end when a test says so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.started: list[int] = []
        self.closed: list[int] = []
        self.begin = [asyncio.Event() for _ in range(9)]
        self.end = [asyncio.Event() for _ in range(9)]
        self.failure: Callable[[int], Exception | None] = lambda _: None
        monkeypatch.setattr(module, "review", self._review)
        # Else nobody could say when everything that is ready has run.
        monkeypatch.setattr(asyncio, "to_thread", _here)

    async def _review(self, order: Order, desk: Desk) -> AsyncGenerator[Step, None]:
        number = number_of(order)
        self.started.append(number)
        try:
            await self.begin[number].wait()
            if failure := self.failure(number):
                raise failure
            yield Begun(Usage())
            yield FINDING
            await self.end[number].wait()
        finally:
            self.closed.append(number)

    def let_all_go(self) -> None:
        for event in (*self.begin, *self.end):
            event.set()


async def _here(function: Callable[..., Any], *arguments: Any) -> Any:
    return function(*arguments)


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def run(count: int, told: list[OneOf], memory: Any = None) -> asyncio.Task[None]:
    async def collect() -> None:
        desk = cast(Desk, Model())
        async with aclosing(review_many(orders(count), desk, memory, at_once=3)) as steps:
            async for one in steps:
                told.append(one)  # noqa: PERF401 - what came before a stop is looked at

    return asyncio.create_task(collect())


class Model:
    """A desk of reviews whose findings are not checked."""

    def settings_in(self, root: Path) -> Any:
        return replace(DEFAULTS, review=replace(DEFAULTS.review, verify="off"))

    def model_for(self, order: Order) -> str:
        return "m"


async def test_the_first_alone_then_the_rest_a_few_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reviews, told = Reviews(monkeypatch), list[OneOf]()
    task = run(6, told)
    await settle()
    assert reviews.started == [0]
    reviews.begin[0].set()
    await settle()
    assert reviews.started == [0, 1, 2]
    reviews.end[0].set()
    await settle()
    assert reviews.started == [0, 1, 2, 3]
    reviews.let_all_go()
    await task
    assert sorted(one.number for one in told if one.step == Ended()) == list(range(6))


async def test_an_unusable_reply_stops_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    reviews, told = Reviews(monkeypatch), list[OneOf]()
    unusable = UserError("no findings", EXIT_CLAUDE)
    reviews.failure = lambda number: unusable if number == 0 else None
    reviews.let_all_go()
    await run(3, told)
    assert [one.step for one in told if one.number == 0] == [Ended(unusable)]
    assert reviews.started == [0, 1, 2]


async def test_what_would_meet_the_others_lets_them_end_and_begins_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reviews, told = Reviews(monkeypatch), list[OneOf]()
    reviews.failure = lambda number: ClaudeFailure("auth") if number == 1 else None
    reviews.begin[0].set()
    task = run(6, told)
    await settle()
    reviews.let_all_go()
    await task
    assert reviews.started == [0, 1, 2]
    assert {one.number for one in told if isinstance(one.step, Ended)} == {0, 1, 2}


async def test_a_review_that_the_budget_refuses_waits_for_those_beside_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reviews, told = Reviews(monkeypatch), list[OneOf]()
    refused = iter([ClaudeFailure("budget")])
    reviews.failure = lambda number: next(refused, None) if number == 2 else None
    reviews.begin[0].set()
    task = run(5, told)
    await settle()
    reviews.begin[2].set()
    await settle()
    assert reviews.started == [0, 1, 2], "none is begun while two run"
    reviews.let_all_go()
    await task
    assert reviews.started == [0, 1, 2, 2, 3, 4]
    assert all(one.step == Ended() for one in told if isinstance(one.step, Ended))


async def test_closing_stops_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    reviews, told = Reviews(monkeypatch), list[OneOf]()
    reviews.begin[0].set()
    task = run(6, told)
    await settle()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sorted(reviews.closed) == [0, 1, 2]
    assert [one.step for one in told] == [Begun(Usage()), FINDING], "what was found is told"


async def test_a_bug_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    reviews = Reviews(monkeypatch)
    reviews.failure = lambda _: ZeroDivisionError()
    reviews.let_all_go()
    with pytest.raises(ZeroDivisionError):
        await run(2, [])


async def test_what_is_known_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    class Memory:
        kept: list[int] = []  # noqa: RUF012

        def recall(self, order: Order, model: str) -> Known | None:
            return Known((FINDING,)) if number_of(order) == 0 else None

        def keep(self, order: Order, model: str, known: Known) -> None:
            assert (model, known) == ("m", Known((FINDING,)))
            self.kept.append(number_of(order))

    reviews, told = Reviews(monkeypatch), list[OneOf]()
    reviews.let_all_go()
    await run(2, told, Memory())
    assert reviews.started == [1]
    assert [one.step for one in told if one.number == 0] == [FINDING, Ended(from_memory=True)]
    assert Memory.kept == [1]
