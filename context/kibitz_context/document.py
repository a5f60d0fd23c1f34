"""A text that somebody works on, as it was at one moment."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from kibitz_context.lines import LineTable, Span


@dataclass(frozen=True)
class Document:
    """One text, frozen: an open buffer at a version, or a file as it was read.

    `version` is the editor's, None for a file that no editor has open.  `language` is the
    LSP language id ("" when unknown).  `uri` is the editor's own spelling and is passed back
    unchanged; `path` is None for a document that is not a file (``untitled:``).
    """

    uri: str
    path: Path | None
    text: str
    version: int | None = None
    language: str = ""
    _table: LineTable | None = field(default=None, repr=False, compare=False)

    @cached_property
    def lines(self) -> LineTable:
        return self._table if self._table is not None else LineTable(self.text)

    @property
    def whole(self) -> Span:
        return Span(0, len(self.text))

    def slice(self, span: Span) -> str:
        return self.text[span.start : span.end]
