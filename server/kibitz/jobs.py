"""Everything that runs longer than a request: one owner for each, who can stop it.

A command starts a `Job` and answers at once.  The job ends by itself, or it is stopped: by the
client's progress cancel, by `kibitz.stop`, by a newer job of its kind on the same lines, by
closing the document, by a conflicting edit, by shutdown.  Stopping cancels the task, and
cancelling a task inside Claude's stream closes the connection.

This is the only module of the server that creates tasks.  It knows neither LSP nor Claude.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from kibitz.claude import telemetry

logger = logging.getLogger(__name__)

Work = Callable[["Job"], Coroutine[Any, Any, None]]


@dataclass(eq=False)
class Job:
    """One piece of work that the user asked for.

    `lines` is the half-open range of lines it is about in `uri`, None for the whole document or
    none.  `stop_reason` is why it was stopped, None while it runs or when it ended by itself.
    """

    id: str
    kind: str
    title: str
    uri: str | None
    lines: tuple[int, int] | None
    stop_reason: str | None = None
    task: asyncio.Task[None] | None = field(default=None, repr=False)
    has_begun: bool = field(default=False, repr=False)

    def stop(self, reason: str) -> None:
        """Cancel the work; the first reason given is the one that is told.

        Work that has not begun yet begins all the same and is cancelled where it first waits:
        only so can it tell the client that it has ended.
        """
        if self.task is not None and not self.task.done() and self.stop_reason is None:
            self.stop_reason = reason
            if self.has_begun:
                self.task.cancel()

    def overlaps(self, uri: str | None, lines: tuple[int, int] | None) -> bool:
        if self.uri != uri:
            return False
        if self.lines is None or lines is None:
            return True
        return self.lines[0] < lines[1] and lines[0] < self.lines[1]


class Jobs:
    """The jobs of one connection.  Touched on the event loop only."""

    def __init__(self, on_bug: Callable[[Job, BaseException], None]) -> None:
        """`on_bug` is told of a job that ended with an exception nobody foresaw."""
        self._jobs: dict[str, Job] = {}
        self._background: set[asyncio.Task[None]] = set()
        self._on_bug = on_bug
        self.is_closed = False

    def start(
        self,
        work: Work,
        *,
        kind: str,
        title: str,
        uri: str | None = None,
        lines: tuple[int, int] | None = None,
    ) -> Job:
        """Start `work`; a running job of the same kind on overlapping lines is superseded."""
        for other in self.running():
            if other.kind == kind and uri is not None and other.overlaps(uri, lines):
                other.stop("a newer request took its place")
        job = Job(f"kibitz-{secrets.token_hex(6)}", kind, title, uri, lines)
        self._jobs[job.id] = job
        job.task = asyncio.get_running_loop().create_task(self._run(job, work), name=job.id)
        job.task.add_done_callback(lambda _: self._jobs.pop(job.id, None))
        return job

    async def _run(self, job: Job, work: Work) -> None:
        job.has_begun = True
        task = asyncio.current_task()
        if job.stop_reason is not None and task is not None:
            task.cancel()
        try:
            with telemetry.action(job.kind):
                await work(job)
        except asyncio.CancelledError:
            if job.stop_reason is None:
                job.stop_reason = "the server is shutting down"
        except Exception as error:  # noqa: BLE001 - a bug in one job must not end the server
            self._on_bug(job, error)

    def in_background(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run something small that is no job of the user's; it is cancelled at shutdown."""

        async def run() -> None:
            try:
                await work
            except asyncio.CancelledError:
                pass
            except Exception:
                logger.exception("background work %s failed", name)

        task = asyncio.get_running_loop().create_task(run(), name=name)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        # What was cancelled before it began is not to be missed by Python as never awaited.
        task.add_done_callback(lambda _: work.close())
        return task

    def running(self) -> list[Job]:
        """The running jobs, oldest first, without those that are being stopped."""
        return [job for job in self._jobs.values() if job.stop_reason is None]

    def get(self, job_id: str) -> Job | None:
        return self._jobs.get(job_id)

    def stop(self, reason: str, *, job_id: str | None = None, uri: str | None = None) -> int:
        """Stop one job, those of a document, or all; returns how many were stopped."""
        chosen = [
            job
            for job in self.running()
            if (job_id is None or job.id == job_id) and (uri is None or job.uri == uri)
        ]
        for job in chosen:
            job.stop(reason)
        return len(chosen)

    async def aclose(self, deadline_seconds: float = 2.0) -> None:
        """Stop everything and wait for it, but no longer than the deadline."""
        self.is_closed = True
        self.stop("the server is shutting down")
        tasks = [job.task for job in self._jobs.values() if job.task is not None]
        tasks += self._background
        for task in tasks:
            task.cancel()
        current = asyncio.current_task()
        waiting = [task for task in tasks if task is not current]
        if waiting:
            _, late = await asyncio.wait(waiting, timeout=deadline_seconds)
            for task in late:
                logger.warning("%s did not stop within %s s", task.get_name(), deadline_seconds)
