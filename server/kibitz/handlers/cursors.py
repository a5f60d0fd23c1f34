"""Where nothing is selected: some editors name more than a place then, and mean the cursor."""

from __future__ import annotations

import unicodedata

from kibitz.profiles import Cursor
from kibitz_context.document import Document
from kibitz_context.lines import Span, without_ending

_JOINER = "\N{ZERO WIDTH JOINER}"
_BELONGS_TO_THE_ONE_BEFORE = frozenset({"Mn", "Mc", "Me", "Cf", "Sk"})


def meant(document: Document, span: Span, cursor: Cursor) -> Span:
    """`span` as a selection, or the empty span at the cursor that it stands for."""
    if span.is_empty or cursor == "place":
        return span
    text = document.text[span.start : span.end]
    if cursor == "character":
        return Span(span.start, span.start) if _is_one_character(text) else span
    # From the cursor to behind the end of its line.
    table = document.lines
    line = table.line_at(span.start)
    rest = without_ending(table.lines[line])[span.start - table.starts[line] :]
    if without_ending(text) != rest:
        return span
    # In normal mode the cursor is on the last character of a line when it is at its end.
    at = span.start + len(rest) if _is_one_character(rest) else span.start
    return Span(at, at)


def _is_one_character(text: str) -> bool:
    """Whether a user would call it one: an end of line, or a letter with what belongs to it."""
    if text == "\r\n":
        return True
    count, is_joined = 0, False
    for char in text:
        if unicodedata.category(char) in _BELONGS_TO_THE_ONE_BEFORE:
            is_joined = char == _JOINER
            continue
        count += not is_joined
        is_joined = False
    return count <= 1
