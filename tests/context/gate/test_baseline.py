"""Which commit a prefix begins with: the shared one while it is near, else the one checked out."""

from __future__ import annotations

from pathlib import Path

import pytest

from kibitz_context.files.repository import Repository
from kibitz_context.gate.baseline import Bases, baseline, bases
from support.git_folder import GitFolder, git_folder

BUDGET = 8_000


@pytest.fixture
def upstream(tmp_path: Path) -> GitFolder:
    return git_folder(tmp_path / "upstream", {"a.py": "x\n"})


@pytest.fixture
def clone(upstream: GitFolder, tmp_path: Path) -> GitFolder:
    upstream.git("clone", "-q", ".", "../clone")
    return GitFolder(tmp_path / "clone")


def look(made: GitFolder, known: str | None = None, budget: int = BUDGET) -> Bases:
    return bases(Repository.find(made.root), budget, known)


def head(made: GitFolder) -> str:
    return made.git("rev-parse", "HEAD")


def test_ones_own_commits_leave_the_base_that_all_clones_share_where_it_is(
    upstream: GitFolder, clone: GitFolder
) -> None:
    shared = head(upstream)
    assert look(clone) == Bases(shared, shared, None)
    clone.commit({"a.py": "mine\n"})
    assert look(clone) == Bases(head(clone), shared, None)
    clone.git("switch", "-q", "-c", "feature")
    clone.commit({"b.py": "mine too\n"})
    assert look(clone).preferred == shared


def test_the_base_moves_when_what_is_shared_is_merged(
    upstream: GitFolder, clone: GitFolder
) -> None:
    before = head(upstream)
    clone.commit({"b.py": "mine\n"})
    theirs = upstream.commit({"a.py": "theirs\n"})
    clone.git("fetch", "-q")
    assert look(clone).preferred == before, "fetched, but not in the work tree yet"
    clone.git("rebase", "-q", "origin/main")
    assert look(clone).preferred == theirs


def test_what_is_far_from_the_shared_history_is_its_own_base(clone: GitFolder) -> None:
    clone.commit({"big.py": "".join(f"x = {number}\n" for number in range(400))})
    assert look(clone).preferred == head(clone)
    assert look(clone, budget=100_000).preferred != head(clone)
    clone.commit({f"m{number}.py": "x\n" for number in range(80)})
    assert look(clone).preferred == head(clone), "many small files are far as well"


@pytest.mark.parametrize("name", ["origin/HEAD", "origin/master", "upstream/main", "origin/trunk"])
def test_the_shared_branch_goes_by_many_names(made_alone: GitFolder, name: str) -> None:
    shared = head(made_alone)
    made_alone.git("update-ref", f"refs/remotes/{name}", shared)
    made_alone.git("branch", "-q", "-m", "work")
    made_alone.commit({"a.py": "mine\n"})
    assert look(made_alone).preferred == shared


@pytest.fixture
def made_alone(tmp_path: Path) -> GitFolder:
    return git_folder(tmp_path / "alone", {"a.py": "x\n"})


def test_without_a_default_branch_the_branchs_own_upstream_counts(
    upstream: GitFolder, clone: GitFolder
) -> None:
    shared = head(upstream)
    clone.git("remote", "set-head", "origin", "--delete")
    upstream.git("branch", "odd-name")
    clone.git("fetch", "-q")
    clone.git("update-ref", "-d", "refs/remotes/origin/main")
    clone.git("switch", "-q", "-c", "mine", "--track", "origin/odd-name")
    clone.git("branch", "-q", "-D", "main")
    clone.commit({"a.py": "mine\n"})
    assert look(clone).preferred == shared


def test_a_branch_that_was_pushed_is_not_what_is_shared(
    upstream: GitFolder, clone: GitFolder
) -> None:
    shared = head(upstream)
    clone.git("remote", "set-head", "origin", "--delete")
    clone.git("switch", "-q", "-c", "feature")
    clone.commit({"a.py": "mine\n"})
    clone.git("push", "-q", "-u", "origin", "feature")
    assert look(clone).preferred == shared


def test_a_remote_may_have_any_name(upstream: GitFolder, tmp_path: Path) -> None:
    shared = head(upstream)
    upstream.git("clone", "-q", "-o", "company", ".", "../clone")
    clone = GitFolder(tmp_path / "clone")
    clone.git("switch", "-q", "-c", "feature")
    clone.commit({"a.py": "mine\n"})
    clone.git("push", "-q", "-u", "company", "feature")
    clone.git("branch", "-q", "-D", "main")
    assert look(clone).preferred == shared
    clone.git("remote", "set-head", "company", "--delete")
    assert look(clone).preferred == shared


def test_in_a_fork_the_upstream_is_what_is_shared(
    upstream: GitFolder, clone: GitFolder, tmp_path: Path
) -> None:
    """The fork's own main branch lags behind, and so it does in each fork by something else."""
    theirs = upstream.commit({"a.py": "theirs\n"})
    fork = clone
    fork.git("remote", "add", "upstream", "../upstream")
    fork.git("remote", "add", "colleague", "../elsewhere")
    fork.git("update-ref", "refs/remotes/colleague/HEAD", "HEAD")
    fork.git("fetch", "-q", "upstream")
    fork.git("switch", "-q", "-c", "topic", "upstream/main")
    fork.commit({"b.py": "mine\n"})
    fork.git("update-ref", "refs/remotes/origin/topic", "HEAD")
    fork.git("branch", "-q", "-u", "origin/topic")
    assert look(fork).preferred == theirs


