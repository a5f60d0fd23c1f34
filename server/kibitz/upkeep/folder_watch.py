"""Hearing of changed files where the client does not tell: one thread that waits for the system.

Imported when the first repository is to be watched.  It knows folders and paths, not what a
change means.  What it misses (a system's table is full, a network drive) is only heard of later.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

logger = logging.getLogger(__name__)

# The thread wakes up this often to see whether it is to end, so a small step costs power.
STEP_MILLISECONDS = 250
# A build or a checkout that writes for longer is told of in parts.
LONGEST_WAIT_MILLISECONDS = 1_500

# Linux watches folder by folder, and a recursive watch would take each one of `node_modules`.
# Elsewhere the system watches a whole tree for the price of one.
ONE_BY_ONE = sys.platform == "linux"

OnChange = Callable[[tuple[str, ...]], None]


class FolderWatch:
    """Calls `on_change(paths)` on the event loop for what changes in `folders`.

    With `ONE_BY_ONE` what lies below them is not watched, else it is.  Start it on the event
    loop, and close it.
    """

    def __init__(self, folders: tuple[Path, ...], on_change: OnChange) -> None:
        self.folders = folders
        self._on_change = on_change
        self._loop = asyncio.get_running_loop()
        self._ended = threading.Event()
        # A daemon: no change of a file is worth waiting for when the process ends.
        self._thread = threading.Thread(target=self._run, name="kibitz-watch", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Tell of nothing more; the thread ends within a step."""
        self._ended.set()

    def join(self) -> None:
        """Wait until the thread has ended.  Blocking."""
        self._thread.join()

    def _run(self) -> None:
        import watchfiles

        # It logs what it sees, at a level that is shown.
        logging.getLogger("watchfiles").setLevel(logging.WARNING)
        try:
            for changes in watchfiles.watch(
                *[folder for folder in self.folders if os.path.isdir(folder)],  # noqa: PTH112
                watch_filter=None,
                debounce=LONGEST_WAIT_MILLISECONDS,
                step=STEP_MILLISECONDS,
                stop_event=self._ended,
                raise_interrupt=False,
                recursive=not ONE_BY_ONE,
                ignore_permission_denied=True,
            ):
                paths = tuple(sorted({path for _, path in changes}))
                try:
                    self._loop.call_soon_threadsafe(self._tell, paths)
                except RuntimeError:
                    return  # The loop is closed: nobody listens any more.
        except (OSError, RuntimeError) as error:
            # RuntimeError: the watcher's own for what the system refuses.
            logger.info("%d folders cannot be watched: %s", len(self.folders), error)

    def _tell(self, paths: tuple[str, ...]) -> None:
        if not self._ended.is_set():
            self._on_change(paths)
