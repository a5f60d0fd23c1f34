"""What forces a prefix to begin anew."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kibitz_context.caching.prefix import (
    PrefixStore,
)
from kibitz_context.caching.prefix_state import PrefixState
from kibitz_context.values import Context
from support.asking_editor import (
    Editor,
    plan,
    prefix_of,
)
from support.context_reader import NOT_SHOWN, as_read
from support.git_folder import GitFolder, git_folder
from support.prefix_files import FILES


def why(editor: Editor, step: str = "rebuild") -> str:
    found = plan(editor.ask())
    assert found.step == step
    assert plan(editor.ask()).step == "keep", "once is enough"
    return found.reason


def test_a_base_that_was_collected(made: GitFolder, tmp_path: Path, keeps_on: None) -> None:
    made.commit({"a.py": "lost\n"})
    editor = Editor(made, tmp_path / "cache")
    editor.ask()
    made.git("reset", "-q", "--hard", "HEAD~1")
    assert plan(editor.ask()).step == "keep", "still there, for a while"
    made.git("reflog", "expire", "--expire=now", "--all")
    made.git("gc", "-q", "--prune=now")
    assert why(editor) == "the commit that the snapshot stood for is gone"


def test_a_snapshot_that_is_ready_after_a_provisional_one(
    made: GitFolder, tmp_path: Path, keeps_on: None
) -> None:
    editor = Editor(made, tmp_path / "cache")
    assert editor.ask().provisional
    assert editor.ask().provisional
    editor.prepare()
    assert why(editor) == "the whole snapshot is ready"
    assert not editor.ask().provisional


def test_the_ready_snapshot_is_taken_although_there_is_a_newer_commit(
    made: GitFolder, tmp_path: Path, keeps_on: None
) -> None:
    editor = Editor(made, tmp_path / "cache")
    early = editor.ask()
    editor.prepare()
    made.commit({"b.py": "b = 3\n"})
    found = editor.ask()
    assert (found.provisional, found.commit) == (False, early.commit)
    assert as_read(found)["b.py"] == "b = 3\n"


def test_who_comes_second_goes_on_from_the_first(
    editor: Editor, made: GitFolder, monkeypatch: pytest.MonkeyPatch, keeps_on: None
) -> None:
    """Another process sends the first request between our looking and our writing."""
    other = Editor(made, editor.cache)
    really = PrefixStore.update
    sent: list[Context] = []
    is_there: list[bool] = []

    def update(
        self: PrefixStore, key: str, change: Callable[[PrefixState], PrefixState]
    ) -> PrefixState:
        if not is_there:
            is_there.append(True)
            sent.append(other.ask())
        return really(self, key, change)

    monkeypatch.setattr(PrefixStore, "update", update)
    found = editor.ask()
    assert [plan(each).step for each in (sent[0], found)] == ["first", "keep"]
    assert prefix_of(found) == prefix_of(sent[0])
    assert found.prefix == sent[0].prefix


def test_rules_that_change(editor: Editor, made: GitFolder, keeps_on: None) -> None:
    assert "c = 3" in editor.ask().snapshot.text
    made.write({"d/.kibitzignore": "c.py\n"})
    found = editor.ask()
    assert "c = 3" not in found.snapshot.text + found.changes.text
    assert plan(found).step == "rebuild"
    assert plan(found).reason == "what may be sent has changed, or how it is shown"


def test_a_file_of_the_snapshot_that_becomes_private(
    editor: Editor, made: GitFolder, keeps_on: None
) -> None:
    assert "c = 3" in editor.ask().snapshot.text
    made.git("rm", "-q", "--cached", "d/c.py")
    made.write({".gitignore": "c.py\n"})
    found = editor.ask()
    assert "c = 3" not in found.snapshot.text + found.changes.text
    assert plan(found).step == "rebuild"


@pytest.mark.parametrize(
    ("rule", "ignored"), [(".gitignore", "notes.py\n"), ("n/.kibitzignore", "*\n")]
)
def test_a_file_of_the_log_that_becomes_private(
    editor: Editor, made: GitFolder, keeps_on: None, rule: str, ignored: str
) -> None:
    made.write({"n/notes.py": "a private thought\n"})
    for _ in range(3):
        editor.ask()
    assert "a private thought" in plan(editor.ask()).changes_log[0]
    made.write({rule: ignored})
    found = editor.ask()
    assert plan(found).step == "fold"
    assert "a private thought" not in found.changes.text
    assert why(editor, "keep")


def test_a_new_file_of_the_log_that_becomes_too_large_is_not_taken_for_deleted(
    editor: Editor, made: GitFolder, keeps_on: None
) -> None:
    made.write({"notes.py": "n = 1\n"})
    for _ in range(3):
        editor.ask()
    made.write({"notes.py": "n = 1\n" * 20_000})
    for _ in range(2):
        found = editor.ask()
        assert as_read(found)["notes.py"] == NOT_SHOWN
    made.write({"notes.py": "n = 1\n"})
    assert as_read(editor.ask())["notes.py"] == "n = 1\n"


def test_a_snapshot_that_is_lost(editor: Editor, made: GitFolder, keeps_on: None) -> None:
    assert not editor.ask().provisional
    assert editor.cache is not None
    from kibitz_context.caching import view
    from kibitz_context.layers import snapshots

    for part in editor.cache.glob("snapshots.sqlite*"):
        part.unlink()
    view._snapshots.clear()
    assert not snapshots.store_in(editor.cache).has("k")
    assert why(editor) == "the snapshot that was sent is not stored any more"


def test_a_first_commit(tmp_path: Path, keeps_on: None) -> None:
    made = git_folder(tmp_path / "root")
    made.write(FILES)
    editor = Editor(made, tmp_path / "cache")
    assert editor.ask().commit is None
    assert plan(editor.ask()).step == "keep"
    made.commit()
    assert why(editor) == "there is a commit now"
