"""Dismissed findings: what is written down, who reads it, and what becomes of a broken file."""

from __future__ import annotations

import json
import stat
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kibitz.dismissals import MOST_REASON_CHARACTERS, Dismissals


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "findings"


def test_what_one_process_dismisses_another_knows(file: Path, tmp_path: Path) -> None:
    reading, writing = Dismissals(file), Dismissals(file)
    assert reading.of(tmp_path) == set()
    writing.add(tmp_path, "aa", "src/a.py", "wrong")
    assert reading.reasons(tmp_path) == {"aa": "wrong"}
    writing.add(tmp_path, "bb", "src/b.py")
    assert reading.of(tmp_path) == {"aa", "bb"}
    assert reading.of(tmp_path / "other") == set(), "of this repository alone"


def test_a_line_that_is_deleted_takes_its_dismissal_back(file: Path, tmp_path: Path) -> None:
    dismissals = Dismissals(file)
    dismissals.add(tmp_path, "aa", "a.py")
    dismissals.add(tmp_path, "bb", "b.py")
    assert len(dismissals.of(tmp_path)) == 2
    file.write_text(file.read_text().splitlines(keepends=True)[1])
    assert dismissals.of(tmp_path) == {"bb"}
    file.unlink()
    assert dismissals.of(tmp_path) == set()


def test_half_a_line_harms_no_other(file: Path, tmp_path: Path) -> None:
    dismissals = Dismissals(file)
    dismissals.add(tmp_path, "aa", "a.py")
    with file.open("ab") as stream:
        stream.write(b'{"fingerprint": "bb", "repo\n\xff\xfe\n[]\n')
    dismissals.add(tmp_path, "cc", "c.py")
    assert dismissals.of(tmp_path) == {"aa", "cc"}


def test_a_reason_is_one_short_line(file: Path, tmp_path: Path) -> None:
    Dismissals(file).add(tmp_path, "aa", "a.py", "because\nof\x1b[31m this " * 100)
    (line,) = file.read_text().splitlines()
    reason = json.loads(line)["reason"]
    assert len(reason) <= MOST_REASON_CHARACTERS
    assert "\n" not in reason
    assert "\x1b" not in reason


@pytest.mark.skipif(sys.platform == "win32", reason="rights are others there")
def test_it_is_the_users_alone(file: Path, tmp_path: Path) -> None:
    Dismissals(file).add(tmp_path, "aa", "a.py")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_many_at_once_lose_none(file: Path, tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        for number in range(200):
            threads.submit(Dismissals(file).add, tmp_path, f"{number}", "a.py", "x" * 200)
    assert Dismissals(file).of(tmp_path) == {str(number) for number in range(200)}
