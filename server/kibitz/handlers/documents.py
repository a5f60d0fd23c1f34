"""Opened, changed, saved and closed documents: what must happen at once, in order."""

from __future__ import annotations

import logging

from lsprotocol import types

from kibitz.handlers import reviews, written_edits
from kibitz.handlers.connection import Connection
from kibitz.open_documents import ContentChange, DocumentChange
from kibitz.protocol import from_lsp

logger = logging.getLogger(__name__)


def did_open(connection: Connection, params: types.DidOpenTextDocumentParams) -> None:
    item = params.text_document
    connection.session.documents.open(
        item.uri,
        from_lsp.governing_path(item.uri),
        item.language_id,
        item.version,
        from_lsp.text(item.text),
    )
    document = connection.session.documents.get(item.uri)
    assert document is not None
    if document.path is not None:
        connection.attendance.document_opened(document.path)
    connection.session.shelf.take_out(document)
    if connection.session.shelf.findings.get(item.uri):
        reviews.publish(connection, item.uri)
    else:
        reviews.recall(connection, document)


def did_change(connection: Connection, params: types.DidChangeTextDocumentParams) -> None:
    changes = [_change(change) for change in params.content_changes]
    known = connection.session.documents.change(
        params.text_document.uri,
        params.text_document.version,
        changes,
        connection.session.client.encoding,
    )
    if not known:
        logger.info("a change of a document that is not open was ignored")


def _change(change: types.TextDocumentContentChangeEvent) -> ContentChange:
    if isinstance(change, types.TextDocumentContentChangePartial):
        return ContentChange(
            from_lsp.text(change.text),
            from_lsp.position(change.range.start),
            from_lsp.position(change.range.end),
        )
    return ContentChange(from_lsp.text(change.text))


def did_close(connection: Connection, params: types.DidCloseTextDocumentParams) -> None:
    """Stop what edits the document; what was found and explained comes back with it.

    An explanation that is on its way goes on: it is shown elsewhere, and it was paid for.
    """
    uri = params.text_document.uri
    for delivery in list(connection.session.deliveries):
        delivery.document_closed(uri)
    for job in connection.session.jobs.running():
        if job.uri == uri and job.kind == "edit":
            job.stop("the document was closed")
    for edit in list(connection.session.written.values()):
        if edit.uri == uri:
            del connection.session.written[edit.key]
    document = connection.session.documents.get(uri)
    if document is not None:
        reviews.remember(connection, uri)
        connection.session.shelf.put_away(document)
    connection.session.documents.close(uri)
    if connection.session.shelf.findings.get(uri):
        reviews.publish(connection, uri)


def text_moved(connection: Connection, event: DocumentChange) -> None:
    """After each change: everything that stands at lines moves with them."""
    written_edits.document_changed(connection, event)
    if connection.session.shelf.follow(event):
        reviews.publish(connection, event.after.uri)
