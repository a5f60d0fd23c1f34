"""The editor, as far as a delivery needs it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple, Protocol

from kibitz.edits.region import TextChange
from kibitz_context.document import Document
from kibitz_context.lines import Encoding

#: How an edit belongs to the undo step of the one before: docs/plugin-protocol.md.
Undo = Literal["start", "continue", "end"]


class Answer(NamedTuple):
    """What the client says about an edit.  `hidden`: nobody sees the document."""

    applied: bool
    hidden: bool = False


class Editor(Protocol):
    """The editor, as far as a delivery needs it."""

    @property
    def encoding(self) -> Encoding:
        """What its columns count."""
        ...

    def document(self, uri: str) -> Document | None:
        """The document as last received, None when it is not open."""
        ...

    def send_edit(
        self, document: Document, changes: Sequence[TextChange], undo: Undo
    ) -> asyncio.Future[Answer]:
        """Ask the editor to apply `changes` to exactly that version; its answer, taken as said."""
        ...

    def now(self) -> float:
        """Seconds of a clock that only goes forward."""
        ...

    def later(self, seconds: float, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back after a while; returns the way to call that off."""
        ...
