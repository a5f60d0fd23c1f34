"""The prefix of a folder that is no repository."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kibitz_context.caching import policy
from support.asking_editor import (
    Clock,
    Editor,
    grows,
    plan,
)
from support.context_reader import as_read
from support.git_folder import GitFolder, git_folder
from support.prefix_files import FILES, truth


@pytest.fixture(params=["no git", "no commit", "no cache folder"])
def plain(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Editor:
    made = GitFolder(tmp_path / "plain")
    made.root.mkdir()
    if request.param == "no commit":
        made = git_folder(made.root)
    made.write(FILES)
    return Editor(made, None if request.param == "no cache folder" else tmp_path / "cache")


def test_a_folder_keeps_its_snapshot_while_files_are_saved(plain: Editor, keeps_on: None) -> None:
    made = plain.made
    first = last = plain.ask()
    assert (first.commit, first.provisional, plan(first).step) == (None, False, "first")
    plain.buffers = {made.root / "d/c.py": "c = 4\n"}
    steps: list[Callable[[], object]] = [
        lambda: made.write({"a.py": FILES["a.py"] + "more = 1\n"}),
        lambda: made.write({"new.py": "n\n"}),
        lambda: (made.root / "b.py").unlink(),
        lambda: made.write({"a.py": FILES["a.py"], "b.py": "again\n"}),
        lambda: plain.buffers.clear(),
        lambda: made.write({"d/c.py": "c = 5\n"}),
    ]
    for step in steps:
        step()
        for _ in range(2):
            found = plain.ask()
            assert plan(found).step == "keep"
            assert grows(last, found)
            assert as_read(found) == truth(plain)
            last = found
    assert len(plan(last).changes_log) == len(steps)


def test_a_file_of_a_folder_that_becomes_private(plain: Editor, keeps_on: None) -> None:
    assert "c = 3" in plain.ask().snapshot.text
    plain.made.write({".gitignore": "c.py\n"})
    if plain.made.root.joinpath(".git").exists():
        plain.made.git("add", ".gitignore")
    found = plain.ask()
    assert "c = 3" not in found.snapshot.text + found.changes.text
    assert plan(found).step == "rebuild"
    assert plan(plain.ask()).step == "keep"


def test_a_newer_state_of_the_folder_is_offered(
    plain: Editor, offers: list[policy.Rebuild | None]
) -> None:
    plain.ask()
    plain.buffers = {plain.made.root / "a.py": "a = 2\n"}
    plain.ask()
    assert offers == [None, None], "nothing is saved yet"
    plain.made.write({"b.py": "b = 3\n"})
    found = plain.ask()
    assert offers[2] is not None
    assert 0 < offers[2].changes_tokens < 60
    assert plan(found).step == "rebuild"
    assert "b = 3" in found.snapshot.text
    assert as_read(found) == truth(plain)
