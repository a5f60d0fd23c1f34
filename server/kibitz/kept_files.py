"""Small files of JSON that can be made anew: private, written whole, and thrown away in time.

Any of them may be deleted at any moment, and one that cannot be read is as if it were not there.
What is in them is others' business.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from kibitz import paths
from kibitz.errors import UserError

logger = logging.getLogger(__name__)

MOST_DAYS = 30
MOST_FILES = 2_000


class KeptFiles:
    """The files of one folder.  Each method reads or writes: not for the event loop."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._has_pruned = False

    def read(self, name: str) -> Any:
        """What was written under `name`; None when there is nothing, or nothing to be used."""
        path = self._path(name)
        try:
            if path.stat().st_mtime < time.time() - MOST_DAYS * 86_400:
                return None
            return json.loads(path.read_text("utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            logger.info("a kept file cannot be read: %s", type(error).__name__)
            return None

    def write(self, name: str, data: Any) -> None:
        """Put `data` under `name`; where that fails, nothing is kept."""
        try:
            paths.make_private(self._folder)
            self._replace(self._path(name), data)
            self._prune()
        except (OSError, UserError) as error:
            logger.info("a file cannot be kept: %s", type(error).__name__)

    def remove(self, name: str) -> None:
        """Forget what was written under `name`."""
        with contextlib.suppress(OSError):
            self._path(name).unlink()

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.json"

    def _replace(self, path: Path, data: Any) -> None:
        # Made for the user alone (0600), and put in place as a whole.
        handle, name = tempfile.mkstemp(dir=self._folder, prefix=path.stem, suffix=".tmp")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(data, file)
            Path(name).replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise

    def _prune(self) -> None:
        """Delete what is old, and the oldest of too many; once in a process."""
        if self._has_pruned:
            return
        self._has_pruned = True
        oldest = time.time() - MOST_DAYS * 86_400
        # Other processes may be at it as well.
        files: list[tuple[float, Path]] = []
        for path in self._folder.iterdir():
            with contextlib.suppress(OSError):
                files.append((path.stat().st_mtime, path))
        files.sort(reverse=True)
        for number, (written, path) in enumerate(files):
            if number >= MOST_FILES or written < oldest:
                with contextlib.suppress(OSError):
                    path.unlink()
