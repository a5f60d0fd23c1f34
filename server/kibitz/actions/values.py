"""What an action is asked for and what it yields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from kibitz.claude.values import Tier, Usage
from kibitz.completion.recent import RecentEdit
from kibitz.edits.values import LineEdit
from kibitz.findings.values import Dropped, Finding
from kibitz_context.document import Document
from kibitz_context.lines import Span

if TYPE_CHECKING:
    from kibitz.edits.file_changes import FileChange

OutputKind = Literal["answer", "findings", "edit"]


@dataclass(frozen=True, slots=True)
class Hunks:
    """What was changed in a document that is reviewed for it.

    `lines` are the lines ``[start, end)``, from 0; `diff` tells the change and may be sent, ""
    for a new file.  Unless `all_lines`, findings on other lines are dropped.
    """

    lines: tuple[tuple[int, int], ...]
    diff: str = ""
    all_lines: bool = False


@dataclass(frozen=True)
class Order:
    """One thing that a user asked for.

    `root` is where to look for the repository, a file or a folder; without git it is the
    innermost of `folders` (those that the user opened) around it, or else that file alone.
    `document` is the text as it was when the user asked, None for a question about the whole
    repository.  `span` is the selection in it (the whole document for a file action).
    `overlays` are the unsaved buffers of the repository by real path.  `model` and
    `max_tokens` override the tier's.  `is_automatic`: nobody has asked for it just now.
    `hunks` are given where a review is one of changes.  `verify` is whether its findings are to be
    checked, None to do as the settings say.  `recent_edits` are given where a completion is to
    know what was changed last.
    """

    action: str
    root: Path
    document: Document | None = None
    span: Span | None = None
    instruction: str = ""
    overlays: Mapping[Path, str] = field(default_factory=dict[Path, str])
    diagnostics: tuple[str, ...] = ()
    tier: Tier | None = None
    model: str | None = None
    max_tokens: int | None = None
    folders: tuple[Path, ...] = ()
    is_automatic: bool = False
    hunks: Hunks | None = None
    verify: bool | None = None
    recent_edits: tuple[RecentEdit, ...] = ()


@dataclass(frozen=True, slots=True)
class Indexing:
    """The repository is being indexed: `done` of `total` files; both 0 until they are counted."""

    done: int
    total: int

    @property
    def words(self) -> str:
        """How far it is, for a progress."""
        return f"Indexing … {self.done:,} of {self.total:,} files" if self.total else "Indexing …"


@dataclass(frozen=True, slots=True)
class GettingReady:
    """The endpoint is one that has to be started first; `words` say how far it is."""

    words: str


@dataclass(frozen=True, slots=True)
class Asked:
    """The request is about to be sent; `prompt_tokens` is an estimate."""

    model: str
    prompt_tokens: int


@dataclass(frozen=True, slots=True)
class FellBack:
    """The model `instead_of` is overloaded, and `model` of another tier is asked in its place."""

    model: str
    instead_of: str


@dataclass(frozen=True, slots=True)
class Begun:
    """Claude has begun to answer."""

    usage: Usage


@dataclass(frozen=True, slots=True)
class Received:
    """About so many tokens of the reply are here; thinking is not among them."""

    tokens: int


@dataclass(frozen=True, slots=True)
class Said:
    """More of an answer in Markdown."""

    text: str


@dataclass(frozen=True, slots=True)
class Found:
    """A finding that is complete and anchored."""

    finding: Finding


@dataclass(frozen=True, slots=True)
class NotKept:
    """A finding that did not hold."""

    dropped: Dropped


@dataclass(frozen=True, slots=True)
class NotOffered:
    """What a finding suggests is not offered, and `why`; the finding is told without it."""

    title: str
    why: str


@dataclass(frozen=True, slots=True)
class Verifying:
    """These findings, which were told before, are about to be checked against the code."""

    findings: tuple[Finding, ...]

    @property
    def words(self) -> str:
        """What is done, for a progress."""
        n_findings = len(self.findings)
        return f"checking {n_findings} finding{'' if n_findings == 1 else 's'} against the code"


@dataclass(frozen=True, slots=True)
class Verified:
    """Findings that were told before have been checked: those that stand, and those that do not,
    each with the reason.  `cost_usd` is what the check has cost, None for unknown prices."""

    standing: tuple[Finding, ...]
    refuted: tuple[tuple[Finding, str], ...]
    cost_usd: float | None


@dataclass(frozen=True, slots=True)
class Unverified:
    """Findings that were told before could not be checked, and so are kept: `why` is a sentence.
    `cost_usd` is what the attempt has cost, None for unknown prices."""

    findings: tuple[Finding, ...]
    why: str
    cost_usd: float | None


@dataclass(frozen=True, slots=True)
class Region:
    """The whole lines ``[first_line, first_line + len(lines))`` that edits will refer to."""

    first_line: int
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Changed:
    """Edits of the region that are certain, in order, after those already yielded.

    `in_hunk`: more may follow of the hunk that the last of all edits belongs to.
    """

    edits: tuple[LineEdit, ...]
    in_hunk: bool = False


@dataclass(frozen=True, slots=True)
class FilesChanged:
    """All that is to be changed, in several files, at once or not at all."""

    files: tuple[FileChange, ...]


@dataclass(frozen=True, slots=True)
class Noted:
    """Something that the user should know of this request, in words for a progress."""

    words: str


@dataclass(frozen=True, slots=True)
class Looking:
    """Claude looks around: what for, in words for a progress, such as "reading src/a.py"."""

    words: str


@dataclass(frozen=True, slots=True)
class Looked:
    """What one call of a tool came to, for the record: nothing of what was asked or found.

    `arguments` are names with kinds and sizes; `result_bytes` is what Claude gets.  "refused" is a
    call that could not be answered as it was made, "failed" a fault of ours.
    """

    tool: str
    arguments: tuple[tuple[str, str], ...]
    result_bytes: int
    seconds: float
    outcome: Literal["answered", "refused", "failed"]


@dataclass(frozen=True, slots=True)
class Spent:
    """One request has ended and this is its bill; a task that looks around makes several.

    `cost_usd` is None for unknown prices.
    """

    usage: Usage
    cost_usd: float | None
    model: str
    request_id: str | None = None


Step = (
    GettingReady
    | Indexing
    | Asked
    | FellBack
    | Begun
    | Received
    | Noted
    | Looking
    | Looked
    | Said
    | Found
    | NotKept
    | NotOffered
    | Verifying
    | Verified
    | Unverified
    | Region
    | Changed
    | FilesChanged
    | Spent
)
