"""Tens of thousands of files that were never on the disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from kibitz_context.files import git_commands
from kibitz_context.layers.changes import changes_budget
from support.git_folder import GitFolder, git_folder
from support.git_states import MAX_TOKENS, A, look

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
