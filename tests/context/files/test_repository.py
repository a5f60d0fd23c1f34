"""Repositories of every kind: what is listed, and as of when."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from kibitz_context.files import git_commands, repository, walk, work_tree
from kibitz_context.files.git_commands import GitOutput
from kibitz_context.files.repository import ChangedPath, Repository, TrackedFile
from support.git_folder import GitFolder, git_folder


def blob_id(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0%s" % (len(content), content)).hexdigest()


def paths(files: tuple[TrackedFile, ...]) -> list[str]:
    return [file.path for file in files]


# --- finding -----------------------------------------------------------------------------------


def test_a_sub_folder_and_a_file_find_the_top_level(tmp_path: Path) -> None:
    made = git_folder(tmp_path / "root", {"src/deep/a.py": "x"})
    for start in ("", "src", "src/deep", "src/deep/a.py", "src/deep/new.py", "no/such/folder/x"):
        found = Repository.find(made.root / start)
        assert (found.root, found.has_git, found.problem) == (made.root, True, None)


def test_a_link_finds_the_real_place(tmp_path: Path) -> None:
    git_folder(tmp_path / "root", {"a.py": "x"})
    (tmp_path / "alias").symlink_to("root")
    assert Repository.find(tmp_path / "alias/a.py").root == tmp_path / "root"


def test_a_folder_without_git_is_its_own_root(tmp_path: Path) -> None:
    found = Repository.find(tmp_path)
    assert (found.root, found.has_git, found.head()) == (tmp_path, False, None)
    assert found.problem == "no git repository"


def test_a_file_outside_any_repository_stands_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("x")
    (tmp_path / "private.md").write_text("x")
    found = Repository.find(tmp_path / "notes.md")
    assert found.root == tmp_path
    assert paths(found.tracked()) == ["notes.md"]


def test_a_folder_that_was_opened_is_the_root_of_what_lies_in_it(tmp_path: Path) -> None:
    for path in ("outer/inner/a.py", "outer/b.py", "c.py"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("x")
    opened = [tmp_path / "outer", tmp_path / "outer/inner", tmp_path / "other"]
    for start, root, only in [
        ("outer/inner/a.py", "outer/inner", None),
        ("outer/b.py", "outer", None),
        ("outer", "outer", None),
        ("c.py", "", "c.py"),
    ]:
        found = Repository.find(tmp_path / start, opened)
        assert (found.root, found.only) == (tmp_path / root, only)
    git_folder(tmp_path / "outer", {"d.py": "x"})
    assert Repository.find(tmp_path / "outer/inner/a.py", opened).root == tmp_path / "outer"


def test_a_name_that_no_disk_takes_stands_alone(tmp_path: Path) -> None:
    found = Repository.find(tmp_path / ("x" * 5000))
    assert (found.root, found.tracked()) == (tmp_path, ())


def test_a_new_file_outside_any_repository_has_nothing_yet(tmp_path: Path) -> None:
    found = Repository.find(tmp_path / "new.md")
    assert (found.only, found.tracked()) == ("new.md", ())


def test_a_submodule_is_a_repository_of_its_own(tmp_path: Path) -> None:
    git_folder(tmp_path / "library", {"lib.py": "x"})
    outer = git_folder(tmp_path / "root", {"a.py": "x"})
    outer.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", "../library", "sub")
    outer.commit()
    inner = Repository.find(outer.root / "sub")
    assert inner.root == outer.root / "sub"
    assert paths(inner.tracked()) == ["lib.py"]
    whole = Repository.find(outer.root)
    assert paths(whole.tracked()) == [".gitmodules", "a.py"]
    assert paths(whole.committed(whole.head() or "")) == [".gitmodules", "a.py"]
    (outer.root / "sub/lib.py").write_text("changed")
    assert whole.changed_paths(whole.head() or "") == ()
    assert whole.untracked() == ()


def test_a_linked_work_tree_has_its_own_head(tmp_path: Path) -> None:
    made = git_folder(tmp_path / "root", {"a.py": "1"})
    made.git("worktree", "add", "-q", "-b", "other", "../other")
    second = GitFolder(tmp_path / "other")
    head = second.commit({"b.py": "2"})
    found = Repository.find(tmp_path / "other")
    assert (found.root, found.head()) == (tmp_path / "other", head)
    assert paths(found.committed(head)) == ["a.py", "b.py"]


def test_a_bare_repository_has_no_work_tree_to_look_at(tmp_path: Path) -> None:
    made = git_folder(tmp_path / "root", {"a.py": "1"})
    made.git("clone", "-q", "--bare", ".", "../bare.git")
    found = Repository.find(tmp_path / "bare.git")
    assert not found.has_git


def test_variables_of_a_hook_do_not_lead_to_another_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = git_folder(tmp_path / "other", {"other.py": "1"})
    made = git_folder(tmp_path / "root", {"a.py": "1"})
    monkeypatch.setenv("GIT_DIR", str(other.root / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other.root / ".git/index"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other.root))
    found = Repository.find(made.root)
    assert found.root == made.root
    assert paths(found.tracked()) == ["a.py"]
    assert paths(found.committed(found.head() or "")) == ["a.py"]
    assert found.untracked() == ()


def test_a_hook_sees_what_is_about_to_be_committed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = git_folder(tmp_path / "root", {"a.py": "1"})
    made.write({"b.py": "2"})
    index = made.root / ".git/next-index-7.lock"
    index.write_bytes((made.root / ".git/index").read_bytes())
    # Git gives hooks the path as it is seen from the top of the work tree.
    monkeypatch.setenv("GIT_INDEX_FILE", ".git/next-index-7.lock")
    made.git("add", "b.py")
    assert paths(Repository.find(made.root).tracked()) == ["a.py", "b.py"]
    monkeypatch.delenv("GIT_INDEX_FILE")
    assert paths(Repository.find(made.root).tracked()) == ["a.py"]


def test_a_git_that_does_not_trust_the_folder_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = git_folder(tmp_path / "root", {"a.py": "1", ".gitignore": "*.log\n"})
    made.write({"b.log": "x"})
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    found = Repository.find(made.root)
    assert not found.has_git
    assert "dubious ownership" in (found.problem or "")
    assert paths(found.tracked()) == [".gitignore", "a.py"]


def test_without_git_on_the_machine_a_repository_is_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = git_folder(tmp_path / "root", {"a.py": "1"})
    monkeypatch.setenv("PATH", str(tmp_path))
    git_commands.git_problem.cache_clear()
    try:
        found = Repository.find(made.root)
        assert (found.root, found.problem) == (made.root, "git is not installed")
        assert paths(found.tracked()) == ["a.py"]
    finally:
        git_commands.git_problem.cache_clear()


def test_a_git_that_is_too_old_is_told_by_its_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An older one takes an option that it does not know for a revision, and repeats it."""
    made = git_folder(tmp_path / "root", {"a.py": "1"})
    really_run_at = git_commands.run_at

    def as_before(start: Path, arguments: Sequence[str]) -> GitOutput:
        new = [each for each in arguments if each == "--path-format=absolute"]
        output = really_run_at(start, [each for each in arguments if each not in new])
        return GitOutput("".join(f"{each}\n" for each in new).encode() + output.stdout)

    monkeypatch.setattr(git_commands, "run_at", as_before)
    found = Repository.find(made.root)
    assert not found.has_git
    assert re.fullmatch(r"git [\d.]+ is older than 2\.31", found.problem or "")


