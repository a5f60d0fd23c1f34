"""Reviews of several texts at once, behind one cached prefix.

The first one goes alone until Claude has begun to answer it: then what all of them share can be
read from the cache by the others, a few at a time.  What is known of a text that has not changed
is not asked again.  Knows neither where the texts come from nor who is told.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Protocol

from kibitz.actions.desk import Desk
from kibitz.actions.review import review
from kibitz.actions.values import Begun, FellBack, Found, NotKept, Order, Step
from kibitz.claude.values import ClaudeFailure
from kibitz.errors import EXIT_CLAUDE, UserError

# Higher: more worst cases are reserved at once, and limits of requests a minute are met; lower:
# a large change takes longer.
AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Ended:
    """A review has come to its end.  `failure` says why it is not whole; `from_memory` that
    nothing was asked for it."""

    failure: UserError | ClaudeFailure | None = None
    from_memory: bool = False


@dataclass(frozen=True, slots=True)
class OneOf:
    """What the review of the order `number` has come to."""

    number: int
    step: Step | Ended


class Memory(Protocol):
    """Findings of earlier reviews.  Both methods may block."""

    def recall(self, order: Order, model: str) -> tuple[Found | NotKept, ...] | None:
        """What the same review came to; None when it was never made."""
        ...

    def keep(self, order: Order, model: str, steps: Sequence[Found | NotKept]) -> None:
        """Keep what a whole review by `model` came to."""
        ...


async def review_many(
    orders: Sequence[Order], desk: Desk, memory: Memory | None = None, *, at_once: int = AT_ONCE
) -> AsyncGenerator[OneOf, None]:
    """Review every order; steps come as they happen, and one `Ended` for each order.

    An answer that cannot be used costs that order alone.  Another failure would meet the others
    as well: none is begun after it, those that run come to their end, and the rest has no `Ended`.
    A review that the budget refuses because of those beside it waits for them.
    Closing the iterator stops all of them.
    """
    queue: asyncio.Queue[OneOf | BaseException] = asyncio.Queue()
    waiting = list(range(len(orders)))
    running: dict[int, asyncio.Task[None]] = {}
    most, has_begun, is_over = 1, False, False

    def tell_bug(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (bug := task.exception()) is not None:
            queue.put_nowait(bug)

    try:
        while True:
            while waiting and len(running) < most and not is_over:
                number = waiting.pop(0)
                task = asyncio.create_task(
                    _one(number, orders[number], desk, memory, queue.put_nowait)
                )
                task.add_done_callback(tell_bug)
                running[number] = task
            if not running:
                return
            one = await queue.get()
            if isinstance(one, BaseException):
                raise one
            match one.step:
                case Begun() if not has_begun:
                    has_begun, most = True, at_once
                case Ended(ClaudeFailure(kind="budget")) if len(running) > 1:
                    del running[one.number]
                    waiting.insert(0, one.number)
                    most = 1
                    continue
                case Ended(failure):
                    del running[one.number]
                    is_over = is_over or _meets_others(failure)
                case _:
                    pass
            yield one
    finally:
        for task in running.values():
            task.cancel()
        await asyncio.gather(*running.values(), return_exceptions=True)


def _meets_others(failure: UserError | ClaudeFailure | None) -> bool:
    if isinstance(failure, UserError):
        return failure.exit_code != EXIT_CLAUDE
    return failure is not None


def _one(
    number: int,
    order: Order,
    desk: Desk,
    memory: Memory | None,
    tell: Callable[[OneOf], None],
) -> Coroutine[Any, Any, None]:
    async def run() -> None:
        model = await asyncio.to_thread(desk.model_for, order) if memory is not None else ""
        if memory is not None:
            known = await asyncio.to_thread(memory.recall, order, model)
            if known is not None:
                for each in known:
                    tell(OneOf(number, each))
                tell(OneOf(number, Ended(from_memory=True)))
                return
        kept: list[Found | NotKept] = []
        is_own = True
        async with aclosing(review(order, desk)) as steps:
            async for step in steps:
                if isinstance(step, Found | NotKept):
                    kept.append(step)
                is_own = is_own and not isinstance(step, FellBack)
                tell(OneOf(number, step))
        if memory is not None and is_own:
            await asyncio.to_thread(memory.keep, order, model, kept)
        tell(OneOf(number, Ended()))

    async def guarded() -> None:
        try:
            await run()
        except (UserError, ClaudeFailure) as failure:
            tell(OneOf(number, Ended(failure)))

    return guarded()
