"""What past commits changed: a function of the commit, kept between processes, never a fault."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from kibitz_context.files import git_commands
from kibitz_context.files.repository import Repository
from kibitz_context.indexing import history as history_module
from kibitz_context.indexing.history import History, PastCommit, history, message_words
from support.git_folder import GitFolder, git_folder


@pytest.fixture(autouse=True)
def nothing_is_remembered() -> None:
    history_module._remembered.clear()


def read(root: Path, file: Path | None = None) -> History:
    repository = Repository.find(root)
    history_module._remembered.clear()
    return history(repository, repository.head(), file)


def three_commits(root: Path) -> GitFolder:
    made = git_folder(root, {"a.py": "1\n"})
    made.commit({"a.py": "2\n", "b.py": "1\n"}, "Read the config")
    made.commit({"b.py": "2\n", "sub/c d.py": "1\n"}, "Write frames")
    return made


# --- what is told ------------------------------------------------------------------------------


def test_each_commit_has_its_files_and_the_newest_comes_first(tmp_path: Path) -> None:
    three_commits(tmp_path)

    found = read(tmp_path)

    assert [past.paths for past in found.commits] == [
        ("b.py", "sub/c d.py"),
        ("a.py", "b.py"),
        ("a.py",),
    ]
    assert found.commits[0].words == ("frame", "write")
    assert found.problem is None
    assert found.changes == {"a.py": 2, "b.py": 2, "sub/c d.py": 1}
    assert found.by_path["b.py"] == (0, 1)
    assert found.by_word["config"] == (1,)


def test_how_often_is_told_in_coarse_steps() -> None:
    def often(times: int) -> int:
        return History(
            "x", tuple(PastCommit(str(n), ("a",), ()) for n in range(times))
        ).often_changed("a")

    steps = [often(times) for times in range(70)]

    assert steps == [0] + [1] * 1 + [1] * 2 + [2] * 12 + [3] * 48 + [4] * 6


def test_merges_are_left_out_and_both_sides_are_there(tmp_path: Path) -> None:
    made = git_folder(tmp_path, {"a.py": "1\n"})
    made.git("checkout", "-q", "-b", "side")
    made.commit({"b.py": "1\n"}, "side")
    made.git("checkout", "-q", "main")
    made.commit({"c.py": "1\n"}, "main")
    made.git("merge", "-q", "--no-edit", "side")

    assert sorted(past.paths for past in read(tmp_path).commits) == [
        ("a.py",),
        ("b.py",),
        ("c.py",),
    ]


def test_a_sweep_says_nothing_about_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_module, "MAX_FILES_OF_A_CHANGE", 3)
    made = git_folder(tmp_path, {f"{n}.py": "1\n" for n in range(4)})
    made.commit({f"{n}.py": "2\n" for n in range(3)})

    assert [past.paths for past in read(tmp_path).commits] == [("0.py", "1.py", "2.py"), ()]


def test_only_the_newest_commits_are_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_module, "MAX_COMMITS", 2)
    three_commits(tmp_path)
    assert len(read(tmp_path).commits) == 2


def test_a_name_that_is_no_text_is_kept(tmp_path: Path) -> None:
    made = git_folder(tmp_path, {"a.py": "1\n"})
    blob = made.git("rev-parse", "HEAD:a.py")
    entry = f"100644 {blob}\t".encode() + b"\xff\n.py\0"
    subprocess.run(
        ["git", "update-index", "-z", "--index-info"], cwd=tmp_path, input=entry, check=True
    )
    made.git("commit", "-q", "-m", "odd")

    for _ in range(2):
        found = read(tmp_path, tmp_path / ".git" / "history.sqlite")
        assert found.commits[0].paths == (git_commands.decoded(b"\xff\n.py"),)


# --- the same everywhere -----------------------------------------------------------------------


def test_settings_replacements_and_grafts_of_a_clone_change_nothing(tmp_path: Path) -> None:
    made = three_commits(tmp_path)
    first = read(tmp_path)
    made.git("config", "log.showRoot", "false")
    made.git("config", "log.follow", "true")
    made.git("config", "diff.renames", "copies")
    made.git("config", "log.showSignature", "true")
    made.git("config", "format.pretty", "oneline")
    made.git("config", "diff.orderFile", "/nowhere")
    root, middle, head = reversed([past.commit for past in first.commits])
    made.git("replace", middle, root)
    made.write({".git/info/grafts": f"{head} {root}\n"})

    assert read(tmp_path) == first


# --- moves -------------------------------------------------------------------------------------


def test_a_file_that_was_moved_is_known_by_its_newest_name(tmp_path: Path) -> None:
    made = git_folder(tmp_path, {"a.py": "1\n2\n3\n", "b.py": "x\n"})
    for old, new in (("a.py", "src/a.py"), ("src/a.py", "src/z.py")):
        (tmp_path / "src").mkdir(exist_ok=True)
        made.git("mv", old, new)
        made.commit()
    made.commit({"src/z.py": "4\n", "b.py": "y\n"})

    for _ in range(2):
        found = read(tmp_path, tmp_path / ".git" / "history.sqlite")
        assert [past.paths for past in found.commits] == [
            ("b.py", "src/z.py"),
            ("src/z.py",),
            ("src/z.py",),
            ("b.py", "src/z.py"),
        ]


def test_a_new_file_with_the_old_name_is_another_file(tmp_path: Path) -> None:
    made = git_folder(tmp_path, {"a.py": "1\n"})
    made.git("mv", "a.py", "b.py")
    made.commit()
    made.commit({"a.py": "new\n"})

    assert [past.paths for past in read(tmp_path).commits] == [("a.py",), ("b.py",), ("b.py",)]


def test_files_that_change_places_keep_their_histories(tmp_path: Path) -> None:
    made = git_folder(tmp_path, {"a.py": "1\n"})
    made.commit({"b.py": "2\n"})
    made.commit({"a.py": "2\n", "b.py": "1\n"})

    # Git sees two changed files, and no move: neither has gone.
    assert [past.paths for past in read(tmp_path).commits] == [
        ("a.py", "b.py"),
        ("b.py",),
        ("a.py",),
    ]


def test_a_sweep_of_moves_is_followed_although_it_counts_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_module, "MAX_FILES_OF_A_CHANGE", 3)
    made = git_folder(tmp_path)
    for number in range(5):
        made.commit({f"old/{number}.py": f"{number}\n"})
    made.git("mv", "old", "new")
    made.commit()

    found = read(tmp_path)

    assert found.commits[0].paths == ()
    assert [past.paths for past in found.commits[1:]] == [(f"new/{n}.py",) for n in (4, 3, 2, 1, 0)]


# --- where there is little or nothing ----------------------------------------------------------


def test_without_git_or_commits_there_is_no_history(tmp_path: Path) -> None:
    assert read(tmp_path).commits == ()
    git_folder(tmp_path / "empty")
    assert read(tmp_path / "empty") == History()


def test_a_shallow_clone_says_so_and_does_not_take_its_oldest_commit_for_a_change(
    tmp_path: Path,
) -> None:
    three_commits(tmp_path / "whole")
    subprocess.run(
        ["git", "clone", "-q", "--depth=2", f"file://{tmp_path / 'whole'}", tmp_path / "part"],
        check=True,
    )

    found = read(tmp_path / "part")

    assert [past.paths for past in found.commits] == [("b.py", "sub/c d.py")]
    assert found.problem == "the clone is shallow: what older commits changed is not known"


def test_missing_objects_leave_the_newer_commits(tmp_path: Path) -> None:
    made = three_commits(tmp_path)
    made.commit({"d.py": "1\n"})
    tree = made.git("rev-parse", "HEAD~3^{tree}")
    (tmp_path / ".git/objects" / tree[:2] / tree[2:]).unlink()

    found = read(tmp_path)

    assert found.commits[0].paths == ("d.py",)
    assert len(found.commits) < 3
    assert found.problem == "the clone lacks what some commits changed"


def test_an_unknown_commit_is_a_problem_and_no_fault(tmp_path: Path) -> None:
    three_commits(tmp_path)
    found = history(Repository.find(tmp_path), "1" * 40)
    assert found.commits == ()
    assert found.problem is not None


# --- kept from one process to the next ---------------------------------------------------------


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commits that git is asked about, call by call."""
    calls: list[list[str]] = []
    really = history_module._ask

    def ask(folder: git_commands.GitFolder, commits: list[str]) -> list[PastCommit]:
        calls.append(list(commits))
        return really(folder, commits)

    monkeypatch.setattr(history_module, "_ask", ask)
    return calls


