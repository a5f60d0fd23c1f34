"""What the READMEs tell a user to paste is what `kibitz setup` prints, and what parsers take."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from kibitz import __version__
from kibitz.editor_setup import shipped
from kibitz.editor_setup.languages import languages, named
from kibitz.editor_setup.places import PLACES
from kibitz.editor_setup.recipes import HELIX_FEATURES, RECIPES, Recipe, recipe

CLIENTS = Path(__file__).parents[2] / "clients"
FOLDERS = {
    "neovim": "neovim-plain",
    "neovim-plugin": "neovim",
    "eglot": "emacs",
    "rass": "emacs",
    "lsp-mode": "emacs",
    "vim-lsp": "vim",
    "coc": "vim",
    "vscode": "vscode-plain",
}
#: The languages that the READMEs show.
SHOWN = tuple(language for name in ("python", "rust") if (language := named(name)))


@pytest.mark.parametrize("found", RECIPES, ids=lambda found: found.name)
def test_each_readme_shows_what_setup_prints(found: Recipe) -> None:
    folder = CLIENTS / FOLDERS.get(found.name, found.name)
    readme = (folder / "README.md").read_text()
    blocks = re.findall(r"```(\w+)\n(.*?)```", readme, re.DOTALL)
    if found.name == "zed":
        manifest = (folder / "extension.toml").read_text()
        assert manifest == found.pieces(languages())[0].text
        crate = tomllib.loads((folder / "Cargo.toml").read_text())
        assert crate["package"]["version"] == __version__
        return
    for piece in found.pieces(SHOWN):
        text = piece.text.replace(str(shipped.folder("neovim")), "/where/kibitz/is/clients/neovim")
        assert (piece.form, text) in blocks
    assert f"kibitz setup {found.name}" in readme or f"`{found.name}`" in readme


@pytest.mark.parametrize("found", RECIPES, ids=lambda found: found.name)
def test_every_piece_is_sound(found: Recipe) -> None:
    for piece in found.pieces(languages()):
        assert piece.place in PLACES
        assert piece.text.endswith("\n")
        if piece.form == "toml":
            assert tomllib.loads(piece.text)
        if piece.form == "json":
            assert isinstance(json.loads(piece.text), dict)
        assert found.has_wildcard or piece.place.startswith("zed") or "python" in piece.text


def test_helix_keeps_its_own_servers() -> None:
    found = recipe("helix")
    assert found is not None
    data = tomllib.loads(found.pieces(languages())[0].text)
    for row, language in zip(data["language"], languages(), strict=True):
        own = {"name": "kibitz", "only-features": list(HELIX_FEATURES)}
        assert row["name"] == language.helix
        assert row["language-servers"] == [*language.helix_servers, own]


def test_names_are_told_apart() -> None:
    names = [name for language in languages() for name in language.names]
    assert len(names) == len(set(names))
    assert [recipe(name) for name in ("nvim", " HX ", "emacs", "lsp4ij", "ed")] == [
        recipe("neovim"), recipe("helix"), recipe("eglot"), recipe("jetbrains"), None
    ]  # fmt: skip


def test_what_setup_takes_from_our_clients_is_in_the_wheel() -> None:
    project = tomllib.loads((CLIENTS.parent / "pyproject.toml").read_text())
    included = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    for client in ("neovim", "zed"):
        assert shipped.folder(client) == CLIENTS / client
        assert any(source.startswith(f"clients/{client}") for source in included)
    for source, target in included.items():
        assert (CLIENTS.parent / source).exists()
        assert target == f"kibitz_{source}"
