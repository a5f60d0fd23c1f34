"""Which repository holds a file, asked of git once and remembered while the disk looks the same.

Asking git costs a process; looking whether a ``.git`` has come, gone or been made anew costs a
few names.  So a `git init` in a folder that was opened without git is seen at the next request.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kibitz_context.remembered import Remembered

if TYPE_CHECKING:
    from kibitz_context.files.repository import Repository

MOST_REMEMBERED = 256

# The real path that was asked about, whether it is a folder, and the nearest `.git` above it.
_Stamp = tuple[str, bool, str, tuple[int, ...]]
_Heart = tuple[int, ...]


class Repositories:
    """Finds repositories.  May be used by several threads."""

    def __init__(self) -> None:
        self._found: Remembered[
            tuple[Path, tuple[Path, ...]], tuple[_Stamp, _Heart, Repository]
        ] = Remembered(MOST_REMEMBERED)

    def find(self, start: Path, folders: Sequence[Path] = ()) -> Repository:
        """See `Repository.find`.  May run git: not for the event loop."""
        key = (start, tuple(folders))
        stamp = _stamp(start)
        known = self._found.get(key)
        if known is not None and known[:2] == (stamp, _heart(known[2])):
            return known[2]
        # Loaded when somebody asks for something: no start of a server has to wait for it.
        from kibitz_context.files.repository import Repository

        found = Repository.find(start, folders)
        heart = _heart(found)
        if stamp[2] and not found.has_git:
            return found  # What keeps git from it now may be mended without a trace in names.
        self._found.put(key, (stamp, heart, found))
        return found


def _heart(found: Repository) -> _Heart:
    """What differs when git may not take the git directory for one any more: it is damaged, or
    that of a linked work tree was moved away.  Another branch differs as well."""
    if found.git is None:
        return ()
    signature: list[int] = []
    for file in (found.git.git_dir / "HEAD", found.git.common_dir / "HEAD"):
        try:
            status = os.stat(file)  # noqa: PTH116
        except OSError:
            signature.append(-1)
        else:
            signature += (status.st_ino, status.st_mtime_ns, status.st_size)
    return tuple(signature)


def _stamp(start: Path) -> _Stamp:
    """What differs whenever `Repository.find` could answer something else."""
    # `os.path` takes any path, also one that is too long for the disk.
    real = os.path.realpath(start)
    is_folder = os.path.isdir(real)  # noqa: PTH112
    folder = real
    while True:
        name = os.path.join(folder, ".git")  # noqa: PTH118
        try:
            status = os.lstat(name)
        except (OSError, ValueError):
            above = os.path.dirname(folder)  # noqa: PTH120
            if above == folder:
                return real, is_folder, "", ()
            folder = above
            continue
        identity = (status.st_dev, status.st_ino, status.st_mode)
        if stat.S_ISDIR(status.st_mode):
            return real, is_folder, name, identity
        # A file or a link: what it says leads elsewhere, and may be written anew in place.
        return real, is_folder, name, (*identity, status.st_mtime_ns, status.st_size)