def test_only_new_commits_are_asked_about(tmp_path: Path, asked: list[list[str]]) -> None:
    made = three_commits(tmp_path)
    file = tmp_path / ".git" / "cache" / "history.sqlite"
    first = read(tmp_path, file)
    assert read(tmp_path, file) == first
    made.commit({"a.py": "3\n"})
    head = made.git("rev-parse", "HEAD")
    moved = read(tmp_path, file)

    assert [len(call) for call in asked] == [3, 1]
    assert moved.commits == (PastCommit(head, ("a.py",), moved.commits[0].words), *first.commits)
    assert moved == read(tmp_path)


def test_a_damaged_file_costs_time_only(tmp_path: Path, asked: list[list[str]]) -> None:
    three_commits(tmp_path)
    file = tmp_path / "cache" / "history.sqlite"
    first = read(tmp_path, file)
    for damage in (b"", b"nonsense" * 1000, file.read_bytes()[:5000]):
        file.write_bytes(damage)
        assert read(tmp_path, file) == first
    assert read(tmp_path, file / "below" / "a file") == first


def test_what_is_stored_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_module, "_MAX_STORED_COMMITS", 2)
    three_commits(tmp_path)
    file = tmp_path / "history.sqlite"
    read(tmp_path, file)
    known = history_module._Store(file).read([past.commit for past in read(tmp_path).commits])
    assert len(known) == 2


def test_a_history_is_read_once_in_a_process(tmp_path: Path, asked: list[list[str]]) -> None:
    three_commits(tmp_path)
    repository = Repository.find(tmp_path)
    assert history(repository, repository.head()) is history(repository, repository.head())
    assert len(asked) == 1


# --- words -------------------------------------------------------------------------------------


def test_words_are_those_that_names_are_made_of() -> None:
    message = "Fix HTTPServer.readConfigs(): it doesn't read_frame\n\nSee https://example.org/x\n"
    assert message_words(message) == ("config", "frame", "http", "read", "see", "server")


def test_who_signed_a_commit_says_nothing_about_it() -> None:
    message = "Parse dates\n\nSigned-off-by: Ada <ada@example.org>\nCo-authored-by: Bo\n"
    assert message_words(message) == ("date", "parse")


def test_of_a_long_message_the_beginning_counts() -> None:
    assert message_words("word " * 500 + "late") == ("word",)
    assert len(message_words(" ".join(f"w{chr(97 + n)}x" for n in range(26)) * 3)) <= 24
