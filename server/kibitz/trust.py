"""Which repositories' code the automatic features may send.

A repository is trusted by the real path of its top level and by nothing else: neither a
repository inside it nor one that a link leads to inherits its trust.  The file is read again
when it has changed, so that `kibitz trust` and `kibitz trust --revoke` reach a running server.
A file that does not hold means that nothing is trusted; it is never overwritten.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kibitz.errors import UserError
from kibitz.paths import make_private
from kibitz.plain_text import one_line

_MOST_BYTES = 4 * 1024 * 1024
_HEADER = "# Written by `kibitz trust`: when you came to trust which repository.\n[trusted]\n"


@dataclass(frozen=True, slots=True)
class _Read:
    """What the file said when it was last read."""

    stamp: tuple[int, ...] | None
    since: Mapping[str, datetime.datetime]
    problem: str | None = None


class Trust:
    """The repositories that the user trusts, kept in one file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last = _read(path)

    @classmethod
    def load(cls, path: Path) -> Trust:
        """What `path` says; a missing file trusts nothing.  Never fails: see `problem`."""
        return cls(path)

    @property
    def problem(self) -> str | None:
        """Why the file does not hold, as a sentence; then nothing is trusted."""
        return self._now().problem

    def is_trusted(self, root: Path) -> bool:
        """Whether the repository whose top level is `root` is trusted, at this moment."""
        return _real(root) in self._now().since

    def roots(self) -> tuple[Path, ...]:
        """The trusted repositories, sorted."""
        return tuple(sorted(map(Path, self._now().since)))

    def grant(self, root: Path) -> None:
        """Trust the repository whose top level is `root`.

        Raises UserError when `root` is no folder, or the file does not hold or cannot be written.
        """
        if not root.is_dir():
            raise UserError(f"{one_line(str(root))} is not a folder; name the repository's own.")
        if not _is_utf8(_real(root)):
            raise UserError(f"{one_line(str(root))} is not UTF-8; give the folder another name.")
        with self._to_change() as since:
            since.setdefault(_real(root), datetime.datetime.now(datetime.UTC))

    def revoke(self, root: Path) -> bool:
        """Trust `root` no longer; False when it was not trusted.  Raises as `grant` does."""
        with self._to_change() as since:
            return since.pop(_real(root), None) is not None

    def _now(self) -> _Read:
        if _stamp(self._path) != self._last.stamp:
            self._last = _read(self._path)
        return self._last

    @contextlib.contextmanager
    def _to_change(self) -> Iterator[dict[str, datetime.datetime]]:
        """What is trusted, to be changed in place; no other process writes meanwhile."""
        make_private(self._path.parent)
        try:
            with _locked(self._path.with_suffix(".lock")):
                read = _read(self._path)
                if read.problem is not None:
                    raise UserError(read.problem)
                since = dict(read.since)
                yield since
                if since != read.since:
                    _write(self._path, since)
        except OSError as error:
            raise UserError(
                f"{self._path} cannot be written ({error.strerror}); check its rights."
            ) from error


def _real(root: Path) -> str:
    # normcase: Windows knows one folder under many spellings.
    return os.path.normcase(os.path.realpath(root))


def _is_utf8(path: str) -> bool:
    """Whether a name made of bytes can be written into a text file."""
    return not any("\ud800" <= character <= "\udfff" for character in path)


def _stamp(path: Path) -> tuple[int, ...] | None:
    """Something that differs whenever the file does: each write makes a new inode."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def _read(path: Path) -> _Read:
    stamp = _stamp(path)
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES)
            owner = os.fstat(file.fileno()).st_uid
    except FileNotFoundError:
        return _Read(stamp, {})
    except OSError as error:
        return _faulty(stamp, path, f"cannot be read ({error.strerror})")
    if sys.platform != "win32" and owner != os.geteuid():
        return _faulty(stamp, path, "belongs to another user")
    try:
        trusted: Any = tomllib.loads(content.decode()).get("trusted", {})
    except (ValueError, RecursionError) as error:  # not UTF-8, not TOML
        return _faulty(stamp, path, f"is damaged ({one_line(str(error), 100)})")
    if not isinstance(trusted, dict):
        return _faulty(stamp, path, "is damaged (no table `trusted`)")
    for root, since in trusted.items():
        if not os.path.isabs(root) or not isinstance(since, datetime.datetime):  # noqa: PTH117
            return _faulty(stamp, path, f"is damaged (the line of {one_line(root, 80)})")
    return _Read(stamp, trusted)


def _faulty(stamp: tuple[int, ...] | None, path: Path, what: str) -> _Read:
    return _Read(stamp, {}, f"{path} {what}; nothing is trusted until you mend or delete it.")


def _quoted(root: str) -> str:
    # JSON's strings are TOML's, but for DEL.
    return json.dumps(root, ensure_ascii=False).replace("\x7f", "\\u007f")


def _write(path: Path, since: Mapping[str, datetime.datetime]) -> None:
    lines = [
        f"{_quoted(root)} = {when.isoformat(timespec='seconds')}\n"
        for root, when in sorted(since.items())
    ]
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)  # made 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(_HEADER + "".join(lines))
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock file; it stays, as removing it would let two processes hold two of them."""
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        yield
