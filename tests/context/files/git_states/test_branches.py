"""Branches, rebases and merges: what is shown is what is checked out."""

from __future__ import annotations

from support.git_folder import GitFolder
from support.git_states import A, B, C, fails, look


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
