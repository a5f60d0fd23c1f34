"""What a command means: its document, the lines it is about, the order that an action gets.

Taken from the session while the command is read and before the next message is: the document as
the client saw it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pygls.exceptions import JsonRpcInvalidParams

from kibitz.actions.preparing import gate_of
from kibitz.actions.prompt_files import PromptFile
from kibitz.actions.scope import comment_above, definition_around, instruction_of, whole_lines
from kibitz.actions.values import Order
from kibitz.errors import UserError
from kibitz.findings.fingerprint import fingerprint
from kibitz.findings.track import Tracked
from kibitz.findings.values import Finding
from kibitz.handlers.arguments import Arguments, span_in
from kibitz.handlers.connection import Connection
from kibitz.plain_text import one_line
from kibitz.protocol import from_lsp
from kibitz_context.document import Document
from kibitz_context.lines import Span
from kibitz_context.values import Refused

LONGEST_NAME = 80  # of a file, in a title


def open_document(connection: Connection, given: Arguments) -> Document:
    """The document that a command is about.  Raises JsonRpcInvalidParams where there is none."""
    if given.uri is None:
        raise JsonRpcInvalidParams("Give the document as `uri`")
    document = connection.session.documents.get(given.uri)
    if document is None:
        raise JsonRpcInvalidParams("The document is not open in the editor; open it first")
    if not document.text.strip():
        raise JsonRpcInvalidParams("The document is empty")
    return document


def closed_file(connection: Connection, given: Arguments) -> Path | None:
    """The file that a command is about, where no editor has it open; None for what is open, or no
    file of the disk's."""
    if given.uri is None or connection.session.documents.get(given.uri) is not None:
        return None
    path = from_lsp.path(given.uri)
    real = Path(os.path.realpath(path)) if path is not None else None
    if real is None or connection.session.documents.at(real) is not None:
        return None
    return path


def read_closed(connection: Connection, path: Path, uri: str) -> Document:
    """A file that no editor has open, as the disk has it.  Blocking.

    Raises UserError when it may not be read.
    """
    from kibitz.edits.secrets import restore

    desk = connection.desk
    repository = desk.repository(
        connection.session.start_of(path), tuple(connection.session.folders)
    )
    gate = gate_of(repository.root, desk.settings_in(repository.root).context)
    answer = gate.read(path)
    shown = one_line(path.name, LONGEST_NAME)
    if isinstance(answer, Refused):
        raise UserError(f"{shown} is not sent: {answer.reason}.")
    if not answer.text.strip():
        raise UserError(f"{shown} is empty.")
    return Document(uri, path, restore(answer.text, answer.secrets))


def wish_of_comment(document: Document, span: Span | None) -> tuple[str, Span] | None:
    """What a ``kibitz:`` comment at the lines of `span` asks for, with the lines and the comment;
    None where there is no such comment."""
    lines = whole_lines(document, span)
    comment = comment_above(document.lines.lines, lines[0])
    if comment is None:
        return None
    number, instruction = comment
    table = document.lines
    first = min(number, lines[0])
    stop = table.starts[lines[1]] if lines[1] < table.line_count else len(document.text)
    return instruction_of(instruction), Span(table.starts[first], stop)


def meant_span(connection: Connection, document: Document, given: Arguments) -> Span | None:
    """The span that is meant: the selection, the definition at a cursor, None for the file."""
    span = span_in(document, given, connection.session.client.encoding)
    if span is None or not span.is_empty:
        return span
    table = document.lines
    first, end = definition_around(table.lines, table.line_at(span.start))
    stop = table.starts[end] if end < table.line_count else len(document.text)
    return Span(table.starts[first], stop)


def order_of(
    connection: Connection,
    action: str,
    document: Document | None,
    span: Span | None,
    instruction: str,
    given: Arguments,
) -> Order:
    """The order of `action`, with the buffers as they are at this moment."""
    path = document.path if document is not None else None
    return Order(
        action,
        connection.session.start_of(path),
        document,
        span,
        instruction,
        connection.session.documents.overlays(),
        given.diagnostics,
        given.tier,
        given.model,
        folders=tuple(connection.session.folders),
    )


def prompt_named(connection: Connection, document: Document, name: str | None) -> PromptFile:
    """The prompt file with that name.  Raises JsonRpcInvalidParams, with the names there are."""
    prompts = connection.preferences.prompt_files(document.path)
    for prompt in prompts:
        if prompt.name == name:
            return prompt
    known = ", ".join(prompt.name for prompt in prompts) or "none"
    raise JsonRpcInvalidParams(f"There is no prompt {str(name)[:60]!r}; there are: {known}")


def identity(kept: Tracked[Finding], lines: Sequence[str]) -> str:
    """The fingerprint of a finding in `lines`, where it stands now."""
    return fingerprint(replace(kept.value, start_line=kept.start + 1), lines)


def kept_finding(connection: Connection, given: Arguments) -> tuple[Document, Tracked[Finding]]:
    """The finding that is meant, with its document.  Raises JsonRpcInvalidParams."""
    document = open_document(connection, given)
    lines = document.lines.lines
    for kept in connection.session.shelf.findings.get(document.uri, []):
        if identity(kept, lines) == given.finding:
            return document, kept
    raise JsonRpcInvalidParams("This finding is no longer there")


def place(document: Document, lines: tuple[int, int], span: Span | None) -> str:
    """How a job's title names its place: the file, and the lines unless it is all of them."""
    name = document.path.name if document.path is not None else Path(document.uri).name
    name = one_line(name, LONGEST_NAME)
    if span is None:
        return name
    first, end = lines[0] + 1, max(lines[1], lines[0] + 1)
    return f"{name}:{first}" if first == end else f"{name}:{first}-{end}"
