"""Where a check runs: in the repository, or where texts are not saved yet in a copy of it.

An edit stands in the editor, and a command reads the disk.  Nothing is written into the repository
for that: its files are copied, the texts are laid over the copy, and whatever is no file of the
repository (what a build has made, installed packages, git's own folder) is linked, so that the
command finds everything where it is used to.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

# A larger repository is not copied for one check: it would take longer than most checks do.
MOST_FILES: Final = 20_000
MOST_BYTES: Final = 500_000_000

_BOM: Final = b"\xef\xbb\xbf"
_LOOK_EVERY_FILES: Final = 100


class TooLarge(Exception):
    """The repository is too large to be copied."""


class Stopped(Exception):
    """Nobody waits for the copy any more."""


def unsaved(texts: Mapping[Path, str], root: Path) -> dict[Path, str]:
    """Those of `texts`, by real path, that lie below `root` and are not what the disk has.

    Blocking.
    """
    return {
        path: text
        for path, text in texts.items()
        if path.is_relative_to(root) and not _is_on_disk(path, text)
    }


@contextlib.contextmanager
def copied(
    root: Path, files: Sequence[str], texts: Mapping[Path, str], should_stop: Callable[[], bool]
) -> Iterator[Path]:
    """A copy of `root` with its `files` (relative, ``/``) and with `texts` in place of theirs.

    It is gone at the end.  Blocking.  Raises TooLarge, Stopped, and OSError.
    """
    if len(files) > MOST_FILES:
        raise TooLarge
    with tempfile.TemporaryDirectory(prefix="kibitz-check-") as folder:
        # What is compared with a path that was asked of the system has no link in it.
        copy = Path(os.path.realpath(folder)) / root.name
        copy.mkdir()
        _copy_files(root, copy, files, should_stop)
        for path, text in texts.items():
            target = copy / path.relative_to(root)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(_BOM * _has_bom(path) + text.encode("utf-8", "replace"))
        _link_the_rest(root, copy)
        yield copy


def _copy_files(
    root: Path, copy: Path, files: Sequence[str], should_stop: Callable[[], bool]
) -> None:
    room = MOST_BYTES
    folders: set[Path] = set()
    for number, name in enumerate(files):
        if number % _LOOK_EVERY_FILES == 0 and should_stop():
            raise Stopped
        source, target = root / name, copy / name
        if target.parent not in folders:
            target.parent.mkdir(parents=True, exist_ok=True)
            folders.add(target.parent)
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            room -= source.lstat().st_size
            if room < 0:
                raise TooLarge
            # Times too: a build goes by them.
            shutil.copy2(source, target, follow_symlinks=False)


def _link_the_rest(root: Path, copy: Path) -> None:
    """Link what lies beside the copied files, folder by folder."""
    pending = [copy]
    while pending:
        folder = pending.pop()
        inside = {entry.name: entry for entry in os.scandir(folder)}
        pending += [
            folder / name for name, entry in inside.items() if entry.is_dir(follow_symlinks=False)
        ]
        original = root / folder.relative_to(copy)
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            for entry in os.scandir(original):
                if entry.name not in inside:
                    (folder / entry.name).symlink_to(entry.path, entry.is_dir())


def _is_on_disk(path: Path, text: str) -> bool:
    try:
        return path.read_bytes().removeprefix(_BOM) == text.encode("utf-8", "replace")
    except OSError:
        return False


def _has_bom(path: Path) -> bool:
    with contextlib.suppress(OSError), path.open("rb") as file:
        return file.read(len(_BOM)) == _BOM
    return False
