"""Reviews of several texts at once, behind one cached prefix.

The first one goes alone until Claude has begun to answer it: then what all of them share can be
read from the cache by the others, a few at a time.  Knows neither where the texts come from nor who
is told.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from kibitz.actions.desk import Desk
from kibitz.actions.values import Begun, Order, Step
from kibitz.actions.whole_review import Ended, Memory, whole_review
from kibitz.claude.values import ClaudeFailure
from kibitz.dismissals import Dismissals
from kibitz.errors import EXIT_CLAUDE, UserError

# Higher: more worst cases are reserved at once, and limits of requests a minute are met; lower:
# a large change takes longer.
AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class OneOf:
    """What the review of the order `number` has come to."""

    number: int
    step: Step | Ended


async def review_many(
    orders: Sequence[Order],
    desk: Desk,
    memory: Memory | None = None,
    dismissals: Dismissals | None = None,
    *,
    at_once: int = AT_ONCE,
) -> AsyncGenerator[OneOf, None]:
    """Review every order; steps come as they happen, and one `Ended` for each order.

    An answer that cannot be used costs that order alone.  Another failure would meet the others
    as well: none is begun after it, those that run come to their end, and the rest has no `Ended`.
    A review that the budget refuses because of those beside it waits for them.
    Closing the iterator stops all of them.
    """

    def begin(order: Order) -> AsyncGenerator[Step | Ended, None]:
        return whole_review(order, desk, memory, dismissals)

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
                task = asyncio.create_task(_one(number, orders[number], begin, queue.put_nowait))
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
    review: Callable[[Order], AsyncGenerator[Step | Ended, None]],
    tell: Callable[[OneOf], None],
) -> Coroutine[Any, Any, None]:
    async def guarded() -> None:
        try:
            async with aclosing(review(order)) as steps:
                async for step in steps:
                    tell(OneOf(number, step))
        except (UserError, ClaudeFailure) as failure:
            tell(OneOf(number, Ended(failure)))

    return guarded()
