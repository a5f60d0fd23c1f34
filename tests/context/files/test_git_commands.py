"""Git runs nothing that a repository tells it to run, and nothing reaches the network."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from kibitz_context.files import git_commands
from kibitz_context.files.repository import Repository
from kibitz_context.gate import commits
from kibitz_context.gate.gate import Gate
from kibitz_context.gather import gather
from support.git_folder import GitFolder, git_folder


class Trap:
    """A program that must not be run, and that leaves a mark when it is."""

    def __init__(self, folder: Path) -> None:
        self._marks = folder / "it-was-run"
        self.program = str(folder / "trap")
        Path(self.program).write_text(f'#!/bin/sh\necho "$0 $*" >> "{self._marks}"\nexit 1\n')
        Path(self.program).chmod(0o755)

    def was_sprung(self) -> bool:
        """Whether it was run since this was last asked."""
        was_run = self._marks.exists()
        self._marks.unlink(missing_ok=True)
        return was_run

    def must_work_on(self, made: GitFolder, *arguments: str, stdin: bytes = b"") -> None:
        """Git as it is must fall into the trap, or the test would prove nothing."""
        with contextlib.suppress(AssertionError):
            made.git(*arguments, stdin=stdin)
        assert self.was_sprung()


@pytest.fixture
def trap(tmp_path: Path) -> Iterator[Trap]:
    trap = Trap(tmp_path)
    yield trap
    assert not trap.was_sprung()


# A file that is newer than the index may have changed since: git compares its content.
NEWER_THAN_ANY_INDEX = 4_102_444_800


@pytest.fixture
def made(tmp_path: Path) -> GitFolder:
    """A repository with a changed, a new and an ignored file, all looked at by `look`."""
    made = git_folder(tmp_path / "root")
    made.write({"a.py": "def one(): ...\n", ".gitignore": "*.log\n", "b.py": "two()\n"})
    os.utime(made.root / "b.py", (NEWER_THAN_ANY_INDEX, NEWER_THAN_ANY_INDEX))
    made.commit()
    made.write({"a.py": "def one(): return 1\n", "new.py": "one()\n", "c.log": "x"})
    return made


def look(made: GitFolder) -> None:
    """Everything that this package asks git."""
    repository = Repository.find(made.root)
    assert repository.has_git
    head = repository.head() or ""
    assert repository.tracked()
    assert repository.committed(head)
    assert repository.changed_paths(head)
    assert repository.untracked() == ("new.py",)
    assert repository.ignored(["c.log"]) == {"c.log"}
    assert repository.grep(head, ["one"])
    assert repository.git is not None
    assert commits.log(repository.git, 5, "a.py")
    (blamed,) = commits.blame(repository.git, "a.py", b"def one(): return 1\n", 1, 1)
    assert blamed.commit is None
    context = gather(repository, Gate(made.root), max_tokens=10_000, question="one two")
    assert "return 1" in context.changes.text


def test_a_file_system_monitor_is_not_run(made: GitFolder, trap: Trap) -> None:
    made.git("config", "core.fsmonitor", trap.program)
    trap.must_work_on(made, "ls-files", "--others")
    look(made)


@pytest.mark.parametrize("driver", ["trap", "a=b", "a.b"])
@pytest.mark.parametrize("key", ["clean", "process"])
@pytest.mark.parametrize("required", ["true", "false"])
def test_a_filter_is_not_run(
    made: GitFolder, trap: Trap, driver: str, key: str, required: str
) -> None:
    made.git("config", f"filter.{driver}.{key}", trap.program)
    made.git("config", f"filter.{driver}.required", required)
    made.write({".git/info/attributes": f"*.py filter={driver}\n"})
    trap.must_work_on(made, "diff-index", "--raw", "HEAD")
    look(made)


@pytest.mark.parametrize("key", ["command", "textconv"])
def test_a_program_for_diffs_is_not_run(made: GitFolder, trap: Trap, key: str) -> None:
    made.git("config", f"diff.trap.{key}", trap.program)
    made.git("config", "diff.external", trap.program)
    made.write({".git/info/attributes": "*.py diff=trap\n"})
    trap.must_work_on(made, "diff", "--textconv", "--ext-diff", "HEAD")
    look(made)


def test_hooks_are_not_run(made: GitFolder, trap: Trap) -> None:
    (made.root / ".git/hooks").mkdir(exist_ok=True)
    (made.root / ".git/hooks/post-index-change").symlink_to(trap.program)
    trap.must_work_on(made, "status")
    look(made)
    folder = Repository.find(made.root).git
    assert folder is not None
    # None of our commands writes the index; one that did would not run the hook.
    assert git_commands.run(folder, ["update-index", "--refresh", "-q", "--really-refresh"])


@pytest.mark.parametrize(
    ("key", "url"),
    [
        ("core.sshCommand", "ssh://nowhere.invalid/x"),
        ("remote.origin.uploadpack", "/"),
        ("protocol.ext.allow", "ext::{trap}"),
    ],
)
def test_a_missing_object_is_not_fetched(made: GitFolder, trap: Trap, key: str, url: str) -> None:
    made.git("config", "extensions.partialClone", "origin")
    made.git("config", "remote.origin.promisor", "true")
    made.git("config", "remote.origin.url", url.format(trap=trap.program))
    made.git("config", key, "always" if key.startswith("protocol") else trap.program)
    made.git("config", "core.repositoryFormatVersion", "1")
    blob = made.git("rev-parse", "HEAD:b.py")
    (made.root / ".git/objects" / blob[:2] / blob[2:]).unlink()
    trap.must_work_on(made, "cat-file", "--batch", stdin=f"{blob}\n".encode())
    repository = Repository.find(made.root)
    with repository.blobs(99) as blobs:
        assert isinstance(blobs.read(blob), str)
    context = gather(repository, Gate(made.root), max_tokens=10_000)
    assert [omission.path for omission in context.omitted] == ["b.py"]


def test_a_submodule_s_own_configuration_is_not_run(made: GitFolder, trap: Trap) -> None:
    inner = git_folder(made.root / "sub")
    inner.write({"x.py": "1\n"})
    os.utime(inner.root / "x.py", (NEWER_THAN_ANY_INDEX, NEWER_THAN_ANY_INDEX))
    inner.commit()
    made.git("add", "sub")
    made.git("commit", "-q", "-m", "sub")
    inner.git("config", "filter.trap.clean", trap.program)
    inner.write({".git/info/attributes": "* filter=trap\n"})
    trap.must_work_on(made, "diff-index", "--raw", "HEAD")
    look(made)


def test_the_index_is_not_written(made: GitFolder) -> None:
    os.utime(made.root / "a.py", (0, 0))
    before = (made.root / ".git/index").read_bytes()
    look(made)
    assert (made.root / ".git/index").read_bytes() == before
    assert not (made.root / ".git/index.lock").exists()


def test_settings_that_change_output_do_not_matter(made: GitFolder) -> None:
    plain = Repository.find(made.root)
    head = plain.head() or ""
    expected = (plain.committed(head), plain.changed_paths(head), plain.grep(head, ["one"]))
    for key, value in {
        "color.ui": "always",
        "color.grep": "always",
        "core.quotePath": "true",
        "grep.lineNumber": "true",
        "grep.column": "true",
        "grep.fullName": "false",
        "grep.patternType": "perl",
        "diff.noprefix": "true",
        "diff.renames": "copies",
        "core.abbrev": "4",
    }.items():
        made.git("config", key, value)
    assert (
        plain.committed(head),
        plain.changed_paths(head),
        plain.grep(head, ["one"]),
    ) == expected


def test_a_command_that_takes_too_long_is_ended(made: GitFolder) -> None:
    folder = Repository.find(made.root).git
    assert folder is not None
    os.mkfifo(made.root / "pipe")
    output = git_commands.run(folder, ["hash-object", "pipe"], timeout_seconds=0.2)
    assert (output.failure, output.status) == ("git took too long", -1)


def test_a_failure_is_told_in_git_s_own_words(made: GitFolder) -> None:
    folder = Repository.find(made.root).git
    assert folder is not None
    output = git_commands.run(folder, ["rev-parse", "--verify", "no-such-thing"])
    assert output.failure == "fatal: Needed a single revision"
    assert output.status == 128
