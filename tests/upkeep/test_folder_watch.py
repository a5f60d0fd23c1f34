"""A real watcher on real folders: it tells of what changes there, and ends when it is closed."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from pathlib import Path

import pytest

from kibitz.upkeep.file_changes import folders_to_watch, meaning
from kibitz.upkeep.folder_watch import FolderWatch
from kibitz_context.files.repository import Repository
from support.workshop import GIT, make_repository

SECONDS = 20.0
"""A guard against a watcher that never tells, not a measure."""


class Ear:
    """Hears of changed paths."""

    def __init__(self) -> None:
        self.heard: set[str] = set()
        self._changed = asyncio.Event()

    def __call__(self, paths: tuple[str, ...]) -> None:
        self.heard.update(paths)
        self._changed.set()

    async def until(self, path: Path) -> None:
        async with asyncio.timeout(SECONDS):
            while str(path) not in self.heard:
                self._changed.clear()
                await self._changed.wait()


async def write_until_heard(ear: Ear, file: Path) -> None:
    """Write `file` until it is heard of: nothing says when the watcher has begun."""
    async with asyncio.timeout(SECONDS):
        while str(file) not in ear.heard:
            file.write_text("A = 2\n")
            ear._changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.1):
                    await ear._changed.wait()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a tree is watched as a whole")
async def test_it_hears_of_the_commit_and_not_of_ignored_folders(tmp_path: Path) -> None:
    root = make_repository(tmp_path / "repository", {"a.py": "A = 1\n", "src/b.py": "B = 1\n"})
    modules = root / "node_modules" / "left-pad"
    modules.mkdir(parents=True)
    repository = Repository.find(root)
    ear = Ear()
    watch = FolderWatch(folders_to_watch(repository), ear)
    try:
        await write_until_heard(ear, root / "a.py")
        (modules / "index.js").write_text("x\n")
        subprocess.run([*GIT, "commit", "-qam", "More"], cwd=root, check=True)
        await ear.until(root / ".git" / "logs" / "HEAD")
        (root / "src" / "b.py").write_text("B = 2\n")
        await ear.until(root / "src" / "b.py")
        assert meaning(repository, ear.heard).commit
        assert not any("left-pad" in path for path in ear.heard)
    finally:
        watch.close()
        await asyncio.to_thread(watch.join)


async def test_a_closed_watch_tells_nothing_more(tmp_path: Path) -> None:
    ear = Ear()
    watch = FolderWatch((tmp_path,), ear)
    await write_until_heard(ear, tmp_path / "a.py")
    watch.close()
    ear.heard.clear()
    (tmp_path / "b.py").write_text("B = 1\n")
    await asyncio.to_thread(watch.join)
    await asyncio.sleep(0)
    assert not ear.heard


async def test_a_folder_that_is_gone_is_no_fault(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ear = Ear()
    watch = FolderWatch((tmp_path / "gone", tmp_path), ear)
    await write_until_heard(ear, tmp_path / "a.py")
    watch.close()
    await asyncio.to_thread(watch.join)
    assert not caplog.records
