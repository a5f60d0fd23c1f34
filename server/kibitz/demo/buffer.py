"""A text that is open in the demo's editor, and what a server's edits do to it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from kibitz_context.lines import Encoding, LineTable, Position, Span


class BadEdit(Exception):
    """Edits that overlap; the text is as it was."""


class Buffer:
    r"""One open text.  `version` counts its changes, `opened_with` is what it was at first.

    Its lines end with "\n", as those of the sample do: a "\r" would become one line end with a
    "\n" that is inserted behind it, and move the ranges of the other edits.
    """

    def __init__(self, path: Path, text: str, encoding: Encoding) -> None:
        self.path = path
        self.uri = path.as_uri()
        self.opened_with = text
        self.version = 1
        self._encoding = encoding
        self._table = LineTable(text)

    @property
    def text(self) -> str:
        return self._table.text

    @property
    def lines(self) -> list[str]:
        return self._table.lines

    def range_of_lines(self, first: int, end: int) -> dict[str, Any]:
        """The LSP range of the whole lines ``[first, end)``."""
        return {"start": {"line": first, "character": 0}, "end": {"line": end, "character": 0}}

    def apply(self, edits: Sequence[Any]) -> list[dict[str, Any]]:
        """Apply the text edits of one request, all made for the text as it is.

        Returns the content changes that tell the server the same, in the order in which they
        were made: from the bottom up, so that none of them moves another one's range.
        """
        spans = sorted(((self._span(edit["range"]), edit) for edit in edits), key=_place)
        for (above, _), (below, _) in pairwise(spans):
            if below.start < above.end:
                raise BadEdit
        text = self.text
        changes = []
        for span, edit in reversed(spans):
            text = text[: span.start] + edit["newText"] + text[span.end :]
            changes.append({"range": edit["range"], "text": edit["newText"]})
        self._table = LineTable(text)
        self.version += 1
        return changes

    def _span(self, where: Any) -> Span:
        start, end = (
            Position(where[side]["line"], where[side]["character"]) for side in ("start", "end")
        )
        return self._table.span(start, end, self._encoding)


def _place(item: tuple[Span, Any]) -> tuple[int, int]:
    return item[0].start, item[0].end
