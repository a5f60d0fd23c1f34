"""Files of rules that git tracks and the disk does not have: what they say holds all the same.

A sparse checkout, a clone that was never checked out and a folder that somebody has removed are
without them, while the files that they speak of are still in the commit.  Knows git's index, and
the commit that is checked out where there is no index; what the lines mean is not its business.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from kibitz_context.files import discovery, git_commands
from kibitz_context.files.git_commands import GitFolder
from kibitz_context.files.ignore_files import MAX_IGNORE_FILE_BYTES, lines_of
from kibitz_context.files.repository import Repository
from kibitz_context.remembered import Remembered

KIBITZ_IGNORE = ".kibitzignore"
ATTRIBUTES = ".gitattributes"
# Asked about at once.
NAMES = frozenset((KIBITZ_IGNORE, ATTRIBUTES))

# By folder: "" or ending with "/".
Rules = Mapping[str, tuple[str, ...]]
_Signature = tuple[int, int, int]

MAX_REMEMBERED_INDEXES = 64


class TrackedRules:
    """The files called `name` (one of `NAMES`) that git tracks below `root`, as far as that is a
    work tree's top.

    Looked at once, when somebody asks first; for any thread.  `lines` takes a content apart,
    `unreadable` are the lines of a file that a partial clone lacks: by default all is excluded.
    """

    def __init__(
        self,
        root: Path,
        name: str,
        lines: Callable[[bytes], tuple[str, ...]] = lines_of,
        unreadable: tuple[str, ...] = ("*",),
    ) -> None:
        self._root = root
        self._name = name
        self._lines_of = lines
        self._unreadable = unreadable

    @property
    def has_any(self) -> bool:
        """Whether there is a line in any of them."""
        return any(self._rules.values())

    def lines(self, folder: str) -> tuple[str, ...]:
        """What git has for the file in `folder` ("" or ending with ``/``), line by line."""
        return self._rules.get(folder, ())

    @cached_property
    def _rules(self) -> Rules:
        tracked = _tracked(self._root)
        if tracked is None:
            return {}
        known = _remembered.get((self._root, self._name))
        if known is not None and known[0] is tracked:
            return known[1]
        rules = dict(self._read(tracked.repository, tracked.blob_ids.get(self._name, {})))
        _remembered.put((self._root, self._name), (tracked, rules))
        return rules

    def _read(
        self, repository: Repository, blob_ids: Mapping[str, str]
    ) -> Iterator[tuple[str, tuple[str, ...]]]:
        if not blob_ids:
            return
        with repository.blobs(MAX_IGNORE_FILE_BYTES) as blobs:
            # The one at the top comes first.
            for folder, blob_id in sorted(blob_ids.items()):
                content = blobs.read(blob_id)
                if isinstance(content, str):
                    yield folder, self._unreadable
                else:
                    yield folder, self._lines_of(content)


@dataclass(frozen=True)
class _Tracked:
    """What git has of all `NAMES`: by name, the folders that have one and git's ids of these."""

    repository: Repository
    index_file: Path
    signature: _Signature | None
    blob_ids: Mapping[str, Mapping[str, str]]


def _tracked(root: Path) -> _Tracked | None:
    """As it is now, asked of git only when its index has changed; None without git."""
    if not discovery.has_git(root):
        return None
    known = _listings.get(root)
    # Without an index another commit may be checked out unnoticed.
    if known and known.signature and known.signature == _signature(known.index_file):
        return known
    repository = Repository.find(root)
    if repository.git is None or repository.root != root:
        return None
    signature = _signature(repository.git.index_file)
    blob_ids = _listed(repository.git, has_index=signature is not None)
    found = _Tracked(repository, repository.git.index_file, signature, blob_ids)
    _listings.put(root, found)
    return found


def _listed(git: GitFolder, *, has_index: bool) -> Mapping[str, Mapping[str, str]]:
    if has_index:
        listing = ["ls-files", "-s", "-z", "--", *(f":(top,glob)**/{name}" for name in NAMES)]
    else:
        # As after `git clone --no-checkout`.
        listing = ["ls-tree", "-r", "-z", "--full-tree", "--end-of-options", "HEAD"]
    found: dict[str, dict[str, str]] = {}
    for record in git_commands.run(git, listing).stdout.split(b"\0"):
        meta, _, path = git_commands.decoded(record).partition("\t")
        folder, slash, last = path.rpartition("/")
        # Git, too, does not follow a link here.
        if last in NAMES and meta.startswith("100"):
            # The index has "mode id stage", a commit "mode type id".
            _, first, second = meta.split()
            blob_id = second if first == "blob" else first
            found.setdefault(last, {}).setdefault(folder + slash, blob_id)
    return found


def _signature(file: Path) -> _Signature | None:
    """What differs when git has written the file anew; None where it is not there."""
    try:
        facts = os.stat(file)  # noqa: PTH116
    except (OSError, ValueError):
        return None
    return facts.st_mtime_ns, facts.st_size, facts.st_ino


_listings: Remembered[Path, _Tracked] = Remembered(MAX_REMEMBERED_INDEXES)
_remembered: Remembered[tuple[Path, str], tuple[_Tracked, Rules]] = Remembered(
    MAX_REMEMBERED_INDEXES
)
