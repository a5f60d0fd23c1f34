"""Every state that git can leave a work tree in: what is shown is what is there, or it is said.

The layers are read back as Claude would read them and compared with the disk.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from kibitz_context import git_commands
from kibitz_context.baseline import baseline
from kibitz_context.changes import changes_budget, hidden, listed
from kibitz_context.gate import Gate
from kibitz_context.gather import gather
from kibitz_context.repository import Repository
from kibitz_context.values import Context, Refused
from support.context_reader import NOT_SHOWN, as_read
from support.git_folder import GitFolder, git_folder

FILES: dict[str, str | bytes] = {
    "a.py": "".join(f"line {number}\n" for number in range(1, 30)),
    "b.py": "b = 2\n",
    "d/c.py": "c = 3\n",
}
A, B, C = (str(text) for text in FILES.values())
MAX_TOKENS = 20_000


@dataclass(frozen=True)
class Seen:
    """What kibitz makes of a folder."""

    repository: Repository
    context: Context

    @property
    def files(self) -> dict[str, str]:
        return as_read(self.context)

    @property
    def omitted(self) -> Mapping[str, str]:
        return {each.path: each.reason for each in self.context.omitted}


def look(root: Path) -> Seen:
    repository = Repository.find(root)
    if (commit := repository.head()) is not None and (base := baseline(repository, commit)).commit:
        # The indexer asks in a shorter way than requests do.
        asked = repository.ignored(repository.forgotten(commit))
        assert asked == hidden(repository, base, listed(repository, commit))
    context = gather(repository, Gate(repository.root), max_tokens=MAX_TOKENS)
    return Seen(repository, context)


@pytest.fixture
def made(tmp_path: Path) -> GitFolder:
    return git_folder(tmp_path / "root", FILES)


def loose_object(made: GitFolder, revision: str) -> Path:
    object_id = made.git("rev-parse", revision)
    file = made.root / ".git/objects" / object_id[:2] / object_id[2:]
    file.chmod(0o644)
    return file


def fails(made: GitFolder, *arguments: str) -> None:
    with pytest.raises(AssertionError):
        made.git(*arguments)


# --- branches, rebases, merges -----------------------------------------------------------------


def test_a_branch_is_shown_as_it_is_and_so_is_the_way_back(made: GitFolder) -> None:
    before = look(made.root).context
    made.git("switch", "-q", "-c", "other")
    made.commit({"a.py": "changed\n", "new.py": "n\n"})
    assert look(made.root).files == {"a.py": "changed\n", "b.py": B, "d/c.py": C, "new.py": "n\n"}
    made.git("switch", "-q", "main")
    assert look(made.root).context == before


def test_a_detached_head_shows_its_own_files(made: GitFolder) -> None:
    first = made.git("rev-parse", "HEAD")
    made.commit({"a.py": "second\n"})
    made.git("checkout", "-q", "--detach", first)
    assert look(made.root).files == {"a.py": A, "b.py": B, "d/c.py": C}


def test_a_stash_takes_the_changes_away(made: GitFolder) -> None:
    made.write({"a.py": "at work\n", "new.py": "new\n"})
    assert look(made.root).files["a.py"] == "at work\n"
    made.git("stash", "--include-untracked", "-q")
    found = look(made.root)
    assert found.context.changes.text == ""
    assert found.files == {"a.py": A, "b.py": B, "d/c.py": C}
    made.git("stash", "pop", "-q")
    assert look(made.root).files["new.py"] == "new\n"


def diverged(made: GitFolder) -> None:
    """A branch `other` and `main`, checked out, that change the same files in other ways."""
    made.commit({"gone.py": "g\n"})
    made.git("switch", "-q", "-c", "other")
    made.commit({"a.py": "theirs\n", "both.py": "theirs\n", "gone.py": "kept\n"})
    made.git("switch", "-q", "main")
    (made.root / "gone.py").unlink()
    made.commit({"a.py": "ours\n", "both.py": "ours\n"})


MARKED = "<<<<<<< HEAD\nours\n=======\ntheirs\n>>>>>>> other\n"


def test_a_merge_conflict_is_shown_with_its_markers(made: GitFolder) -> None:
    diverged(made)
    fails(made, "merge", "-q", "other")
    found = look(made.root)
    expected = {"a.py": MARKED, "b.py": B, "both.py": MARKED, "d/c.py": C, "gone.py": "kept\n"}
    assert found.files == expected
    assert found.omitted == {}
    (made.root / "a.py").unlink()
    assert "a.py" not in look(made.root).files


def test_a_rebase_that_stopped_is_shown_as_it_stands(made: GitFolder) -> None:
    diverged(made)
    made.git("switch", "-q", "other")
    fails(made, "rebase", "-q", "main")
    found = look(made.root)
    assert found.repository.head() == made.git("rev-parse", "main")
    assert "=======" in found.files["a.py"]
    assert "ours\n" in found.files["a.py"]
    assert "theirs\n" in found.files["a.py"]
    made.git("rebase", "--abort")
    assert look(made.root).files["a.py"] == "theirs\n"


def test_a_cherry_pick_and_a_bisect_are_but_other_commits(made: GitFolder) -> None:
    first = made.git("rev-parse", "HEAD")
    for number in range(4):
        made.commit({"b.py": f"b = {number}\n"})
    made.git("bisect", "start", "-q", "HEAD", first)
    found = look(made.root)
    assert found.files["b.py"] == (made.root / "b.py").read_text()
    assert found.context.changes.text == "" or found.context.commit != found.repository.head()


# --- work trees, submodules --------------------------------------------------------------------


def test_a_linked_work_tree_shows_its_own_files(made: GitFolder, tmp_path: Path) -> None:
    made.git("worktree", "add", "-q", "-b", "other", "../other")
    made.write({"a.py": "only here\n"})
    (tmp_path / "other/b.py").write_text("only there\n")
    assert look(tmp_path / "other").files == {"a.py": A, "b.py": "only there\n", "d/c.py": C}
    assert look(made.root).files == {"a.py": "only here\n", "b.py": B, "d/c.py": C}


def test_a_work_tree_inside_another_is_not_looked_into(made: GitFolder) -> None:
    made.git("worktree", "add", "-q", "-b", "inner", "inner")
    assert look(made.root).files.keys() == FILES.keys()
    assert look(made.root / "inner").files.keys() == FILES.keys()


def test_work_trees_of_a_bare_repository(made: GitFolder, tmp_path: Path) -> None:
    made.git("clone", "-q", "--bare", ".", "../hub/.git")
    GitFolder(tmp_path / "hub").git("worktree", "add", "-q", "main")
    found = look(tmp_path / "hub/main")
    assert found.context.commit == made.git("rev-parse", "HEAD")
    assert found.files == {"a.py": A, "b.py": B, "d/c.py": C}


def test_a_linked_work_tree_whose_repository_is_gone_is_a_folder(
    made: GitFolder, tmp_path: Path
) -> None:
    made.git("worktree", "add", "-q", "--detach", "../other")
    shutil.rmtree(made.root / ".git/worktrees")
    found = look(tmp_path / "other")
    assert "not a git repository" in (found.repository.problem or "")
    assert found.files == {"a.py": A, "b.py": B, "d/c.py": C}


def test_a_work_tree_that_was_moved_by_hand_is_a_folder_until_it_is_repaired(
    made: GitFolder, tmp_path: Path
) -> None:
    made.git("worktree", "add", "-q", "--detach", "../other")
    (tmp_path / "other").rename(tmp_path / "moved")
    found = look(tmp_path / "moved")
    assert "git worktree repair" in (found.repository.problem or "")
    assert found.files == {"a.py": A, "b.py": B, "d/c.py": C}
    GitFolder(tmp_path / "moved").git("worktree", "repair")
    assert look(tmp_path / "moved").repository.has_git


def test_a_separate_git_directory_is_one(tmp_path: Path) -> None:
    made = GitFolder(tmp_path / "root")
    made.root.mkdir()
    made.git("init", "-q", "--separate-git-dir", "../elsewhere.git")
    head = made.commit(FILES)
    assert look(made.root).context.commit == head


def test_a_submodule_is_not_looked_into_and_that_is_said(made: GitFolder, tmp_path: Path) -> None:
    library = git_folder(tmp_path / "library", {"lib.py": "x = 1\n"})
    made.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", "../library", "sub")
    made.commit()
    (made.root / "sub/lib.py").write_text("changed\n")
    (made.root / "sub/new.py").write_text("new\n")
    found = look(made.root)
    assert found.files.keys() == {*FILES, ".gitmodules"}
    assert found.omitted["sub"] == "it is a submodule, a repository of its own"
    inner = look(made.root / "sub")
    assert inner.context.commit == library.git("rev-parse", "HEAD")
    assert inner.files == {"lib.py": "changed\n", "new.py": "new\n"}
    made.git("submodule", "deinit", "-q", "--force", "sub")
    assert look(made.root).files.keys() == {*FILES, ".gitmodules"}


def test_a_repository_within_the_repository_is_not_looked_into(made: GitFolder) -> None:
    git_folder(made.root / "inner", {"i.py": "i = 1\n"})
    git_folder(made.root / "empty")
    assert look(made.root).files.keys() == FILES.keys()


# --- parts of a repository ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "how", [["--cone"], ["--no-cone", "/b.py"], ["--cone", "--sparse-index"]], ids=" ".join
)
def test_what_a_sparse_checkout_leaves_out_is_still_there(made: GitFolder, how: list[str]) -> None:
    made.git("sparse-checkout", "set", *how)
    assert not (made.root / "d").exists()
    found = look(made.root)
    assert found.context.changes.text == ""
    assert found.files == {"a.py": A, "b.py": B, "d/c.py": C}
    made.write({"b.py": "b = 3\n", "d/c.py": "there, though it need not be\n"})
    assert look(made.root).files == {
        "a.py": A,
        "b.py": "b = 3\n",
        "d/c.py": "there, though it need not be\n",
    }


def test_a_file_that_another_commit_changed_out_of_sight_is_shown_as_it_is_there(
    made: GitFolder,
) -> None:
    made.git("switch", "-q", "-c", "other")
    made.commit({"d/c.py": "c = 4\n"})
    made.git("sparse-checkout", "set", "--cone")
    assert not (made.root / "d").exists()
    assert look(made.root).files == {"a.py": A, "b.py": B, "d/c.py": "c = 4\n"}


def partial_clone(made: GitFolder, to: Path, *options: str) -> GitFolder:
    made.git("config", "uploadpack.allowFilter", "true")
    made.git("clone", "-q", *options, f"file://{made.root}", str(to))
    return GitFolder(to)


MISSING = "its content is missing from the repository"


def test_what_a_partial_clone_lacks_is_said_and_never_fetched(
    made: GitFolder, tmp_path: Path
) -> None:
    clone = partial_clone(made, tmp_path / "clone", "--filter=blob:none", "--sparse")
    objects = clone.git("count-objects", "-v")
    found = look(clone.root)
    assert found.files == {"a.py": A, "b.py": B}
    assert found.omitted == {"d/c.py": MISSING}
    assert "  c.py\n" in found.context.snapshot.text, "the tree has it all the same"
    assert clone.git("count-objects", "-v") == objects
    clone.write({"b.py": "b = 3\n"})
    assert look(clone.root).files["b.py"] == "b = 3\n"


def test_a_partial_clone_without_a_checkout_has_names_only(made: GitFolder, tmp_path: Path) -> None:
    clone = partial_clone(made, tmp_path / "clone", "--filter=blob:none", "--no-checkout")
    found = look(clone.root)
    assert found.context.commit == made.git("rev-parse", "HEAD")
    assert found.files == {}
    assert found.omitted == dict.fromkeys(FILES, MISSING)
    assert found.context.changes.text == "", "what was never checked out is not deleted"
    clone.write({"b.py": "b = 3\n"})
    assert look(clone.root).files == {"b.py": "b = 3\n"}


def test_a_clone_without_folders_shows_what_is_on_the_disk(made: GitFolder, tmp_path: Path) -> None:
    clone = partial_clone(made, tmp_path / "clone", "--filter=tree:0", "--no-checkout")
    assert look(clone.root).files == {}
    clone.write({"x.py": "x = 1\n"})
    assert look(clone.root).files == {"x.py": "x = 1\n"}


def test_a_shallow_clone_shows_its_commit(made: GitFolder, tmp_path: Path) -> None:
    head = made.commit({"a.py": "second\n"})
    clone = partial_clone(made, tmp_path / "clone", "--depth", "1")
    clone.write({"b.py": "b = 3\n"})
    found = look(clone.root)
    assert found.context.commit == head
    assert found.files == {"a.py": "second\n", "b.py": "b = 3\n", "d/c.py": C}


def test_objects_of_another_repository_are_read_while_they_are_there(
    made: GitFolder, tmp_path: Path
) -> None:
    made.git("clone", "-q", "--shared", ".", "../clone")
    assert look(tmp_path / "clone").context.commit == made.git("rev-parse", "HEAD")
    made.root.rename(tmp_path / "away")
    found = look(tmp_path / "clone")
    assert found.context.commit is None
    assert found.files == {"a.py": A, "b.py": B, "d/c.py": C}


def test_a_bare_repository_is_not_read_as_a_folder(made: GitFolder, tmp_path: Path) -> None:
    made.git("clone", "-q", "--bare", ".", "../bare")
    for folder in ("bare", "bare/objects", "bare/hooks"):
        found = look(tmp_path / folder)
        assert found.repository.problem == "a git directory, which has no work tree of its own"
        assert found.context.snapshot.text == ""
    assert Gate(tmp_path / "bare").read("config") == Refused("it belongs to git itself")
    (tmp_path / "notes.md").write_text("notes\n")
    shutil.rmtree(made.root)
    assert look(tmp_path).files == {"notes.md": "notes\n"}, "and so it is where it is one of many"


def test_a_work_tree_that_is_declared_bare_is_a_folder(made: GitFolder) -> None:
    made.git("config", "core.bare", "true")
    found = look(made.root)
    assert found.repository.problem == "fatal: this operation must be run in a work tree"
    assert found.files == {"a.py": A, "b.py": B, "d/c.py": C}


# --- before the first commit, or without one ---------------------------------------------------


def test_before_the_first_commit_files_are_shown_as_they_are(tmp_path: Path) -> None:
    made = git_folder(tmp_path)
    made.write({"a.py": "1\n", "b.py": "b\n", "c.log": "x", ".gitignore": "*.log\n"})
    made.git("add", "a.py")
    made.write({"a.py": "2\n"})
    found = look(tmp_path)
    assert found.context.commit is None
    assert found.files == {".gitignore": "*.log\n", "a.py": "2\n", "b.py": "b\n"}


def test_a_branch_without_a_commit_is_a_new_beginning(made: GitFolder) -> None:
    made.git("checkout", "-q", "--orphan", "new")
    found = look(made.root)
    assert found.repository.head() is None
    assert found.files == {"a.py": A, "b.py": B, "d/c.py": C}


def test_no_repository_at_all(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\n")
    found = look(tmp_path)
    assert (found.repository.problem, found.context.commit) == ("no git repository", None)
    assert found.files == {"a.py": "x = 1\n"}


# --- damage ------------------------------------------------------------------------------------


def broken_git_file(made: GitFolder) -> None:
    shutil.rmtree(made.root / ".git")
    (made.root / ".git").write_text("gitdir: /nowhere/at/all\n")


def odd_git_file(made: GitFolder) -> None:
    shutil.rmtree(made.root / ".git")
    (made.root / ".git").write_bytes(b"\xff\0 no git file \n")


def empty_git_folder(made: GitFolder) -> None:
    shutil.rmtree(made.root / ".git")
    (made.root / ".git").mkdir()


def broken_head(made: GitFolder) -> None:
    (made.root / ".git/HEAD").write_bytes(b"\xff\xfe is no reference")


def broken_configuration(made: GitFolder) -> None:
    (made.root / ".git/config").write_bytes(b"[[[\n")


def no_objects(made: GitFolder) -> None:
    (made.root / ".git/objects").rename(made.root / ".git/away")


def no_commit_behind_the_branch(made: GitFolder) -> None:
    (made.root / ".git/refs/heads/main").write_text("1" * 40 + "\n")


def broken_packed_references(made: GitFolder) -> None:
    (made.root / ".git/packed-refs").write_bytes(b"\xff\xfe\n")


def broken_commit(made: GitFolder) -> None:
    loose_object(made, "HEAD").write_bytes(b"junk")


def broken_top_folder(made: GitFolder) -> None:
    loose_object(made, "HEAD^{tree}").write_bytes(b"junk")


def missing_folder(made: GitFolder) -> None:
    loose_object(made, "HEAD:d").unlink()


def broken_index(made: GitFolder) -> None:
    (made.root / ".git/index").write_bytes(b"junk")


def half_an_index(made: GitFolder) -> None:
    index = made.root / ".git/index"
    index.write_bytes(index.read_bytes()[:-40])


def no_index(made: GitFolder) -> None:
    (made.root / ".git/index").unlink()


def folder_for_an_index(made: GitFolder) -> None:
    no_index(made)
    (made.root / ".git/index").mkdir()


def locked_index(made: GitFolder) -> None:
    (made.root / ".git/index.lock").write_bytes(b"")


@pytest.mark.parametrize(
    "damage",
    [
        broken_git_file,
        odd_git_file,
        empty_git_folder,
        broken_head,
        broken_configuration,
        no_objects,
        no_commit_behind_the_branch,
        broken_packed_references,
        broken_commit,
        broken_top_folder,
        missing_folder,
        broken_index,
        half_an_index,
        no_index,
        folder_for_an_index,
        locked_index,
    ],
)
def test_whatever_of_git_is_damaged_the_files_are_shown_as_they_are(
    made: GitFolder, damage: Callable[[GitFolder], None]
) -> None:
    damage(made)
    made.write({"a.py": A.replace("line 7\n", "line seven\n"), "new.py": "new\n"})
    found = look(made.root)
    assert found.files == {
        "a.py": A.replace("line 7\n", "line seven\n"),
        "b.py": B,
        "d/c.py": C,
        "new.py": "new\n",
    }
    assert found.omitted == {}


def test_a_damaged_index_before_the_first_commit(tmp_path: Path) -> None:
    made = git_folder(tmp_path)
    made.write({"a.py": "x = 1\n"})
    made.git("add", "a.py")
    broken_index(made)
    assert look(tmp_path).files == {"a.py": "x = 1\n"}


@pytest.mark.parametrize("length", [0, 4, -6])
def test_a_damaged_blob_costs_one_file(made: GitFolder, length: int) -> None:
    blob = loose_object(made, "HEAD:b.py")
    blob.write_bytes(blob.read_bytes()[:length])
    found = look(made.root)
    assert found.files == {"a.py": A, "d/c.py": C}
    assert found.omitted == {"b.py": MISSING}
    made.write({"b.py": "b = 3\n"})
    assert look(made.root).files["b.py"] == "b = 3\n"


# --- a .git that leads to somebody else --------------------------------------------------------


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


# --- one commit, the same bytes ----------------------------------------------------------------


def test_replacements_and_grafts_of_one_clone_do_not_change_a_commit(made: GitFolder) -> None:
    first = made.git("rev-parse", "HEAD")
    second = made.commit({"b.py": "second\n"})
    expected = look(made.root).context
    blob = made.git("hash-object", "-w", "--stdin", stdin=b"replaced\n")
    made.git("replace", made.git("rev-parse", "HEAD:a.py"), blob)
    made.git("replace", second, first)
    made.write({".git/info/grafts": f"{second}\n"})
    assert look(made.root).context == expected


def test_a_repository_with_long_ids(tmp_path: Path) -> None:
    tmp_path.joinpath("root").mkdir()
    made = GitFolder(tmp_path / "root")
    made.git("init", "-q", "--object-format=sha256")
    head = made.commit(FILES)
    made.write({"b.py": "b = 3\n"})
    found = look(made.root)
    assert (found.context.commit, len(head)) == (head, 64)
    assert found.files == {"a.py": A, "b.py": "b = 3\n", "d/c.py": C}


@pytest.mark.parametrize("layout", ["split", "version 4", "packed", "untracked cache"])
def test_how_git_stores_things_does_not_matter(made: GitFolder, layout: str) -> None:
    made.write({"b.py": "b = 3\n", "new.py": "new\n"})
    expected = look(made.root).context
    if layout == "split":
        made.git("update-index", "--split-index")
    elif layout == "version 4":
        made.git("update-index", "--index-version", "4")
    elif layout == "packed":
        made.git("gc", "-q")
    else:
        made.git("config", "core.untrackedCache", "true")
        made.git("status")
    assert look(made.root).context == expected


# --- what kind of thing a path is --------------------------------------------------------------


def replaced_by_folder(made: GitFolder) -> dict[str, str]:
    (made.root / "a.py").unlink()
    made.write({"a.py/x.py": "x = 1\n"})
    return {"a.py/x.py": "x = 1\n", "b.py": B, "d/c.py": C}


def folder_replaced_by_file(made: GitFolder) -> dict[str, str]:
    shutil.rmtree(made.root / "d")
    made.write({"d": "a file now\n"})
    return {"a.py": A, "b.py": B, "d": "a file now\n"}


def folder_replaced_by_link(made: GitFolder) -> dict[str, str]:
    shutil.rmtree(made.root / "d")
    made.write({"../outside/c.py": "private\n"})
    (made.root / "d").symlink_to("../outside")
    return {"a.py": A, "b.py": B}


def case_changed(made: GitFolder) -> dict[str, str]:
    (made.root / "b.py").rename(made.root / "B.py")
    return {"B.py": B, "a.py": A, "d/c.py": C}


@pytest.mark.parametrize("staged", [False, True], ids=["unstaged", "staged"])
@pytest.mark.parametrize(
    "change", [replaced_by_folder, folder_replaced_by_file, folder_replaced_by_link, case_changed]
)
def test_a_path_that_became_something_else(
    made: GitFolder, change: Callable[[GitFolder], dict[str, str]], staged: bool
) -> None:
    expected = change(made)
    if staged:
        made.git("add", "-A")
    assert look(made.root).files == expected
    made.commit()
    assert look(made.root).files == expected


@pytest.mark.parametrize("staged", [False, True], ids=["unstaged", "staged"])
def test_a_file_that_became_a_link_is_not_shown_and_that_is_said(
    made: GitFolder, staged: bool
) -> None:
    (made.root / "a.py").unlink()
    (made.root / "a.py").symlink_to("b.py")
    if staged:
        made.git("add", "-A")
    found = look(made.root)
    assert found.omitted == {"a.py": "it is a symbolic link"}
    assert found.files == {"a.py": NOT_SHOWN, "b.py": B, "d/c.py": C}
    made.commit()
    assert look(made.root).omitted == {"a.py": "it is a symbolic link"}


def test_a_link_that_became_a_file_is_shown(made: GitFolder) -> None:
    (made.root / "l.py").symlink_to("b.py")
    made.commit()
    (made.root / "l.py").unlink()
    made.write({"l.py": "a file now\n"})
    assert look(made.root).files == {"a.py": A, "b.py": B, "d/c.py": C, "l.py": "a file now\n"}


def test_a_file_that_became_a_pipe_is_not_waited_for(made: GitFolder) -> None:
    (made.root / "a.py").unlink()
    os.mkfifo(made.root / "a.py")
    found = look(made.root)
    assert found.omitted == {"a.py": "it is not a regular file"}
    assert found.files["a.py"] == NOT_SHOWN


def test_a_mode_is_no_text(made: GitFolder) -> None:
    expected = look(made.root).context
    (made.root / "a.py").chmod(0o755)
    assert look(made.root).context == expected


def test_a_name_that_the_disk_does_not_take(made: GitFolder) -> None:
    blob = made.git("rev-parse", "HEAD:b.py")
    name = "n" * 300 + ".py"
    made.git("update-index", "--add", "--cacheinfo", f"100644,{blob},{name}")
    made.git("commit", "-q", "-m", "long")
    found = look(made.root)
    assert found.files.items() >= {("a.py", A), ("b.py", B), ("d/c.py", C)}


def test_a_folder_that_may_not_be_entered(made: GitFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """As for somebody who is not root."""
    made.write({"d/c.py": "out of reach\n"})

    def forbid(really: Callable[..., os.stat_result]) -> Callable[..., os.stat_result]:
        def ask(path: os.PathLike[str], *arguments: object, **options: object) -> os.stat_result:
            if "root/d/" in os.fspath(path):
                raise PermissionError(13, "Permission denied", str(path))
            return really(path, *arguments, **options)

        return ask

    monkeypatch.setattr(os, "stat", forbid(os.stat))
    monkeypatch.setattr(os, "lstat", forbid(os.lstat))
    assert look(made.root).files.items() >= {("a.py", A), ("b.py", B)}


NAMES = [
    "untäd.py",
    "new\nline.py",
    "tab\t.py",
    'quo"te.py',
    '"both".py',
    " space .py",
    "-dash.py",
    ":colon.py",
    ":(top)x.py",
    "*.py",
    "[a].py",
    "back\\slash.py",
    "#hash.py",
    "!bang.py",
    "a&b<c>.py",
    "e\u0301.py",
]


def test_odd_names_are_shown_tracked_changed_and_new(made: GitFolder) -> None:
    same = {"a.py": A, "b.py": B, "d/c.py": C}
    made.write(dict.fromkeys(NAMES, "new\n"))
    assert look(made.root).files == same | dict.fromkeys(NAMES, "new\n")
    made.commit()
    assert look(made.root).files == same | dict.fromkeys(NAMES, "new\n")
    made.write(dict.fromkeys(NAMES, "changed\n"))
    found = look(made.root)
    assert found.files == same | dict.fromkeys(NAMES, "changed\n")
    for name in NAMES:
        os.utime(made.root / name, (0, 0))
    made.git("add", "-A")
    assert look(made.root).files == found.files


def test_a_name_that_is_not_utf_8_is_left_out_and_can_be_printed(made: GitFolder) -> None:
    odd = os.fsdecode(bytes(made.root) + b"/caf\xe9.py")
    Path(odd).write_text("x = 1\n")
    made.commit()
    Path(odd).write_text("x = 2\n")
    found = look(made.root)
    assert found.files == {"a.py": A, "b.py": B, "d/c.py": C}
    assert found.omitted == {"caf\\udce9.py": "its name is not UTF-8"}
    repr(found.context).encode()


# --- what git was told -------------------------------------------------------------------------


def test_what_is_to_be_added_is_new(made: GitFolder) -> None:
    made.write({"n.py": "new\n"})
    made.git("add", "--intent-to-add", "n.py")
    assert look(made.root).files["n.py"] == "new\n"


@pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
def test_what_git_was_told_not_to_look_at_is_shown_as_it_was_committed(
    made: GitFolder, flag: str
) -> None:
    """These are files that somebody keeps changed for himself alone: a port, a password."""
    made.git("update-index", flag, "a.py")
    made.write({"a.py": "private\n"})
    assert look(made.root).files["a.py"] == A
    (made.root / "a.py").unlink()
    assert look(made.root).files["a.py"] == A


def test_what_git_was_told_to_forget_is_still_there(made: GitFolder) -> None:
    made.git("rm", "-q", "--cached", "a.py")
    assert look(made.root).files == {"a.py": A, "b.py": B, "d/c.py": C}
    made.write({".gitignore": "a.py\n"})
    found = look(made.root)
    assert found.files == {".gitignore": "a.py\n", "b.py": B, "d/c.py": C}


# --- how a text is stored on the disk ----------------------------------------------------------


@pytest.mark.parametrize(
    ("attributes", "settings"),
    [
        ("*.py text eol=crlf\n", {}),
        ("*.py text eol=lf\n", {"core.autocrlf": "true"}),
        ("* text=auto\n", {"core.autocrlf": "true"}),
        ("* text=auto\n", {"core.autocrlf": "input"}),
        ("* text=auto\n", {"core.eol": "crlf"}),
        ("* -text\n", {"core.autocrlf": "true", "core.safecrlf": "true"}),
        ("*.py text\n", {"core.autocrlf": "true", "core.safecrlf": "true"}),
        ("*.py working-tree-encoding=UTF-16\n", {}),
        ("*.py working-tree-encoding=ISO-8859-1\n", {}),
        ("*.py working-tree-encoding=no-such-encoding\n", {}),
    ],
)
def test_a_file_that_git_converts_is_not_changed_by_that(
    tmp_path: Path, attributes: str, settings: Mapping[str, str]
) -> None:
    texts = {"a.py": "caf\xe9 = 1\n", "b.py": "b = 2\nb = 3\n"}
    made = git_folder(tmp_path, texts)
    made.write({".gitattributes": attributes})
    made.git("add", ".gitattributes")
    made.git("commit", "-q", "-m", "attributes")
    for key, value in settings.items():
        made.git("config", key, value)
    made.git("rm", "-q", "--cached", "-r", ".")
    made.git("reset", "-q", "--hard")
    for path in texts:
        os.utime(tmp_path / path, (0, 0))
    found = look(tmp_path)
    assert found.files == {".gitattributes": attributes, **texts}
    assert (found.context.changes.text, found.omitted) == ("", {})


def test_a_file_in_another_encoding_that_was_changed_is_not_shown_and_that_is_said(
    tmp_path: Path,
) -> None:
    made = git_folder(tmp_path, {".gitattributes": "*.txt working-tree-encoding=UTF-16\n"})
    made.commit({"u.txt": "one\n".encode("utf-16")})
    assert look(tmp_path).files["u.txt"] == "one\n"
    made.write({"u.txt": "two\n".encode("utf-16")})
    found = look(tmp_path)
    assert found.files["u.txt"] == NOT_SHOWN
    assert found.omitted == {"u.txt": "it is UTF-16, not UTF-8"}


def test_an_expanded_keyword_is_no_change(tmp_path: Path) -> None:
    made = git_folder(tmp_path, {"i.py": "# $Id$\n", ".gitattributes": "*.py ident\n"})
    (tmp_path / "i.py").unlink()
    made.git("checkout", "-q", "i.py")
    assert "$Id: " in (tmp_path / "i.py").read_text()
    os.utime(tmp_path / "i.py", (0, 0))
    assert look(tmp_path).context.changes.text == ""


def test_a_file_that_was_only_touched_is_not_read(
    made: GitFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.utime(made.root / "a.py", (0, 0))
    monkeypatch.setattr(Gate, "read_listed", lambda *_: pytest.fail("it was read"))
    assert look(made.root).context.changes.text == ""


# --- large -------------------------------------------------------------------------------------

HUGE = 20_000


@pytest.fixture
def huge(tmp_path: Path) -> GitFolder:
    """An index of many files, none of which was ever on the disk."""
    made = git_folder(tmp_path / "huge", {"a.py": A})
    blob = made.git("rev-parse", "HEAD:a.py")
    index = "".join(f"100644 {blob}\tpkg{n % 300}/mod{n}.py\n" for n in range(HUGE))
    made.git("update-index", "--index-info", stdin=index.encode())
    made.git("commit", "-q", "-m", "huge")
    return made


def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The blobs that are read from here on."""
    read: list[str] = []
    really_read = git_commands.BlobReader.read

    def reading(self: git_commands.BlobReader, blob_id: str) -> bytes | str:
        read.append(blob_id)
        return really_read(self, blob_id)

    monkeypatch.setattr(git_commands.BlobReader, "read", reading)
    return read


@pytest.mark.real  # slow
def test_thousands_of_deleted_files_cost_no_reading(
    huge: GitFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    look(huge.root)
    read = counted(monkeypatch)
    found = look(huge.root)
    assert len(read) < 100
    assert found.files.get("pkg0/mod0.py") is None
    assert found.context.changes.tokens <= changes_budget(MAX_TOKENS)


@pytest.mark.real  # slow
def test_thousands_of_files_that_were_never_checked_out_are_not_deleted(
    huge: GitFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    huge.git("sparse-checkout", "set", "--no-cone", "/a.py")
    look(huge.root)
    read = counted(monkeypatch)
    assert look(huge.root).context.changes.text == ""
    assert len(read) < 100
