"""From our values to the protocol's: ranges, edits, diagnostics and URIs.

Called by module (`to_lsp.range(…)`), so that a reader sees where the border is crossed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from lsprotocol import types

from kibitz.findings.fingerprint import fingerprint
from kibitz.findings.values import Finding, Severity
from kibitz_context.document import Document
from kibitz_context.lines import Encoding, LineTable, Position, Span, without_ending

#: Shown by the client in front of each finding.
SOURCE = "kibitz"

_SEVERITIES: dict[Severity, types.DiagnosticSeverity] = {
    "error": types.DiagnosticSeverity.Error,
    "warning": types.DiagnosticSeverity.Warning,
    "info": types.DiagnosticSeverity.Information,
    "hint": types.DiagnosticSeverity.Hint,
}


class SpanChange(Protocol):
    """A span of a document that is replaced by a text."""

    @property
    def span(self) -> Span: ...

    @property
    def text(self) -> str: ...


def position(place: Position) -> types.Position:
    return types.Position(place.line, place.character)


def range(table: LineTable, span: Span, encoding: Encoding) -> types.Range:
    """The range of a span of offsets."""
    start = table.position(span.start, encoding)
    end = table.position(span.end, encoding)
    return types.Range(position(start), position(end))


def range_of_lines(
    table: LineTable, start_line: int, end_line: int, encoding: Encoding
) -> types.Range:
    """The range of the whole lines ``[start_line, end_line)``, endings included, clamped."""
    start = table.offset(Position(start_line, 0), encoding)
    end = table.offset(Position(end_line, 0), encoding)
    return range(table, Span(start, max(start, end)), encoding)


def text_edits(
    table: LineTable, changes: Iterable[SpanChange], encoding: Encoding
) -> list[types.TextEdit]:
    """Edits of one text, all of them in terms of the text as it is before any."""
    return [types.TextEdit(range(table, change.span, encoding), change.text) for change in changes]


def text_document_edit(
    uri: str, version: int | None, edits: Iterable[tuple[types.Range, str]]
) -> types.TextDocumentEdit:
    """Edits of one document at one version; None leaves the version to the client."""
    return types.TextDocumentEdit(
        types.OptionalVersionedTextDocumentIdentifier(uri=uri, version=version),
        [types.TextEdit(where, new_text) for where, new_text in edits],
    )


def workspace_edit(
    document: Document, changes: Sequence[SpanChange], encoding: Encoding, *, versioned: bool
) -> types.WorkspaceEdit:
    """Edits of one document; with its version for a client that takes `documentChanges`."""
    edits = text_edits(document.lines, changes, encoding)
    if not versioned:
        return types.WorkspaceEdit(changes={document.uri: edits})
    pairs = [(edit.range, edit.new_text) for edit in edits]
    return types.WorkspaceEdit(
        document_changes=[text_document_edit(document.uri, document.version, pairs)]
    )


@dataclass(frozen=True, slots=True)
class FilePart:
    """Edits of one file of several: of `document`, with its version if it is open.

    `is_new`: the file is to be made first.  `protection` is why the user is asked about it, None
    for a file that they need not be asked about.
    """

    document: Document
    changes: Sequence[SpanChange]
    is_new: bool = False
    protection: str | None = None


def edit_of_files(
    parts: Sequence[FilePart], encoding: Encoding, *, annotated: bool
) -> types.WorkspaceEdit:
    """One edit of several files; with `annotated` the client is to ask about protected ones."""
    changes: list[types.TextDocumentEdit | types.CreateFile] = []
    annotations: dict[str, types.ChangeAnnotation] = {}
    for number, part in enumerate(parts):
        identity = None
        if annotated and part.protection is not None:
            identity = f"protected-{number}"
            annotations[identity] = types.ChangeAnnotation(
                "Confirm", needs_confirmation=True, description=part.protection
            )
        document = part.document
        if part.is_new:
            changes.append(types.CreateFile(document.uri, annotation_id=identity))
        edits: list[types.TextEdit | types.AnnotatedTextEdit] = [
            edit
            if identity is None
            else types.AnnotatedTextEdit(identity, edit.range, edit.new_text)
            for edit in text_edits(document.lines, part.changes, encoding)
        ]
        identifier = types.OptionalVersionedTextDocumentIdentifier(document.uri, document.version)
        changes.append(types.TextDocumentEdit(identifier, list(edits)))
    return types.WorkspaceEdit(
        document_changes=list(changes), change_annotations=annotations or None
    )


def diagnostic(
    finding: Finding, table: LineTable, start_line: int, end_line: int, encoding: Encoding
) -> types.Diagnostic:
    """A finding at the lines ``[start_line, end_line)``, from the first character to the last.

    Indentation and line endings are left out: an underlined margin is noise.  `data` says what
    a client's plugin may want to show, and comes back with a code action request.
    """
    last_line = max(start_line, end_line - 1)
    first = without_ending(table.line(start_line))
    last = without_ending(table.line(last_line))
    indent = len(first) - len(first.lstrip())
    start = table.offset(Position(start_line, 0), encoding) + indent
    end = table.offset(Position(last_line, 0), encoding) + len(last.rstrip())
    return types.Diagnostic(
        range=range(table, Span(start, max(start, end)), encoding),
        message=f"{finding.title}\n{finding.message}".strip(),
        severity=_SEVERITIES[finding.severity],
        code=finding.category,
        source=SOURCE,
        data={
            "finding": fingerprint(finding, table.lines),
            "title": finding.title,
            "category": finding.category,
            "severity": finding.severity,
            "suggestion": finding.suggestion,
        },
    )


def uri(path: Path) -> str:
    """The URI of a file that no editor has opened; an open one keeps its editor's spelling."""
    return path.absolute().as_uri()


def plain_range(found: types.Range) -> dict[str, dict[str, int]]:
    """A range as plain JSON values, for the arguments of a command."""
    return {
        side: {"line": place.line, "character": place.character}
        for side, place in (("start", found.start), ("end", found.end))
    }
