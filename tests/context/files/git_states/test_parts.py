"""Sparse checkouts, partial, shallow and bare clones: what is lacking is said."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from kibitz_context.gate.gate import Gate
from kibitz_context.values import Refused
from support.git_folder import GitFolder
from support.git_states import FILES, MISSING, A, B, C, look


@pytest.mark.parametrize(
    "how", [["--cone"], ["--no-cone", "/b.py"], ["--cone", "--sparse-index"]], ids=" ".join
)
def test_what_a_sparse_checkout_leaves_out_is_still_there(made: GitFolder, how: list[str]) -> None:
    made.git("sparse-checkout", "set", *how)
    assert not (made.root / "d").exists()
    found = look(made.root)
    assert found.context.changes.text == ""
    assert found.files == {"a.py": A, "b.py": B, "d/c.py": C}
    made.write({"b.py": "b = 3\n", "d/c.py": "there, though it need not be\n"})
    assert look(made.root).files == {
        "a.py": A,
        "b.py": "b = 3\n",
        "d/c.py": "there, though it need not be\n",
    }


def test_a_file_that_another_commit_changed_out_of_sight_is_shown_as_it_is_there(
    made: GitFolder,
) -> None:
    made.git("switch", "-q", "-c", "other")
    made.commit({"d/c.py": "c = 4\n"})
    made.git("sparse-checkout", "set", "--cone")
    assert not (made.root / "d").exists()
    assert look(made.root).files == {"a.py": A, "b.py": B, "d/c.py": "c = 4\n"}


def partial_clone(made: GitFolder, to: Path, *options: str) -> GitFolder:
    made.git("config", "uploadpack.allowFilter", "true")
    made.git("clone", "-q", *options, f"file://{made.root}", str(to))
    return GitFolder(to)


def test_what_a_partial_clone_lacks_is_said_and_never_fetched(
    made: GitFolder, tmp_path: Path
) -> None:
    clone = partial_clone(made, tmp_path / "clone", "--filter=blob:none", "--sparse")
    objects = clone.git("count-objects", "-v")
    found = look(clone.root)
    assert found.files == {"a.py": A, "b.py": B}
    assert found.omitted == {"d/c.py": MISSING}
    assert "  c.py\n" in found.context.snapshot.text, "the tree has it all the same"
    assert clone.git("count-objects", "-v") == objects
    clone.write({"b.py": "b = 3\n"})
    assert look(clone.root).files["b.py"] == "b = 3\n"


def test_a_partial_clone_without_a_checkout_has_names_only(made: GitFolder, tmp_path: Path) -> None:
    clone = partial_clone(made, tmp_path / "clone", "--filter=blob:none", "--no-checkout")
    found = look(clone.root)
    assert found.context.commit == made.git("rev-parse", "HEAD")
    assert found.files == {}
    assert found.omitted == dict.fromkeys(FILES, MISSING)
    assert found.context.changes.text == "", "what was never checked out is not deleted"
    clone.write({"b.py": "b = 3\n"})
    assert look(clone.root).files == {"b.py": "b = 3\n"}


def test_a_clone_without_folders_shows_what_is_on_the_disk(made: GitFolder, tmp_path: Path) -> None:
    clone = partial_clone(made, tmp_path / "clone", "--filter=tree:0", "--no-checkout")
    assert look(clone.root).files == {}
    clone.write({"x.py": "x = 1\n"})
    assert look(clone.root).files == {"x.py": "x = 1\n"}


def test_a_shallow_clone_shows_its_commit(made: GitFolder, tmp_path: Path) -> None:
    head = made.commit({"a.py": "second\n"})
    clone = partial_clone(made, tmp_path / "clone", "--depth", "1")
    clone.write({"b.py": "b = 3\n"})
    found = look(clone.root)
    assert found.context.commit == head
    assert found.files == {"a.py": "second\n", "b.py": "b = 3\n", "d/c.py": C}


def test_objects_of_another_repository_are_read_while_they_are_there(
    made: GitFolder, tmp_path: Path
) -> None:
    made.git("clone", "-q", "--shared", ".", "../clone")
    assert look(tmp_path / "clone").context.commit == made.git("rev-parse", "HEAD")
    made.root.rename(tmp_path / "away")
    found = look(tmp_path / "clone")
    assert found.context.commit is None
    assert found.files == {"a.py": A, "b.py": B, "d/c.py": C}


def test_a_bare_repository_is_not_read_as_a_folder(made: GitFolder, tmp_path: Path) -> None:
    made.git("clone", "-q", "--bare", ".", "../bare")
    for folder in ("bare", "bare/objects", "bare/hooks"):
        found = look(tmp_path / folder)
        assert found.repository.problem == "a git directory, which has no work tree of its own"
        assert found.context.snapshot.text == ""
    assert Gate(tmp_path / "bare").read("config") == Refused("it belongs to git itself")
    (tmp_path / "notes.md").write_text("notes\n")
    shutil.rmtree(made.root)
    assert look(tmp_path).files == {"notes.md": "notes\n"}, "and so it is where it is one of many"


def test_a_work_tree_that_is_declared_bare_is_a_folder(made: GitFolder) -> None:
    made.git("config", "core.bare", "true")
    found = look(made.root)
    assert found.repository.problem == "fatal: this operation must be run in a work tree"
    assert found.files == {"a.py": A, "b.py": B, "d/c.py": C}
