"""Where a region of whole lines is, and what edits of its lines are in the text around it.

Pure: documents, changes of lines and edits of lines in, spans of text out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kibitz.edits.values import LineEdit
from kibitz_context.document import Document
from kibitz_context.lines import LineChange, Span, dominant_ending, line_ending, split_lines


@dataclass(frozen=True, slots=True)
class TextChange:
    """Replace a span of a document (offsets in code points) by `text`."""

    span: Span
    text: str


def stand_at(lines: Sequence[str], first: int, wanted: Sequence[str]) -> bool:
    """Whether `wanted` stands at `first`; editors may write line endings in their own way."""
    if first < 0 or first + len(wanted) > len(lines):
        return False
    return all(
        mine == theirs or mine.rstrip("\r\n") == theirs.rstrip("\r\n")
        for mine, theirs in zip(wanted, lines[first : first + len(wanted)], strict=True)
    )


def follow_region(
    changes: Sequence[LineChange], first: int, size: int, *, own: bool
) -> tuple[int, bool, int]:
    """Where a region is after `changes`: its first line, whether it was touched, its size.

    Lines that are inserted exactly at its border belong to it when they are our `own`; the
    user's stay outside.
    """
    touched = False
    for change in changes:
        stop = change.first + change.removed
        moved = change.added - change.removed
        is_insertion = change.removed == 0
        at_border = is_insertion and change.first in (first, first + size)
        if own and at_border:
            size += moved
            touched = True
        elif stop <= first and not (change.removed and change.first >= first):
            first += moved
        elif change.first >= first + size:
            continue
        else:
            touched = True
            if change.first < first:  # across the upper border
                size = max(0, first + size - stop)
                first = change.first + change.added
            elif stop > first + size:  # across the lower border
                size = change.first - first
            else:
                size += moved
    return first, touched, size


def coalesced(edits: Sequence[LineEdit]) -> list[LineEdit]:
    """`edits` with those that touch made one: editors disagree about two at one place."""
    merged: list[LineEdit] = []
    for edit in edits:
        if merged and merged[-1].end == edit.start:
            last = merged.pop()
            merged.append(LineEdit(last.start, edit.end, last.lines + edit.lines))
        else:
            merged.append(edit)
    return merged


def text_changes(
    document: Document, first_line: int, edits: Sequence[LineEdit]
) -> list[TextChange]:
    """`edits` of the lines from `first_line` on, as replacements of spans of the document.

    At the end of a text without a final newline there is no line to insert in front of: the
    line ending goes in front of the inserted text instead, and goes with text that is deleted.
    """
    table = document.lines
    starts, lines = table.starts, table.lines
    ending = dominant_ending(lines)

    def offset(line: int) -> int:
        return starts[line] if line < len(starts) else len(document.text)

    unterminated = bool(lines) and not line_ending(lines[-1])
    changes: list[TextChange] = []
    for edit in edits:
        start, end = first_line + edit.start, first_line + edit.end
        text = "".join(edit.lines)
        begin = offset(start)
        if unterminated and start >= len(lines) and text:
            text = ending + text
        elif unterminated and end >= len(lines) and not text and edit.start > 0:
            begin -= len(line_ending(lines[start - 1]))
        changes.append(TextChange(Span(begin, offset(end)), text))
    return changes


def region_after(
    document: Document, first_line: int, line_count: int, changes: Sequence[TextChange]
) -> list[str]:
    """The lines of the region after `changes`."""
    starts = document.lines.starts
    begin = starts[first_line] if first_line < len(starts) else len(document.text)
    end_line = first_line + line_count
    end = starts[end_line] if end_line < len(starts) else len(document.text)
    parts: list[str] = []
    done = begin
    for change in changes:
        parts += [document.text[done : change.span.start], change.text]
        done = max(done, change.span.end)
    parts.append(document.text[done:end])
    return split_lines("".join(parts))
