"""Diffs that git takes, and files that are written whole or not at all."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kibitz.cli import patch
from kibitz.errors import UserError


def apply(folder: Path, diff: str) -> None:
    """`git apply`, to the byte and with no repository's settings."""
    subprocess.run(
        ["git", "-c", "core.autocrlf=false", "apply", "--whitespace=nowarn", "-"],
        cwd=folder,
        input=diff.encode(),
        check=True,
        env={"PATH": "/usr/bin:/bin:/usr/local/bin", "GIT_CEILING_DIRECTORIES": str(folder.parent)},
    )


def check_applies(folder: Path, name: str, before: str, after: str) -> None:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(before.encode())
    apply(folder, patch.unified_diff(name, before, after))
    assert file.read_bytes() == after.encode()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a\nb\n", "a\nc\n"),
        ("a\nb", "a\nc"),
        ("a\nb", "a\nb\n"),
        ("a\nb\n", "a\nb"),
        ("a\r\nb\r\n", "a\r\nc\r\n"),
        ("a\rb\r", "a\rc\r"),
        ("\ufeffa\nb\n", "\ufeffc\nb\n"),
        ("a\x0cb\nc\u2028d\n", "a\x0cb\nc\u2028e\n"),
        ("--- a\n+++ b\n", "--- c\n+++ b\n"),
        ("a\n" * 30, "a\n" * 10 + "b\n" + "a\n" * 18 + "c\n"),
    ],
)
def test_git_applies_it(tmp_path: Path, before: str, after: str) -> None:
    check_applies(tmp_path, "file.txt", before, after)


@pytest.mark.parametrize("name", ["a b.txt", "folder/ü.txt", 'quo"te.txt', "tab\tname.txt", "a\\b"])
@pytest.mark.skipif(sys.platform == "win32", reason="such names cannot be")
def test_git_finds_the_file(tmp_path: Path, name: str) -> None:
    check_applies(tmp_path, name, "old\n", "new\n")


LINES = st.lists(st.sampled_from(["a\n", "b\n", "c\r\n", " d\n", "", "\n", "-e\n"]), max_size=12)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(before=LINES, after=LINES, ending=st.sampled_from(["", "end"]))
def test_any_change(tmp_path: Path, before: list[str], after: list[str], ending: str) -> None:
    # An empty file is created and removed by other means than a change of lines.
    old, new = "x\n" + "".join(before), "x\n" + "".join(after) + ending
    if old != new:
        check_applies(tmp_path, "file.txt", old, new)


def test_no_change_is_no_diff() -> None:
    assert patch.unified_diff("a", "x\n", "x\n") == ""


def test_changed_lines_are_counted() -> None:
    diff = patch.unified_diff("a", "-x\ny\n", "+x\n++z\ny\n")
    assert patch.n_changed_lines(diff) == (2, 1)


def test_writing_keeps_the_mode(tmp_path: Path) -> None:
    file = tmp_path / "run.sh"
    file.write_bytes(b"old")
    file.chmod(0o751)
    patch.write(file, b"old", b"new\r\n")
    assert file.read_bytes() == b"new\r\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o751
    assert [each.name for each in tmp_path.iterdir()] == ["run.sh"]


def test_writing_goes_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    patch.write(tmp_path / "link", b"old", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


@pytest.mark.parametrize("now", [b"changed", b"old ", None])
def test_a_file_that_was_changed_meanwhile_is_left_alone(tmp_path: Path, now: bytes | None) -> None:
    file = tmp_path / "a.txt"
    if now is not None:
        file.write_bytes(now)
    with pytest.raises(patch.Conflict):
        patch.write(file, b"old", b"new")
    assert [each.read_bytes() for each in tmp_path.iterdir()] == ([now] if now else [])


def test_a_file_that_may_not_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.txt"
    file.write_bytes(b"old")
    # The tests may run as a user who may write anything.
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(UserError, match="may not be written"):
        patch.must_be_writable(file)
