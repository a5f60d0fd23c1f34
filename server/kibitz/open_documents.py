"""The documents that are open in the editor, as the client tells of them.

Touched on the event loop only; what is given away is frozen.  Knows no LSP types and nothing of
what is done with the texts.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from kibitz.edits.splices import Splice
from kibitz_context.document import Document
from kibitz_context.lines import Encoding, LineChange, Position, TextModel


@dataclass(frozen=True, slots=True)
class ContentChange:
    """One change of a document: a range that is replaced, or the whole text (no range)."""

    text: str
    start: Position | None = None
    end: Position | None = None


@dataclass(frozen=True, slots=True)
class DocumentChange:
    """A document after a `didChange`, with what happened to its lines, in order.

    `added` holds the lines that each of `changes` put there.
    """

    before: Document
    after: Document
    changes: tuple[LineChange, ...]
    added: tuple[tuple[str, ...], ...]

    def steps(self) -> Iterator[tuple[Splice, list[str], list[str]]]:
        """Each change with the lines of the document before and after it."""
        before = self.before.lines.lines
        last = len(self.changes) - 1
        for number, (change, added) in enumerate(zip(self.changes, self.added, strict=True)):
            removed = before[change.first : change.first + change.removed]
            splice = Splice(change.first, tuple(removed), added)
            after = self.after.lines.lines if number == last else splice.applied(before)
            yield splice, before, after
            before = after


@dataclass
class _OpenDocument:
    uri: str
    path: Path | None
    real_path: Path | None
    language: str
    version: int
    model: TextModel

    def frozen(self) -> Document:
        table = self.model.snapshot()
        return Document(self.uri, self.path, table.text, self.version, self.language, table)


Follower = Callable[[DocumentChange], None]


class Documents:
    """The documents that are open in the editor.  Followers hear of each change, in order."""

    def __init__(self) -> None:
        self._open: dict[str, _OpenDocument] = {}
        self._followers: list[Follower] = []
        self._on_close: list[Callable[[str], None]] = []

    def follow_closing(self, follower: Callable[[str], None]) -> None:
        """Call `follower` with the URI of each document that is closed."""
        self._on_close.append(follower)

    def follow(self, follower: Follower) -> Callable[[], None]:
        """Call `follower` after each change; returns the way to stop that."""
        self._followers.append(follower)
        return lambda: self._followers.remove(follower)

    def open(self, uri: str, path: Path | None, language: str, version: int, text: str) -> None:
        """A document was opened.  One that is open already (some clients do) is replaced."""
        known = self._open.get(uri)
        model = TextModel(text) if known is None else known.model
        # Asked of the disk once, not at each command; unlike `resolve` it takes a loop of links.
        real_path = None if path is None else Path(os.path.realpath(path))
        self._open[uri] = _OpenDocument(uri, path, real_path, language, version, model)
        if known is not None:
            self.change(uri, version, [ContentChange(text)])

    def change(
        self,
        uri: str,
        version: int,
        changes: Iterable[ContentChange],
        encoding: Encoding = "utf-16",
    ) -> bool:
        """Apply changes in order; False for a document that is not open."""
        document = self._open.get(uri)
        if document is None:
            return False
        before = document.frozen()
        happened: list[LineChange] = []
        added: list[tuple[str, ...]] = []
        for change in changes:
            if change.start is None or change.end is None:
                lines = document.model.replace_all(change.text)
            else:
                lines = document.model.replace(change.start, change.end, change.text, encoding)
            happened.append(lines)
            added.append(document.model.lines_at(lines.first, lines.added))
        document.version = version
        event = DocumentChange(before, document.frozen(), tuple(happened), tuple(added))
        for follower in list(self._followers):
            follower(event)
        return True

    def close(self, uri: str) -> None:
        self._open.pop(uri, None)
        for follower in self._on_close:
            follower(uri)

    def get(self, uri: str) -> Document | None:
        document = self._open.get(uri)
        return document.frozen() if document is not None else None

    def at(self, real_path: Path) -> Document | None:
        """The open document of a file, by its real path."""
        found = (each for each in self._open.values() if each.real_path == real_path)
        document = next(found, None)
        return document.frozen() if document is not None else None

    def all(self) -> list[Document]:
        return [document.frozen() for document in self._open.values()]

    def overlays(self) -> dict[Path, str]:
        """The text of each open file by its real path."""
        return {
            document.real_path: document.model.snapshot().text
            for document in self._open.values()
            if document.real_path is not None
        }
