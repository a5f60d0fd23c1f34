"""Blocking work off the event loop, one piece after the other.

`asyncio.to_thread` may swap two calls that follow one another; a ledger must not be told of the
end of a request before its beginning.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

log = logging.getLogger(__name__)


class OrderedThread:
    """One thread that does what it is given in the order in which it is given it."""

    def __init__(self, name: str) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self._closed = False

    async def acquire(self, work: Callable[[], T], undo: Callable[[T], None]) -> T:
        """The result of `work`.  If the caller is cancelled while it waits, either the work is
        not begun at all or its result is undone."""
        future = self._executor.submit(work)
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            # A piece that has begun cannot be stopped; what undoes it comes right behind it.
            if not future.cancelled():
                self.post(lambda: undo(future.result()))
            raise

    async def complete(self, work: Callable[[], T]) -> T:
        """The result of `work`, which is done even if the caller is cancelled while it waits, and
        even after the thread has ended."""
        if self._closed:
            return await asyncio.shield(asyncio.to_thread(work))
        return await asyncio.shield(asyncio.wrap_future(self._executor.submit(work)))

    def post(self, work: Callable[[], object]) -> None:
        """Do `work` some time soon, unless the thread has ended; a failure is logged."""
        if self._closed:
            return
        self._executor.submit(work).add_done_callback(_log_failure)

    async def aclose(self) -> None:
        """Finish what was given, then end the thread."""
        self._closed = True
        await asyncio.to_thread(self._executor.shutdown)


def _log_failure(future: Future[object]) -> None:
    if not future.cancelled() and (error := future.exception()) is not None:
        log.warning("work in the background failed: %s: %s", type(error).__name__, error)
