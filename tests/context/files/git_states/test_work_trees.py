"""Work trees beside each other, submodules, and repositories within a repository."""

from __future__ import annotations

import shutil
from pathlib import Path

from support.git_folder import GitFolder, git_folder
from support.git_states import FILES, A, B, C, look


def test_a_linked_work_tree_shows_its_own_files(made: GitFolder, tmp_path: Path) -> None:
    made.git("worktree", "add", "-q", "-b", "other", "../other")
    made.write({"a.py": "only here\n"})
    (tmp_path / "other/b.py").write_text("only there\n")
    assert look(tmp_path / "other").files == {"a.py": A, "b.py": "only there\n", "d/c.py": C}
    assert look(made.root).files == {"a.py": "only here\n", "b.py": B, "d/c.py": C}


def test_a_work_tree_inside_another_is_not_looked_into(made: GitFolder) -> None:
    made.git("worktree", "add", "-q", "-b", "inner", "inner")
    assert look(made.root).files.keys() == FILES.keys()
    assert look(made.root / "inner").files.keys() == FILES.keys()


def test_work_trees_of_a_bare_repository(made: GitFolder, tmp_path: Path) -> None:
    made.git("clone", "-q", "--bare", ".", "../hub/.git")
    GitFolder(tmp_path / "hub").git("worktree", "add", "-q", "main")
    found = look(tmp_path / "hub/main")
    assert found.context.commit == made.git("rev-parse", "HEAD")
    assert found.files == {"a.py": A, "b.py": B, "d/c.py": C}


def test_a_linked_work_tree_whose_repository_is_gone_is_a_folder(
    made: GitFolder, tmp_path: Path
) -> None:
    made.git("worktree", "add", "-q", "--detach", "../other")
    shutil.rmtree(made.root / ".git/worktrees")
    found = look(tmp_path / "other")
    assert "not a git repository" in (found.repository.problem or "")
    assert found.files == {"a.py": A, "b.py": B, "d/c.py": C}


def test_a_work_tree_that_was_moved_by_hand_is_a_folder_until_it_is_repaired(
    made: GitFolder, tmp_path: Path
) -> None:
    made.git("worktree", "add", "-q", "--detach", "../other")
    (tmp_path / "other").rename(tmp_path / "moved")
    found = look(tmp_path / "moved")
    assert "git worktree repair" in (found.repository.problem or "")
    assert found.files == {"a.py": A, "b.py": B, "d/c.py": C}
    GitFolder(tmp_path / "moved").git("worktree", "repair")
    assert look(tmp_path / "moved").repository.has_git


def test_a_separate_git_directory_is_one(tmp_path: Path) -> None:
    made = GitFolder(tmp_path / "root")
    made.root.mkdir()
    made.git("init", "-q", "--separate-git-dir", "../elsewhere.git")
    head = made.commit(FILES)
    assert look(made.root).context.commit == head


def test_a_submodule_is_not_looked_into_and_that_is_said(made: GitFolder, tmp_path: Path) -> None:
    library = git_folder(tmp_path / "library", {"lib.py": "x = 1\n"})
    made.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", "../library", "sub")
    made.commit()
    (made.root / "sub/lib.py").write_text("changed\n")
    (made.root / "sub/new.py").write_text("new\n")
    found = look(made.root)
    assert found.files.keys() == {*FILES, ".gitmodules"}
    assert found.omitted["sub"] == "it is a submodule, a repository of its own"
    inner = look(made.root / "sub")
    assert inner.context.commit == library.git("rev-parse", "HEAD")
    assert inner.files == {"lib.py": "changed\n", "new.py": "new\n"}
    made.git("submodule", "deinit", "-q", "--force", "sub")
    assert look(made.root).files.keys() == {*FILES, ".gitmodules"}


def test_a_repository_within_the_repository_is_not_looked_into(made: GitFolder) -> None:
    git_folder(made.root / "inner", {"i.py": "i = 1\n"})
    git_folder(made.root / "empty")
    assert look(made.root).files.keys() == FILES.keys()
