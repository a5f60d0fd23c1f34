"""What one connection knows: the client, its open documents, what was answered and found.

`Session` is mutable and touched on the event loop only.  Handlers take what they need from it
when their message is read and work on frozen values from then on.
It knows neither LSP types nor Claude.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from kibitz.edits.hunks import HunkLedger
from kibitz.edits.offers import Offer
from kibitz.edits.splices import Splice
from kibitz.findings.track import Tracked, follow
from kibitz.findings.values import Finding
from kibitz.jobs import Jobs
from kibitz.pace import Pace
from kibitz.profiles import PLAIN, Profile
from kibitz.turns import Turns
from kibitz_context.document import Document
from kibitz_context.lines import (
    Encoding,
    LineChange,
    Position,
    TextModel,
    line_change_between,
)

if TYPE_CHECKING:
    from kibitz.delivery import Delivery

T = TypeVar("T")

MAX_CLOSED_DOCUMENTS = 100  # for which explanations and findings are kept


@dataclass(frozen=True, slots=True)
class Client:
    """What the editor can do, as plain facts; filled once from `initialize`."""

    name: str = ""
    version: str = ""
    encoding: Encoding = "utf-16"
    profile: Profile = PLAIN
    progress: bool = False
    show_document: bool = False
    show_message_request: bool = False
    apply_edit: bool = False
    versioned_edits: bool = False
    creates_files: bool = False
    annotated_edits: bool = False
    code_lens: bool = False
    code_lens_refresh: bool = False
    configuration: bool = False
    watched_files: bool = False
    text_document_content: bool = False
    markdown_hover: bool = True
    diagnostic_version: bool = False
    inline_completion: bool = False
    stream: bool = False
    status: bool = False
    plugin_edits: bool = False


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


@dataclass(frozen=True, slots=True)
class Explanation:
    """An explanation that was made for some lines, kept for the hover there."""

    markdown: str
    title: str


def touches(tracked: Tracked[Any], first_line: int, last_line: int) -> bool:
    """Whether it stands on one of the lines `first_line` to `last_line`, both included."""
    return tracked.start <= last_line and first_line < max(tracked.end, tracked.start + 1)


def after_all(tracked: Tracked[T] | None, changes: Iterable[LineChange]) -> Tracked[T] | None:
    """Where something is after several changes; None when its own lines were touched."""
    for change in changes:
        if tracked is not None:
            tracked = tracked.after(change)
    return tracked


@dataclass
class Shelf:
    """What is kept for the documents while their text moves, each by document."""

    explanations: dict[str, list[Tracked[Explanation]]] = field(
        default_factory=dict[str, list[Tracked[Explanation]]]
    )
    findings: dict[str, list[Tracked[Finding]]] = field(
        default_factory=dict[str, list[Tracked[Finding]]]
    )

    _away: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    def follow(self, event: DocumentChange) -> bool:
        """Move everything with the text; True when findings moved or went."""
        uri = event.after.uri
        findings_before = self.findings.get(uri)
        for change in event.changes:
            self._move(uri, change)
        return self.findings.get(uri) != findings_before

    def put_away(self, document: Document) -> None:
        """The document is closed: keep what there is for it until it is opened again."""
        self._away[document.uri] = document.lines.lines
        while len(self._away) > MAX_CLOSED_DOCUMENTS:
            oldest = next(iter(self._away))
            del self._away[oldest]
            self.explanations.pop(oldest, None)
            self.findings.pop(oldest, None)

    def take_out(self, document: Document) -> None:
        """The document is open again, maybe with another text."""
        lines = self._away.pop(document.uri, None)
        if lines is not None:
            self._move(document.uri, line_change_between(lines, document.lines.lines))

    def _move(self, uri: str, change: LineChange) -> None:
        if uri in self.explanations:
            self.explanations[uri] = follow(self.explanations[uri], change)
        if uri in self.findings:
            self.findings[uri] = follow(self.findings[uri], change)


@dataclass
class WrittenEdit:
    """A finished edit that the user has neither kept nor reverted yet.

    `offers` are what was not written because the user had changed the lines.  An edit of several
    files is one of these for each of them.
    """

    job_id: str
    uri: str
    title: str
    ledger: HunkLedger
    offers: list[Offer] = field(default_factory=list[Offer])

    @property
    def key(self) -> tuple[str, str]:
        return self.job_id, self.uri


@dataclass
class Session:
    """Everything that is known of one client.  Mutable; touched on the event loop only.

    `editor_settings` is what the client calls our settings, as it sent it.  `deliveries` are
    the edits that are being streamed, `written` those that are finished, by job and
    document.
    `client_watches` is whether the client tells of changed files; while it is being asked to,
    `asks_to_watch`.
    """

    jobs: Jobs
    client: Client = field(default_factory=Client)
    folders: list[Path] = field(default_factory=list[Path])
    documents: Documents = field(default_factory=Documents)
    shelf: Shelf = field(default_factory=Shelf)
    editor_settings: Any = None
    deliveries: list[Delivery] = field(default_factory=list["Delivery"])
    turns: Turns = field(default_factory=Turns)
    pace: Pace = field(default_factory=Pace)
    written: dict[tuple[str, str], WrittenEdit] = field(
        default_factory=dict[tuple[str, str], WrittenEdit]
    )
    client_watches: bool = False
    asks_to_watch: bool = False
    told_problems: set[str] = field(default_factory=set[str])
