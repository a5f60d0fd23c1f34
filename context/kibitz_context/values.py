"""What the context is made of: layers of text, and what was left out of them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from kibitz_context.lines import Span

FileForm = Literal["full", "outline", "name", "excerpt"]
LayerName = Literal["rules", "snapshot", "changes", "task"]


@dataclass(frozen=True, slots=True)
class Focus:
    """The text that a request is about.

    `path` is relative to the root, with ``/``; `text` is the text as it is now, saved or not;
    `span` is the part of it that was asked about.
    """

    path: str
    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class FileUse:
    """A file in a layer: how much of it is there and why it ranked where it did."""

    path: str
    tokens: int
    form: FileForm
    score: float = 0.0


@dataclass(frozen=True, slots=True)
class Omission:
    """A file that was left out, with the reason in a few words."""

    path: str
    reason: str


@dataclass(frozen=True)
class Layer:
    """One layer of the prompt.  Equal bytes have an equal `sha256`, on any machine."""

    name: LayerName
    text: str
    tokens: int
    files: tuple[FileUse, ...] = ()

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Context:
    """What Claude is shown of a repository for one request.

    `commit` is the commit that `snapshot` stands for, None without commits or without git.
    Every text in here has passed the gate.
    """

    root: Path
    commit: str | None
    snapshot: Layer
    changes: Layer
    task: Layer
    omitted: tuple[Omission, ...] = ()


@dataclass(frozen=True, slots=True)
class Allowed:
    """Text that may be sent.  Secrets are replaced by placeholders of the same length.

    `secrets` maps each placeholder to what it stands for, so that an edit of the text can put
    it back; offsets in `text` are those of the original.
    """

    text: str
    secrets: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """Text that may not be sent, and why, as the end of the sentence "PATH is not sent: …"."""

    reason: str
