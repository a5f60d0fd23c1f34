"""How the user's check is run: no shell, bounds, and nothing that is left running."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import sys
from pathlib import Path

import pytest

from kibitz.edit_check import command
from kibitz.edit_check.command import Ended, run, shown

PATIENCE_SECONDS = 20.0


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


async def test_its_status_and_what_it_says_on_both_channels(tmp_path: Path) -> None:
    code = "import sys; print('\\x1b[31mbad\\x1b[0m', flush=True); sys.exit('worse')"
    assert await run(python(code), tmp_path) == Ended(1, "bad\nworse\n")
    assert not (await run(python("import sys; sys.exit(3)"), tmp_path)).has_passed
    assert (await run(python(""), tmp_path)).has_passed


async def test_it_runs_in_its_folder_and_reads_nothing_of_ours(tmp_path: Path) -> None:
    code = "import os, sys; print(os.getcwd(), repr(sys.stdin.read()), os.environ['NO_COLOR'])"
    ended = await run(python(code), tmp_path)
    assert ended.output == f"{os.path.realpath(tmp_path)} '' 1\n"


async def test_no_shell_reads_it(tmp_path: Path) -> None:
    words = ["$(touch made)", "; touch made", "`touch made`", "*"]
    code = "import sys; print(sys.argv[1:])"
    assert (await run([*python(code), *words], tmp_path)).output == f"{words}\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [["no-such-program-here"], ["a\0b"]])
async def test_what_cannot_be_started(words: list[str], tmp_path: Path) -> None:
    ended = await run(words, tmp_path)
    assert ended.status is None
    assert (ended.problem or "").startswith("cannot be started: ")


async def test_of_much_output_the_first_and_the_last_lines_are_kept(tmp_path: Path) -> None:
    code = "print('first'); [print('x' * 99) for _ in range(40_000)]; print('last')"
    ended = await run(python(code), tmp_path)
    assert ended.status == 0
    assert ended.output.startswith("first\nxxx")
    assert ended.output.endswith("xxx\nlast\n")
    assert "\n…\n" in ended.output
    assert len(ended.output) <= command.FIRST_CHARACTERS + command.LAST_CHARACTERS + 2


@pytest.mark.skipif(sys.platform != "linux", reason="looks at processes as Linux shows them")
async def test_it_is_ended_with_all_that_it_has_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "LAST_SECONDS", 0.05)
    pipe = tmp_path / "pids"
    os.mkfifo(pipe)
    code = (
        "import os, signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "inner = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"open({str(pipe)!r}, 'w').write(f'{{os.getpid()}} {{inner.pid}}')\n"
        "time.sleep(600)\n"
    )
    reading = asyncio.create_task(asyncio.to_thread(pipe.read_text))
    running = asyncio.create_task(run(python(code), tmp_path))
    pids = [int(each) for each in (await reading).split()]
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    for pid in pids:
        assert has_ended(pid)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no other session there")
async def test_what_it_leaves_in_the_background_is_not_waited_for(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    code = (
        "import subprocess, sys\n"
        "left = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'],\n"
        "                        start_new_session=True)\n"
        f"open({str(pid_file)!r}, 'w').write(str(left.pid))\n"
        "print('done')\n"
    )
    try:
        assert await run(python(code), tmp_path) == Ended(0, "done\n")
    finally:
        os.kill(int(pid_file.read_text()), signal.SIGKILL)


async def test_what_prints_without_end_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "MOST_BYTES", 100_000)
    monkeypatch.setattr(command, "_LOOK_SECONDS", 0.01)
    code = "while True: print('again and again', flush=True)"
    ended = await run(python(code), tmp_path)
    assert ended.status is None
    assert ended.problem == "was ended because it printed too much"
    assert ended.output.startswith("again and again\n")


async def test_what_takes_too_long_is_ended(tmp_path: Path) -> None:
    ended = await run(python("import time; time.sleep(600)"), tmp_path, most_seconds=0.1)
    assert ended == Ended(None, "", "took longer than 0.1 s")


def has_ended(pid: int) -> bool:
    """Whether a process ends, for which the moment it takes to be killed is waited."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([process], [], [], PATIENCE_SECONDS)[0])
    finally:
        os.close(process)


def test_how_it_is_named() -> None:
    assert shown(["make", "check"]) == "`make check`"
    assert len(shown(["x" * 200])) <= 62
