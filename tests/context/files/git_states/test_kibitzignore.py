"""`.kibitzignore` holds where it is not on the disk, as long as git tracks it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from kibitz_context.gate.gate import Gate
from kibitz_context.values import Refused
from support.git_folder import GitFolder
from support.git_states import A, B, C, look

EXCLUDED = "it is excluded by .kibitzignore"
KEPT_BACK = "customers = ['Ada']\n"


@pytest.fixture
def made(made: GitFolder) -> GitFolder:
    made.commit({"d/.kibitzignore": "customers.py\n", "d/customers.py": KEPT_BACK})
    return made


def sparse(made: GitFolder, tmp_path: Path) -> Path:
    made.git("sparse-checkout", "set", "--cone", "--sparse-index")
    return made.root


def sparse_by_pattern(made: GitFolder, tmp_path: Path) -> Path:
    # The folder is there, its `.kibitzignore` is not.
    made.git("sparse-checkout", "set", "--no-cone", "*.py")
    assert (made.root / "d/customers.py").exists()
    return made.root


def removed_by_hand(made: GitFolder, tmp_path: Path) -> Path:
    shutil.rmtree(made.root / "d")
    return made.root


def never_checked_out(made: GitFolder, tmp_path: Path) -> Path:
    made.git("clone", "-q", "--no-checkout", ".", str(tmp_path / "clone"))
    return tmp_path / "clone"


def without_an_index(made: GitFolder, tmp_path: Path) -> Path:
    (made.root / "d/.kibitzignore").unlink()
    (made.root / ".git/index").unlink()
    return made.root


def in_a_linked_work_tree(made: GitFolder, tmp_path: Path) -> Path:
    made.git("worktree", "add", "-q", "--detach", str(tmp_path / "linked"))
    shutil.rmtree(tmp_path / "linked/d")
    return tmp_path / "linked"


def where_its_text_was_never_fetched(made: GitFolder, tmp_path: Path) -> Path:
    """Nobody knows what it excludes: so nothing of the folder is shown."""
    made.git("config", "uploadpack.allowFilter", "true")
    url = f"file://{made.root}"
    made.git("clone", "-q", "--filter=blob:none", "--sparse", url, str(tmp_path / "clone"))
    clone = GitFolder(tmp_path / "clone")
    clone.write({"d/customers.py": KEPT_BACK})
    return clone.root


@pytest.mark.parametrize(
    "without",
    [
        sparse,
        sparse_by_pattern,
        removed_by_hand,
        never_checked_out,
        without_an_index,
        in_a_linked_work_tree,
        where_its_text_was_never_fetched,
    ],
)
def test_what_it_excludes_is_not_shown(
    made: GitFolder, tmp_path: Path, without: Callable[[GitFolder, Path], Path]
) -> None:
    root = without(made, tmp_path)
    assert not (root / "d/.kibitzignore").exists()
    found = look(root)
    assert "customers" not in found.context.changes.text
    assert "Ada" not in found.context.snapshot.text
    assert found.files["a.py"] == A
    assert found.omitted["d/customers.py"] == EXCLUDED
    for answer in (
        Gate(root).admit("d/customers.py", KEPT_BACK),
        Gate(root).admit_blob("d/customers.py", KEPT_BACK.encode()),
    ):
        assert answer == Refused(EXCLUDED)


def test_it_does_not_matter_to_the_snapshot_whether_it_is_checked_out(
    made: GitFolder, tmp_path: Path
) -> None:
    expected = look(made.root)
    made.git("sparse-checkout", "set", "--cone")
    found = look(made.root)
    assert found.context.snapshot == expected.context.snapshot
    assert found.files == {**expected.files, "a.py": A, "b.py": B, "d/c.py": C}


def test_what_is_on_the_disk_wins_and_what_git_has_forgotten_is_gone(made: GitFolder) -> None:
    gate = Gate(made.root)
    made.write({"d/.kibitzignore": "c.py\n"})
    assert gate.name_refusal("d/customers.py") is None
    assert gate.name_refusal("d/c.py") == EXCLUDED
    (made.root / "d/.kibitzignore").unlink()
    assert gate.name_refusal("d/customers.py") == EXCLUDED
    assert gate.name_refusal("d/c.py") is None
    made.git("rm", "-q", "--cached", "d/.kibitzignore")
    assert Gate(made.root).name_refusal("d/customers.py") is None


def test_a_link_is_no_file_of_patterns_in_git_either(made: GitFolder) -> None:
    (made.root / "d/.kibitzignore").unlink()
    (made.root / "d/.kibitzignore").symlink_to("../a.py")
    made.commit()
    made.git("sparse-checkout", "set", "--cone")
    assert Gate(made.root).name_refusal("d/customers.py") is None


def test_an_index_is_asked_once_while_it_stays_as_it_is(
    made: GitFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(made.root / "d")
    assert Gate(made.root).name_refusal("d/customers.py") == EXCLUDED
    with monkeypatch.context() as patch:
        patch.setattr("kibitz_context.files.git_commands.run", None)
        assert Gate(made.root).name_refusal("d/customers.py") == EXCLUDED
    made.git("rm", "-q", "-r", "--cached", "d")
    assert Gate(made.root).name_refusal("d/customers.py") is None
