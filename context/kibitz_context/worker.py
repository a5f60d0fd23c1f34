"""Prepares repositories in a process of its own, so that nothing heavy runs in the server.

One child, begun when something is to be done and ended when nothing was for a while, or with
this process.  When it ends on its own, it is begun again and told to be careful; when that does
not help, there is a result that says so.  What is prepared lies in the cache folder: nothing but
counts goes through the pipe.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from kibitz_context.child import Child, ChildEnded
from kibitz_context.indexer import Prepared, Progress, Request

# A child that does nothing has some 40 MB for itself.
IDLE_SECONDS = 60.0
# What ends the child so often will do it again.
MAX_ATTEMPTS = 3

MODULE = "kibitz_context.worker_child"

_logger = logging.getLogger(__name__)


@dataclass
class _Job:
    """Something that was asked for, once for all who asked for the same."""

    message: Mapping[str, Any]
    request: Request
    key: tuple[Any, ...]
    listeners: list[Progress] = field(default_factory=list)
    future: Future[Prepared] = field(default_factory=lambda: Future[Prepared]())


class Worker:
    """Has repositories prepared, one after the other, for a cache folder.  For any thread.

    `start` makes the child process; tests give another.
    """

    def __init__(
        self,
        cache_folder: Path,
        *,
        idle_seconds: float = IDLE_SECONDS,
        start: Callable[[], Child] | None = None,
    ) -> None:
        self._cache_folder = cache_folder
        self._start = start or (lambda: Child(MODULE, str(idle_seconds)))
        self._jobs: queue.Queue[_Job | None] = queue.Queue()
        self._waiting: dict[tuple[Any, ...], _Job] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._child: Child | None = None
        self._is_closed = False

    def prepare(self, request: Request, progress: Progress | None = None) -> Future[Prepared]:
        """Prepare a repository (see `indexer.prepare`), or join whoever has asked for the same.

        `progress` is told (done, total) files in a thread of the worker's.  The future never
        fails; a `problem` of its result says what went wrong.  Does not block.
        """
        message = {"prepare": request.as_json()}
        return self._ask(message, request, ("prepare", request), progress)

    def look_at(self, request: Request, paths: Sequence[str]) -> Future[Prepared]:
        """Index the present texts of files of the work tree (see `indexer.look_at`)."""
        message = {"look_at": request.as_json(), "paths": list(paths)}
        return self._ask(message, request, ("look_at", request, *paths), None)

    def close(self) -> None:
        """End the child.  Whoever waits is told that it will not be done."""
        with self._lock:
            self._is_closed = True
            child, thread = self._child, self._thread
        self._jobs.put(None)
        if child is not None:
            child.end()
        if thread is not None:
            thread.join()

    def _ask(
        self,
        message: Mapping[str, Any],
        request: Request,
        key: tuple[Any, ...],
        progress: Progress | None,
    ) -> Future[Prepared]:
        with self._lock:
            if self._is_closed:
                closed: Future[Prepared] = Future()
                closed.set_result(Prepared(problem=_CLOSED))
                return closed
            job = self._waiting.get(key)
            if job is None:
                told = {**message, "cache_folder": str(self._cache_folder)}
                job = self._waiting[key] = _Job(told, request, key)
                # Nobody who waits may end it for all the others.
                job.future.set_running_or_notify_cancel()
                self._jobs.put(job)
            if progress is not None:
                job.listeners.append(progress)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="indexing", daemon=True)
                self._thread.start()
            return job.future

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            self._finish(job, self._attempts(job))
        with self._lock:
            left = list(self._waiting.values())
        for job in left:
            self._finish(job, Prepared(problem=_CLOSED))
        self._let_go()

    def _finish(self, job: _Job, prepared: Prepared) -> None:
        with self._lock:
            self._waiting.pop(job.key, None)
        if not job.future.done():
            job.future.set_result(prepared)

    def _attempts(self, job: _Job) -> Prepared:
        """What the child says in the end; it is begun anew when it ends before."""
        message = job.message
        why = ""
        was_idle = self._child is not None
        attempts = 0
        while attempts < MAX_ATTEMPTS and not self._is_closed:
            try:
                return self._talk(job, message)
            except ChildEnded as error:
                why = str(error)
                self._let_go()
            if was_idle:
                # It may have gone to rest in the very moment in which it was asked.
                was_idle = False
                continue
            attempts += 1
            if not self._is_closed:
                _logger.warning("The indexer has ended: %s", why)
            if "prepare" in message:
                careful = replace(job.request, is_careful=True)
                message = {**message, "prepare": careful.as_json()}
        if self._is_closed:
            return Prepared(problem=_CLOSED)
        return Prepared(problem=f"The index cannot be made: its process has ended ({why}).")

    def _talk(self, job: _Job, message: Mapping[str, Any]) -> Prepared:
        child = self._running()
        child.send(message)
        while True:
            said = child.receive()
            if "done" in said:
                return Prepared(**said["done"])
            done, total = said.get("progress", (0, 0))
            with self._lock:
                listeners = list(job.listeners)
            for listener in listeners:
                listener(done, total)

    def _running(self) -> Child:
        if self._child is None:
            # Outside the lock: starting takes milliseconds, and nobody who asks may wait.
            child = self._start()
            with self._lock:
                self._child = child
        with self._lock:
            if self._is_closed:
                raise ChildEnded(_CLOSED)
            return self._child

    def _let_go(self) -> None:
        with self._lock:
            child, self._child = self._child, None
        if child is not None:
            child.close()


_CLOSED = "Indexing has ended with the program."
