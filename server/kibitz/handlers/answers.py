"""Explain and ask: an answer in Markdown that reaches the user in every client.

In this order, by what the client can do: `kibitz/stream` for a panel of our plugin; a `kibitz:`
virtual document that is refreshed while the answer arrives; a file in the cache folder that is
shown when it is complete (an editor would take a growing file for one that changed behind its
back); else a message with that file's path.  The answer is also kept for the hover at its place.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

from lsprotocol import types

from kibitz import paths
from kibitz.actions.values import Said, Step
from kibitz.claude.values import ClaudeFailure
from kibitz.errors import RefusalError, UserError
from kibitz.findings.track import Tracked
from kibitz.handlers.connection import Connection, Report
from kibitz.jobs import Job
from kibitz.open_documents import DocumentChange
from kibitz.protocol.announce import CONTENT_SCHEME
from kibitz.protocol.extensions import StreamParams
from kibitz.safe_markdown import safe_document
from kibitz.session import Explanation

logger = logging.getLogger(__name__)

MAX_KEPT_ANSWERS = 50
MAX_EXPLANATIONS_PER_DOCUMENT = 20
REFRESH_INTERVAL_SECONDS = 0.3
WITHDRAWN = "*Claude refused to go on, so that what it had begun is not shown.*\n"


async def run_answer(
    connection: Connection,
    job: Job,
    steps: AsyncIterator[Step],
    lines: tuple[int, int] | None,
) -> None:
    """The body of a job that answers in Markdown; `lines` is where the hover keeps it."""
    async with connection.reported(job) as report:
        place = _Place(connection, job, lines) if lines is not None else None
        panel = _panel(connection, job)
        markdown = ""
        try:
            try:
                async for step in report.follow(steps):
                    if isinstance(step, Said):
                        markdown += step.text
                        await panel.add(step.text, markdown)
            except RefusalError:
                # Not to be used, so not to be seen.
                await panel.withdraw()
                raise
            except (UserError, ClaudeFailure):
                # What came until then was paid for, and half an answer is often of use.
                if markdown.strip():
                    await panel.break_off(f"{markdown.rstrip()}\n\n*The answer breaks off here.*\n")
                raise
            await panel.finish(markdown)
            if place is not None:
                place.keep(Explanation(markdown, job.title))
            report.outcome = panel.outcome
        finally:
            if place is not None:
                place.leave()
            panel.close(report)


async def show_page(connection: Connection, job: Job, title: str, markdown: str) -> None:
    """Show something in Markdown that comes of a job, where its answers would be shown."""
    page = replace(job, title=title)
    panel = _panel(connection, page)
    await panel.add(markdown, markdown)
    await panel.finish(markdown)


class _Place:
    """The lines that an answer is about, followed from the request until the answer is there."""

    def __init__(self, connection: Connection, job: Job, lines: tuple[int, int]) -> None:
        self._connection = connection
        self._uri = job.uri
        self._lines: tuple[int, int] | None = lines
        self.leave = connection.session.documents.follow(self._moved)

    def _moved(self, event: DocumentChange) -> None:
        if event.after.uri != self._uri:
            return
        for change in event.changes:
            if self._lines is not None:
                self._lines = change.follow(*self._lines)

    def keep(self, explanation: Explanation) -> None:
        """Keep the explanation for the hover, unless the code has changed meanwhile."""
        if self._lines is None or self._uri is None:
            return
        start, end = self._lines
        kept = self._connection.session.shelf.explanations.setdefault(self._uri, [])
        kept[:] = [item for item in kept if (item.start, item.end) != (start, end)]
        kept.append(Tracked(explanation, start, end))
        del kept[:-MAX_EXPLANATIONS_PER_DOCUMENT]


class _FilePanel:
    """A file in the cache folder, shown when the answer is complete."""

    def __init__(self, connection: Connection, job: Job) -> None:
        self._connection = connection
        self._job = job
        self.outcome = ""

    async def add(self, piece: str, markdown: str) -> None:
        """Nothing to show yet; the progress tells how far the answer is."""

    async def finish(self, markdown: str) -> None:
        path = await asyncio.to_thread(write_answer, self._job, markdown)
        if await self._connection.editor.show_file(path):
            self.outcome = "Answer shown"
        else:
            self._connection.editor.tell(f"{self._job.title}: the answer is in {path}")
            self.outcome = "Answer written"

    async def break_off(self, markdown: str) -> None:
        await self.finish(markdown)

    async def withdraw(self) -> None:
        """Nothing was shown."""

    def close(self, report: Report) -> None:
        pass


class _VirtualPanel:
    """A `kibitz:` document that the client asks us for, and asks again when we say so."""

    def __init__(self, connection: Connection, job: Job) -> None:
        self._connection = connection
        self._job = job
        self._uri = f"{CONTENT_SCHEME}:/answers/{job.id}/{_file_name(job.title)}.md"
        self._shown = False
        self._last_refresh_at = 0.0
        self.outcome = "Answer shown"

    async def add(self, piece: str, markdown: str) -> None:  # noqa: ARG002
        self._keep(markdown)
        now = asyncio.get_running_loop().time()
        if not self._shown:
            self._shown = True
            self._last_refresh_at = now
            await self._connection.editor.show_document(self._uri)
        elif now - self._last_refresh_at >= REFRESH_INTERVAL_SECONDS:
            self._last_refresh_at = now
            self._connection.editor.refresh_virtual_document(self._uri)

    def _keep(self, markdown: str) -> None:
        answers = self._connection.answers
        answers[self._uri] = _page(self._job.title, markdown)
        while len(answers) > MAX_KEPT_ANSWERS:
            del answers[next(iter(answers))]

    async def finish(self, markdown: str) -> None:
        self._keep(markdown)
        self._connection.editor.refresh_virtual_document(self._uri)

    async def break_off(self, markdown: str) -> None:
        await self.finish(markdown)

    async def withdraw(self) -> None:
        if self._shown:
            await self.finish(WITHDRAWN)

    def close(self, report: Report) -> None:
        pass


class _StreamPanel:
    """A panel of our plugin: every piece as it comes."""

    def __init__(self, connection: Connection, job: Job) -> None:
        self._connection = connection
        self._job = job
        self._ended = False
        self.outcome = "Answer shown"
        self._send("begin", "")

    def _send(self, state: str, text: str) -> None:
        params: StreamParams = {
            "job": self._job.id,
            "uri": self._job.uri,
            "title": self._job.title,
            "state": state,  # type: ignore[typeddict-item]
            "text": text,
        }
        self._connection.editor.stream(params)

    async def add(self, piece: str, markdown: str) -> None:  # noqa: ARG002
        self._send("delta", piece)

    async def finish(self, markdown: str) -> None:  # noqa: ARG002
        self._ended = True
        self._send("end", "")

    async def break_off(self, markdown: str) -> None:
        """The panel has every piece already; `close` tells it why there are no more."""

    async def withdraw(self) -> None:
        """Begin anew, with nothing: `close` tells it why that is all."""
        self._send("begin", "")

    def close(self, report: Report) -> None:
        if not self._ended:
            self._send("failed", report.failure or self._job.stop_reason or "")


_Panel = _FilePanel | _VirtualPanel | _StreamPanel


def _panel(connection: Connection, job: Job) -> _Panel:
    client = connection.session.client
    if client.stream:
        return _StreamPanel(connection, job)
    if client.text_document_content and client.show_document:
        return _VirtualPanel(connection, job)
    return _FilePanel(connection, job)


def write_answer(job: Job, markdown: str) -> Path:
    """Write an answer into the cache folder; returns its path.  Blocking."""
    folder = paths.make_private(paths.answers_folder(os.environ))
    path = folder / f"{_file_name(job.title)}-{job.id[-6:]}.md"
    path.write_text(safe_document(_page(job.title, markdown)), "utf-8")
    path.chmod(0o600)
    for old in sorted(folder.glob("*.md"), key=lambda file: file.stat().st_mtime)[
        :-MAX_KEPT_ANSWERS
    ]:
        old.unlink(missing_ok=True)
    return path


def _page(title: str, markdown: str) -> str:
    ending = "" if markdown.endswith("\n") else "\n"
    return f"# {title}\n\n{markdown}{ending}"


def _file_name(title: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", title).strip("-.")[:60] or "answer"


def answer(
    connection: Connection, params: types.TextDocumentContentParams
) -> types.TextDocumentContentResult:
    """The text of a `kibitz:` document; says so when it is no longer kept."""
    gone = "This answer is no longer kept; ask again.\n"
    page = connection.answers.get(params.uri)
    return types.TextDocumentContentResult(gone if page is None else safe_document(page))
