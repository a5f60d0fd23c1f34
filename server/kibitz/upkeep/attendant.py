"""The repositories of which documents are open: prepared when they are, and when they change.

One loop for a connection takes what was opened and what was heard of, in order, one repository
at a time, and everything slow happens in other threads and processes.  What goes wrong in here
costs time at the next request, nothing else.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from kibitz.upkeep.file_changes import Happened, folders_to_watch, meaning
from kibitz.upkeep.folder_watch import FolderWatch
from kibitz_context.files.repository import Repository

logger = logging.getLogger(__name__)

# A checkout or a formatter writes many files at once; they are one change.
GATHERING_SECONDS = 0.3

# Of more changed files than these the whole is prepared anew, which passes over what is known.
MOST_SINGLE_FILES = 50

# Repositories that are attended at a time; each has a watcher of its own.
MOST_REPOSITORIES = 16


class Care(Protocol):
    """What is done for one repository."""

    async def prepare(self, repository: Repository) -> None:
        """Make its index and its snapshot, as far as they are not there yet."""
        ...

    async def look_at(self, repository: Repository, files: Sequence[str]) -> None:
        """Index these files anew; paths are relative to the root."""
        ...

    def settings_changed(self) -> None:
        """A project's settings file is new."""
        ...

    async def opened(self, repository: Repository) -> None:
        """An editor has opened it, and it is prepared."""
        ...


@dataclass
class _Attended:
    repository: Repository
    watch: FolderWatch | None = None


class Attendant:
    """The repositories of one connection.  Touched on the event loop only.

    `find` finds a repository and may block.  With `watches` it watches by itself; else the client
    tells what changes.
    """

    def __init__(
        self, find: Callable[[Path], Repository], care: Care, *, watches: Callable[[], bool]
    ) -> None:
        self._find = find
        self._care = care
        self._watches = watches
        self._attended: dict[Path, _Attended] = {}
        self._opened: dict[Path, None] = {}
        self._heard: set[str] = set()
        self._woken = asyncio.Event()

    def open(self, path: Path) -> None:
        """A document was opened: attend to its repository."""
        self._opened[path] = None
        self._woken.set()

    def hear(self, paths: Iterable[str]) -> None:
        """These paths (absolute) have changed, come or gone."""
        self._heard.update(paths)
        if self._attended:
            self._woken.set()

    async def run(self) -> None:
        """Attend to what was opened and heard of until cancelled."""
        try:
            while True:
                self._woken.clear()
                try:
                    await self.catch_up()
                except Exception:
                    # A bug in here is no reason to attend to nothing any more.
                    logger.exception("attending to a repository failed")
                await self._woken.wait()
                await asyncio.sleep(GATHERING_SECONDS)
        finally:
            self.close()

    async def catch_up(self) -> None:
        """Do what there is to do."""
        while self._opened:
            path = next(iter(self._opened))
            del self._opened[path]
            await self._attend(path)
        heard, self._heard = self._heard, set()
        for attended in list(self._attended.values()):
            if happened := meaning(attended.repository, heard):
                await self._respond(attended, happened)

    def close(self) -> None:
        """Stop watching."""
        for attended in self._attended.values():
            if attended.watch is not None:
                attended.watch.close()
        self._attended.clear()

    async def _attend(self, path: Path) -> None:
        repository = await asyncio.to_thread(self._find, path)
        # A single file somewhere has nothing that could be prepared.
        if repository.root in self._attended or not repository.has_git:
            return
        while len(self._attended) >= MOST_REPOSITORIES:
            self._leave(next(iter(self._attended)))
        attended = self._attended[repository.root] = _Attended(repository)
        await self._watch(attended)
        await self._care.prepare(repository)
        await self._care.opened(repository)

    async def _respond(self, attended: _Attended, happened: Happened) -> None:
        if happened.settings:
            self._care.settings_changed()
        if happened.git:
            self._leave(attended.repository.root)
            await self._attend(attended.repository.root)
            return
        many = len(happened.files) > MOST_SINGLE_FILES
        if happened.commit or happened.rules or happened.settings or many:
            await self._care.prepare(attended.repository)
        elif happened.files:
            await self._care.look_at(attended.repository, happened.files)
        if happened.commit:
            await self._watch(attended)

    async def _watch(self, attended: _Attended) -> None:
        """Watch the folders that the repository has now."""
        if not self._watches():
            return
        folders = await asyncio.to_thread(folders_to_watch, attended.repository)
        if attended.watch is not None:
            if attended.watch.folders == folders:
                return
            attended.watch.close()
        logger.info("%d folders of a repository are watched", len(folders))
        attended.watch = FolderWatch(folders, self.hear)

    def _leave(self, root: Path) -> None:
        attended = self._attended.pop(root)
        if attended.watch is not None:
            attended.watch.close()
