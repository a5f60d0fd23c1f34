"""The files of a folder that has no git: names and sizes, and nothing of what is in them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from kibitz_context.files import discovery
from kibitz_context.files.ignore_files import IgnoreFiles

# More than this is not a project but somebody's home.
MAX_FILES = 5_000
MAX_FOLDERS = 2_000


def files(root: Path) -> Iterator[tuple[str, int | None]]:
    """The regular files below `root` that ``.gitignore`` does not exclude, with their sizes.

    Paths are relative, with ``/``.  No link is followed; a repository's own files are left out,
    and nobody's home is walked.
    """
    if root == Path(root.anchor) or root == Path(os.path.realpath(Path.home())):
        return
    if any(discovery.is_git_directory(each) for each in (root, *root.parents)):
        return
    ignore_files = IgnoreFiles(root, ".gitignore")
    n_files = n_folders = 0
    pending = [""]
    while pending and n_folders < MAX_FOLDERS:
        folder = pending.pop(0)
        n_folders += 1
        for entry in _entries(root / folder):
            path = f"{folder}{entry.name}"
            if entry.name == ".git":
                continue
            if entry.is_dir(follow_symlinks=False):
                is_git = discovery.is_git_directory(root / path)
                if not is_git and not ignore_files.excludes(f"{path}/"):
                    pending.append(f"{path}/")
            elif entry.is_file(follow_symlinks=False) and not ignore_files.excludes(path):
                n_files += 1
                if n_files > MAX_FILES:
                    return
                size = None
                with contextlib.suppress(OSError):
                    size = entry.stat(follow_symlinks=False).st_size
                yield path, size


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """The entries of a folder by name; none of one that cannot be read."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        return sorted(entries, key=lambda entry: entry.name)
    return []
