"""What an editor names where nothing is selected is taken for the cursor that it means."""

from __future__ import annotations

import pytest

from kibitz.handlers.cursors import meant
from kibitz.profiles import Cursor
from kibitz_context.document import Document
from kibitz_context.lines import LineTable, Span

TEXT = "def f():\r\n    retur👩‍💻n e\u0301\n\nx"


def document(text: str) -> Document:
    return Document("file:///a.py", None, text, 1, "python", LineTable(text))


def span_of(part: str) -> Span:
    start = TEXT.index(part)
    return Span(start, start + len(part))


@pytest.mark.parametrize(
    ("cursor", "part", "at"),
    [
        ("place", "d", None),
        ("character", "d", "d"),
        ("character", "\r\n", "\r\n"),
        ("character", "👩‍💻", "👩"),
        ("character", "e\u0301", "e\u0301"),
        ("character", "de", None),
        ("character", "👩‍💻n", None),
        ("line", "def f():", "def f():"),
        ("line", "f():", "f():"),
        ("line", "e\u0301", "\n\nx"),
        ("line", ":", "\r\n"),
        ("line", "f()", None),
        ("line", "def f():\r\n    retur", None),
        ("line", "\n", "\n"),
    ],
)
def test_a_cursor_is_told_from_a_selection(cursor: Cursor, part: str, at: str | None) -> None:
    span = span_of(part)
    place = span if at is None else Span(TEXT.index(at), TEXT.index(at))
    assert meant(document(TEXT), span, cursor) == place


@pytest.mark.parametrize("cursor", ["place", "character", "line"])
def test_a_place_stays_one(cursor: Cursor) -> None:
    assert meant(document(TEXT), Span(3, 3), cursor) == Span(3, 3)
