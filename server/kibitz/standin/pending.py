"""Waiting for something to become true, from async tests, from sync ones and across threads.

This replaces sleeping: whoever changes the state says so, and whoever waits goes on at once.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Generator
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

T = TypeVar("T")

GUARD_SECONDS = 30.0
"""How long a wait may last before it is called a failure.  A guard, not a measure."""


class Pending(Generic[T]):
    """A value that is still to come: ``await`` it, or call `result` where nothing can await."""

    def __init__(self, future: Future[T], what: str) -> None:
        self._future = future
        self._what = what

    def __await__(self) -> Generator[Any, None, T]:
        return self._wait().__await__()

    async def _wait(self) -> T:
        try:
            return await asyncio.wait_for(asyncio.wrap_future(self._future), GUARD_SECONDS)
        except TimeoutError:
            raise TimeoutError(f"waited {GUARD_SECONDS:g} s for {self._what}") from None

    def result(self, timeout_seconds: float = GUARD_SECONDS) -> T:
        """The value, for callers in another thread.  Raises TimeoutError."""
        try:
            return self._future.result(timeout_seconds)
        except TimeoutError:
            raise TimeoutError(f"waited {timeout_seconds:g} s for {self._what}") from None

    async def without_guard(self) -> T:
        """Waits as long as it takes: for the server's own side of a wait."""
        return await asyncio.wrap_future(self._future)


class Board:
    """State that others watch.  Change it, then call `changed`."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._watchers: list[tuple[Callable[[], Any], Future[Any]]] = []

    def when(self, probe: Callable[[], T | None], what: str) -> Pending[T]:
        """The first answer of `probe` that is not None.  `what` is for the timeout's message."""
        future: Future[T] = Future()
        with self._lock:
            self._watchers.append((probe, future))
        self.changed()
        return Pending(future, what)

    def changed(self) -> None:
        answered: list[tuple[Future[Any], Any]] = []
        with self._lock:
            waiting = []
            for probe, future in self._watchers:
                if future.cancelled():
                    continue
                answer = probe()
                if answer is None:
                    waiting.append((probe, future))
                else:
                    answered.append((future, answer))
            self._watchers = waiting
        # Outside the lock: a future's callbacks are not ours.
        for future, answer in answered:
            if future.set_running_or_notify_cancel():
                future.set_result(answer)
