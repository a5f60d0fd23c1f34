"""Sets of changes: which files, which lines, and nothing that may not be sent."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz_context.files.repository import Repository
from kibitz_context.gate.gate import Gate
from kibitz_context.layers.change_set import (
    DELETED,
    ChangeSet,
    Scope,
    ScopeProblem,
    change_set,
    changed_lines,
    scope_of,
)
from support.workshop import GIT, make_repository

KEY = "AKIAQ3EGRYEXT5WMLPZB"


def git(root: Path, *arguments: str) -> None:
    subprocess.run([*GIT, *arguments], cwd=root, check=True, capture_output=True)


def commit(root: Path, name: str, text: str) -> None:
    (root / name).write_text(text)
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "More")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_repository(tmp_path / "shop", {"a.py": "one\ntwo\nthree\n", "b.py": "b = 1\n"})


def changes(root: Path, revisions: str = "", under: tuple[str, ...] = ()) -> ChangeSet:
    repository = Repository.find(root)
    return change_set(repository, Gate(root), scope_of(repository, revisions), under)


def told(found: ChangeSet) -> dict[str, tuple[tuple[int, int], ...]]:
    return {each.path: each.lines for each in found.files}


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        ("a\nb\nc\n", "a\nB\nc\n", [(1, 2)]),
        ("a\nb\nc\n", "a\nc\n", [(0, 2)]),  # a gap: the lines beside it
        ("a\nb\n", "b\n", [(0, 1)]),
        ("a\nb\n", "a\n", [(0, 1)]),
        ("a\n", "a\nb\nc\n", [(1, 3)]),
        ("a\nb\nc\nd\ne\n", "A\nb\nc\nd\nE\n", [(0, 1), (4, 5)]),
        ("a\n", "a\n", []),
        ("a\n", "", []),
    ],
)
def test_changed_lines(old: str, new: str, lines: list[tuple[int, int]]) -> None:
    assert list(changed_lines(old, new)) == lines


texts = st.lists(st.sampled_from("abc"), max_size=12).map(
    lambda lines: "".join(map("{}\n".format, lines))
)


@given(texts, texts)
def test_lines_that_are_not_marked_are_lines_of_the_old_text(old: str, new: str) -> None:
    marked = {line for start, end in changed_lines(old, new) for line in range(start, end)}
    rest = [line for number, line in enumerate(new.splitlines()) if number not in marked]
    left = iter(old.splitlines())
    assert all(line in left for line in rest), "in the old text, in this order"
    assert all(0 <= line < len(new.splitlines()) for line in marked)


def test_what_is_not_committed(root: Path) -> None:
    (root / "a.py").write_text("one\nTWO\nthree\n")
    git(root, "add", "a.py")
    (root / "a.py").write_text("one\nTWO\nthree\nfour\n")
    (root / "new.py").write_text("new = 1\n")
    (root / "b.py").unlink()
    found = changes(root)
    assert told(found) == {"a.py": ((1, 2), (3, 4)), "new.py": ((0, 1),)}
    assert [(each.path, each.reason) for each in found.omitted] == [("b.py", DELETED)]
    assert "-two\n+TWO\n" in found.files[0].diff
    assert found.files[1].diff == ""


def test_what_is_staged(root: Path) -> None:
    (root / "a.py").write_text("one\nTWO\nthree\n")
    git(root, "add", "a.py")
    (root / "a.py").write_text("something else\n")
    (root / "b.py").write_text("b = 2\n")
    repository = Repository.find(root)
    found = change_set(repository, Gate(root), Scope(repository.head(), "index"))
    assert told(found) == {"a.py": ((1, 2),)}
    assert found.files[0].text.text == "one\nTWO\nthree\n"


def test_a_branch_against_where_it_branched_off(root: Path) -> None:
    git(root, "checkout", "-q", "-b", "topic")
    commit(root, "a.py", "one\nTWO\nthree\n")
    git(root, "checkout", "-q", "main")
    commit(root, "b.py", "b = 2\n")
    git(root, "checkout", "-q", "topic")
    assert told(changes(root, "main")) == {"a.py": ((1, 2),)}
    assert told(changes(root, "main...topic")) == {"a.py": ((1, 2),)}
    assert set(told(changes(root, "main..topic"))) == {"a.py", "b.py"}
    assert told(changes(root, "HEAD^!")) == {"a.py": ((1, 2),)}
    assert told(changes(root, "main^^!")) == {"a.py": ((0, 3),), "b.py": ((0, 1),)}


def test_before_the_first_commit(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / "a.py").write_text("a = 1\n")
    assert told(changes(tmp_path)) == {"a.py": ((0, 1),)}


def test_paths_narrow_it(root: Path) -> None:
    (root / "src").mkdir()
    (root / "src" / "c.py").write_text("c = 1\n")
    (root / "srcs.py").write_text("s = 1\n")
    assert set(told(changes(root, under=("src",)))) == {"src/c.py"}


@pytest.mark.parametrize("name", ["nowhere", "-p", "HEAD:a.py", "a b", ":/More", "HEAD^{/x}"])
def test_what_is_no_revision(root: Path, name: str) -> None:
    with pytest.raises(ScopeProblem):
        changes(root, name)


def test_nothing_of_a_secret_or_an_excluded_file(root: Path) -> None:
    commit(root, "a.py", f'key = "{KEY}"\n')
    (root / ".kibitzignore").write_text("b.py\n")
    (root / "b.py").write_text("hidden = 1\n")
    (root / ".env").write_text("PASSWORD=hunter22\n")
    (root / "a.py").write_text(f'key = "{KEY}"\nother = 1\n')
    found = changes(root)
    assert "b.py" not in told(found)
    assert ".env" not in told(found)
    (file,) = [each for each in found.files if each.path == "a.py"]
    assert KEY not in file.text.text + file.diff
    assert file.lines == ((1, 2),)
    assert [secret for _, secret in file.text.secrets] == [KEY]
