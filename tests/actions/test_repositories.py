"""Repositories are remembered, and nothing that happens to them on the disk is missed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from kibitz.actions import repositories
from kibitz.actions.repositories import Repositories
from kibitz_context.files.repository import Repository
from support.workshop import GIT, make_repository


def git(folder: Path, *arguments: str) -> None:
    subprocess.run([*GIT, *arguments], cwd=folder, check=True, capture_output=True)


def test_git_is_asked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = make_repository(tmp_path / "repository", {"src/a.py": "A = 1\n"})
    known = Repositories()
    first = known.find(root / "src" / "a.py")

    def refuse(*arguments: object) -> None:
        raise AssertionError("asked again")

    monkeypatch.setattr(Repository, "find", refuse)
    assert known.find(root / "src" / "a.py") is first
    assert first.root == root


def test_a_later_git_init_is_seen(tmp_path: Path) -> None:
    folder = tmp_path / "project" / "src"
    folder.mkdir(parents=True)
    known = Repositories()
    assert not known.find(folder, (tmp_path / "project",)).has_git
    git(tmp_path / "project", "init", "-q")
    found = known.find(folder, (tmp_path / "project",))
    assert (found.has_git, found.root) == (True, tmp_path / "project")


def test_a_repository_inside_another_is_seen_when_it_comes_and_when_it_goes(tmp_path: Path) -> None:
    root = make_repository(tmp_path / "outer", {"inner/a.py": "A = 1\n"})
    known = Repositories()
    assert known.find(root / "inner" / "a.py").root == root
    git(root / "inner", "init", "-q")
    assert known.find(root / "inner" / "a.py").root == root / "inner"
    shutil.rmtree(root / "inner" / ".git")
    assert known.find(root / "inner" / "a.py").root == root


def test_a_work_tree_that_is_linked_anew_is_seen(tmp_path: Path) -> None:
    one = make_repository(tmp_path / "one", {"a.py": "A = 1\n"})
    two = make_repository(tmp_path / "two", {"a.py": "A = 2\n"})
    git(one, "worktree", "add", "-q", str(tmp_path / "tree"))
    known = Repositories()
    before = known.find(tmp_path / "tree")
    assert before.git is not None
    assert before.git.common_dir == one / ".git"
    shutil.rmtree(tmp_path / "tree")
    git(two, "worktree", "add", "-q", str(tmp_path / "tree"))
    after = known.find(tmp_path / "tree")
    assert after.git is not None
    assert after.git.common_dir == two / ".git"


def test_a_damaged_repository_that_is_mended_is_seen(tmp_path: Path) -> None:
    root = make_repository(tmp_path / "repository", {"a.py": "A = 1\n"})
    head = root / ".git" / "HEAD"
    content = head.read_bytes()
    head.unlink()
    known = Repositories()
    assert not known.find(root).has_git
    head.write_bytes(content)
    assert known.find(root).has_git


def test_a_repository_that_is_damaged_later_is_seen(tmp_path: Path) -> None:
    root = make_repository(tmp_path / "repository", {"a.py": "A = 1\n"})
    git(root, "worktree", "add", "-q", str(tmp_path / "tree"))
    known = Repositories()
    assert known.find(root).has_git
    assert known.find(tmp_path / "tree").has_git
    content = (root / ".git/HEAD").read_bytes()
    (root / ".git/HEAD").write_text("nonsense\n")
    assert not known.find(root).has_git
    (root / ".git/HEAD").write_bytes(content)
    assert known.find(root).has_git
    # The `.git` in the linked work tree is as it was, and leads nowhere.
    root.rename(tmp_path / "elsewhere")
    assert not known.find(tmp_path / "tree").has_git
    (tmp_path / "elsewhere").rename(root)
    assert known.find(tmp_path / "tree").has_git


def test_it_remembers_a_bounded_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repositories, "MOST_REMEMBERED", 2)
    known = Repositories()
    for name in ("a", "b", "c"):
        known.find(tmp_path / name)
    assert len(known._found) == 2
