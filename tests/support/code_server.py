"""code-server, the VS Code that runs in a browser: started with our extension, from its package.

Whoever sits at it has a home folder, a search path and an API key of their own, and nothing of
whoever runs the tests.  What is done in it stands in `vscode`.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from support.raw_client import clean_environment

if TYPE_CHECKING:
    from playwright.sync_api import Browser

DEADLINE_SECONDS = 60.0
ROOT = Path(__file__).parents[2]
RIG = ROOT / ".cache" / "vscode"
PACKAGE = ROOT / "clients" / "vscode" / "kibitz.vsix"
#: Extensions that belong to the tests, by the names of the folders they are installed in.
HELPERS = {
    "kibitz-tests.companion-1.0.0": ROOT / "tests" / "clients" / "vscode" / "rig" / "companion",
    "ms-python.python-1.0.0": ROOT / "tests" / "clients" / "vscode" / "rig" / "python",
}
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"

_NODE = RIG / "bin" / "node"
_CODE_SERVER = RIG / "node_modules" / "code-server" / "out" / "node" / "entry.js"

#: For whoever sits at it: nothing is saved, asked or sent behind their back.
SETTINGS: Mapping[str, Any] = {
    "files.autoSave": "off",
    "files.hotExit": "off",
    "window.confirmBeforeClose": "never",
    "workbench.startupEditor": "none",
    "workbench.tips.enabled": False,
    "workbench.enableExperiments": False,
    "workbench.secondarySideBar.defaultVisibility": "hidden",
    "chat.disableAIFeatures": True,
    "telemetry.telemetryLevel": "off",
    "extensions.ignoreRecommendations": True,
    "git.openRepositoryInParentFolders": "never",
    "security.workspace.trust.startupPrompt": "never",
    "security.workspace.trust.banner": "never",
    "editor.minimap.enabled": False,
    "editor.cursorBlinking": "solid",
    "workbench.reduceMotion": "on",
    "remote.autoForwardPorts": False,
    "git.showActionButton": {"publish": False, "commit": True, "sync": True},
}


def must_be_installed() -> None:
    """Skip the test where a part of the rig is missing, and say which."""
    for path, what in (
        (_CODE_SERVER, "code-server (`make test-vscode` installs it)"),
        (Path(CHROMIUM), "Chromium (`apt-get install chromium`)"),
        (PACKAGE, "the packaged extension (`make vscode` packages it)"),
    ):
        if not path.exists():
            pytest.skip(f"{what} is missing: {path}")
    pytest.importorskip(
        "playwright", reason="playwright is missing: `make test-vscode` installs it"
    )


@dataclass
class CodeServer:
    """A running code-server with the extension; windows are opened in it by address."""

    address: str
    data: Path
    #: The home folder of whoever sits at it, and a folder that is first on the search path.
    home: Path
    programs: Path
    process: psutil.Process

    @classmethod
    @contextlib.contextmanager
    def start(
        cls, folder: Path, *, restricted: bool = False, installs: bool = True
    ) -> Iterator[CodeServer]:
        """Start one whose files lie in `folder`; with `restricted` no workspace is trusted yet,
        and without `installs` it has not our extension.

        It is killed on leaving, and whatever it has started with it.
        """
        data, extensions = folder / "data", folder / "extensions"
        home, programs = folder / "home", folder / "programs"
        home.mkdir()
        programs.mkdir()
        environment = clean_environment(home, PATH=f"{programs}{os.pathsep}{_path_without_us()}")
        for name in list(environment):
            if name.startswith(("VSCODE", "ELECTRON")):
                del environment[name]
        # Whoever sits at it has a key of their own; a stand-in takes any unless told otherwise.
        environment["ANTHROPIC_API_KEY"] = "any"
        # As if started from a terminal: else it would take the search path of a login shell.
        environment["VSCODE_CLI"] = "1"
        base = [
            *(str(_NODE), str(_CODE_SERVER)),
            *("--config", str(folder / "config.yaml")),
            *("--user-data-dir", str(data), "--extensions-dir", str(extensions)),
        ]
        (folder / "config.yaml").write_text("auth: none\n")
        for name, source in HELPERS.items():
            shutil.copytree(source, extensions / name)
        if installs:
            subprocess.run(
                [*base, "--install-extension", str(PACKAGE)],
                env=environment, check=True, capture_output=True, timeout=DEADLINE_SECONDS,
            )  # fmt: skip
        trust = [] if restricted else ["--disable-workspace-trust"]
        log = folder / "code-server.log"
        with log.open("w") as output:
            running = subprocess.Popen(
                [
                    *base, *trust, "--auth", "none", "--bind-addr", "127.0.0.1:0",
                    "--disable-telemetry", "--disable-update-check",
                ],
                env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            )  # fmt: skip
        process = psutil.Process(running.pid)
        try:
            yield cls(_address(log, running), data, home, programs, process)
        finally:
            started = [process, *process.children(recursive=True)]
            for each in started:
                with contextlib.suppress(psutil.NoSuchProcess):
                    each.kill()
            running.wait()

    def configure(self, settings: Mapping[str, Any], machine: Mapping[str, Any]) -> None:
        """Write the user's settings, and those that only this machine's file may hold."""
        for place, values in (("User", {**SETTINGS, **settings}), ("Machine", machine)):
            file = self.data / place / "settings.json"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(values))


def _path_without_us() -> str:
    """The search path, without what the extension would find on the machine of who runs this."""
    ours = ("kibitz", "uvx")
    folders = os.environ["PATH"].split(os.pathsep)
    return os.pathsep.join(
        folder for folder in folders if not any((Path(folder) / name).exists() for name in ours)
    )


def _address(log: Path, process: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        found = re.search(r"listening on (http://\S+?)/?\s", log.read_text())
        if found:
            return found.group(1)
        time.sleep(0.05)
    raise TimeoutError(f"code-server does not listen:\n{log.read_text()}")


@contextlib.contextmanager
def browser() -> Iterator[Browser]:
    """A Chromium without a window."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=[
                "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                "--disable-background-networking", "--disable-component-update", "--disable-sync",
            ],
        )  # fmt: skip
        try:
            yield running
        finally:
            running.close()
