"""Before the first commit, or without a repository."""

from __future__ import annotations

from pathlib import Path

from support.git_folder import GitFolder, git_folder
from support.git_states import A, B, C, look


def test_before_the_first_commit_files_are_shown_as_they_are(tmp_path: Path) -> None:
    made = git_folder(tmp_path)
    made.write({"a.py": "1\n", "b.py": "b\n", "c.log": "x", ".gitignore": "*.log\n"})
    made.git("add", "a.py")
    made.write({"a.py": "2\n"})
    found = look(tmp_path)
    assert found.context.commit is None
    assert found.files == {".gitignore": "*.log\n", "a.py": "2\n", "b.py": "b\n"}


def test_a_branch_without_a_commit_is_a_new_beginning(made: GitFolder) -> None:
    made.git("checkout", "-q", "--orphan", "new")
    found = look(made.root)
    assert found.repository.head() is None
    assert found.files == {"a.py": A, "b.py": B, "d/c.py": C}


def test_no_repository_at_all(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\n")
    found = look(tmp_path)
    assert (found.repository.problem, found.context.commit) == ("no git repository", None)
    assert found.files == {"a.py": "x = 1\n"}