def test_a_team_s_own_line_is_shared_where_the_upstream_is_far(
    upstream: GitFolder, clone: GitFolder
) -> None:
    clone.git("remote", "rename", "origin", "upstream")
    team = clone.commit({"big.py": "".join(f"x = {number}\n" for number in range(400))})
    clone.git("update-ref", "refs/remotes/origin/main", team)
    clone.git("switch", "-q", "-c", "feature")
    clone.commit({"b.py": "mine\n"})
    assert look(clone).preferred == team
    assert look(clone, budget=100_000).preferred == head(upstream)


def test_what_is_far_from_the_default_branch_is_told_from_what_was_pushed(
    upstream: GitFolder, clone: GitFolder
) -> None:
    clone.git("switch", "-q", "-c", "feature")
    pushed = clone.commit({"big.py": "".join(f"x = {number}\n" for number in range(400))})
    clone.git("update-ref", "refs/remotes/origin/feature", pushed)
    clone.git("branch", "-q", "-u", "origin/feature")
    clone.commit({"b.py": "mine\n"})
    assert look(clone).preferred == pushed


@pytest.mark.parametrize("branch", ["main", "feature"])
def test_an_upstream_that_is_gone_is_none(
    upstream: GitFolder, clone: GitFolder, branch: str
) -> None:
    shared = head(upstream)
    clone.git("switch", "-q", "-C", branch)
    clone.git("config", f"branch.{branch}.remote", "origin")
    clone.git("config", f"branch.{branch}.merge", "refs/heads/gone")
    clone.commit({"a.py": "mine\n"})
    assert look(clone).preferred == shared
    # The default branch was renamed, and nobody has told this clone.
    clone.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/gone")
    assert look(clone).preferred == shared


def test_without_a_remote_the_local_main_branch_is_what_is_shared(made_alone: GitFolder) -> None:
    first = head(made_alone)
    assert look(made_alone) == Bases(first, first, None)
    made_alone.git("switch", "-q", "-c", "feature")
    made_alone.commit({"b.py": "x\n"})
    assert look(made_alone).preferred == first
    second = made_alone.commit()
    made_alone.git("branch", "-q", "-D", "main")
    assert look(made_alone) == Bases(second, None, None)


def test_a_detached_head_and_a_rebase_under_way_are_like_any_other(
    upstream: GitFolder, clone: GitFolder
) -> None:
    shared = head(upstream)
    clone.commit({"a.py": "mine\n"})
    clone.git("checkout", "-q", "--detach")
    assert look(clone).preferred == shared
    upstream.commit({"a.py": "theirs\n"})
    clone.git("fetch", "-q")
    with pytest.raises(AssertionError):
        clone.git("rebase", "-q", "origin/main")
    assert look(clone).preferred == head(upstream)


def test_histories_that_share_nothing(clone: GitFolder) -> None:
    clone.git("switch", "-q", "--orphan", "other")
    assert look(clone).head is None
    own = clone.commit({"z.py": "x\n"})
    assert look(clone) == Bases(own, None, None)


def test_a_shallow_clone_may_not_know_where_it_branched_off(
    upstream: GitFolder, tmp_path: Path
) -> None:
    for number in range(3):
        upstream.commit({"a.py": f"{number}\n"})
    upstream.git("switch", "-q", "-c", "feature", "HEAD~2")
    upstream.commit({"b.py": "x\n"})
    url = f"file://{upstream.root}"
    upstream.git("switch", "-q", "main")
    options = ["--depth=1", "--no-single-branch", "--branch=feature"]
    upstream.git("clone", "-q", *options, url, "../shallow")
    shallow = GitFolder(tmp_path / "shallow")
    assert look(shallow).preferred == head(shallow)
    assert baseline(Repository.find(shallow.root), head(shallow)).commit == head(shallow)


def test_no_commits_and_no_git(tmp_path: Path) -> None:
    empty = git_folder(tmp_path / "empty")
    assert look(empty, "0" * 40) == Bases(None, None, None)
    (tmp_path / "plain").mkdir()
    assert look(GitFolder(tmp_path / "plain")) == Bases(None, None, None)


def test_a_base_that_was_collected_is_gone(made_alone: GitFolder) -> None:
    lost = made_alone.commit({"a.py": "lost\n"})
    assert look(made_alone, lost).known == lost
    made_alone.git("reset", "-q", "--hard", "HEAD~1")
    assert look(made_alone, lost).known == lost, "still there, for a while"
    made_alone.git("reflog", "expire", "--expire=now", "--all")
    made_alone.git("gc", "-q", "--prune=now")
    assert look(made_alone, lost).known is None


def test_a_base_whose_folders_are_lost_is_a_folder(made_alone: GitFolder) -> None:
    tree = made_alone.git("rev-parse", "HEAD^{tree}")
    (made_alone.root / ".git/objects" / tree[:2] / tree[2:]).unlink()
    found = baseline(Repository.find(made_alone.root), head(made_alone))
    assert found.commit is None


def test_where_it_branched_off_is_remembered(
    made_alone: GitFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_alone.git("switch", "-q", "-c", "feature")
    made_alone.commit({"b.py": "x\n"})
    expected = look(made_alone)
    monkeypatch.setattr(Repository, "merge_base", None)
    assert look(made_alone) == expected
