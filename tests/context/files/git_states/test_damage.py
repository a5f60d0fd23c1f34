"""Whatever of git is damaged, the files are shown as they are."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from support.git_folder import GitFolder, git_folder
from support.git_states import MISSING, A, B, C, look, loose_object


def broken_git_file(made: GitFolder) -> None:
    shutil.rmtree(made.root / ".git")
    (made.root / ".git").write_text("gitdir: /nowhere/at/all\n")


def odd_git_file(made: GitFolder) -> None:
    shutil.rmtree(made.root / ".git")
    (made.root / ".git").write_bytes(b"\xff\0 no git file \n")


def empty_git_folder(made: GitFolder) -> None:
    shutil.rmtree(made.root / ".git")
    (made.root / ".git").mkdir()


def broken_head(made: GitFolder) -> None:
    (made.root / ".git/HEAD").write_bytes(b"\xff\xfe is no reference")


def broken_configuration(made: GitFolder) -> None:
    (made.root / ".git/config").write_bytes(b"[[[\n")


def no_objects(made: GitFolder) -> None:
    (made.root / ".git/objects").rename(made.root / ".git/away")


def no_commit_behind_the_branch(made: GitFolder) -> None:
    (made.root / ".git/refs/heads/main").write_text("1" * 40 + "\n")


def broken_packed_references(made: GitFolder) -> None:
    (made.root / ".git/packed-refs").write_bytes(b"\xff\xfe\n")


def broken_commit(made: GitFolder) -> None:
    loose_object(made, "HEAD").write_bytes(b"junk")


def broken_top_folder(made: GitFolder) -> None:
    loose_object(made, "HEAD^{tree}").write_bytes(b"junk")


def missing_folder(made: GitFolder) -> None:
    loose_object(made, "HEAD:d").unlink()


def broken_index(made: GitFolder) -> None:
    (made.root / ".git/index").write_bytes(b"junk")


def half_an_index(made: GitFolder) -> None:
    index = made.root / ".git/index"
    index.write_bytes(index.read_bytes()[:-40])


def no_index(made: GitFolder) -> None:
    (made.root / ".git/index").unlink()


def folder_for_an_index(made: GitFolder) -> None:
    no_index(made)
    (made.root / ".git/index").mkdir()


def locked_index(made: GitFolder) -> None:
    (made.root / ".git/index.lock").write_bytes(b"")


@pytest.mark.parametrize(
    "damage",
    [
        broken_git_file,
        odd_git_file,
        empty_git_folder,
        broken_head,
        broken_configuration,
        no_objects,
        no_commit_behind_the_branch,
        broken_packed_references,
        broken_commit,
        broken_top_folder,
        missing_folder,
        broken_index,
        half_an_index,
        no_index,
        folder_for_an_index,
        locked_index,
    ],
)
def test_whatever_of_git_is_damaged_the_files_are_shown_as_they_are(
    made: GitFolder, damage: Callable[[GitFolder], None]
) -> None:
    damage(made)
    made.write({"a.py": A.replace("line 7\n", "line seven\n"), "new.py": "new\n"})
    found = look(made.root)
    assert found.files == {
        "a.py": A.replace("line 7\n", "line seven\n"),
        "b.py": B,
        "d/c.py": C,
        "new.py": "new\n",
    }
    assert found.omitted == {}


def test_a_damaged_index_before_the_first_commit(tmp_path: Path) -> None:
    made = git_folder(tmp_path)
    made.write({"a.py": "x = 1\n"})
    made.git("add", "a.py")
    broken_index(made)
    assert look(tmp_path).files == {"a.py": "x = 1\n"}


@pytest.mark.parametrize("length", [0, 4, -6])
def test_a_damaged_blob_costs_one_file(made: GitFolder, length: int) -> None:
    blob = loose_object(made, "HEAD:b.py")
    blob.write_bytes(blob.read_bytes()[:length])
    found = look(made.root)
    assert found.files == {"a.py": A, "d/c.py": C}
    assert found.omitted == {"b.py": MISSING}
    made.write({"b.py": "b = 3\n"})
    assert look(made.root).files["b.py"] == "b = 3\n"
