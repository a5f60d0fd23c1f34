"""What kind of thing a path is, and what it is called."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from support.context_reader import NOT_SHOWN
from support.git_folder import GitFolder
from support.git_states import A, B, C, look


def replaced_by_folder(made: GitFolder) -> dict[str, str]:
    (made.root / "a.py").unlink()
    made.write({"a.py/x.py": "x = 1\n"})
    return {"a.py/x.py": "x = 1\n", "b.py": B, "d/c.py": C}


def folder_replaced_by_file(made: GitFolder) -> dict[str, str]:
    shutil.rmtree(made.root / "d")
    made.write({"d": "a file now\n"})
    return {"a.py": A, "b.py": B, "d": "a file now\n"}


def folder_replaced_by_link(made: GitFolder) -> dict[str, str]:
    shutil.rmtree(made.root / "d")
    made.write({"../outside/c.py": "private\n"})
    (made.root / "d").symlink_to("../outside")
    return {"a.py": A, "b.py": B}


def case_changed(made: GitFolder) -> dict[str, str]:
    (made.root / "b.py").rename(made.root / "B.py")
    return {"B.py": B, "a.py": A, "d/c.py": C}


@pytest.mark.parametrize("staged", [False, True], ids=["unstaged", "staged"])
@pytest.mark.parametrize(
    "change", [replaced_by_folder, folder_replaced_by_file, folder_replaced_by_link, case_changed]
)
def test_a_path_that_became_something_else(
    made: GitFolder, change: Callable[[GitFolder], dict[str, str]], staged: bool
) -> None:
    expected = change(made)
    if staged:
        made.git("add", "-A")
    assert look(made.root).files == expected
    made.commit()
    assert look(made.root).files == expected


@pytest.mark.parametrize("staged", [False, True], ids=["unstaged", "staged"])
def test_a_file_that_became_a_link_is_not_shown_and_that_is_said(
    made: GitFolder, staged: bool
) -> None:
    (made.root / "a.py").unlink()
    (made.root / "a.py").symlink_to("b.py")
    if staged:
        made.git("add", "-A")
    found = look(made.root)
    assert found.omitted == {"a.py": "it is a symbolic link"}
    assert found.files == {"a.py": NOT_SHOWN, "b.py": B, "d/c.py": C}
    made.commit()
    assert look(made.root).omitted == {"a.py": "it is a symbolic link"}


def test_a_link_that_became_a_file_is_shown(made: GitFolder) -> None:
    (made.root / "l.py").symlink_to("b.py")
    made.commit()
    (made.root / "l.py").unlink()
    made.write({"l.py": "a file now\n"})
    assert look(made.root).files == {"a.py": A, "b.py": B, "d/c.py": C, "l.py": "a file now\n"}


def test_a_file_that_became_a_pipe_is_not_waited_for(made: GitFolder) -> None:
    (made.root / "a.py").unlink()
    os.mkfifo(made.root / "a.py")
    found = look(made.root)
    assert found.omitted == {"a.py": "it is not a regular file"}
    assert found.files["a.py"] == NOT_SHOWN


def test_a_mode_is_no_text(made: GitFolder) -> None:
    expected = look(made.root).context
    (made.root / "a.py").chmod(0o755)
    assert look(made.root).context == expected


def test_a_name_that_the_disk_does_not_take(made: GitFolder) -> None:
    blob = made.git("rev-parse", "HEAD:b.py")
    name = "n" * 300 + ".py"
    made.git("update-index", "--add", "--cacheinfo", f"100644,{blob},{name}")
    made.git("commit", "-q", "-m", "long")
    found = look(made.root)
    assert found.files.items() >= {("a.py", A), ("b.py", B), ("d/c.py", C)}


def test_a_folder_that_may_not_be_entered(made: GitFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """As for somebody who is not root."""
    made.write({"d/c.py": "out of reach\n"})

    def forbid(really: Callable[..., os.stat_result]) -> Callable[..., os.stat_result]:
        def ask(path: os.PathLike[str], *arguments: object, **options: object) -> os.stat_result:
            if "root/d/" in os.fspath(path):
                raise PermissionError(13, "Permission denied", str(path))
            return really(path, *arguments, **options)

        return ask

    monkeypatch.setattr(os, "stat", forbid(os.stat))
    monkeypatch.setattr(os, "lstat", forbid(os.lstat))
    assert look(made.root).files.items() >= {("a.py", A), ("b.py", B)}


NAMES = [
    "untäd.py",
    "new\nline.py",
    "tab\t.py",
    'quo"te.py',
    '"both".py',
    " space .py",
    "-dash.py",
    ":colon.py",
    ":(top)x.py",
    "*.py",
    "[a].py",
    "back\\slash.py",
    "#hash.py",
    "!bang.py",
    "a&b<c>.py",
    "e\u0301.py",
]


def test_odd_names_are_shown_tracked_changed_and_new(made: GitFolder) -> None:
    same = {"a.py": A, "b.py": B, "d/c.py": C}
    made.write(dict.fromkeys(NAMES, "new\n"))
    assert look(made.root).files == same | dict.fromkeys(NAMES, "new\n")
    made.commit()
    assert look(made.root).files == same | dict.fromkeys(NAMES, "new\n")
    made.write(dict.fromkeys(NAMES, "changed\n"))
    found = look(made.root)
    assert found.files == same | dict.fromkeys(NAMES, "changed\n")
    for name in NAMES:
        os.utime(made.root / name, (0, 0))
    made.git("add", "-A")
    assert look(made.root).files == found.files


def test_a_name_that_is_not_utf_8_is_left_out_and_can_be_printed(made: GitFolder) -> None:
    odd = os.fsdecode(bytes(made.root) + b"/caf\xe9.py")
    Path(odd).write_text("x = 1\n")
    made.commit()
    Path(odd).write_text("x = 2\n")
    found = look(made.root)
    assert found.files == {"a.py": A, "b.py": B, "d/c.py": C}
    assert found.omitted == {"caf\\udce9.py": "its name is not UTF-8"}
    repr(found.context).encode()
