"""`kibitz doctor --editor`: what a client can do, by what it said of itself."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from kibitz import paths, seen_clients
from support.command_line import CommandLine
from support.raw_client import PROFILES, Profile, exists
from support.workshop import open_workshop

#: What each recorded client is told of its edits, its answers and what to paste.
ROWS = {
    "bare": ("none: it takes no edits", "in a file that a message names", "lists the editors"),
    "eglot": ("as they arrive, whole", "when they are complete", "`kibitz setup eglot`"),
    "helix": ("as they arrive, whole", "when they are complete", "`kibitz setup helix`"),
    "kakoune": ("in one piece at the end", "in a file that a message", "`kibitz setup kakoune`"),
    "neovim": ("as they arrive, whole", "when they are complete", "`kibitz setup neovim`"),
    "vscode": ("as they arrive, whole", "as they arrive", "`kibitz setup vscode`"),
    "zed": ("as they arrive, whole", "in a file that a message names", "`kibitz setup zed`"),
}


def rows(out: str) -> dict[str, str]:
    """The text of each line by its subject."""
    return {line[6:23].strip(): line[23:] for line in out.splitlines()}


@pytest.mark.parametrize("name", ROWS)
def test_what_recorded_clients_can_do(commands: CommandLine, name: str) -> None:
    outcome = commands.run("doctor", "--editor", str(PROFILES / f"{name}.json"))
    assert (outcome.code, outcome.err) == (0, "")
    told = rows(outcome.out)
    for subject, text in zip(("edits", "answers", "paste"), ROWS[name], strict=True):
        assert text in told[subject], subject
    assert not commands.asked


def test_a_whole_message_will_do(commands: CommandLine) -> None:
    params = {"clientInfo": {"name": "helix"}, "capabilities": {}, "initializationOptions": {}}
    message = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}
    file = commands.write("said.json", json.dumps(message))
    outcome = commands.run("doctor", "--editor", str(file))
    assert rows(outcome.out)["client"] == "helix: a known one (helix)"
    assert rows(outcome.out)["questions"].startswith("it cannot ask")


@pytest.mark.parametrize(
    ("content", "told"),
    [("{", "cannot be read as JSON"), ("[]", "holds no `initialize`"), ("{}", "no `capabilities`")],
)
def test_what_is_no_initialize(commands: CommandLine, content: str, told: str) -> None:
    file = commands.write("said.json", content)
    outcome = commands.run("doctor", "--editor", str(file))
    assert (outcome.code, outcome.out) == (2, "")
    assert told in outcome.err


def test_an_editor_that_was_never_seen(commands: CommandLine) -> None:
    outcome = commands.run("doctor", "--editor")
    assert outcome.code == 2
    assert "No editor has started kibitz" in outcome.err
    assert "No editor like 'emacs'" in commands.run("doctor", "--editor", "emacs").err


def test_the_last_one_is_meant_or_the_one_that_is_named(commands: CommandLine) -> None:
    for name in ("helix", "zed"):
        profile = Profile.load(name)
        said = {"clientInfo": profile.client_info, "capabilities": profile.capabilities}
        seen_clients.remember(said, os.environ)
    assert rows(commands.run("doctor", "--editor").out)["client"].startswith("Zed")
    assert rows(commands.run("doctor", "--editor", "HELIX").out)["client"].startswith("helix")


async def test_the_server_keeps_what_a_client_said_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"review": {"instructions": "a secret of this team"}}
    async with open_workshop(
        tmp_path, monkeypatch, profile="vscode", initializationOptions=options
    ) as shop:
        await shop.open()
        folder = paths.clients_folder(os.environ)
        file = folder / "visual-studio-code.json"
        await exists(file)
        data = json.loads(file.read_text())
    assert set(data["params"]) == {"clientInfo", "capabilities"}
    assert data["params"]["capabilities"] == shop.client.profile.capabilities
    assert "secret" not in file.read_text()
    assert str(shop.root) not in file.read_text()
    assert file.stat().st_mode & 0o077 == 0
