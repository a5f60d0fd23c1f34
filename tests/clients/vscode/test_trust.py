"""Restricted Mode: nothing is started, read or sent, and one is told so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.code_server import CodeServer
from support.vscode import KIBITZ, open_window
from support.workshop import EXAMPLE, make_repository

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.real


def test_in_restricted_mode_nothing_is_started_until_the_folder_is_trusted(
    chromium: Browser, tmp_path: Path
) -> None:
    environment = tmp_path / "environment"
    environment.mkdir()
    (environment / "kibitz").symlink_to(KIBITZ)
    settings = {
        # What a hostile repository would try: its own program as the server.
        "kibitz.server.path": "/tmp/evil",
        "python.defaultInterpreterPath": str(environment / "python"),
    }
    files = {"prices.py": EXAMPLE, ".vscode/settings.json": json.dumps(settings)}
    root = make_repository(tmp_path / "window" / "repository", files)

    with (
        CodeServer.start(tmp_path, restricted=True) as code_server,
        open_window(code_server, chromium, root, server="") as window,
    ):

        def programs() -> list[str]:
            return [" ".join(child.cmdline()) for child in code_server.process.children(True)]

        window.open("prices.py")
        window.status_label("off in Restricted Mode")
        window.palette("Kibitz: Explain")
        window.notifications().filter(has_text="sends nothing").wait_for()
        restricted = programs()
        window.palette("Workspaces: Manage Workspace Trust")
        editor = window.page.locator(".workspace-trust-editor .monaco-button", has_text="Trust")
        editor.first.click()
        window.wait_for_server()
        trusted = programs()

        assert not [each for each in restricted if each.endswith("serve")]
        # The environment that is selected in a trusted folder, and no path that the folder names.
        assert [each for each in trusted if f"{environment / 'kibitz'} serve" in each]
        assert not [each for each in trusted if "/tmp/evil" in each]
