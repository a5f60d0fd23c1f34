"""The package's tables agree with the server's: checked without an editor."""

from __future__ import annotations

import importlib.util
import json
import re
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from kibitz import __version__
from kibitz.protocol.announce import COMMANDS
from kibitz.settings_keys import KEYS
from support.code_server import PACKAGE as VSIX
from support.code_server import must_be_installed

FOLDER = Path(__file__).parents[3] / "clients" / "vscode"
PACKAGE: dict[str, Any] = json.loads((FOLDER / "package.json").read_text("utf-8"))
WORDS: dict[str, str] = json.loads((FOLDER / "package.nls.json").read_text("utf-8"))
SOURCES = {file.name: file.read_text("utf-8") for file in (FOLDER / "src").glob("*.ts")}
CONTRIBUTES = PACKAGE["contributes"]
ICONS = {command["command"]: command.get("icon", "") for command in CONTRIBUTES["commands"]}


def settings_script() -> ModuleType:
    """`clients/vscode/scripts/settings.py`, which is no part of a package."""
    spec = importlib.util.spec_from_file_location("settings", FOLDER / "scripts" / "settings.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_extension_has_the_servers_version() -> None:
    # `uvx kibitz@VERSION` fetches the one that fits.
    assert PACKAGE["version"] == __version__


def test_the_settings_are_those_of_the_server() -> None:
    assert settings_script().updated(PACKAGE, WORDS) == (PACKAGE, WORDS)


def test_no_guarded_setting_can_come_from_a_workspace() -> None:
    guarded = {f"kibitz.{key.name}" for key in KEYS if key.guarded}
    restricted = set(PACKAGE["capabilities"]["untrustedWorkspaces"]["restrictedConfigurations"])
    offered = {
        name: schema
        for part in CONTRIBUTES["configuration"]
        for name, schema in part["properties"].items()
    }
    own = {name for name in offered if name.startswith("kibitz.server.")}

    assert own | (guarded & offered.keys()) == restricted
    assert {offered[name]["scope"] for name in restricted} == {"machine"}


def test_every_command_of_the_server_is_registered() -> None:
    listed = re.search(r"SERVER_COMMANDS = \[(.*?)\]", SOURCES["protocol.ts"], re.DOTALL)
    assert listed is not None
    # Once each: to register a command twice is an error that leaves the extension dead.
    assert sorted(re.findall(r'"(kibitz\.\w+)"', listed.group(1))) == sorted(COMMANDS)


def test_every_command_has_a_title_and_every_entry_a_command() -> None:
    contributed = {command["command"] for command in CONTRIBUTES["commands"]}
    entries = [entry for menu in CONTRIBUTES["menus"].values() for entry in menu]
    named = {entry["command"] for entry in entries if "command" in entry}
    bound = {binding["command"] for binding in CONTRIBUTES["keybindings"]}
    own = set(re.findall(r'^    "(kibitz\.[\w.]+)":', SOURCES["commands.ts"], re.MULTILINE))

    assert named | bound <= contributed
    assert contributed <= own | set(COMMANDS)


def test_everything_that_is_shown_can_be_translated() -> None:
    text = json.dumps({**PACKAGE, "scripts": {}})
    used = set(re.findall(r'"%([\w.]+)%"', text))
    icons = [command for command in CONTRIBUTES["commands"] if not command["title"].startswith("%")]

    assert used == WORDS.keys()
    assert icons == []


def test_the_exported_strings_are_those_of_the_sources() -> None:
    bundle = json.loads((FOLDER / "l10n" / "bundle.l10n.json").read_text("utf-8"))
    pattern = re.compile(r'l10n\s*\.t\(\s*"((?:[^"\\]|\\.)*)"', re.DOTALL)
    used = {
        json.loads(f'"{words}"') for source in SOURCES.values() for words in pattern.findall(source)
    }
    assert used == bundle.keys()


def test_every_icon_has_a_title_and_the_package_says_what_a_marketplace_asks() -> None:
    for menu in ("editor/title", "view/title", "view/item/context"):
        for entry in CONTRIBUTES["menus"][menu]:
            if entry["group"].startswith(("navigation", "inline")):
                assert ICONS[entry["command"]]
    for field in ("displayName", "description", "categories", "engines", "icon", "license"):
        assert PACKAGE[field]
    # It belongs to nobody's account.
    assert "repository" not in PACKAGE
    assert PACKAGE["private"] is True


@pytest.mark.real
def test_the_packaged_extension_is_small_and_holds_nothing_else() -> None:
    must_be_installed()
    with zipfile.ZipFile(VSIX) as package:
        names = {name.removeprefix("extension/") for name in package.namelist()}
    sources = [name for name in names if name.endswith((".ts", ".map")) or "node_modules" in name]

    assert VSIX.stat().st_size < 1_000_000
    assert {"package.json", "out/extension.js", "l10n/bundle.l10n.json"} <= names
    assert sources == []
