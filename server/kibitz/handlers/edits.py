"""Refactor in the editor: stream the edits, verify them, then keep or take them back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from kibitz.actions.values import Changed, Step
from kibitz.delivery import Conflict, Delivery
from kibitz.edits.hunks import Hunk, HunkLedger
from kibitz.edits.offers import Offer
from kibitz.edits.values import LineEdit
from kibitz.handlers.connection import Connection, Report
from kibitz.jobs import Job
from kibitz.plain_text import one_line
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
        self._before = document
        first, end = lines
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

    async def run(self, job: Job, steps: AsyncIterator[Step]) -> None:
        """Deliver the edits of `steps`; what happens at each kind of end is in `edits.md`."""
        delivery = self._delivery
        # A conflict ends the job where it is: what Claude goes on to write would be paid for.
        delivery.on_stop = job.stop
        try:
            async with self._connection.reported(job) as report:
                try:
                    await self._deliver(steps, report)
                except Conflict as stopped:
                    await delivery.halt(stopped.sentence)
                    self._record(job)
                    self._tell_conflict(report, stopped.sentence)
                except asyncio.CancelledError:
                    conflict = delivery.conflict
                    await delivery.halt(job.stop_reason or "the server is shutting down")
                    self._record(job)
                    if conflict is not None and self._is_open():
                        self._tell_conflict(report, conflict)
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
                delivery.write(step.edits, in_hunk=step.in_hunk)
        await delivery.finish()
        count, offered = len(delivery.hunks()), len(delivery.offers())
        outcome = [_changes(count)] if count else []
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
            sentence += f" {_changes(count)} made before can be reverted."
        if offered:
            sentence += f" {_changes(offered)} can still be applied."
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
        """Keep the hunks that stand, so that they can be kept or reverted, and what is offered."""
        hunks, offers = self._standing(), self._delivery.offers()
        if not hunks and not offers:
            return
        ledger = HunkLedger()
        for hunk in hunks:
            ledger.record(hunk)
        edit = WrittenEdit(job.id, self._uri, job.title, ledger, offers)
        self._connection.session.written[edit.key] = edit


def is_one_edit(connection: Connection, document: Document, streaming: str) -> bool:
    """Whether a stream reaches the document as one edit at its end."""
    return (
        streaming == "final"
        or (streaming == "auto" and connection.session.client.profile.versions == "ignored")
        or len(document.text) > MAX_LIVE_CHARACTERS
        or len(document.lines.lines) > MAX_LIVE_LINES
    )


def _changes(count: int) -> str:
    return f"{count} change{'s' if count != 1 else ''}"


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


def keep(
    connection: Connection,
    edits: Sequence[WrittenEdit],
    hunk_number: int | None,
    offer_number: int | None = None,
) -> int:
    """Forget hunks, which the user wants to stay, or an offer, which they do not want.

    Returns how many there were; without numbers everything is meant.
    """
    count = 0
    for edit in edits:
        everything = hunk_number is None and offer_number is None
        hunks = chosen_hunks(edit, hunk_number) if offer_number is None else []
        offers = edit.offers if everything else chosen_offers(edit, offer_number)
        for hunk in hunks:
            edit.ledger.keep(hunk)
        edit.offers = [offer for offer in edit.offers if offer not in offers]
        count += len(hunks) + len(offers)
        _drop_if_done(connection, edit)
    connection.editor.refresh_code_lenses()
    return count


def chosen_offers(edit: WrittenEdit, number: int | None) -> list[Offer]:
    """The offer of an edit with `number`, counted from 0 from top to bottom, if there is one."""
    if number is None or number < 0:
        return []
    return edit.offers[number : number + 1]


async def apply_offer(connection: Connection, job: Job, edit: WrittenEdit, offer: Offer) -> None:
    """The body of a job that puts Claude's version where the user had changed the lines.

    It can be reverted like any other change.
    """
    async with connection.reported(job) as report:
        document = connection.session.documents.get(edit.uri)
        if document is None or offer not in edit.offers:
            report.outcome = "Nothing to apply"
            return
        edit.offers.remove(offer)
        try:
            delivery = await _delivered(connection, document, [offer.edit])
        except Conflict as conflict:
            connection.editor.tell(f"Claude's version was not applied: {conflict.sentence}.")
            report.outcome = f"Stopped: {conflict.sentence}"
            return
        for hunk in delivery.hunks():
            edit.ledger.record(hunk)
        edit.offers += delivery.offers()
        connection.session.written[edit.key] = edit
        connection.editor.refresh_code_lenses()
        report.outcome = _changes(len(delivery.hunks()))


async def revert(
    connection: Connection, job: Job, edits: Sequence[WrittenEdit], number: int | None
) -> None:
    """The body of a job that takes hunks back where nobody has changed them since."""
    async with connection.reported(job) as report:
        reverted, changed, closed = 0, 0, 0
        # The newest first: what it was written over stands again before that is taken back.
        for edit in reversed(edits):
            document = connection.session.documents.get(edit.uri)
            if number is None:
                edit.offers.clear()
            hunks = chosen_hunks(edit, number)
            if document is None and hunks:
                closed += 1
                continue
            if document is None or not hunks:
                _drop_if_done(connection, edit)
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
        if closed:
            connection.editor.tell(
                f"{closed} file{'s are' if closed > 1 else ' is'} not open, and nothing was "
                "reverted there; open what is left and revert again.",
                "warning",
            )
        report.outcome = (
            f"{reverted} reverted" if reverted or not (changed or closed) else "Nothing reverted"
        )


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
    for hunk in standing:
        edit.ledger.keep(hunk)
    try:
        delivery = await _delivered(connection, document, inverse)
    except Conflict as conflict:
        logger.info("a revert was stopped: %s", conflict.sentence)
        for hunk in standing:
            edit.ledger.record(hunk)
        return 0, len(hunks)
    finally:
        _drop_if_done(connection, edit)
        connection.editor.refresh_code_lenses()
    # What the user has changed while it was being taken back stays as it is.
    changed = len(delivery.offers())
    return len(standing) - changed, left + changed


async def _delivered(
    connection: Connection, document: Document, edits: Sequence[LineEdit]
) -> Delivery:
    """Deliver `edits` of the document's lines, in order.  Raises Conflict."""
    first, end = edits[0].start, edits[-1].end
    delivery = Delivery(
        connection.editor,
        connection.session.client.profile,
        document.uri,
        first,
        document.lines.lines[first:end],
        turns=connection.session.turns,
        pace=connection.session.pace,
    )
    connection.session.deliveries.append(delivery)
    try:
        delivery.write([LineEdit(e.start - first, e.end - first, e.lines) for e in edits])
        await delivery.finish()
    finally:
        connection.session.deliveries.remove(delivery)
    return delivery


def _drop_if_done(connection: Connection, edit: WrittenEdit) -> None:
    if not edit.ledger.hunks and not edit.offers:
        connection.session.written.pop(edit.key, None)


def document_changed(connection: Connection, event: DocumentChange) -> None:
    """Move finished edits with the text, and let running ones see the change."""
    written = [edit for edit in connection.session.written.values() if edit.uri == event.after.uri]
    if written:
        count = sum(len(edit.ledger.hunks) + len(edit.offers) for edit in written)
        for splice, before, after in event.steps():
            for edit in written:
                edit.ledger.follow_user(splice, before, after)
                moved = (offer.after(splice.change) for offer in edit.offers)
                edit.offers = [offer for offer in moved if offer is not None]
        for edit in written:
            edit.offers = [o for o in edit.offers if not o.is_settled(event.after.lines.lines)]
            _drop_if_done(connection, edit)
        if count != sum(len(edit.ledger.hunks) + len(edit.offers) for edit in written):
            connection.editor.refresh_code_lenses()
    for delivery in list(connection.session.deliveries):
        delivery.document_changed(event)