# --- listing -----------------------------------------------------------------------------------


def test_an_empty_repository_has_no_head_and_no_files(tmp_path: Path) -> None:
    found = Repository.find(git_folder(tmp_path).root)
    assert (found.has_git, found.head(), found.tracked(), found.untracked()) == (True, None, (), ())


def test_a_detached_head_is_a_head(tmp_path: Path) -> None:
    made = git_folder(tmp_path, {"a.py": "1"})
    first = made.git("rev-parse", "HEAD")
    made.commit({"a.py": "2"})
    made.git("checkout", "-q", "--detach", first)
    assert Repository.find(tmp_path).head() == first


def test_files_are_listed_with_their_ids_sorted_by_path(tmp_path: Path) -> None:
    git_folder(tmp_path, {"b.py": "2", "a/z.py": "1", "a.py": "3", "é ü\n.py": "4"})
    found = Repository.find(tmp_path)
    assert found.tracked() == tuple(
        TrackedFile(path, blob_id(content))
        for path, content in [("a.py", b"3"), ("a/z.py", b"1"), ("b.py", b"2"), ("é ü\n.py", b"4")]
    )
    assert found.committed(found.head() or "") == tuple(
        TrackedFile(file.path, file.blob_id, 1) for file in found.tracked()
    )


def test_links_are_not_listed(tmp_path: Path) -> None:
    made = git_folder(tmp_path)
    (tmp_path / "link.py").symlink_to("a.py")
    made.commit({"a.py": "1"})
    found = Repository.find(tmp_path)
    assert paths(found.tracked()) == paths(found.committed(found.head() or "")) == ["a.py"]


