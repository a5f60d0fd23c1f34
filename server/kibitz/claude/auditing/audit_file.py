"""The audit's files: JSON lines, one a request, in files of a day that are given up after a while.

Knows lines and files; what is in a record is known in `audit`.  Several processes write to the
same file: each record is one write at its end, so that lines stay whole without a lock.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

# A file that is larger is not written to any more; the day goes on in another one.
MOST_FILE_BYTES = 16 * 1024 * 1024
# What is kept in all: the oldest files go first.  With bodies, a few hundred requests.
MOST_FOLDER_BYTES = 256 * 1024 * 1024
MOST_DAYS = 30

_ENDING = ".jsonl"


class AuditFile:
    """The records in `folder`, which is made, for the user alone, with the first one.

    Raises OSError when they cannot be written.
    """

    def __init__(
        self,
        folder: Path,
        *,
        most_file_bytes: int = MOST_FILE_BYTES,
        most_folder_bytes: int = MOST_FOLDER_BYTES,
        most_days: int = MOST_DAYS,
    ) -> None:
        self.folder = folder
        self._most_file_bytes = most_file_bytes
        self._most_folder_bytes = most_folder_bytes
        self._most_days = most_days
        self._written_to: Path | None = None

    def append(self, record: Mapping[str, Any]) -> None:
        """Write a record as one line."""
        line = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
        data = line.encode("utf-8", "backslashreplace") + b"\n"
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._file_for(len(data))
        if path != self._written_to:
            self._written_to = path
            self.give_up_old()
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            if _is_cut_off(descriptor):
                data = b"\n" + data  # what another process could not finish is lost, not this
            if os.write(descriptor, data) != len(data):
                raise OSError(f"{path} takes no more")
        finally:
            os.close(descriptor)

    def records(self, since: datetime.datetime | None = None) -> Iterator[dict[str, Any]]:
        """All records that were begun at or after `since`, file by file, the oldest file first.
        A line that is none is left out."""
        for path in self._files():
            # A request that was begun in the evening may be in the file of the day after.
            if since is not None and path.name[:10] < since.astimezone().date().isoformat():
                continue
            try:
                with path.open("rb") as file:
                    for line in file:
                        with contextlib.suppress(ValueError):
                            record = json.loads(line)
                            if isinstance(record, dict) and _is_since(record, since):
                                yield record
            except FileNotFoundError:
                continue  # given up by another process meanwhile

    def give_up_old(self) -> None:
        """Delete what is too old, and the oldest of what is too much."""
        today = datetime.datetime.now().astimezone().date()
        oldest = (today - datetime.timedelta(days=self._most_days)).isoformat()
        total = 0
        for path in reversed(self._files()):
            with contextlib.suppress(FileNotFoundError):
                total += path.stat().st_size
                if path.name[:10] < oldest or total > self._most_folder_bytes:
                    path.unlink()

    def _file_for(self, n_bytes: int) -> Path:
        day = datetime.datetime.now().astimezone().date().isoformat()
        # Where a write at the end is two steps, each process has files of its own.
        own = f".{os.getpid()}" if sys.platform == "win32" else ""
        number = 0
        while True:
            path = self.folder / f"{day}.{number:04}{own}{_ENDING}"
            try:
                size = path.stat().st_size
            except FileNotFoundError:
                return path
            if size == 0 or size + n_bytes <= self._most_file_bytes:
                return path
            number += 1

    def _files(self) -> list[Path]:
        try:
            return sorted(path for path in self.folder.iterdir() if path.name.endswith(_ENDING))
        except FileNotFoundError:
            return []


def _is_cut_off(descriptor: int) -> bool:
    """Whether the file's last line has no end."""
    size = os.fstat(descriptor).st_size
    if not size:
        return False
    os.lseek(descriptor, size - 1, os.SEEK_SET)
    return os.read(descriptor, 1) != b"\n"


def _is_since(record: Mapping[str, Any], since: datetime.datetime | None) -> bool:
    if since is None:
        return True
    try:
        at = datetime.datetime.fromisoformat(str(record.get("at")))
    except ValueError:
        return False
    return at.tzinfo is not None and at >= since
