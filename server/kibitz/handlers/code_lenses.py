"""Code lenses: Stop over a running edit, Keep and Revert over a finished one, and its offers.

The `data` of a Keep lens says what its hunk is, for a plugin that shows hunks in the text
(docs/plugin-protocol.md): a lens has a place, and a hunk has lines.
"""

from __future__ import annotations

from typing import Any

from lsprotocol import types

from kibitz.handlers.connection import Connection
from kibitz.handlers.written_edits import hunk_count
from kibitz.protocol import to_lsp


def code_lenses(connection: Connection, uri: str) -> list[types.CodeLens]:
    """The lenses of a document, top to bottom."""
    document = connection.session.documents.get(uri)
    if document is None:
        return []
    encoding = connection.session.client.encoding
    lenses: list[types.CodeLens] = []

    def lens(
        line: int, title: str, command: str, argument: dict[str, Any], data: Any = None
    ) -> None:
        line = min(line, document.lines.line_count - 1)
        lenses.append(
            types.CodeLens(
                range=to_lsp.range_of_lines(document.lines, line, line, encoding),
                command=types.Command(title=title, command=command, arguments=[argument]),
                data=data,
            )
        )

    for job in connection.session.jobs.running():
        if job.uri == uri and job.kind == "edit" and job.lines is not None:
            lens(job.lines[0], "Stop", "kibitz.stop", {"job": job.id})
    for edit in connection.session.written.values():
        if edit.uri != uri:
            continue
        is_one_of_several = hunk_count(connection, edit.job_id) > 1
        for number, hunk in enumerate(edit.ledger.hunks):
            argument: dict[str, Any] = {"uri": uri, "job": edit.job_id, "hunk": number}
            removed = [line.rstrip("\r\n") for line in hunk.old_lines]
            shown = {"lines": [hunk.first, hunk.stop], "removed": removed}
            lens(hunk.first, "Keep", "kibitz.keep", argument, shown)
            lens(hunk.first, "Revert", "kibitz.revert", argument)
            if number == 0 and is_one_of_several:
                whole = {"job": edit.job_id}
                lens(hunk.first, "Keep all", "kibitz.keep", whole)
                lens(hunk.first, "Revert all", "kibitz.revert", whole)
        for number, offer in enumerate(edit.offers):
            argument = {"uri": uri, "job": edit.job_id, "offer": number}
            lens(offer.first, "Apply Claude's version", "kibitz.applyOffer", argument)
            lens(offer.first, "Keep mine", "kibitz.keep", argument)
    return lenses


def answer(connection: Connection, params: types.CodeLensParams) -> list[types.CodeLens]:
    return code_lenses(connection, params.text_document.uri)