def test_what_differs_from_the_commit_is_told_by_kind(tmp_path: Path) -> None:
    made = git_folder(
        tmp_path, {f"{name}.py": "1\n" for name in ("same", "edited", "gone", "staged")}
    )
    made.write({"edited.py": "2\n", "staged.py": "2\n", "new.py": "n\n", "untracked.py": "u\n"})
    made.git("add", "staged.py", "new.py")
    (tmp_path / "gone.py").unlink()
    found = Repository.find(tmp_path)
    assert found.changed_paths(found.head() or "") == (
        ChangedPath("edited.py", "modified"),
        ChangedPath("gone.py", "deleted"),
        ChangedPath("new.py", "added", blob_id(b"n\n")),
        ChangedPath("staged.py", "modified", blob_id(b"2\n")),
    )
    assert found.untracked() == ("untracked.py",)


def test_a_path_in_conflict_is_listed_once(tmp_path: Path) -> None:
    made = git_folder(tmp_path, {"a.py": "base\n"})
    made.git("checkout", "-q", "-b", "other")
    made.commit({"a.py": "theirs\n"})
    made.git("checkout", "-q", "main")
    made.commit({"a.py": "ours\n"})
    with pytest.raises(AssertionError):
        made.git("merge", "-q", "other")
    found = Repository.find(tmp_path)
    assert paths(found.tracked()) == ["a.py"]
    assert found.changed_paths(found.head() or "") == (ChangedPath("a.py", "modified"),)


@pytest.mark.parametrize("many", [1, 200])
def test_ignored_is_what_git_ignores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, many: int
) -> None:
    monkeypatch.setattr(work_tree, "MANY_PATHS", many)
    made = git_folder(tmp_path, {".gitignore": "*.log\n/build/\n", "kept.py": "x"})
    made.write({"kept.log": "x"})
    made.git("add", "-f", "kept.log")
    found = Repository.find(tmp_path)
    asked = ["kept.py", "kept.log", "a.log", "build/x.py", "src/build/x.py", ":!a.log", "é.log"]
    assert found.ignored(asked) == {"a.log", "build/x.py", ":!a.log", "é.log"}
    assert found.ignored([]) == frozenset()


def test_a_path_that_git_does_not_take_is_judged_without_it(tmp_path: Path) -> None:
    made = git_folder(tmp_path, {".gitignore": "*.log\n"})
    git_folder(tmp_path / "sub", {"a.py": "x"})
    made.git("add", "sub")
    assert Repository.find(tmp_path).ignored(["sub/a.log", "a.log", "b.py"]) == {
        "sub/a.log",
        "a.log",
    }


def test_git_finds_lines_in_a_commit(tmp_path: Path) -> None:
    made = git_folder(
        tmp_path,
        {"a.py": "def one(): ...\none()\n", "b/[x].py": "def two(): ...\n", "c.bin": b"def one\0"},
    )
    made.write({"a.py": "def three(): ...\n"})
    found = Repository.find(tmp_path)
    head = found.head() or ""
    one, two = ("a.py", "def one(): ..."), ("b/[x].py", "def two(): ...")
    assert found.grep(head, ["def (one|two)", "^nothing"]) == (one, two)
    assert found.grep(head, ["one", "def"], "b/[x].py") == (two,)
    assert found.grep(head, ["three"]) == found.grep(head, ["("]) == found.grep(head, []) == ()


def test_git_is_not_read_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git_folder(tmp_path, {"a.py": "one\n" * 1_000})
    monkeypatch.setattr(repository, "MAX_GREP_BYTES", 100)
    found = Repository.find(tmp_path)
    assert 0 < len(found.grep(found.head() or "", ["one"])) < 3


def test_blobs_are_read_as_they_were_committed(tmp_path: Path) -> None:
    content = b"a\r\nb\n\xff\0"
    made = git_folder(tmp_path, {"a.bin": content, "big.bin": b"x" * 100, "empty": b""})
    made.write({"a.bin": b"changed"})
    found = Repository.find(tmp_path)
    ids = {file.path: file.blob_id for file in found.committed(found.head() or "")}
    with found.blobs(99) as blobs:
        assert blobs.read(ids["big.bin"]) == "it is too large"
        assert blobs.read("0" * 40) == "its content is missing from the repository"
        assert blobs.read(found.head() or "") == "it is no file"
        assert blobs.read(ids["a.bin"]) == content
        assert blobs.read(ids["empty"]) == b""


