"""What one connection knows: the client, its open documents, what was answered and found.

`Session` is mutable and touched on the event loop only.  Handlers take what they need from it
when their message is read and work on frozen values from then on.
It knows neither LSP types nor Claude.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from kibitz.delivery import Delivery
from kibitz.edits.hunks import HunkLedger
from kibitz.edits.offers import Offer
from kibitz.findings.track import Tracked, follow
from kibitz.findings.values import Finding
from kibitz.jobs import Jobs
from kibitz.open_documents import DocumentChange, Documents
from kibitz.pace import Pace
from kibitz.profiles import PLAIN, Profile
from kibitz.turns import Turns
from kibitz_context.document import Document
from kibitz_context.lines import Encoding, LineChange, line_change_between

T = TypeVar("T")

MAX_CLOSED_DOCUMENTS = 100  # for which explanations and findings are kept

# Stands for a file that was never saved, in a folder that nobody opened; there is none.
NO_FILE = ".kibitz-unsaved"


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
    deliveries: list[Delivery] = field(default_factory=list[Delivery])
    turns: Turns = field(default_factory=Turns)
    pace: Pace = field(default_factory=Pace)
    written: dict[tuple[str, str], WrittenEdit] = field(
        default_factory=dict[tuple[str, str], WrittenEdit]
    )
    client_watches: bool = False
    asks_to_watch: bool = False
    told_problems: set[str] = field(default_factory=set[str])

    def root_of(self, path: Path | None) -> Path:
        """Where to look for the repository of a document: its folder, else the first folder."""
        if path is not None:
            return path.parent
        return self.folders[0] if self.folders else Path.cwd()

    def start_of(self, path: Path | None) -> Path:
        """Where an order about a document looks for its repository: at its file.

        Without a file it is the first folder.  Where no folder was opened either, the server's
        current one is a repository to be read or else nobody's business: often it is the home
        folder.
        """
        if path is not None:
            return path
        return self.folders[0] if self.folders else Path.cwd() / NO_FILE
