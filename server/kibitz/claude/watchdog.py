"""A limit on silence: waiting for the next event of a stream, and for how long.

One timer serves a whole stream.  `asyncio.timeout` around every event would cost more than
reading the event does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


class SilenceError(Exception):
    """Nothing came for as long as was allowed."""


class Watchdog:
    """Guards awaits of one stream.  `allow` starts the clock anew; `guard` waits under it.

    The clock also runs between guards, so the reader of a stream calls `allow` before it waits for
    something that counts as a sign of life, and does not call it for what does not.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._waiting: asyncio.Task[object] | None = None
        self._cancellations_before = 0
        self._fired = False

    def allow(self, seconds: float) -> None:
        """Silence may last for `seconds` from now."""
        self._deadline = self._loop.time() + seconds
        # A timer that is due too early only looks again; one that is due too late would be late.
        if self._timer is not None and self._timer.when() > self._deadline:
            self._timer.cancel()
            self._timer = None

    async def guard(self, awaitable: Awaitable[T]) -> T:
        """The result of `awaitable`, which is cancelled when the deadline passes first.

        Raises SilenceError then.
        """
        task = asyncio.current_task()
        assert task is not None
        self._waiting = task
        self._cancellations_before = task.cancelling()
        if self._timer is None:
            self._timer = self._loop.call_at(self._deadline, self._look)
        try:
            return await awaitable
        except asyncio.CancelledError:
            if self._fired and task.uncancel() <= self._cancellations_before:
                raise SilenceError from None
            raise
        finally:
            self._waiting = None

    def close(self) -> None:
        """Stop the timer; safe to call at any time."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        if self._waiting is None or self._fired:
            return
        if self._loop.time() < self._deadline:
            self._timer = self._loop.call_at(self._deadline, self._look)
            return
        self._fired = True
        self._waiting.cancel()
