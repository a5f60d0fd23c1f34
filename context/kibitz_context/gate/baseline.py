"""What a repository holds before anybody's unsaved or uncommitted work: commit or folder.

The one place that knows where a base text comes from: a blob of the commit, or, without any
commit, the file on the disk.  Every text in here has passed the gate.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from kibitz_context import markup
from kibitz_context.files.git_commands import BlobReader
from kibitz_context.files.repository import Repository, TrackedFile
from kibitz_context.gate.gate import MAX_TEXT_BYTES, Gate
from kibitz_context.remembered import Remembered
from kibitz_context.values import Allowed, Omission, Refused

MAX_REMEMBERED_COMMITS = 8
MAX_REMEMBERED_BRANCHINGS = 64

# Reasons of git's that may be gone tomorrow, as where a partial clone fetches what it lacks; all
# others are in the content and stay.
PASSING_REASONS = frozenset(
    {"git ended unexpectedly", "its content is missing from the repository"}
)

# The share of the budget for changes that one's own commits may take.  More: there is no room
# for work at hand.  Less: the snapshot is seldom one that a colleague has written already.
NEAR_SHARE = 0.5
# What a changed line costs in a diff with its surroundings, and what a changed file costs.
TOKENS_PER_LINE = 16
TOKENS_PER_FILE = 60


@dataclass(frozen=True)
class Baseline:
    """The files of one commit, or those of a folder (`commit` is None), sorted by path.

    `others` is what the commit has besides: links and submodules, which are not looked into.
    `texts` are those of a folder at an earlier moment, as far as they were kept; None: those on
    the disk.
    """

    commit: str | None
    files: tuple[TrackedFile, ...]
    others: tuple[Omission, ...] = ()
    texts: Mapping[str, str] | None = None

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


@dataclass(frozen=True, slots=True)
class Bases:
    """What could be the base of a repository now: commits, None for what there is not.

    `shared` is the commit where the work at hand branched off the shared history, near enough to
    tell the rest as changes: the history of the upstream's default branch or, where that is too
    far, of the branch's own upstream, or of the local main branch.  `known` is the base that was
    asked about, if it is still there.
    """

    head: str | None
    shared: str | None
    known: str | None

    @property
    def preferred(self) -> str | None:
        return self.shared or self.head


def bases(repository: Repository, changes_tokens: int, known: str | None = None) -> Bases:
    """Look where the repository stands.  `changes_tokens` is the budget for changes."""
    names = ("HEAD", *_NAMES_OF_SHARED, *((known,) if known is not None else ()))
    *answers, tracked = repository.commits(names, upstream=True)
    found = dict(zip(names, answers, strict=True))
    head = found["HEAD"]
    is_there = found[known] if known is not None else None
    if head is None:
        return Bases(None, None, is_there)
    remote = [_first(found, names) for names in _OF_REMOTES]
    if not any(remote):
        listed = repository.references([f"refs/remotes/*/{branch}" for branch in _BRANCHES])
        remote = [listed[name] for name in sorted(listed, key=_by_branch)]
    tips = dict.fromkeys((*remote, tracked, _first(found, _LOCAL)))
    near = (_shared(repository, head, tip, changes_tokens) for tip in tips if tip is not None)
    return Bases(head, next((each for each in near if each is not None), None), is_there)


# Where the default branch of a remote is found: what a clone notes, and what it is usually called.
_BRANCHES = ("HEAD", "main", "master", "trunk", "develop")
# In a fork `origin` is one's own copy and `upstream` what everybody has.  A remote of any other
# name counts where there is none of these.
_OF_REMOTES = tuple(
    tuple(f"refs/remotes/{remote}/{branch}" for branch in _BRANCHES)
    for remote in ("upstream", "origin")
)
_LOCAL = ("refs/heads/main", "refs/heads/master", "refs/heads/trunk")
_NAMES_OF_SHARED = (*(name for names in _OF_REMOTES for name in names), *_LOCAL)


def _first(found: Mapping[str, str | None], names: Iterable[str]) -> str | None:
    return next((commit for name in names if (commit := found[name]) is not None), None)


def _by_branch(name: str) -> tuple[int, str]:
    return _BRANCHES.index(name.rpartition("/")[2]), name


def _shared(repository: Repository, head: str, tip: str, changes_tokens: int) -> str | None:
    """Where `head` branched off the history of `tip`, unless too much has changed since."""
    key = (repository.root, head, tip, changes_tokens)
    return _branchings.get_or_make(key, lambda: _branching(repository, head, tip, changes_tokens))


def _branching(repository: Repository, head: str, tip: str, changes_tokens: int) -> str | None:
    commit = head if head == tip else repository.merge_base(head, tip)
    if commit is not None and commit != head:
        room = int(NEAR_SHARE * changes_tokens)
        counts = repository.lines_between(commit, head, room // TOKENS_PER_FILE)
        if counts is None or sum(map(_tokens_of_change, counts)) > room:
            commit = None
    return commit


def _tokens_of_change(n_lines: int) -> int:
    return TOKENS_PER_FILE + n_lines * TOKENS_PER_LINE


_branchings: Remembered[tuple[Path, str, str, int], str | None] = Remembered(
    MAX_REMEMBERED_BRANCHINGS
)


def baseline(repository: Repository, commit: str | None) -> Baseline:
    """The files of `commit`; of None those that are there.

    Before the first commit, and where the commit's folders cannot be read, these are what git
    tracks and what it would.
    """
    if commit is None:
        return _folder(repository)
    key = (repository.root, commit)
    known = _remembered.get(key)
    if known is not None:
        return known
    tree = repository.tree(commit)
    if tree is None:
        return _folder(repository)
    files, others = tree
    printable = tuple(Omission(markup.printable(each.path), each.reason) for each in others)
    found = Baseline(commit, files, printable)
    _remembered.put(key, found)
    return found


def _folder(repository: Repository) -> Baseline:
    files = {file.path: file for file in repository.tracked()}
    for path in repository.untracked():
        files.setdefault(path, TrackedFile(path))
    return Baseline(None, tuple(sorted(files.values())))


_remembered: Remembered[tuple[Path, str], Baseline] = Remembered(MAX_REMEMBERED_COMMITS)


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

    def at(self, base: Baseline) -> Sources:
        """The same sources as of another base."""
        return Sources(self.repository, self.gate, base, self.check, self._blobs)

    def read(self, file: TrackedFile) -> Allowed | Refused:
        r"""The base text of a file, with ``\n`` line endings, as it may be sent."""
        self.check()
        if self.base.commit is not None:
            return self.read_blob(file.path, file.blob_id)
        if self.base.texts is not None:
            text = self.base.texts.get(file.path)
            return Allowed(text) if text is not None else _NOT_KEPT
        return _with_line_feeds(self.gate.read_listed(file.path))

    def announce(self, files: Iterable[TrackedFile]) -> None:
        """Say which blobs of git's are read next, in this order: nobody waits for git then."""
        assert self._blobs is not None, "only git has blobs"
        self._blobs.announce(file.blob_id for file in files)

    def read_blob(self, path: str, blob_id: str) -> Allowed | Refused:
        """As `read`, of another content that `path` has in git."""
        assert self._blobs is not None, "only git has blobs"
        content = self._blobs.read(blob_id)
        if isinstance(content, str):
            return Refused(content)
        return _with_line_feeds(self.gate.admit_blob(path, content))

    def text(self, path: str) -> str | None:
        """The base text at `path`; None where there is none that may be sent."""
        file = self.base.by_path.get(path)
        answer = self.read(file) if file is not None else None
        return answer.text if isinstance(answer, Allowed) else None


_NOT_KEPT = Refused("what it held then was not kept")


def _with_line_feeds(answer: Allowed | Refused) -> Allowed | Refused:
    if isinstance(answer, Refused):
        return answer
    return Allowed(markup.with_line_feeds(answer.text), answer.secrets)


@contextlib.contextmanager
def opened(
    repository: Repository,
    gate: Gate,
    check: Callable[[], None],
    base: Baseline | None = None,
) -> Iterator[Sources]:
    """The sources of one gathering; what git is started for them is ended with them.

    They are of `base`, or of no file until they are taken to one (`Sources.at`).
    """
    base = base or Baseline(None, ())
    if repository.git is None:
        yield Sources(repository, gate, base, check, None)
    else:
        with repository.blobs(MAX_TEXT_BYTES) as blobs:
            yield Sources(repository, gate, base, check, blobs)
