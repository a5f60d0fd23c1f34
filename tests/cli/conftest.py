"""A repository, private folders and a stand-in Claude for each test of a command."""

from __future__ import annotations

from pathlib import Path

import pytest

from kibitz.standin import StandIn
from support.command_line import CommandLine
from support.workshop import EXAMPLE, make_repository, use_private_folders

NOTES = "# Notes\n\nPrices are in cents.\n"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository, which is the current folder; no key, and nothing of whoever runs the tests."""
    use_private_folders(monkeypatch, tmp_path / "home")
    for name in ("NO_COLOR", "FORCE_COLOR", "NVIM", "TERM_PROGRAM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    root = make_repository(tmp_path / "shop", {"prices.py": EXAMPLE, "docs/notes.md": NOTES})
    monkeypatch.chdir(root)
    return root


@pytest.fixture
def commands(
    shop: Path,
    standin_in_thread: StandIn,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> CommandLine:
    """Commands that reach the stand-in with a key."""
    monkeypatch.setenv("ANTHROPIC_BASE_URL", standin_in_thread.base_url)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-api03-test-key-0123456789")
    return CommandLine(shop, standin_in_thread, capsys, monkeypatch)
