r"""What Claude may look at while it works on one task: a repository through a gate.

Every text comes through the gate, with the open buffers in the place of what is on the disk, and
every path that is named has been let pass by it.  May be used by several threads; what is listed
is listed once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from kibitz.looking.arguments import Stopped, Unusable
from kibitz.plain_text import one_line
from kibitz_context import markup
from kibitz_context.files.git_commands import GitFolder
from kibitz_context.files.repository import Repository
from kibitz_context.gate.gate import Gate
from kibitz_context.values import Allowed, Refused

NOT_OPENED = "it lies beside the file that was opened, and only that one may be read"
NOT_INCLUDED = "it is not in context.include"


@dataclass
class _Listing:
    """What is listed once for a task."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    paths: tuple[str, ...] | None = None
    buffers: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Sight:
    """`buffers_by_path` are the open buffers by real path; `focus` is the document that the task
    is about, relative to the root, which may be read whatever ``context.include`` says.

    `should_stop` is asked now and then; after `deadline` (of `time.monotonic`) the work is given
    up.  `cache` is the folder with the index, None for none.
    """

    repository: Repository
    gate: Gate
    buffers_by_path: Mapping[Path, str] = field(default_factory=dict[Path, str])
    focus: str = ""
    cache: Path | None = None
    should_stop: Callable[[], bool] = lambda: False
    deadline: float = float("inf")
    _listing: _Listing = field(default_factory=_Listing)

    def for_seconds(self, seconds: float) -> Sight:
        """The same sight for work that may take so long."""
        return replace(self, deadline=time.monotonic() + seconds)

    def check(self) -> None:
        """Raises Stopped, or Unusable when the time is up."""
        if self.should_stop():
            raise Stopped
        if time.monotonic() > self.deadline:
            raise Unusable("That takes too long; ask for less.")

    @property
    def git(self) -> GitFolder:
        """Where git is; raises Unusable where there is none."""
        if self.repository.git is None:
            raise Unusable("There is no git here, so nothing is known of earlier versions.")
        return self.repository.git

    @property
    def paths(self) -> tuple[str, ...]:
        """Every file that may be read unasked, as far as its name tells; sorted."""
        with self._listing.lock:
            if self._listing.paths is None:
                self._listing.paths = self._listed()
            return self._listing.paths

    @property
    def buffers(self) -> Mapping[str, str]:
        """The open buffers that may be read, as they are, by relative path."""
        listed = frozenset(self.paths)
        with self._listing.lock:
            if self._listing.buffers is None:
                self._listing.buffers = self._allowed_buffers(listed)
            return self._listing.buffers

    def relative(self, path: str) -> str:
        """A file's place relative to the root.  Raises Unusable for one that may not be read."""
        relative = self.gate.relative(path)
        if relative is None:
            reason = self.gate.refusal(path) or "it is outside the repository"
            raise _refused(path, reason)
        if self.repository.only not in (None, relative):
            raise _refused(path, NOT_OPENED)
        if not self.gate.includes(relative) and relative != self.focus:
            raise _refused(path, NOT_INCLUDED)
        return relative

    def text(self, path: str) -> tuple[str, Allowed]:
        """The place and the text of a file that was asked for by name.

        Raises Unusable with the reason when it may not be read.
        """
        relative = self.relative(path)
        if relative in self.buffers:
            answer = self.gate.admit(path, self.buffers[relative])
        else:
            answer = self.gate.read(path)
        if isinstance(answer, Refused):
            raise _refused(path, answer.reason)
        return relative, answer

    def listed_text(self, path: str) -> Allowed | None:
        """The text of one of `paths`; None when it has none that may be sent."""
        self.check()
        if (text := self.buffers.get(path)) is not None:
            # The path is one that the gate has let pass.
            answer = self.gate.admit(None, text)
        else:
            answer = self.gate.read_listed(path)
        return answer if isinstance(answer, Allowed) else None

    def place(self, path: str) -> str:
        """A file or folder that need not exist, "" for everything; raises Unusable."""
        if path.strip("./") == "" and ".." not in path:
            return ""
        relative = self.gate.relative(path)
        if relative is None or (reason := self.gate.name_refusal(relative)) is not None:
            reason = "it is outside the repository" if relative is None else reason
            raise _refused(path, reason or "")
        return relative

    def may_name(self, path: str) -> bool:
        """Whether a path of git's may be told."""
        return self.gate.name_refusal(path) is None and self.gate.includes(path)

    def _listed(self) -> tuple[str, ...]:
        tracked = {file.path for file in self.repository.tracked()}
        tracked.update(self.repository.untracked())
        return tuple(sorted(path for path in tracked if self.may_name(path)))

    def _allowed_buffers(self, listed: frozenset[str]) -> Mapping[str, str]:
        found: dict[str, str] = {}
        for path, text in self.buffers_by_path.items():
            relative = self.gate.relative(path)
            if relative is None or self.repository.only not in (None, relative):
                continue
            if relative not in listed:
                if not self.gate.includes(relative) and relative != self.focus:
                    continue
                if self.gate.refusal(relative) is not None:
                    continue
            found[relative] = text
        return found

    @cached_property
    def readable(self) -> tuple[str, ...]:
        """`paths` and the files that are only open yet; sorted."""
        return tuple(sorted({*self.paths, *self.buffers}))


def _refused(path: str, reason: str) -> Unusable:
    return Unusable(f"{one_line(markup.printable(path), 200)} cannot be read: {reason}.")
