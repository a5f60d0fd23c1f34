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
CacheLifetime = Literal["5m", "1h"]
Step = Literal["first", "keep", "fold", "return", "rebuild"]


@dataclass(frozen=True, slots=True)
class Focus:
    """The text that a request is about.

    `path` is relative to the root, with ``/``; `text` is the text as it is now, saved or not;
    `span` is the part of it that was asked about.  `in_task` says that the caller's own task
    shows the lines of `span`, so that the context need not repeat them; `alone`, that it shows
    all that is wanted of the file, which then is among the changes only as it is on the disk:
    while somebody types, they stay as they are.
    """

    path: str
    text: str
    span: Span
    in_task: bool = False
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """What an entry of the changes layer speaks of: a file, or lines of it.

    `lines` are lines ``[first, end)`` of the file, from 0: as the snapshot's commit has it, or,
    with `since_told`, as the layer itself told it last as a whole.  None is for all of it, also
    where the commit has no such file.
    """

    path: str
    lines: tuple[int, int] | None = None
    since_told: bool = False

    @property
    def numbers(self) -> str:
        """The lines as a reader counts them: from 1, the last one included; "" for all of them."""
        return f"{self.lines[0] + 1}-{self.lines[1]}" if self.lines is not None else ""

    def replaces(self, earlier: Place) -> bool:
        """Whether what was said of `earlier` does not hold any more once this is spoken of."""
        if self.path != earlier.path:
            return False
        if self.lines is None:
            return True
        if earlier.lines is None:
            return not self.since_told
        if self.since_told != earlier.since_told:
            return True
        return self.lines[0] < earlier.lines[1] and earlier.lines[0] < self.lines[1]


@dataclass(frozen=True, slots=True)
class Statement:
    """That a place is in the state of that name."""

    place: Place
    state: str


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
class Prices:
    """What a prompt token costs by what becomes of it, in USD; `output` is a reply's token."""

    input: float
    write_5m: float
    write_1h: float
    read: float
    output: float = 0.0

    def write(self, lifetime: CacheLifetime) -> float:
        return self.write_1h if lifetime == "1h" else self.write_5m


@dataclass(frozen=True, slots=True)
class Plan:
    """How the prefix of one request is to be cached, and why.

    A lifetime of None asks for no entry.  `changes_log` are the blocks of the changes layer that
    only ever grow: the last one ends a cache entry.  `changes_tail` is the rest of that layer: it
    is sent after the last marker.  `step` is what became of the prefix before: nothing was there
    (`first`), it goes on (`keep`), the log was written anew without what no longer holds
    (`fold`), or the snapshot was, for another commit (`rebuild`).  `log_statements` (block by
    block) and `tail_statements` are what these texts say.  `snapshot_alive` and
    `log_blocks_alive` say what should be readable from the cache; `reason` is one sentence.
    """

    snapshot_lifetime: CacheLifetime | None = "1h"
    changes_lifetime: CacheLifetime | None = "5m"
    changes_log: tuple[str, ...] = ()
    changes_tail: str = ""
    log_statements: tuple[tuple[Statement, ...], ...] = ()
    tail_statements: tuple[Statement, ...] = ()
    step: Step = "first"
    reason: str = ""
    snapshot_alive: bool = False
    log_blocks_alive: int = 0


@dataclass(frozen=True, slots=True)
class PrefixId:
    """Which remembered prefix a context belongs to: see `kibitz_context.caching.prefix`.

    `generation` is counted up whenever bytes that were sent before are given up, so that news of
    an older prefix cannot be taken for news of this one.  `cache` is None for a prefix that is
    remembered by this process alone.
    """

    key: str
    generation: int
    cache: Path | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """What Claude is shown of a repository for one request.

    `commit` is the commit that `snapshot` stands for, None without commits or without git.
    `plan` says how the layers are to be cached; None: as the defaults of a plan say, with all of
    `changes` as one block.  `prefix` is None where no prefix was asked for or nothing is
    recorded.  A `provisional` snapshot has the conventions and the tree only, because the whole
    one is not prepared yet.  Every text in here has passed the gate.
    """

    root: Path
    commit: str | None
    snapshot: Layer
    changes: Layer
    task: Layer
    omitted: tuple[Omission, ...] = ()
    plan: Plan | None = None
    prefix: PrefixId | None = None
    provisional: bool = False


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
