"""The repository that is brought into every state."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.git_folder import GitFolder, git_folder
from support.git_states import FILES


@pytest.fixture
def made(tmp_path: Path) -> GitFolder:
    return git_folder(tmp_path / "root", FILES)
