"""Refactor in the editor: stream the edits, verify them, then keep or take them back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence

from kibitz.actions.values import Changed, Step
from kibitz.delivery import Conflict, Delivery
from kibitz.edits.hunks import Hunk, HunkLedger
from kibitz.edits.values import LineEdit
from kibitz.handlers.connection import Connection, Report
from kibitz.jobs import Job
from kibitz.session import DocumentChange, WrittenEdit
from kibitz_context.document import Document

logger = logging.getLogger(__name__)

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
        self._uri = document.uri
        first, end = lines
        hold = (
            streaming == "final"
            or len(document.text) > MAX_LIVE_CHARACTERS
            or len(document.lines.lines) > MAX_LIVE_LINES
        )
        self._delivery = Delivery(
            connection.editor,
            connection.session.client.profile,
            document.uri,
            first,
            document.lines.lines[first:end],
            hold=hold,
            turns=connection.session.turns,
        )
        connection.session.deliveries.append(self._delivery)

    async def run(self, job: Job, steps: AsyncIterator[Step]) -> None:
        """Deliver the edits of `steps`; what happens at each kind of end is in `edits.md`."""
        delivery = self._delivery
        # A conflict ends the job where it is: what Claude goes on to write would be paid for.
        delivery.on_stop = job.stop
        try:
            async with self._connection.reported(job) as report:
                try:
                    await self._deliver(steps, report)
                except Conflict as conflict:
                    self._record(job)
                    self._tell_conflict(report, conflict.sentence)
                except asyncio.CancelledError:
                    if delivery.stopped is None:
                        await delivery.halt(job.stop_reason or "the server is shutting down")
                    elif self._is_open():
                        self._tell_conflict(report, delivery.stopped)
                    self._record(job)
                    raise
                except Exception:
                    delivery.on_stop = None
                    # A reply that broke off, a refusal, a fault: the region goes back to what
                    # it was, never half a change.
                    if not await delivery.restore():
                        self._record(job)
                    raise
                else:
                    self._record(job)
        finally:
            self._connection.session.deliveries.remove(delivery)
            self._connection.editor.refresh_code_lenses()

    async def _deliver(self, steps: AsyncIterator[Step], report: Report) -> None:
        delivery = self._delivery
        async for step in report.follow(steps):
            if isinstance(step, Changed):
                delivery.offer(step.edits)
        await delivery.finish()
        count = len(delivery.hunks())
        report.outcome = (
            f"{count} change{'s' if count > 1 else ''}" if count else "Nothing to change"
        )

    def _tell_conflict(self, report: Report, reason: str) -> None:
        count = len(self._standing())
        sentence = f"kibitz stopped editing: {reason}."
        if count:
            sentence += f" {count} change{'s' if count > 1 else ''} made before can be reverted."
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

    def _record(self, job: Job) -> None:
        """Keep the hunks that stand, so that they can be kept or reverted."""
        hunks = self._standing()
        if not hunks:
            return
        ledger = HunkLedger()
        for hunk in hunks:
            ledger.record(hunk)
        edit = WrittenEdit(job.id, self._uri, job.title, ledger)
        self._connection.session.written[job.id] = edit


def edits_in(connection: Connection, uri: str | None, job_id: str | None) -> list[WrittenEdit]:
    """The finished edits that a Keep or Revert means: one job's, a document's, or all."""
    return [
        edit
        for edit in connection.session.written.values()
        if (job_id is None or edit.job_id == job_id) and (uri is None or edit.uri == uri)
    ]


def chosen_hunks(edit: WrittenEdit, number: int | None) -> list[Hunk]:
    """All hunks of an edit, or the one with `number`, counted from 0 from top to bottom."""
    hunks = list(edit.ledger.hunks)
    if number is None:
        return hunks
    return hunks[number : number + 1] if number >= 0 else []


def keep(connection: Connection, edits: Sequence[WrittenEdit], number: int | None) -> int:
    """Forget hunks: the user wants them to stay.  Returns how many there were."""
    count = 0
    for edit in edits:
        for hunk in chosen_hunks(edit, number):
            edit.ledger.keep(hunk)
            count += 1
        _drop_if_done(connection, edit)
    connection.editor.refresh_code_lenses()
    return count


async def revert(
    connection: Connection, job: Job, edits: Sequence[WrittenEdit], number: int | None
) -> None:
    """The body of a job that takes hunks back where nobody has changed them since."""
    async with connection.reported(job) as report:
        reverted, changed = 0, 0
        # The newest first: what it was written over stands again before that is taken back.
        for edit in reversed(edits):
            document = connection.session.documents.get(edit.uri)
            hunks = chosen_hunks(edit, number)
            if document is None or not hunks:
                continue
            done, left = await _take_back(connection, document, edit, hunks)
            reverted += done
            changed += left
        if changed:
            connection.editor.tell(
                f"{changed} change{'s were' if changed > 1 else ' was'} not reverted, because "
                "the lines were edited since.",
                "warning",
            )
        report.outcome = f"{reverted} reverted" if reverted or not changed else "Nothing reverted"


async def _take_back(
    connection: Connection, document: Document, edit: WrittenEdit, hunks: Sequence[Hunk]
) -> tuple[int, int]:
    """Revert `hunks` in one edit; returns how many were, and how many could not be."""
    lines = document.lines.lines
    inverse: list[LineEdit] = []
    standing: list[Hunk] = []
    for hunk in hunks:
        answer = hunk.revert(lines)
        if isinstance(answer, LineEdit):
            inverse.append(answer)
            standing.append(hunk)
    left = len(hunks) - len(standing)
    if not standing:
        return 0, left
    first, end = inverse[0].start, inverse[-1].end
    delivery = Delivery(
        connection.editor,
        connection.session.client.profile,
        document.uri,
        first,
        lines[first:end],
        turns=connection.session.turns,
    )
    for hunk in standing:
        edit.ledger.keep(hunk)
    connection.session.deliveries.append(delivery)
    try:
        delivery.offer([LineEdit(e.start - first, e.end - first, e.lines) for e in inverse])
        await delivery.finish()
    except Conflict as conflict:
        logger.info("a revert was stopped: %s", conflict.sentence)
        for hunk in standing:
            edit.ledger.record(hunk)
        return 0, len(hunks)
    finally:
        connection.session.deliveries.remove(delivery)
        _drop_if_done(connection, edit)
        connection.editor.refresh_code_lenses()
    return len(standing), left


def _drop_if_done(connection: Connection, edit: WrittenEdit) -> None:
    if not edit.ledger.hunks:
        connection.session.written.pop(edit.job_id, None)


def document_changed(connection: Connection, event: DocumentChange) -> None:
    """Move finished edits with the text, and let running ones see the change."""
    for edit in connection.session.written.values():
        if edit.uri == event.after.uri:
            for change in event.changes:
                edit.ledger.follow(change)
    for delivery in list(connection.session.deliveries):
        delivery.document_changed(event)
