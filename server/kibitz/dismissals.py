"""Findings that the user does not want to see again, remembered by their fingerprints.

One file of the user's, a line of JSON for each: who wants a finding back deletes its line.  Lines
are only ever added, each in one piece, so that several processes may do so.  Nothing of the code is
in it; a fingerprint does not lead back to what it was made of.
"""

from __future__ import annotations

import datetime
import json
import logging
import os
from collections.abc import Set
from pathlib import Path
from typing import Any

from kibitz.paths import make_private
from kibitz.plain_text import one_line

logger = logging.getLogger(__name__)

# Higher: the file takes longer to read; lower: what was dismissed years ago comes back.
MOST_BYTES = 8 * 1024 * 1024
MOST_REASON_CHARACTERS = 300

WRONG = "wrong"
INTENDED = "intended"


class Dismissals:
    """The dismissed findings of all repositories, kept in one file.  Both methods read or write
    it: not for the event loop."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._stamp: tuple[int, ...] | None = None
        self._known: dict[str, dict[str, str]] = {}

    def add(self, root: Path, fingerprint: str, path: str, reason: str = "") -> None:
        """Remember that a finding in the file `path` of the repository `root` is not wanted, and
        why.  Raises UserError or OSError where that cannot be written down."""
        record = {
            "fingerprint": fingerprint,
            "repository": _name(root),
            "path": path,
            "reason": one_line(reason, MOST_REASON_CHARACTERS),
            "at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        }
        make_private(self._file.parent)
        line = json.dumps(record).encode() + b"\n"
        handle = os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(handle, line)
        finally:
            os.close(handle)

    def of(self, root: Path) -> Set[str]:
        """The fingerprints of what was dismissed in the repository `root`."""
        return self.reasons(root).keys()

    def reasons(self, root: Path) -> dict[str, str]:
        """The same with the reason of each, "" where none was given."""
        self._read()
        return self._known.get(_name(root), {})

    def _read(self) -> None:
        try:
            status = self._file.stat()
            stamp = (status.st_ino, status.st_mtime_ns, status.st_size)
            if stamp == self._stamp:
                return
            with self._file.open("rb") as file:
                # The newest lines, where there are too many.
                file.seek(max(0, status.st_size - MOST_BYTES))
                data = file.read(MOST_BYTES)
        except FileNotFoundError:
            self._stamp, self._known = None, {}
            return
        except OSError as error:
            logger.warning("dismissed findings cannot be read: %s", error.strerror)
            return
        known: dict[str, dict[str, str]] = {}
        for line in data.splitlines():
            try:
                record: Any = json.loads(line)
                known.setdefault(str(record["repository"]), {})[str(record["fingerprint"])] = str(
                    record["reason"]
                )
            except (ValueError, KeyError, TypeError):
                continue  # a line that somebody has edited, or half of one
        self._stamp, self._known = stamp, known


def _name(root: Path) -> str:
    return os.path.realpath(root)
