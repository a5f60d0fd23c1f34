"""Ignore files that git tracks and the disk does not have: what they say holds all the same.

A sparse checkout, a clone that was never checked out and a folder that somebody has removed are
without them, while the files that they speak of are still in the commit.  Knows git's index, and
the commit that is checked out where there is no index; what the lines mean is not its business.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path

from kibitz_context import discovery, git_commands
from kibitz_context.git_commands import GitFolder
from kibitz_context.ignore_files import MAX_IGNORE_FILE_BYTES, lines_of
from kibitz_context.repository import Repository

# By folder: "" or ending with "/".
Rules = Mapping[str, tuple[str, ...]]

MAX_REMEMBERED_INDEXES = 64

# Of a file that cannot be read (a partial clone lacks it) nobody knows what it excludes.
_EVERYTHING = ("*",)


class TrackedRules:
    """The files called `name` that git tracks below `root`, as far as that is a work tree's top.

    Looked at once, when somebody asks first; for any thread.
    """

    def __init__(self, root: Path, name: str) -> None:
        self._root = root
        self._name = name

    def lines(self, folder: str) -> tuple[str, ...]:
        """What git has for the file in `folder` ("" or ending with ``/``), line by line."""
        return self._rules.get(folder, ())

    @cached_property
    def _rules(self) -> Rules:
        if not discovery.has_git(self._root):
            return {}
        key = (self._root, self._name)
        with _lock:
            known = _remembered.get(key)
        if known is not None and known[1] == _signature(known[0]):
            return known[2]
        repository = Repository.find(self._root)
        if repository.git is None or repository.root != self._root:
            return {}
        signature = _signature(repository.git.index_file)
        rules = dict(self._read(repository))
        if signature is not None:
            with _lock:
                _remembered[key] = (repository.git.index_file, signature, rules)
                _remembered.move_to_end(key)
                while len(_remembered) > MAX_REMEMBERED_INDEXES:
                    _remembered.popitem(last=False)
        return rules

    def _read(self, repository: Repository) -> Iterator[tuple[str, tuple[str, ...]]]:
        assert repository.git is not None
        blob_ids = _listed(repository.git, self._name)
        if not blob_ids:
            return
        with repository.blobs(MAX_IGNORE_FILE_BYTES) as blobs:
            for folder, blob_id in blob_ids.items():
                content = blobs.read(blob_id)
                yield folder, _EVERYTHING if isinstance(content, str) else lines_of(content)


def _listed(git: GitFolder, name: str) -> dict[str, str]:
    """The folders that have a file called `name`, and git's ids of these files."""
    if _signature(git.index_file) is not None:
        listing = ["ls-files", "-s", "-z", "--", f":(top,glob)**/{name}"]
    else:
        # As after `git clone --no-checkout`.
        listing = ["ls-tree", "-r", "-z", "--full-tree", "--end-of-options", "HEAD"]
    found: dict[str, str] = {}
    for record in git_commands.run(git, listing).stdout.split(b"\0"):
        meta, _, path = git_commands.decoded(record).partition("\t")
        folder, slash, last = path.rpartition("/")
        # Git, too, does not follow a link here.
        if last == name and meta.startswith("100"):
            # The index has "mode id stage", a commit "mode type id".
            _, first, second = meta.split()
            found.setdefault(folder + slash, second if first == "blob" else first)
    return found


def _signature(file: Path) -> tuple[int, int, int] | None:
    """What differs when git has written the file anew; None where it is not there."""
    try:
        facts = os.stat(file)  # noqa: PTH116
    except (OSError, ValueError):
        return None
    return facts.st_mtime_ns, facts.st_size, facts.st_ino


_remembered: OrderedDict[tuple[Path, str], tuple[Path, tuple[int, int, int] | None, Rules]] = (
    OrderedDict()
)
_lock = threading.Lock()
