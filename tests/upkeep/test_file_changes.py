"""What a changed path means, and which folders are watched."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from kibitz.upkeep import file_changes
from kibitz.upkeep.file_changes import Happened, folders_to_watch, meaning
from kibitz_context.files.repository import Repository
from support.workshop import GIT, make_repository


def git(folder: Path, *arguments: str) -> None:
    subprocess.run([*GIT, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    files = {"a.py": "A = 1\n", "src/b.py": "B = 1\n", "src/deep/c.py": "C = 1\n"}
    return make_repository(tmp_path / "repository", {**files, ".gitignore": "node_modules/\n"})


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("src/b.py", Happened(("src/b.py",))),
        ("new file.txt", Happened(("new file.txt",))),
        (".gitignore", Happened((".gitignore",), rules=True)),
        ("src/.kibitzignore", Happened(("src/.kibitzignore",), rules=True)),
        (".kibitz.toml", Happened(settings=True)),
        ("src/.kibitz.toml", Happened(("src/.kibitz.toml",))),
        (".git", Happened(git=True)),
        (".git/HEAD", Happened(commit=True)),
        (".git/logs/HEAD", Happened(commit=True)),
        (".git/FETCH_HEAD", Happened(commit=True)),
        (".git/refs/heads/main", Happened(commit=True)),
        (".git/info/exclude", Happened(rules=True)),
        (".git/index", Happened()),
        (".git/index.lock", Happened()),
        (".git/objects/ab/cdef", Happened()),
        ("vendor/.git/HEAD", Happened()),
        ("../elsewhere.py", Happened()),
        ("../repository-2/a.py", Happened()),
        ("", Happened()),
    ],
)
def test_what_a_path_means(root: Path, name: str, expected: Happened) -> None:
    path = f"{root}/{name}" if name and not name.startswith("..") else f"{root.parent}{name[2:]}"
    path = path if name else str(root)
    found = meaning(Repository.find(root), [path])
    assert found == expected
    assert bool(found) is (expected != Happened())


def test_several_paths_are_one_happening(root: Path) -> None:
    repository = Repository.find(root)
    found = meaning(repository, [f"{root}/src/b.py", f"{root}/a.py", f"{root}/.git/HEAD"])
    assert found == Happened(("a.py", "src/b.py"), commit=True)
    assert found | Happened(("a.py", "z.py"), rules=True) == Happened(
        ("a.py", "src/b.py", "z.py"), commit=True, rules=True
    )


def test_a_single_file_has_nothing_beside_it(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text("A = 1\n")
    repository = Repository.find(tmp_path / "one.py")
    paths = [str(tmp_path / "one.py"), str(tmp_path / "two.py")]
    assert meaning(repository, paths) == Happened(("one.py",))


def test_a_linked_work_tree_has_its_git_directory_elsewhere(root: Path) -> None:
    tree = root.parent / "tree"
    git(root, "worktree", "add", "-q", str(tree))
    repository = Repository.find(tree)
    assert repository.git is not None
    assert meaning(repository, [str(repository.git.git_dir / "HEAD")]).commit
    assert meaning(repository, [str(root / ".git" / "refs" / "heads" / "main")]).commit
    assert not meaning(repository, [str(root / "a.py")])


def test_only_folders_of_the_commit_are_watched(root: Path) -> None:
    (root / "node_modules" / "left-pad").mkdir(parents=True)
    (root / "src" / "empty").mkdir()
    assert folders_to_watch(Repository.find(root)) == (
        root,
        root / ".git",
        root / ".git" / "logs",
        root / "src",
        root / "src" / "deep",
    )


def test_of_many_folders_the_upper_ones_are_watched(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_changes, "MOST_FOLDERS", 4)
    assert folders_to_watch(Repository.find(root))[-1] == root / "src"


def test_without_a_commit_the_top_is_watched(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    assert tmp_path in folders_to_watch(Repository.find(tmp_path))
    plain = tmp_path.parent / "plain"
    plain.mkdir()
    assert folders_to_watch(Repository.find(plain)) == (plain,)
