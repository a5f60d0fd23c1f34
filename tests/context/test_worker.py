"""The process that prepares repositories: that it works, rests, is begun again, and never stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kibitz_context.child import NICENESS, Child, ChildEnded
from kibitz_context.files.repository import Repository
from kibitz_context.indexer import Prepared, Request
from kibitz_context.indexing import parser_process
from kibitz_context.indexing.index import index_of
from kibitz_context.worker import MAX_ATTEMPTS, MODULE, Worker
from support.git_folder import GitFolder, git_folder

WAIT_SECONDS = 60.0

posix_only = pytest.mark.skipif(os.name == "nt", reason="asks about processes as POSIX does")


@pytest.fixture
def folder(tmp_path: Path) -> GitFolder:
    return git_folder(tmp_path / "repository", {"a.py": "def one(): pass\n", "b.py": "import a\n"})


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def worker(cache: Path) -> Iterator[Worker]:
    made = Worker(cache)
    yield made
    made.close()


class Script:
    """Children that say what a test has written down; each begins with the next lines."""

    def __init__(self, *lives: list[dict[str, Any] | str]) -> None:
        self.lives = list(lives)
        self.heard: list[dict[str, Any]] = []
        self.children: list[_Actor] = []

    def __call__(self) -> Child:
        if not self.lives:
            raise ChildEnded("there is no more of it")
        child = _Actor(self, self.lives.pop(0))
        self.children.append(child)
        return child  # type: ignore[return-value]


class _Actor:
    def __init__(self, script: Script, lines: list[dict[str, Any] | str]) -> None:
        self._script = script
        self._lines = lines
        self.waits = threading.Event()
        self.ended = threading.Event()
        self.is_closed = False

    def send(self, message: dict[str, Any]) -> None:
        self._script.heard.append(message)

    def receive(self) -> dict[str, Any]:
        if not self._lines:
            raise ChildEnded("it was ended by SIGSEGV")
        line = self._lines.pop(0)
        if isinstance(line, str):
            self.waits.set()
            assert self.ended.wait(WAIT_SECONDS)
            raise ChildEnded("it was ended by SIGKILL")
        return line

    def end(self) -> None:
        self.ended.set()

    def close(self) -> None:
        self.is_closed = True


DONE = {"done": {"n_files": 2, "n_indexed": 2, "snapshot_key": "key", "problem": None}}
READY = Prepared(2, 2, "key")


def scripted(cache: Path, *lives: list[dict[str, Any] | str]) -> tuple[Worker, Script]:
    script = Script(*lives)
    return Worker(cache, start=script), script


def test_a_real_process_prepares(worker: Worker, folder: GitFolder, cache: Path) -> None:
    told: list[tuple[int, int]] = []
    request = Request(folder.root, 1_000)
    first = worker.prepare(request, lambda *each: told.append(each)).result(WAIT_SECONDS)
    assert (first.n_files, first.n_indexed, first.problem) == (2, 2, None)
    assert told[-1] == (2, 2)
    assert worker.prepare(request).result(WAIT_SECONDS).n_indexed == 0
    folder.write({"a.py": "def two(): pass\n"})
    assert worker.look_at(request, ["a.py"]).result(WAIT_SECONDS) == Prepared(1, 1)
    index = index_of(Repository.find(folder.root), cache)
    assert set(index.definers(["one", "two"])) == {"one", "two"}


def test_what_is_asked_for_twice_is_done_once(cache: Path) -> None:
    gate = threading.Event()
    worker, script = scripted(cache, [DONE, DONE])
    request = Request(cache, 1)
    # The second is asked for while the first waits for its turn.
    original = script.__call__

    def late() -> Child:
        assert gate.wait(WAIT_SECONDS)
        return original()

    worker._start = late
    first, second = worker.prepare(request), worker.prepare(request)
    other = worker.prepare(Request(cache, 2))
    assert first is second
    gate.set()
    assert (first.result(WAIT_SECONDS), other.result(WAIT_SECONDS)) == (READY, READY)
    assert len(script.heard) == 2
    worker.close()


def test_a_child_that_ends_is_begun_again_and_is_careful(cache: Path) -> None:
    worker, script = scripted(cache, [{"progress": [1, 2]}], [DONE])
    assert worker.prepare(Request(cache, 1)).result(WAIT_SECONDS) == READY
    assert [heard["prepare"]["is_careful"] for heard in script.heard] == [False, True]
    assert script.children[0].is_closed
    worker.close()


def test_a_child_that_always_ends_is_a_result_with_a_reason(cache: Path) -> None:
    worker, script = scripted(cache, *([[]] * MAX_ATTEMPTS), [DONE])
    found = worker.prepare(Request(cache, 1)).result(WAIT_SECONDS)
    assert found.problem == (
        "The index cannot be made: its process has ended (it was ended by SIGSEGV)."
    )
    # The next job has a child of its own.
    assert worker.prepare(Request(cache, 2)).result(WAIT_SECONDS) == READY
    assert len(script.heard) == MAX_ATTEMPTS + 1
    worker.close()


def test_a_child_that_cannot_be_started_is_a_result_with_a_reason(cache: Path) -> None:
    worker, _ = scripted(cache)
    found = worker.prepare(Request(cache, 1)).result(WAIT_SECONDS)
    assert found.problem is not None
    assert "there is no more of it" in found.problem
    worker.close()


def test_a_child_that_went_to_rest_is_begun_again_and_not_told_to_be_careful(cache: Path) -> None:
    worker, script = scripted(cache, [DONE], [DONE])
    request = Request(cache, 1)
    assert worker.prepare(request).result(WAIT_SECONDS) == READY
    assert worker.prepare(request).result(WAIT_SECONDS) == READY
    assert [heard["prepare"]["is_careful"] for heard in script.heard] == [False] * 3
    assert len(script.children) == 2
    worker.close()


def test_closing_ends_what_is_being_done_and_what_waits(cache: Path) -> None:
    worker, script = scripted(cache, ["wait"])
    first, second = worker.prepare(Request(cache, 1)), worker.prepare(Request(cache, 2))
    while not script.children:
        time.sleep(0.001)
    assert script.children[0].waits.wait(WAIT_SECONDS)
    worker.close()
    for future in (first, second, worker.prepare(Request(cache, 3))):
        assert future.result(WAIT_SECONDS).problem == "Indexing has ended with the program."


def test_closing_without_having_begun() -> None:
    Worker(Path("nowhere")).close()


def test_a_listener_that_comes_late_is_told_the_rest(cache: Path) -> None:
    worker, _ = scripted(cache, [{"progress": [1, 2]}, {"progress": [2, 2]}, DONE])
    late: list[tuple[int, int]] = []
    request = Request(cache, 1)

    def first(_done: int, _total: int) -> None:
        if not late:
            worker.prepare(request, lambda *each: late.append(each))

    worker.prepare(request, first).result(WAIT_SECONDS)
    assert late[-1] == (2, 2)
    worker.close()


@posix_only
def test_it_ends_with_its_parent(tmp_path: Path) -> None:
    """Also when the parent is killed and can say nothing any more."""
    program = (
        "import sys, time\n"
        "from kibitz_context.child import Child\n"
        f"child = Child({MODULE!r})\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=tmp_path
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert is_running(pid)
        parent.kill()
    deadline = time.monotonic() + WAIT_SECONDS
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not is_running(pid)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    # What has ended and was not waited for is a zombie.
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"


def test_it_rests_when_nobody_asks(cache: Path) -> None:
    child = Child(MODULE, "0.01")
    with pytest.raises(ChildEnded, match="status 0"):
        child.receive()
    child.close()


def test_the_current_folder_cannot_answer_for_a_module(
    tmp_path: Path, folder: GitFolder, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger = tmp_path / "stranger"
    stranger.mkdir()
    for name in ("json", "sqlite3", "kibitz_context"):
        (stranger / f"{name}.py").write_text("import os\nos._exit(3)\n")
    monkeypatch.chdir(stranger)
    worker = Worker(cache)
    found = worker.prepare(Request(folder.root, 1_000)).result(WAIT_SECONDS)
    worker.close()
    assert (found.n_indexed, found.problem) == (2, None)


@posix_only
def test_it_is_nicer_than_its_parent() -> None:
    child = Child(MODULE)
    child.send({"unknown": 1})
    # It has become nice before it listens.
    deadline = time.monotonic() + WAIT_SECONDS
    wanted = min(19, os.getpriority(os.PRIO_PROCESS, 0) + NICENESS)
    while os.getpriority(os.PRIO_PROCESS, child.pid) != wanted and time.monotonic() < deadline:
        time.sleep(0.01)
    assert os.getpriority(os.PRIO_PROCESS, child.pid) == wanted
    child.close()


@posix_only
def test_an_urgent_one_is_as_nice_as_its_parent() -> None:
    child = Child(parser_process.MODULE, "60", is_urgent=True)
    child.send({"parse": "a.py", "text": ""})
    # When it answers, it has long become what it is.
    child.receive()
    assert os.getpriority(os.PRIO_PROCESS, child.pid) == os.getpriority(os.PRIO_PROCESS, 0)
    child.close()


@posix_only
def test_how_it_ended_is_told() -> None:
    child = Child(MODULE)
    os.kill(child.pid, signal.SIGSEGV)
    with pytest.raises(ChildEnded, match="SIGSEGV"):
        child.receive()
    child.close()


def test_a_killed_process_is_replaced(worker: Worker, folder: GitFolder) -> None:
    request = Request(folder.root, 1_000)
    assert worker.prepare(request).result(WAIT_SECONDS).problem is None
    child = worker._child
    assert child is not None
    child.end()
    assert worker.prepare(request).result(WAIT_SECONDS).problem is None
    assert worker._child is not child