@pytest.mark.parametrize("n_blobs", [1, 16, 32, 33, 150])
def test_blobs_that_are_announced_are_read_as_they_are(tmp_path: Path, n_blobs: int) -> None:
    contents = [f"{n}\n".encode() * n * n for n in range(1, n_blobs + 1)]
    made = git_folder(tmp_path, {f"{n:03}.txt": each for n, each in enumerate(contents)})
    found = Repository.find(made.root)
    ids = [file.blob_id for file in found.tracked()]
    with found.blobs(1 << 20) as blobs:
        blobs.announce(ids)
        assert [blobs.read(each) for each in ids] == contents
        blobs.announce(reversed(ids))
        assert blobs.read(ids[-1]) == contents[-1]
        assert blobs.read(ids[n_blobs // 3]) == contents[n_blobs // 3], "not the next one"
        blobs.announce(ids[:2])
        assert [blobs.read(each) for each in ids] == contents, "more than were announced"


def test_what_is_missing_damaged_or_too_large_does_not_shift_the_answers(tmp_path: Path) -> None:
    made = git_folder(tmp_path, {f"{n:02}.txt": f"{n:02}" * 100 for n in range(20)})
    large = made.git("hash-object", "-w", "--stdin", stdin=b"x" * 1_000)
    found = Repository.find(made.root)
    ids = [file.blob_id for file in found.tracked()]
    damaged = made.root / ".git/objects" / ids[9][:2] / ids[9][2:]
    damaged.chmod(0o644)
    damaged.write_bytes(damaged.read_bytes()[:-6])
    asked = [*ids[:5], "0" * 40, large, *ids[5:]]
    with found.blobs(999) as blobs:
        blobs.announce(asked)
        answers = [blobs.read(each) for each in asked]
    missing = "its content is missing from the repository"
    assert answers[5:7] == [missing, "it is too large"]
    assert answers[11] == missing
    rest = [each for number, each in enumerate(answers) if number not in (5, 6, 11)]
    assert rest == [f"{n:02}".encode() * 100 for n in range(20) if n != 9]


def test_a_reader_that_lost_its_git_goes_on_with_another(tmp_path: Path) -> None:
    git_folder(tmp_path, {"a.py": "1"})
    found = Repository.find(tmp_path)
    (file,) = found.tracked()
    with found.blobs(99) as blobs:
        assert blobs.read(file.blob_id) == b"1"
        assert blobs._process is not None
        blobs._process.kill()
        blobs._process.wait()
        assert blobs.read(file.blob_id) == b"1"


def test_a_reader_that_loses_git_at_every_blob_gives_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = git_folder(tmp_path, {f"{n}.py": f"{n}" * 200 for n in range(6)})
    found = Repository.find(tmp_path)
    ids = [file.blob_id for file in found.tracked()]
    for blob_id in ids[:5]:
        damaged = made.root / ".git/objects" / blob_id[:2] / blob_id[2:]
        damaged.chmod(0o644)
        damaged.write_bytes(damaged.read_bytes()[:-6])
    with found.blobs(999) as blobs:
        answers = [blobs.read(blob_id) for blob_id in ids]
    assert answers == [*["its content is missing from the repository"] * 5, b"5" * 200]
    monkeypatch.setattr(git_commands, "MAX_RESTARTS", 4)
    with found.blobs(999) as blobs:
        answers = [blobs.read(blob_id) for blob_id in ids[:5]]
    assert answers[:2] == ["its content is missing from the repository"] * 2
    assert answers[2:] == ["git ended unexpectedly"] * 3


# --- folders -----------------------------------------------------------------------------------


def test_a_folder_is_walked_in_order_and_obeys_gitignore(tmp_path: Path) -> None:
    for path in ("b.py", "a/c.py", "a/x.log", "build/d.py", ".git/config", "a/.git/x"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("x")
    (tmp_path / ".gitignore").write_text("*.log\nbuild/\n")
    (tmp_path / "link.py").symlink_to("b.py")
    (tmp_path / "loop").symlink_to(".")
    os.mkfifo(tmp_path / "pipe")
    files = Repository(tmp_path).tracked()
    assert paths(files) == [".gitignore", "a/c.py", "b.py"]
    assert [file.size_bytes for file in files] == [13, 1, 1]
    assert all(file.blob_id == "" for file in files)


def test_a_walk_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walk, "MAX_FILES", 5)
    for number in range(9):
        (tmp_path / f"{number}.py").write_text("x")
    assert len(Repository(tmp_path).tracked()) == 5


def test_nobody_s_home_is_walked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "diary.md").write_text("x")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Repository(tmp_path).tracked() == ()
    assert Repository(Path(tmp_path.anchor)).tracked() == ()
    assert Repository(tmp_path).changed_paths("HEAD") == ()


def test_untracked_files_are_not_listed_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = git_folder(tmp_path, {"a.py": "1"})
    made.write({f"{number:04}.txt": "x" for number in range(50)})
    git_folder(tmp_path / "nested", {"b.py": "1"})
    assert len(Repository.find(tmp_path).untracked()) == 50
    monkeypatch.setattr(work_tree, "MAX_UNTRACKED_FILES", 7)
    assert len(Repository.find(tmp_path).untracked()) == 7
