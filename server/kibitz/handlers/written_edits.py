"""Finished edits: followed while the text changes, kept, taken back, or applied after all."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from kibitz.delivery import Conflict, Delivery
from kibitz.edits.composed import composed, ledger_of
from kibitz.edits.hunks import Hunk
from kibitz.edits.offers import Offer
from kibitz.edits.values import LineEdit
from kibitz.handlers.connection import Connection
from kibitz.jobs import Job
from kibitz.open_documents import DocumentChange
from kibitz.session import WrittenEdit
from kibitz_context.document import Document

logger = logging.getLogger(__name__)


def n_changes(count: int) -> str:
    return f"{count} change{'s' if count != 1 else ''}"


def edits_in(connection: Connection, uri: str | None, job_id: str | None) -> list[WrittenEdit]:
    """The finished edits that a Keep or Revert means: one job's, a document's, or all."""
    return [
        edit
        for edit in connection.session.written.values()
        if (job_id is None or edit.job_id == job_id) and (uri is None or edit.uri == uri)
    ]


def hunk_count(connection: Connection, job_id: str) -> int:
    """How many changes of a job stand, in all of its files."""
    return sum(len(edit.ledger.hunks) for edit in edits_in(connection, None, job_id))


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
        drop_if_done(connection, edit)
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
        report.outcome = n_changes(len(delivery.hunks()))


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
                drop_if_done(connection, edit)
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
        drop_if_done(connection, edit)
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


def drop_if_done(connection: Connection, edit: WrittenEdit) -> None:
    """Forget an edit of which nothing is left to be kept or reverted."""
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
            drop_if_done(connection, edit)
        if count != sum(len(edit.ledger.hunks) + len(edit.offers) for edit in written):
            connection.editor.refresh_code_lenses()
    for delivery in list(connection.session.deliveries):
        delivery.document_changed(event)


def compose(
    connection: Connection,
    between: Document,
    hunks_between: Sequence[Hunk],
    first: tuple[str, str],
    second: tuple[str, str],
) -> None:
    """Make one edit of two that were written one after the other, if nothing came between.

    `between` is the document before the second, with the first one's hunks.  Otherwise each is
    kept or reverted by itself.
    """
    written = connection.session.written
    document = connection.session.documents.get(between.uri)
    one, other = written.get(first), written.get(second)
    if document is None or one is None or other is None:
        return
    hunks = composed(between.lines.lines, hunks_between, document.lines.lines, other.ledger.hunks)
    if hunks is None:
        return
    del written[second]
    one.ledger = ledger_of(hunks)
    one.offers += other.offers
    drop_if_done(connection, one)
