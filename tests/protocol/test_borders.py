"""Positions, spans, edits, diagnostics and URIs, over the border and back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lsprotocol import types

from kibitz.findings.values import Finding
from kibitz.protocol import from_lsp, to_lsp
from kibitz_context.document import Document
from kibitz_context.lines import Encoding, LineTable, Span

ENCODINGS: list[Encoding] = ["utf-8", "utf-16", "utf-32"]
TEXT = "a\U0001f600b\r\nü\fx\r\n\nlast"


def place(line: int, character: int) -> types.Position:
    return types.Position(line, character)


@pytest.mark.parametrize(("encoding", "column"), [("utf-8", 5), ("utf-16", 3), ("utf-32", 2)])
def test_columns_count_units_of_the_agreed_encoding(encoding: Encoding, column: int) -> None:
    table = LineTable(TEXT)
    span = Span(TEXT.index("b"), TEXT.index("ü"))
    found = to_lsp.range(table, span, encoding)
    assert found == types.Range(place(0, column), place(1, 0))
    assert from_lsp.span(table, found, encoding) == span
    assert from_lsp.span(table, found.start, encoding) == Span(span.start, span.start)


@given(st.text(alphabet="ab\n\r\f\u2028ü\U0001f600", max_size=40), st.data())
def test_every_span_survives_the_way_there_and_back(text: str, data: st.DataObject) -> None:
    # A place between "\r" and "\n" has no position of its own.
    places = [at for at in range(len(text) + 1) if text[at - 1 : at + 1] != "\r\n" or at == 0]
    start = data.draw(st.sampled_from(places))
    end = data.draw(st.sampled_from([at for at in places if at >= start]))
    table = LineTable(text)
    for encoding in ENCODINGS:
        found = to_lsp.range(table, Span(start, end), encoding)
        assert from_lsp.span(table, found, encoding) == Span(start, end)


def test_a_range_outside_the_text_is_clamped() -> None:
    table = LineTable("one\ntwo")
    far = types.Range(place(1, 99), place(99, 0))
    assert from_lsp.span(table, far, "utf-16") == Span(7, 7)


@pytest.mark.parametrize(
    ("found", "span"),
    [
        ({"start": {"line": 0, "character": 1}, "end": {"line": 1, "character": 0}}, Span(1, 4)),
        ({"start": {"line": 1, "character": 0}, "end": {"line": 0, "character": 1}}, Span(1, 4)),
        ({"start": {"line": 0, "character": 1}}, None),
        ({"start": {"line": "0", "character": 1}, "end": {"line": 1, "character": 0}}, None),
        (None, None),
        ([0, 1], None),
    ],
)
def test_a_range_in_a_command(found: Any, span: Span | None) -> None:
    assert from_lsp.plain_span(LineTable("one\ntwo"), found, "utf-16") == span


def test_half_a_pair_keeps_its_length_in_every_encoding() -> None:
    assert from_lsp.text("a\ud83db\U0001f600\n") == "a\ufffdb\U0001f600\n"
    assert from_lsp.text("plain") == "plain"


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("file:///a/b.py", "/a/b.py"),
        ("file:///a%20b/%C3%BC%23%3F%25.py", "/a b/ü#?%.py"),
        ("file:///a b/ü.py", "/a b/ü.py"),
        ("FILE:///a", "/a"),
        ("file://localhost/a", "/a"),
        ("file:/a", "/a"),
        ("file:///nb.ipynb#cell1", "/nb.ipynb"),
        ("file:///c%3A/x", "/c:/x"),
        ("file:///%ff", "/\udcff"),
        ("file:///a/../b", "/a/../b"),
        ("file://other.host/a", None),
        ("file:relative", None),
        ("file://", None),
        ("file:///a%00b", None),
        ("untitled:Untitled-1", None),
        ("vscode-notebook-cell:/a/nb.ipynb#W0s", None),
        ("kibitz:answer/1.md", None),
        ("git:/a/b.py?ref", None),
        ("", None),
        ("/a/b.py", None),
        ("file://[broken/a", None),
    ],
)
def test_the_file_behind_a_uri(uri: str, path: str | None) -> None:
    assert from_lsp._file_name(uri, is_windows=False) == path


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("file:///c%3A/Users/x.py", r"C:\Users\x.py"),
        ("file:///C:/Users/x.py", r"C:\Users\x.py"),
        ("file:///c:", "C:\\"),
        ("file://server/share/x.py", r"\\server\share\x.py"),
        ("file:///no/drive", r"\no\drive"),
        ("untitled:x", None),
    ],
)
def test_the_file_behind_a_uri_on_windows(uri: str, path: str | None) -> None:
    assert from_lsp._file_name(uri, is_windows=True) == path


def test_whose_rules_govern_a_document() -> None:
    assert from_lsp.governing_path("vscode-notebook-cell:/a/nb.ipynb#W0s") == Path("/a/nb.ipynb")
    assert from_lsp.governing_path("vscode-notebook-cell:///a/nb.ipynb#W0s") == Path("/a/nb.ipynb")
    assert from_lsp.governing_path("file:///a/b.py") == Path("/a/b.py")
    assert from_lsp.governing_path("untitled:Untitled-1") is None


@given(st.text(st.characters(exclude_characters="\0/", exclude_categories=("Cs",)), min_size=1))
def test_a_path_survives_as_a_uri(name: str) -> None:
    path = Path("/folder") / name
    assert from_lsp.path(to_lsp.uri(path)) == path


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (0, 1, (0, 0, 1, 0)),
        (1, 3, (1, 0, 3, 0)),
        (3, 4, (3, 0, 3, 4)),
        (0, 99, (0, 0, 3, 4)),
        (3, 1, (3, 0, 3, 0)),
        (99, 100, (3, 4, 3, 4)),
    ],
)
def test_the_range_of_whole_lines(start: int, end: int, expected: tuple[int, ...]) -> None:
    found = to_lsp.range_of_lines(LineTable(TEXT), start, end, "utf-8")
    assert (
        found.start.line,
        found.start.character,
        found.end.line,
        found.end.character,
    ) == expected


@dataclass(frozen=True)
class Change:
    span: Span
    text: str


@pytest.mark.parametrize("versioned", [True, False])
def test_a_workspace_edit_is_in_terms_of_the_text_before(versioned: bool) -> None:
    document = Document("untitled:a", None, "one\ntwo\nthree\n", version=7)
    changes = [Change(Span(0, 3), "1"), Change(Span(8, 8), "2½\n")]
    edit = to_lsp.workspace_edit(document, changes, "utf-16", versioned=versioned)
    edits = [
        types.TextEdit(types.Range(place(0, 0), place(0, 3)), "1"),
        types.TextEdit(types.Range(place(2, 0), place(2, 0)), "2½\n"),
    ]
    if versioned:
        identifier = types.OptionalVersionedTextDocumentIdentifier("untitled:a", 7)
        assert edit.document_changes == [types.TextDocumentEdit(identifier, edits)]
        assert edit.changes is None
    else:
        assert edit.changes == {"untitled:a": edits}
        assert edit.document_changes is None


def test_a_diagnostic_stands_from_the_first_character_to_the_last() -> None:
    table = LineTable("def f():\n    return 1  \n\n")
    finding = Finding("a.py", "warning", "bug", 2, 2, "    return 1  ", "Wrong", "Why.", "fix")
    found = to_lsp.diagnostic(finding, table, 1, 2, "utf-16")
    assert found.range == types.Range(place(1, 4), place(1, 12))
    assert found.message == "Wrong\nWhy."
    assert (found.severity, found.code, found.source) == (
        types.DiagnosticSeverity.Warning,
        "bug",
        "kibitz",
    )
    assert isinstance(found.data, dict)
    assert found.data["suggestion"] == "fix"
    empty_line = to_lsp.diagnostic(finding, table, 2, 3, "utf-16")
    assert empty_line.range == types.Range(place(2, 0), place(2, 0))
    past_the_end = to_lsp.diagnostic(finding, table, 9, 12, "utf-16")
    assert past_the_end.range == types.Range(place(3, 0), place(3, 0))
