"""Patterns in gitignore's syntax: git itself is the judge."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from kibitz_context.files.ignore_files import IgnoreFiles, Patterns
from support.git_folder import GitFolder, git_folder

PATHS = [
    "a.py",
    "b.log",
    "build/a.py",
    "build/keep/a.py",
    "docs/build/b.log",
    "docs/a.md",
    "docs/deep/a.md",
    "docs/deep/b.log",
    "src/a.py",
    "src/a b.py",
    "src/keep.log",
    "[x]/a.py",
]

PATTERNS = [
    "*.log",
    "!keep.log",
    "build",
    "build/",
    "/build",
    "!build/keep",
    "docs/*",
    "!docs/deep/",
    "docs/**",
    "**/a.md",
    "/*.py",
    "src/a?b.py",
    "# comment",
    "",
    "\\#x",
    "[a-b].*",
    "[[:alpha:]].py",
    "a.py ",
    "!a.py",
    "/src/",
    "*",
    "!*/",
    "\\[x\\]/",
    "deep/b.log",
    "deep",
    "!deep",
    "!deep/",
    "!/deep",
    "!docs/deep",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> GitFolder:
    made = git_folder(tmp_path_factory.mktemp("ignore"))
    made.write(dict.fromkeys(PATHS, ""))
    return made


def ignored_by_git(folder: GitFolder) -> set[str]:
    listed = folder.git("ls-files", "--others", "--exclude-standard", "-z").split("\0")
    return set(PATHS) - set(listed)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(st.sampled_from(PATTERNS), max_size=4),
    st.lists(st.sampled_from(PATTERNS), max_size=2),
)
@example(["*.log"], ["!*/"])
@example(["*.log"], ["!deep"])
def test_nested_files_of_patterns_combine_as_git_combines_them(
    folder: GitFolder, top: list[str], below: list[str]
) -> None:
    folder.write({".gitignore": "\n".join(top), "docs/.gitignore": "\n".join(below)})
    files = IgnoreFiles(folder.root, ".gitignore")
    found = {path for path in PATHS if files.excludes(path)}
    assert found == ignored_by_git(folder)
    settled = IgnoreFiles(folder.root, ".gitignore", is_settled=True)
    assert {path for path in PATHS if settled.excludes(path)} == found


def test_what_is_settled_does_not_change(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/.kibitzignore").write_text("*.py\n")
    files = IgnoreFiles(tmp_path, ".kibitzignore", is_settled=True)
    assert [files.excludes(path) for path in ("a/b/c.py", "a/", "c.py")] == [True, False, False]
    (tmp_path / ".kibitzignore").write_text("*.py\n")
    (tmp_path / "a/.kibitzignore").unlink()
    assert [files.excludes(path) for path in ("a/b/c.py", "a/", "c.py")] == [True, False, False]


def test_a_file_is_read_again_when_it_has_changed(tmp_path: Path) -> None:
    files = IgnoreFiles(tmp_path, ".kibitzignore")
    assert not files.excludes("a.py")
    (tmp_path / ".kibitzignore").write_text("*.py\n")
    assert files.excludes("a.py")
    (tmp_path / ".kibitzignore").write_text("*.py\n!a.py\n")
    assert not files.excludes("a.py")
    (tmp_path / ".kibitzignore").unlink()
    assert not files.excludes("b.py")


def test_what_lies_in_an_excluded_folder_cannot_be_taken_back(tmp_path: Path) -> None:
    (tmp_path / ".kibitzignore").write_text("private/\n")
    (tmp_path / "private").mkdir()
    (tmp_path / "private/.kibitzignore").write_text("!a.py\n")
    assert IgnoreFiles(tmp_path, ".kibitzignore").excludes("private/a.py")


def test_a_link_is_no_file_of_patterns(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("*\n")
    (tmp_path / ".kibitzignore").symlink_to("elsewhere")
    assert not IgnoreFiles(tmp_path, ".kibitzignore").excludes("a.py")


@pytest.mark.parametrize(
    "line", ["!", "\\", "[z-a]", "*a" * 9, "x" * 1_001, "[[a]", "a[--b]", "a[^-&&z]"]
)
def test_a_line_that_is_no_usable_pattern_is_told_and_matches_nothing(line: str) -> None:
    patterns = Patterns((line, "*.log"))
    assert patterns.problems == (line,)
    assert patterns.matches("b.log")
    assert not patterns.matches("a")


def test_a_pattern_of_many_stars_is_not_tried() -> None:
    # With each star the time that a mismatch takes grows by the length of the path.
    assert not Patterns(("*a" * 40 + "b",)).matches("a" * 200)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [("SRC/", "src/a.py"), ("*.PY", "a.py"), ("straße", "STRASSE"), ("é", "e\u0301")],
)
def test_folded_patterns_match_what_the_file_system_holds_for_equal(
    pattern: str, path: str
) -> None:
    assert Patterns((pattern,), folded=True).matches(path)
    assert not Patterns((pattern,)).matches(path)
