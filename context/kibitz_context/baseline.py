"""What a repository holds before anybody's unsaved or uncommitted work: commit or folder.

The one place that knows where a base text comes from: a blob of the commit, or, without any
commit, the file on the disk.  Every text in here has passed the gate.
"""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from kibitz_context.gate import MAX_TEXT_BYTES, Gate
from kibitz_context.git_commands import BlobReader
from kibitz_context.layers import with_line_feeds
from kibitz_context.repository import Repository, TrackedFile
from kibitz_context.values import Allowed, Refused

MAX_REMEMBERED_COMMITS = 8


@dataclass(frozen=True)
class Baseline:
    """The files of one commit, or those of a folder (`commit` is None), sorted by path."""

    commit: str | None
    files: tuple[TrackedFile, ...]

    @property
    def identity(self) -> str:
        """Names the files and what is in them, as far as they can be named."""
        return self.commit or ""

    @cached_property
    def by_path(self) -> Mapping[str, TrackedFile]:
        return {file.path: file for file in self.files}

    @cached_property
    def folders(self) -> tuple[str, ...]:
        """Every folder that holds a file, and those above: "" or ending with ``/``; sorted."""
        found = {""}
        for file in self.files:
            end = file.path.rfind("/") + 1
            while end and (folder := file.path[:end]) not in found:
                found.add(folder)
                end = file.path.rfind("/", 0, end - 1) + 1
        return tuple(sorted(found))


def baseline(repository: Repository) -> Baseline:
    """The commit that is checked out; without one, the files that are there.

    Before the first commit these are what git tracks and what it would.
    """
    commit = repository.head()
    if commit is None:
        files = {file.path: file for file in repository.tracked()}
        for path in repository.untracked():
            files.setdefault(path, TrackedFile(path))
        return Baseline(None, tuple(sorted(files.values())))
    key = (repository.root, commit)
    with _lock:
        known = _remembered.get(key)
        if known is not None:
            _remembered.move_to_end(key)
            return known
    found = Baseline(commit, repository.committed(commit))
    with _lock:
        _remembered[key] = found
        while len(_remembered) > MAX_REMEMBERED_COMMITS:
            _remembered.popitem(last=False)
    return found


_remembered: OrderedDict[tuple[Path, str], Baseline] = OrderedDict()
_lock = threading.Lock()


class Sources:
    r"""What one gathering reads from: a repository through a gate, for one thread.

    `check` is called before each piece of work and may raise to give up.
    """

    def __init__(
        self,
        repository: Repository,
        gate: Gate,
        base: Baseline,
        check: Callable[[], None],
        blobs: BlobReader | None,
    ) -> None:
        self.repository = repository
        self.gate = gate
        self.base = base
        self.check = check
        self._blobs = blobs

    def read(self, file: TrackedFile) -> Allowed | Refused:
        r"""The base text of a file, with ``\n`` line endings, as it may be sent."""
        self.check()
        if self._blobs is None:
            answer = self.gate.read_listed(file.path)
        else:
            content = self._blobs.read(file.blob_id)
            if isinstance(content, str):
                return Refused(content)
            answer = self.gate.admit_blob(file.path, content)
        if isinstance(answer, Refused):
            return answer
        return Allowed(with_line_feeds(answer.text), answer.secrets)

    def text(self, path: str) -> str | None:
        """The base text at `path`; None where there is none that may be sent."""
        file = self.base.by_path.get(path)
        answer = self.read(file) if file is not None else None
        return answer.text if isinstance(answer, Allowed) else None


@contextlib.contextmanager
def opened(
    repository: Repository, gate: Gate, base: Baseline, check: Callable[[], None]
) -> Iterator[Sources]:
    """The sources of one gathering; what git is started for them is ended with them."""
    if base.commit is None:
        yield Sources(repository, gate, base, check, None)
    else:
        with repository.blobs(MAX_TEXT_BYTES) as blobs:
            yield Sources(repository, gate, base, check, blobs)
