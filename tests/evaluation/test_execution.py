"""Programs that are run: their verdict, and what they cannot do by accident."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kibitz.evaluation.execution import run_program


@pytest.mark.parametrize(
    ("program", "outcome"),
    [
        ("assert 1 + 1 == 2", "passed"),
        ("print('a lot\\n' * 1000)", "passed"),
        ("assert 1 + 1 == 3", "failed"),
        ("this is no Python", "failed"),
        ("raise SystemExit(0)", "failed"),
        ("import os; os._exit(0)", "failed"),
        ("import sys; sys.stdin = None; raise KeyboardInterrupt", "failed"),
        ("", "passed"),
    ],
)
async def test_the_verdict(program: str, outcome: str) -> None:
    assert await run_program(program) == outcome


async def test_what_never_ends_is_ended() -> None:
    assert await run_program("while True: pass", seconds=0.5) == "timed out"


async def test_a_program_has_nothing_of_the_users(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-test")
    monkeypatch.chdir(tmp_path)
    program = f"""
import os, pathlib
assert "ANTHROPIC_API_KEY" not in os.environ
assert "HOME" not in os.environ
assert os.getcwd() != {os.fspath(tmp_path)!r}
pathlib.Path("mine").write_text("written")
"""
    assert await run_program(program) == "passed"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="there are no such limits")
@pytest.mark.parametrize(
    "program", ["data = bytearray(4 * 1024 ** 3)", "open('big', 'wb').write(bytes(64 * 1024 ** 2))"]
)
async def test_memory_and_disk_are_limited(program: str) -> None:
    assert await run_program(program) == "failed"
