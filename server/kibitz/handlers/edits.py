"""An edit of one region in the editor: stream it, verify it, have it checked; see `written_edits`
for what becomes of it then."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

from kibitz.actions.values import Changed, Order, Step
from kibitz.delivery import Conflict, Delivery
from kibitz.edits.hunks import Hunk, HunkLedger
from kibitz.errors import UserError
from kibitz.handlers.connection import Connection, Report
from kibitz.handlers.written_edits import compose, n_changes
from kibitz.jobs import Job
from kibitz.open_documents import DocumentChange
from kibitz.plain_text import one_line
from kibitz.session import WrittenEdit
from kibitz_context.document import Document
from kibitz_context.lines import Span

# Larger documents get their edit in one piece: a client re-parses the text on each.
MAX_LIVE_CHARACTERS = 1_000_000
MAX_LIVE_LINES = 20_000


class EditJob:
    """The body of a job that edits its document.

    Made while the command is read, before the next message is: from that moment on the region
    follows every change of the text.
    """

    def __init__(
        self, connection: Connection, document: Document, lines: tuple[int, int], streaming: str
    ) -> None:
        self._connection = connection
        self._job: Job | None = None
        self._uri = document.uri
        self._before = document
        self._streaming = streaming
        first, end = lines
        # A hunk of no lines of old ones, to follow where the region is.
        self._region = Hunk(first, (), tuple(document.lines.lines[first:end]))
        self._leave = connection.session.documents.follow(self._moved)
        self._delivery = Delivery(
            connection.editor,
            connection.session.client.profile,
            document.uri,
            first,
            document.lines.lines[first:end],
            hold=is_one_edit(connection, document, streaming),
            turns=connection.session.turns,
            pace=connection.session.pace,
        )
        connection.session.deliveries.append(self._delivery)

    async def run(self, job: Job, steps: AsyncIterator[Step], order: Order | None = None) -> None:
        """Deliver the edits of `steps`; what happens at each kind of end is in `edits.md`.

        Where they carry out an `order`, what comes of it is checked as the user's settings say.
        """
        async with self._connection.reported(job) as report:
            await self.carry_out(job, report, steps, order)

    async def carry_out(
        self, job: Job, report: Report, steps: AsyncIterator[Step], order: Order | None
    ) -> None:
        """As `run`, within a report that has begun."""
        try:
            count = await self._write(job, report, steps, job.id)
            if count and order is not None:
                from kibitz.handlers.edit_checks import check

                mend = partial(self._mend, job, report, order)
                await check(self._connection, job, report, order, mend)
        finally:
            self._leave()

    async def _write(self, job: Job, report: Report, steps: AsyncIterator[Step], key: str) -> int:
        """Deliver the edits of `steps` and keep what stands under `key`; returns how many changes
        were made, 0 when they were stopped."""
        delivery = self._delivery
        # A conflict ends the job where it is: what Claude goes on to write would be paid for.
        delivery.on_stop = job.stop
        self._job, job.lines = job, delivery.lines
        try:
            await self._deliver(steps, report)
        except Conflict as stopped:
            await delivery.halt(stopped.sentence)
            self._record(job, key)
            self._tell_conflict(report, stopped.sentence)
            return 0
        except asyncio.CancelledError:
            conflict = delivery.conflict
            await delivery.halt(job.stop_reason or "the server is shutting down")
            self._record(job, key)
            if conflict is not None and self._is_open():
                self._tell_conflict(report, conflict)
            raise
        except Exception:
            delivery.on_stop = None
            # A reply that broke off, a refusal, a fault: the region goes back to what it was,
            # never half a change.
            if not await delivery.restore():
                self._record(job, key)
            raise
        else:
            self._record(job, key)
            return len(delivery.hunks())
        finally:
            self._connection.session.deliveries.remove(delivery)
            self._connection.editor.refresh_code_lenses()

    async def _mend(self, job: Job, report: Report, order: Order, failure: str) -> str:
        """Have Claude mend what it has made of the region; gives the outcome, "" for no change."""
        from kibitz.actions.mend import mending
        from kibitz.actions.refactor import refactor

        connection = self._connection
        document = connection.session.documents.get(self._uri)
        if document is None:
            raise UserError("the document was closed")
        first, end = self._lines_now(document)
        table = document.lines
        stop = table.starts[end] if end < table.line_count else len(document.text)
        span = Span(table.starts[first], stop)
        overlays = connection.session.documents.overlays()
        again = mending(order, failure, document, span, overlays)
        key = f"{job.id}-mend"
        written = connection.session.written.get((job.id, self._uri))
        hunks = written.ledger.hunks if written is not None else ()
        inner = EditJob(connection, document, (first, end), self._streaming)
        try:
            count = await inner._write(job, report, refactor(again, connection.desk), key)
        finally:
            inner._leave()
            compose(connection, document, hunks, (job.id, self._uri), (key, self._uri))
        return report.outcome if count else ""

    def _moved(self, event: DocumentChange) -> None:
        if event.after.uri == self._uri:
            for change in event.changes:
                self._region = self._region.after(change)
            if self._job is not None and self._delivery in self._connection.session.deliveries:
                self._job.lines = self._delivery.lines

    def _lines_now(self, document: Document) -> tuple[int, int]:
        """The lines ``[first, end)`` of the region and of what was changed in it."""
        hunks = self._standing()
        ranges = [(hunk.first, hunk.stop) for hunk in hunks]
        if not self._region.broken or not ranges:
            ranges.append((self._region.first, self._region.stop))
        most = len(document.lines.lines)
        first = min(max(min(first for first, _ in ranges), 0), most)
        return first, min(max(first, *(stop for _, stop in ranges)), most)

    async def _deliver(self, steps: AsyncIterator[Step], report: Report) -> None:
        delivery = self._delivery
        async for step in report.follow(steps):
            if isinstance(step, Changed):
                delivery.write(step.edits, in_hunk=step.in_hunk)
        await delivery.finish()
        count, offered = len(delivery.hunks()), len(delivery.offers())
        outcome = [n_changes(count)] if count else []
        if offered:
            outcome.append(f"{offered} offered where you were typing")
        report.outcome = ", ".join(outcome) or "Nothing to change"
        if count:
            report.outcome += await self._checked()

    async def _checked(self) -> str:
        """How the document is compared with what it was when the job began, as the end of an
        outcome."""
        # Loaded when there is something to check: most of a day nothing is.
        from kibitz.edits.check import checked

        after = self._connection.session.documents.get(self._uri)
        if after is None:
            return ""
        name = Path(self._before.path or self._uri).name
        faults = self._connection.desk.syntax_faults
        found = await asyncio.to_thread(checked, name, self._before.text, after.text, faults)
        if not found.complaints:
            return " · still parses" if found.parses else ""
        return "".join(f", {one_line(name, 80)} {complaint}" for complaint in found.complaints)

    def _tell_conflict(self, report: Report, reason: str) -> None:
        count, offered = len(self._standing()), len(self._delivery.offers())
        sentence = f"kibitz stopped editing: {reason}."
        if count:
            sentence += f" {n_changes(count)} made before can be reverted."
        if offered:
            sentence += f" {n_changes(offered)} can still be applied."
        elif not self._delivery.hunks():
            sentence += " Your text is as it was."
        self._connection.editor.tell(sentence, "warning")
        report.outcome = f"Stopped: {reason}"

    def _is_open(self) -> bool:
        return self._connection.session.documents.get(self._uri) is not None

    def _standing(self) -> list[Hunk]:
        """The hunks that the user has not changed or undone."""
        document = self._connection.session.documents.get(self._uri)
        lines = document.lines.lines if document is not None else ()
        return [hunk for hunk in self._delivery.hunks() if hunk.stands(lines)]

    def _record(self, job: Job, key: str) -> None:
        """Keep the hunks that stand, so that they can be kept or reverted, and what is offered."""
        hunks, offers = self._standing(), self._delivery.offers()
        if not hunks and not offers:
            return
        ledger = HunkLedger()
        for hunk in hunks:
            ledger.record(hunk)
        edit = WrittenEdit(key, self._uri, job.title, ledger, offers)
        self._connection.session.written[edit.key] = edit


def is_one_edit(connection: Connection, document: Document, streaming: str) -> bool:
    """Whether a stream reaches the document as one edit at its end."""
    return (
        streaming == "final"
        or (streaming == "auto" and connection.session.client.profile.versions == "ignored")
        or len(document.text) > MAX_LIVE_CHARACTERS
        or len(document.lines.lines) > MAX_LIVE_LINES
    )
