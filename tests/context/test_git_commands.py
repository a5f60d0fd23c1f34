"""Git runs nothing that a repository tells it to run, and nothing reaches the network."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from kibitz_context import git_commands
from kibitz_context.gate import Gate
from kibitz_context.gather import gather
from kibitz_context.repository import Repository
from support.git_folder import GitFolder, git_folder


@pytest.fixture
def trap(tmp_path: Path) -> Iterator[str]:
    """A program that must never be run; the test fails if it was."""
    marks = tmp_path / "it-was-run"
    program = tmp_path / "trap"
    program.write_text(f'#!/bin/sh\necho "$0 $*" >> "{marks}"\ncat\n')
    program.chmod(0o755)
    yield str(program)
    assert not marks.exists(), marks.read_text()


@pytest.fixture
def made(tmp_path: Path) -> GitFolder:
    """A repository with a changed, a new and an ignored file, all looked at by `look`."""
    made = git_folder(
        tmp_path / "root", {"a.py": "def one(): ...\n", ".gitignore": "*.log\n", "b.py": "two()\n"}
    )
    made.write({"a.py": "def one(): return 1\n", "new.py": "one()\n", "c.log": "x"})
    return made


def look(made: GitFolder) -> None:
    """Everything that this package asks git."""
    repository = Repository.find(made.root)
    assert repository.has_git
    head = repository.head() or ""
    assert repository.tracked() and repository.committed(head)
    assert repository.changed_paths(head)
    assert repository.untracked() == ("new.py",)
    assert repository.ignored(["c.log"]) == {"c.log"}
    assert repository.grep(head, ["one"])
    context = gather(repository, Gate(made.root), max_tokens=10_000, question="one two")
    assert "return 1" in context.changes.text


def touch_without_changing(made: GitFolder) -> None:
    """Makes git compare the content of every file: their times no longer tell."""
    for path in ("a.py", "b.py"):
        os.utime(made.root / path, (0, 0))


@pytest.mark.parametrize(
    "key",
    [
        "core.fsmonitor",
        "core.sshCommand",
        "core.pager",
        "core.askPass",
        "core.editor",
        "credential.helper",
        "diff.external",
        "diff.trap.command",
        "diff.trap.textconv",
        "gpg.program",
        "filter.trap.clean",
        "filter.trap.smudge",
        "filter.trap.process",
        "filter.a=b.clean",
        "core.alternateRefsCommand",
        "uploadpack.packObjectsHook",
        "interactive.diffFilter",
    ],
)
def test_a_program_in_the_configuration_is_not_run(made: GitFolder, trap: str, key: str) -> None:
    made.git("config", key, trap)
    made.git("config", "log.showSignature", "true")
    driver = key.split(".")[1]
    made.write({".git/info/attributes": f"*.py filter={driver} diff={driver}\n"})
    touch_without_changing(made)
    look(made)


def test_a_filter_that_is_required_is_not_run_either(made: GitFolder, trap: str) -> None:
    made.git("config", "filter.trap.clean", trap)
    made.git("config", "filter.trap.required", "true")
    made.write({".git/info/attributes": "* filter=trap\n"})
    touch_without_changing(made)
    look(made)


def test_hooks_are_not_run(made: GitFolder, trap: str) -> None:
    for hook in ("post-index-change", "fsmonitor-watchman", "reference-transaction", "pre-auto-gc"):
        (made.root / ".git/hooks").mkdir(exist_ok=True)
        (made.root / ".git/hooks" / hook).symlink_to(trap)
    made.git("config", "core.hooksPath", ".git/hooks")
    made.git("config", "core.fsmonitor", ".git/hooks/fsmonitor-watchman")
    touch_without_changing(made)
    look(made)


def test_a_missing_object_is_not_fetched(made: GitFolder, trap: str) -> None:
    made.git("config", "extensions.partialClone", "origin")
    made.git("config", "remote.origin.promisor", "true")
    made.git("config", "remote.origin.url", "ssh://nowhere.invalid/x")
    made.git("config", "remote.origin.uploadpack", trap)
    made.git("config", "core.sshCommand", trap)
    made.git("config", "core.repositoryFormatVersion", "1")
    blob = made.git("rev-parse", "HEAD:b.py")
    (made.root / ".git/objects" / blob[:2] / blob[2:]).unlink()
    repository = Repository.find(made.root)
    with repository.blobs(99) as blobs:
        assert isinstance(blobs.read(blob), str)
    context = gather(repository, Gate(made.root), max_tokens=10_000)
    assert [omission.path for omission in context.omitted] == ["b.py"]


def test_a_remote_helper_is_not_run(made: GitFolder, trap: str) -> None:
    made.git("config", "extensions.partialClone", "origin")
    made.git("config", "remote.origin.url", f"ext::{trap}")
    made.git("config", "protocol.ext.allow", "always")
    made.git("config", "core.repositoryFormatVersion", "1")
    repository = Repository.find(made.root)
    with repository.blobs(99) as blobs:
        assert isinstance(blobs.read("1" * 40), str)


def test_a_submodule_s_own_configuration_is_not_run(made: GitFolder, trap: str) -> None:
    inner = git_folder(made.root / "sub", {"x.py": "1\n"})
    made.git("add", "sub")
    made.git("commit", "-q", "-m", "sub")
    inner.git("config", "core.fsmonitor", trap)
    inner.git("config", "filter.trap.clean", trap)
    inner.write({".git/info/attributes": "* filter=trap\n", "x.py": "2\n"})
    os.utime(inner.root / "x.py", (0, 0))
    look(made)


def test_the_index_is_not_written(made: GitFolder) -> None:
    touch_without_changing(made)
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


def test_a_command_that_takes_too_long_is_ended(
    made: GitFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Repository.find(made.root).git
    assert folder is not None
    monkeypatch.setattr(git_commands, "TIMEOUT_SECONDS", 0.2)
    os.mkfifo(made.root / "pipe")
    output = git_commands.run(folder, ["hash-object", "pipe"])
    assert (output.failure, output.status) == ("git took too long", -1)


def test_a_failure_is_told_in_git_s_own_words(made: GitFolder) -> None:
    folder = Repository.find(made.root).git
    assert folder is not None
    output = git_commands.run(folder, ["rev-parse", "--verify", "no-such-thing"])
    assert output.failure == "fatal: Needed a single revision"
    assert output.status == 128
