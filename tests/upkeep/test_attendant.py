"""What is done for the repositories of open documents, and when."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from kibitz.upkeep import attendant
from kibitz.upkeep.attendant import Attendant
from kibitz_context.files.repository import Repository
from support.workshop import GIT, make_repository


def git(folder: Path, *arguments: str) -> None:
    subprocess.run([*GIT, *arguments], cwd=folder, check=True, capture_output=True)


@dataclass
class Diary:
    """Implements `Care` by writing down what is asked for."""

    entries: list[tuple[str, ...]] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def prepare(self, repository: Repository) -> None:
        self._write("prepare", repository.root.name)

    async def look_at(self, repository: Repository, files: Sequence[str]) -> None:
        self._write("look at", repository.root.name, *files)

    def settings_changed(self) -> None:
        self._write("settings")

    async def opened(self, repository: Repository) -> None:
        self._write("opened", repository.root.name)

    def _write(self, *entry: str) -> None:
        self.entries.append(entry)
        self.changed.set()

    async def until(self, found: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not found():
                self.changed.clear()
                await self.changed.wait()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_repository(tmp_path / "one", {"a.py": "A = 1\n", "src/b.py": "B = 1\n"})


def attending(diary: Diary, *, watches: bool = False) -> Attendant:
    return Attendant(Repository.find, diary, watches=lambda: watches)


async def test_a_repository_is_attended_to_once(root: Path) -> None:
    diary = Diary()
    there = attending(diary)
    there.open(root / "a.py")
    there.open(root / "src" / "b.py")
    await there.catch_up()
    there.open(root / "a.py")
    await there.catch_up()
    assert diary.entries == [("prepare", "one"), ("opened", "one")]


async def test_what_is_no_repository_is_left_alone(tmp_path: Path) -> None:
    diary = Diary()
    there = attending(diary)
    there.open(tmp_path / "loose.py")
    await there.catch_up()
    there.hear([str(tmp_path / "loose.py")])
    await there.catch_up()
    assert not diary.entries


@pytest.mark.parametrize(
    ("names", "done"),
    [
        (["a.py"], [("look at", "one", "a.py")]),
        (["src/b.py", "a.py", ".git/index"], [("look at", "one", "a.py", "src/b.py")]),
        (["a.py", ".git/logs/HEAD"], [("prepare", "one")]),
        ([".gitignore"], [("prepare", "one")]),
        ([".kibitz.toml"], [("settings",), ("prepare", "one")]),
        ([f"{n}.py" for n in range(60)], [("prepare", "one")]),
        ([".git"], [("prepare", "one"), ("opened", "one")]),
        ([".git/objects/ab/cd", "../two/a.py"], []),
    ],
)
async def test_what_a_change_brings(
    root: Path, names: list[str], done: list[tuple[str, ...]]
) -> None:
    diary = Diary()
    there = attending(diary)
    there.open(root / "a.py")
    await there.catch_up()
    diary.entries.clear()
    there.hear([str(root / name) for name in names])
    await there.catch_up()
    assert diary.entries == done
    await there.catch_up()
    assert diary.entries == done, "once"


async def test_a_bounded_number_is_attended_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attendant, "MOST_REPOSITORIES", 2)
    roots = [make_repository(tmp_path / name, {"a.py": "A = 1\n"}) for name in ("x", "y", "z")]
    diary = Diary()
    there = attending(diary)
    for root in roots:
        there.open(root / "a.py")
    await there.catch_up()
    diary.entries.clear()
    there.hear([str(root / "a.py") for root in roots])
    await there.catch_up()
    assert diary.entries == [("look at", "y", "a.py"), ("look at", "z", "a.py")]


async def test_the_loop_watches_by_itself_and_ends(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attendant, "GATHERING_SECONDS", 0.0)
    diary = Diary()
    there = attending(diary, watches=True)
    running = asyncio.ensure_future(there.run())
    there.open(root / "a.py")
    await diary.until(lambda: ("opened", "one") in diary.entries)
    diary.entries.clear()
    (root / "src" / "new").mkdir()
    (root / "src" / "new" / "c.py").write_text("C = 1\n")
    git(root, "add", "-A")
    # Again and again: nothing says when the system has begun to watch.
    async with asyncio.timeout(20):
        while ("prepare", "one") not in diary.entries:
            git(root, "commit", "-qm", "More", "--allow-empty")
            await asyncio.sleep(0.05)
    # The folder of the new commit is watched from now on.
    async with asyncio.timeout(20):
        while ("look at", "one", "src/new/c.py") not in diary.entries:
            (root / "src" / "new" / "c.py").write_text("C = 2\n")
            await asyncio.sleep(0.05)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not there._attended


async def test_what_fails_once_does_not_end_it(
    root: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(attendant, "GATHERING_SECONDS", 0.0)
    diary = Diary()
    fails = [True]

    async def prepare(repository: Repository) -> None:
        if fails.pop() if fails else False:
            raise ValueError("a bug")
        diary._write("prepare", repository.root.name)

    diary.prepare = prepare  # type: ignore[method-assign]
    there = attending(diary)
    running = asyncio.ensure_future(there.run())
    there.open(root / "a.py")
    async with asyncio.timeout(20):
        while not caplog.records:
            await asyncio.sleep(0.001)
    there.hear([str(root / ".git" / "HEAD")])
    await diary.until(lambda: ("prepare", "one") in diary.entries)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
