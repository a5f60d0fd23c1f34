"""A git directory, or a variable, that leads to somebody else."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.git_folder import GitFolder, git_folder
from support.git_states import A, B, C, look


@pytest.fixture
def private(tmp_path: Path) -> GitFolder:
    """Another repository of the same user, which nobody asked about."""
    return git_folder(tmp_path / "private", {"plans.py": "private = 1\n"})


def test_a_work_tree_elsewhere_is_not_read(made: GitFolder, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home/diary.txt").write_text("private\n")
    for elsewhere in (tmp_path / "home", tmp_path, Path("/")):
        made.git("config", "core.worktree", str(elsewhere))
        found = look(made.root)
        assert found.repository.root == made.root
        assert found.repository.problem == (
            "its git directory names another work tree (core.worktree)"
        )
        assert found.files == {"a.py": A, "b.py": B, "d/c.py": C}


@pytest.mark.parametrize("way", ["file", "link", "linked work tree", "submodule"])
def test_another_repository_s_history_is_not_read(
    private: GitFolder, tmp_path: Path, way: str
) -> None:
    folder = tmp_path / "downloaded"
    folder.mkdir()
    (folder / "x.py").write_text("x = 1\n")
    if way == "link":
        (folder / ".git").symlink_to(private.root / ".git")
    else:
        target = ".git"
        if way == "linked work tree":
            private.git("worktree", "add", "-q", "--detach", "../linked")
            target = ".git/worktrees/linked"
        elif way == "submodule":
            git_folder(tmp_path / "library", {"lib.py": "private = 2\n"})
            private.git(
                "-c", "protocol.file.allow=always", "submodule", "add", "-q", "../library", "sub"
            )
            target = ".git/modules/sub"
        (folder / ".git").write_text(f"gitdir: {private.root / target}\n")
    found = look(folder)
    assert not found.repository.has_git
    assert "another work tree" in (found.repository.problem or "")
    assert found.files == {"x.py": "x = 1\n"}
    assert "private" not in repr(found.context)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GIT_DIR", "{private}/.git"),
        ("GIT_WORK_TREE", "{private}"),
        ("GIT_OBJECT_DIRECTORY", "{private}/.git/objects"),
        ("GIT_ALTERNATE_OBJECT_DIRECTORIES", "{private}/.git/objects"),
        ("GIT_CONFIG_PARAMETERS", "'core.bare=true'"),
        ("GIT_CONFIG_COUNT", "nonsense"),
        ("GIT_NAMESPACE", "elsewhere"),
        ("GIT_PREFIX", "d/"),
        ("GIT_SHALLOW_FILE", "/dev/null"),
        ("GIT_LITERAL_PATHSPECS", "1"),
        ("GIT_TRACE", "1"),
        ("GIT_REPLACE_REF_BASE", "refs/heads/"),
    ],
)
def test_inherited_variables_change_nothing(
    made: GitFolder, private: GitFolder, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    made.write({"b.py": "b = 3\n"})
    expected = look(made.root).context
    monkeypatch.setenv(name, value.format(private=private.root))
    assert look(made.root).context == expected


def test_settings_that_the_user_gives_to_every_git_are_kept(
    made: GitFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    found = look(made.root)
    assert "dubious ownership" in (found.repository.problem or "")
    assert found.files == {"a.py": A, "b.py": B, "d/c.py": C}
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "safe.directory")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", str(made.root))
    assert look(made.root).repository.has_git
