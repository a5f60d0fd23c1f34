"""Edits of whole lines as replacements of spans of a document's text.

Pure: documents and edits of lines in, spans of text out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kibitz.edits.values import LineEdit
from kibitz.edits.within import changed_parts
from kibitz_context.document import Document
from kibitz_context.lines import (
    Encoding,
    Span,
    dominant_ending,
    line_ending,
    offset_in_line,
    split_lines,
)


@dataclass(frozen=True, slots=True)
class TextChange:
    """Replace a span of a document (offsets in code points) by `text`."""

    span: Span
    text: str


def text_changes(
    document: Document, first_line: int, edits: Sequence[LineEdit], *, words: bool = False
) -> list[TextChange]:
    """`edits` of the document's lines, of a region that begins at `first_line`, as spans.

    What is the same anyhow is left out; with `words` only the words of a changed line that differ
    are replaced.

    At the end of a text without a final newline there is no line to insert in front of: the
    line ending goes in front of the inserted text instead, and goes with text that is deleted.
    Text that must not run into what the user has put below it ends with a line ending.
    """
    table = document.lines
    lines = table.lines

    def ending() -> str:
        # Few edits need it, and it takes a look at each line.
        return dominant_ending(lines)

    unterminated = bool(lines) and not line_ending(lines[-1])
    changes: list[TextChange] = []
    for edit in edits:
        text = "".join(edit.lines)
        begin, end = table.start_of(edit.start), table.start_of(edit.end)
        replaced_ending = line_ending(lines[edit.end - 1]) if edit.start < edit.end else ""
        if text and not line_ending(text) and (replaced_ending or end < len(document.text)):
            text += replaced_ending or ending()
        if unterminated and edit.start >= len(lines) and text:
            text = ending() + text
        elif unterminated and edit.end >= len(lines) and not text and edit.start > first_line:
            begin -= len(line_ending(lines[edit.start - 1]))
        if words:
            changes += [
                TextChange(Span(begin + part.start, begin + part.end), part.text)
                for part in changed_parts(document.text[begin:end], text)
            ]
        elif document.text[begin:end] != text:
            changes.append(TextChange(Span(begin, end), text))
    return changes


def lines_after(
    lines: Sequence[str], document: Document, changes: Sequence[TextChange], encoding: Encoding
) -> list[str]:
    """What `changes` of `document` make of the other text `lines`, line by line and column by
    column, where a client that counts columns in `encoding` applies them to it all the same."""
    table, after = document.lines, list(lines)
    for change in reversed(changes):
        start = table.position(change.span.start, encoding)
        end = table.position(change.span.end, encoding)
        head = "".join(after[start.line : start.line + 1])
        tail = "".join(after[end.line : end.line + 1])
        text = (
            head[: offset_in_line(head, start.character, encoding)]
            + change.text
            + tail[offset_in_line(tail, end.character, encoding) :]
        )
        after[start.line : end.line + 1] = split_lines(text)
    return after
