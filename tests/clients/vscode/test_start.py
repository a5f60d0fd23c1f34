"""Where the server comes from: what is on the machine, in order, or what one click installs.

The programs on this machine are small scripts that write down that they were started, and hand over
to the real server.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from kibitz import __version__
from support.code_server import CodeServer
from support.vscode import KIBITZ, OpenWorkshop, Window

pytestmark = pytest.mark.real

MISSING = "was not found"


class Machine:
    """What lies on the machine beside the editor; `started` tells what the extension took."""

    def __init__(self, code_server: CodeServer, folder: Path) -> None:
        self.on_path = code_server.programs
        self.of_user = code_server.home / ".local" / "bin"
        self.environment = folder / "environment" / "bin"
        self.journal = folder / "started.txt"
        self.journal.touch()

    def script(self, file: Path, body: str) -> Path:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"#!/bin/sh\n{body}\n")
        file.chmod(0o755)
        return file

    def server(self, file: Path, way: str) -> Path:
        """A program that is the server, or runs it as `uvx` does."""
        drop = "shift; " if file.name == "uvx" else ""
        note = f"echo {way} $* >>'{self.journal}'"
        return self.script(file, f"{note}\n{drop}exec '{KIBITZ}' \"$@\"")

    def wait_for(self, window: Window, line: str) -> None:
        """Wait until the server was started as `line` says, and answers."""
        window.wait(
            "new TextDecoder().decode(await vscode.workspace.fs.readFile("
            "vscode.Uri.file(args[0]))).includes(args[1])",
            str(self.journal),
            f"{line}\n",
        )
        window.wait_for_server()

    def clear(self) -> None:
        for folder in (self.on_path, self.of_user):
            shutil.rmtree(folder, ignore_errors=True)
        self.on_path.mkdir()


@pytest.fixture
def machine(code_server: CodeServer, tmp_path: Path) -> Iterator[Machine]:
    found = Machine(code_server, tmp_path)
    yield found
    found.clear()


def select_python(window: Window, interpreter: Path | str) -> None:
    window.ask(
        "await vscode.workspace.getConfiguration('python')"
        ".update('defaultInterpreterPath', args[0], vscode.ConfigurationTarget.Global)",
        str(interpreter),
    )


def test_the_users_path_goes_before_python_before_the_search_path_before_uvx(
    open_workshop: OpenWorkshop, machine: Machine, tmp_path: Path
) -> None:
    machine.server(machine.on_path / "uvx", "uvx")
    with open_workshop(server="") as shop:
        window = shop.window
        machine.wait_for(window, f"uvx kibitz@{__version__} serve")

        machine.server(machine.on_path / "kibitz", "path")
        window.palette("Kibitz: Restart Server")
        machine.wait_for(window, "path serve")

        machine.server(machine.environment / "kibitz", "python")
        select_python(window, machine.environment / "python")  # it is started anew by itself
        machine.wait_for(window, "python serve")

        own = machine.server(tmp_path / "own", "setting")
        window.ask(
            "await vscode.workspace.getConfiguration('kibitz')"
            ".update('server.path', args[0], vscode.ConfigurationTarget.Global)",
            str(own),
        )
        machine.wait_for(window, "setting serve")
        taken = [line.split()[0] for line in machine.journal.read_text().splitlines()]

        assert taken == ["uvx", "path", "python", "setting"]


def test_a_missing_server_is_one_click_away_in_a_terminal_that_one_sees(
    open_workshop: OpenWorkshop, machine: Machine
) -> None:
    # What the makers of uv serve: a script that puts it into the user's home.
    uvx = machine.server(machine.on_path.parent / "uvx", "uvx")
    machine.script(
        machine.on_path / "curl",
        f"echo 'echo Installing. && mkdir -p {machine.of_user} && cp {uvx} {machine.of_user}'",
    )
    kibitz = machine.server(machine.environment / "made", "python")
    python = machine.script(
        machine.environment / "python",
        f'[ "$*" = "-m pip install kibitz=={__version__}" ] && '
        f"cp '{kibitz}' '{machine.environment / 'kibitz'}'",
    )
    with open_workshop(server="") as shop:
        window = shop.window
        toasts = window.page.locator(".notification-toast", has_text=MISSING)
        window.status_label("not installed")
        nothing_yet = machine.journal.read_text()
        told = toasts.first.inner_text()
        toasts.first.get_by_role("button", name="Install uv").click()
        terminal = window.page.locator(".terminal-wrapper.active")
        terminal.wait_for()
        machine.wait_for(window, f"uvx kibitz@{__version__} serve")

        shutil.rmtree(machine.of_user)
        select_python(window, python)
        toasts.last.get_by_role("button", name="Install into the Python").click()
        machine.wait_for(window, "python serve")

        assert nothing_yet == ""
        assert "curl -LsSf https://astral.sh/uv/install.sh | sh" in told


def test_what_could_not_be_installed_is_told(open_workshop: OpenWorkshop, machine: Machine) -> None:
    machine.script(machine.on_path / "curl", "echo 'exit 3'")
    with open_workshop(server="") as shop:
        window = shop.window
        toast = window.page.locator(".notification-toast", has_text=MISSING).first
        toast.get_by_role("button", name="Install uv").click()
        window.notifications().filter(has_text="the terminal says why").wait_for()

        window.status_label("not installed")
