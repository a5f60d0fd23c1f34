"""Restricted Mode: nothing is started, read or sent, and one is told so."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from support.vscode import CodeServer, open_window
from support.workshop import EXAMPLE, make_repository

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.real


def test_in_restricted_mode_nothing_is_started_until_the_folder_is_trusted(
    chromium: Browser, tmp_path: Path
) -> None:
    root = make_repository(
        tmp_path / "window" / "repository",
        {
            "prices.py": EXAMPLE,
            # What a hostile repository would try: its own program as the server.
            ".vscode/settings.json": '{"kibitz.server.path": "/tmp/evil"}',
        },
    )
    with (
        CodeServer.start(tmp_path, restricted=True) as code_server,
        open_window(code_server, chromium, root) as window,
    ):
        window.open("prices.py")
        window.status_label("off in Restricted Mode")
        window.palette("Kibitz: Explain")
        window.notifications().filter(has_text="sends nothing").wait_for()
        words = [process.cmdline() for process in code_server.process.children(recursive=True)]
        window.palette("Workspaces: Manage Workspace Trust")
        window.page.locator(
            ".workspace-trust-editor .monaco-button", has_text="Trust"
        ).first.click()
        window.wait_for_server()
        log = [child.cmdline() for child in psutil.Process(code_server.process.pid).children(True)]

        assert not [each for each in words if each[-1:] == ["serve"]]
        assert [each for each in log if each[-1:] == ["serve"]]
        assert not [each for each in log if "/tmp/evil" in each]
