"""What a file showed last, on disk: by its text, without secrets, and thrown away in time."""

from __future__ import annotations

import json
import os
import stat
import sys
import time
from pathlib import Path

import pytest

from kibitz import kept_files
from kibitz.findings.track import Tracked
from kibitz.findings.values import Finding
from kibitz.kept_files import KeptFiles
from kibitz.shown_findings import ShownFindings

KEY = "AKIAQ3EGRYEXT5WMLPZB"


def tracked(suggestion: str = "", line: int = 3) -> Tracked[Finding]:
    finding = Finding("a.py", "error", "bug", 1, 1, "quote", "Title", "Message", suggestion)
    return Tracked(finding, line, line + 1)


def test_the_same_text_shows_the_same(tmp_path: Path) -> None:
    shown = ShownFindings(tmp_path / "shown")
    shown.keep(tmp_path / "a.py", "text\n", [tracked("better"), tracked(line=7)])
    assert shown.recall(tmp_path / "a.py", "text\n") == [tracked("better"), tracked(line=7)]
    assert shown.recall(tmp_path / "a.py", "text \n") == []
    assert shown.recall(tmp_path / "b.py", "text\n") == []
    shown.keep(tmp_path / "a.py", "text\n", [])
    assert shown.recall(tmp_path / "a.py", "text\n") == []
    assert list((tmp_path / "shown").iterdir()) == []


def test_the_text_and_secrets_are_not_written_down(tmp_path: Path) -> None:
    shown = ShownFindings(tmp_path / "shown")
    text = f'key = "{KEY}"\nconfidential = 1\n'
    shown.keep(tmp_path / "a.py", text, [tracked(f'key = "{KEY}"')])
    (file,) = (tmp_path / "shown").iterdir()
    assert KEY not in file.read_text()
    assert "confidential" not in file.read_text()
    assert shown.recall(tmp_path / "a.py", text) == [tracked("")]
    if sys.platform != "win32":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("written", ["", "{", "[]", "{}", '{"format": 1}', '"text"', "null"])
def test_what_cannot_be_read_is_not_there(tmp_path: Path, written: str) -> None:
    shown = ShownFindings(tmp_path / "shown")
    shown.keep(tmp_path / "a.py", "text", [tracked()])
    (file,) = (tmp_path / "shown").iterdir()
    file.write_text(written)
    assert shown.recall(tmp_path / "a.py", "text") == []


def test_a_folder_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "shown").write_text("a file")
    ShownFindings(tmp_path / "shown").keep(tmp_path / "a.py", "text", [tracked()])


def test_old_files_and_too_many_are_thrown_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_files, "MOST_FILES", 3)
    files = KeptFiles(tmp_path)
    for number in range(5):
        file = tmp_path / f"{number}.json"
        file.write_text(json.dumps(number))
        age_seconds = (40 if number == 4 else 5 - number) * 86_400
        os.utime(file, (time.time() - age_seconds,) * 2)
    assert files.read("3") == 3
    assert files.read("4") is None, "too old"
    files.write("new", {})
    assert {file.stem for file in tmp_path.iterdir()} == {"new", "3", "2"}
