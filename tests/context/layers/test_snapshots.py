"""Stored snapshots: the same bytes for every process, bounded, and void when anything differs."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from kibitz_context.files.repository import Repository, TrackedFile
from kibitz_context.gate.baseline import Baseline
from kibitz_context.gate.gate import Gate
from kibitz_context.gather import gather
from kibitz_context.layers import snapshots
from kibitz_context.layers.snapshot import Snapshot
from kibitz_context.layers.snapshots import (
    FILE_NAME,
    SnapshotStore,
    Wanted,
    build,
    store_in,
    wanted,
)
from kibitz_context.ranking.rank import Ranking
from kibitz_context.texts.outline import outline
from kibitz_context.values import FileUse, Layer, Omission
from support.git_folder import GitFolder, git_folder

SHOWN = Snapshot(
    Layer("snapshot", "text é\n", 3, (FileUse("a.py", 2, "full", 0.5), FileUse("b", 1, "name"))),
    frozenset({"a.py"}),
    (Omission("c.py", "it is binary"),),
)


@pytest.fixture
def made(tmp_path: Path) -> GitFolder:
    return git_folder(
        tmp_path / "root",
        {"a.py": "def f():\n    return 1\n", "b.py": "b = 2\n", "CONTRIBUTING.md": "Be kind.\n"},
    )


def want(made: GitFolder, max_tokens: int = 5_000, **rules: list[str]) -> Wanted:
    gate = Gate(made.root, **rules)
    found = wanted(Repository.find(made.root), gate, max_tokens, store_in(None))
    assert found is not None
    return found


def prepare(made: GitFolder, cache: Path, max_tokens: int = 5_000) -> Snapshot:
    return build(
        want(made, max_tokens),
        store_in(cache),
        ranking=Ranking({"a.py": 2.0, "b.py": 1.0}, {"a.py": 1}),
        outline_of=lambda _, text: outline(text),
    )


# --- the store ---------------------------------------------------------------------------------


def test_what_is_stored_is_read_as_it_was(tmp_path: Path) -> None:
    SnapshotStore(tmp_path).put("k", SHOWN)
    store = SnapshotStore(tmp_path)
    assert store.has("k")
    assert store.get("k") == SHOWN
    assert (store.has("other"), store.get("other")) == (False, None)


def test_what_a_folder_held_is_stored_too(tmp_path: Path) -> None:
    files = (TrackedFile("a.py", "", 3), TrackedFile("b.py"))
    shown = replace(SHOWN, folder=Baseline(None, files, texts={"a.py": "é\n"}))
    SnapshotStore(tmp_path).put("k", shown)
    assert SnapshotStore(tmp_path).get("k") == shown


def test_without_a_folder_it_is_in_memory() -> None:
    store = SnapshotStore(None)
    store.put("k", SHOWN)
    assert store.get("k") == SHOWN


def test_the_least_recently_used_make_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "MAX_SNAPSHOTS", 3)
    monkeypatch.setattr(snapshots, "USE_NOTED_AFTER_SECONDS", 10.0)
    clock = [0.0]
    monkeypatch.setattr("time.time", lambda: clock[0])
    store = SnapshotStore(tmp_path)
    for name in ("a", "b", "c"):
        clock[0] += 20
        store.put(name, SHOWN)
    clock[0] += 20
    store.get("a")
    clock[0] += 20
    store.put("d", SHOWN)
    assert [name for name in "abcd" if store.has(name)] == ["a", "c", "d"]


def test_large_ones_make_room_for_each_other_but_the_newest_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "MAX_TOTAL_BYTES", 10)
    store = SnapshotStore(tmp_path)
    store.put("a", SHOWN)
    store.put("b", SHOWN)
    assert (store.has("a"), store.has("b")) == (False, True)


@pytest.mark.parametrize("files", ["no json", "[[1]]", "{}", "null"])
def test_what_cannot_be_read_is_not_there(tmp_path: Path, files: str) -> None:
    store = SnapshotStore(tmp_path)
    store.put("k", SHOWN)
    with sqlite3.connect(tmp_path / FILE_NAME) as connection:
        connection.execute("UPDATE snapshots SET files = ?", (files,))
    connection.close()
    found = store.get("k")
    assert found is None or found.layer.files == ()


def test_damage_is_a_snapshot_to_be_built_again(tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path)
    store.put("k", SHOWN)
    (tmp_path / FILE_NAME).write_bytes(b"x" * 10_000)
    for ending in ("-wal", "-shm"):
        (tmp_path / f"{FILE_NAME}{ending}").unlink(missing_ok=True)
    assert store.get("k") is None
    store.put("k", SHOWN)
    assert store.get("k") == SHOWN


# --- what it is the snapshot of ----------------------------------------------------------------


def test_nothing_is_to_be_prepared_without_a_commit(tmp_path: Path) -> None:
    git_folder(tmp_path)
    assert wanted(Repository.find(tmp_path), Gate(tmp_path), 5_000, store_in(None)) is None


def test_the_files_of_a_commit_are_listed_once(
    made: GitFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.commit({"d/e/f.py": "f\n", "d/g.py": "g\n"})
    first = want(made)
    with monkeypatch.context() as patched:
        patched.setattr(snapshots, "baseline", lambda *_: pytest.fail("it was listed again"))
        assert want(made).key == first.key
        made.write({"d/e/.kibitzignore": "f.py\n"})
        assert want(made).key != first.key, "rules are looked for in every folder"
    assert want(made).base.by_path.keys() == first.base.by_path.keys()


def test_no_more_commits_are_remembered_than_is_of_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "MAX_COMMITS", 2)
    store = SnapshotStore(tmp_path)
    for commit in "abc":
        store.note_folders(commit, ["", f"{commit}/"])
    assert [store.folders(commit) for commit in "abc"] == [None, ("", "b/"), ("", "c/")]


def test_what_a_stored_snapshot_lacks_is_known_without_reading_it(tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path)
    store.put("whole", SHOWN)
    gone = Omission("a.py", "its content is missing from the repository")
    store.put("part", replace(SHOWN, omitted=(*SHOWN.omitted, gone)))
    assert [store.lacking(key) for key in ("whole", "part", "never")] == [(), ("a.py",), None]


def test_the_same_question_has_the_same_name(made: GitFolder) -> None:
    before = want(made).key
    made.write({"a.py": "changed\n", "new.py": "new\n"})
    assert want(made).key == before, "the work tree does not matter"
    made.git("worktree", "add", "-q", "--detach", "../tree")
    assert want(GitFolder(made.root.parent / "tree")).key == before


CHANGES: dict[str, Callable[[GitFolder], object]] = {
    "a commit": lambda made: made.commit({"b.py": "3\n"}),
    "rules in a folder": lambda made: made.write({".kibitzignore": "b.py\n"}),
    "a file that is private now": lambda made: (
        made.git("rm", "-q", "--cached", "b.py"),
        made.write({".gitignore": "b.py\n"}),
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_whatever_the_bytes_depend_on_is_in_the_name(
    made: GitFolder, change: Callable[[GitFolder], object]
) -> None:
    before = want(made).key
    change(made)
    assert want(made).key != before


def test_settings_and_versions_are_in_the_name(
    made: GitFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = {
        want(made).key,
        want(made, 6_000).key,
        want(made, include=["a.py"]).key,
        want(made, exclude=["a.py"]).key,
    }
    monkeypatch.setattr(snapshots, "SNAPSHOT_VERSION", 99)
    keys.add(want(made).key)
    monkeypatch.setattr(snapshots.symbols, "VERSION", 99)
    keys.add(want(made).key)
    monkeypatch.setattr(snapshots, "_secret_rules_digest", lambda: "other rules")
    keys.add(want(made).key)
    assert len(keys) == 7


# --- and how it is used ------------------------------------------------------------------------


def test_a_request_has_the_stored_bytes_and_until_then_provisional_ones(
    made: GitFolder, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    repository, gate = Repository.find(made.root), Gate(made.root)
    early = gather(repository, gate, max_tokens=5_000, cache=cache)
    assert early.provisional
    assert "Be kind." in early.snapshot.text
    assert "b.py" in early.snapshot.text
    assert "b = 2" not in early.snapshot.text
    assert early.omitted == ()
    built = prepare(made, cache)
    found = gather(repository, gate, max_tokens=5_000, cache=cache)
    assert not found.provisional
    assert found.snapshot == built.layer
    assert "b = 2" in found.snapshot.text


def test_what_changes_most_stands_last(made: GitFolder, tmp_path: Path) -> None:
    text = prepare(made, tmp_path / "cache").layer.text
    assert text.index('path="b.py"') < text.index('path="a.py"'), "a.py has changed once"
    assert text.index("Be kind.") < text.index("<tree>") < text.index("<files>")


def test_what_ranks_higher_is_in_it(made: GitFolder, tmp_path: Path) -> None:
    made.commit({"a.py": "a = 1\n" * 100, "b.py": "b = 2\n" * 100})

    def shown(scores: dict[str, float]) -> set[str]:
        built = build(
            want(made, 400),
            SnapshotStore(None),
            ranking=Ranking(scores, {}),
            outline_of=lambda _, text: outline(text),
        )
        return {use.path for use in built.layer.files if use.form == "full"}

    assert "a.py" in shown({"a.py": 2.0, "b.py": 1.0})
    assert "b.py" in shown({"a.py": 1.0, "b.py": 2.0})


def test_building_can_be_given_up(made: GitFolder) -> None:
    class Enough(Exception):
        pass

    def give_up() -> None:
        raise Enough

    store = SnapshotStore(None)
    with pytest.raises(Enough):
        build(want(made), store, ranking=Ranking({}, {}), outline_of=lambda *_: "", check=give_up)
    assert not store.has(want(made).key)
