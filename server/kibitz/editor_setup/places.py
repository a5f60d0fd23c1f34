"""Where the editors' configuration files are on this machine.

Asks only which of several usual files there is; reads and writes none.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from kibitz import paths


def place_of(place: str, environ: Mapping[str, str]) -> Path:
    """The file that a piece with this `place` belongs in."""
    return PLACES[place](environ)


def _config(environ: Mapping[str, str]) -> Path:
    """The folder of programs' settings, where editors of the terminal look for theirs."""
    if sys.platform == "win32":
        return Path(environ.get("APPDATA") or paths.home(environ) / "AppData/Roaming")
    named = environ.get("XDG_CONFIG_HOME", "")
    return Path(named) if Path(named).is_absolute() else paths.home(environ) / ".config"


def _desktop(environ: Mapping[str, str]) -> Path:
    """The folder where desktop programs keep theirs: another one on macOS."""
    if sys.platform == "darwin":
        return paths.home(environ) / "Library" / "Application Support"
    return _config(environ)


def _first(*candidates: Path) -> Path:
    """The first that there is, else the first."""
    return next((path for path in candidates if path.exists()), candidates[0])


def _neovim(environ: Mapping[str, str]) -> Path:
    # A file of its own: beside an init.vim there may be no init.lua.
    if sys.platform == "win32":
        return Path(environ.get("LOCALAPPDATA") or _config(environ)) / "nvim/plugin/kibitz.lua"
    return _config(environ) / "nvim/plugin/kibitz.lua"


def _emacs(environ: Mapping[str, str]) -> Path:
    home = paths.home(environ)
    return _first(
        home / ".emacs.d/init.el", home / ".emacs", home / ".emacs.el",
        _config(environ) / "emacs/init.el",
    )  # fmt: skip


def _vim_folder(environ: Mapping[str, str]) -> Path:
    return paths.home(environ) / ("vimfiles" if sys.platform == "win32" else ".vim")


def _coc(environ: Mapping[str, str]) -> Path:
    vim = _vim_folder(environ) / "coc-settings.json"
    nvim = _config(environ) / "nvim/coc-settings.json"
    has_only_neovim = not vim.parent.exists() and nvim.parent.exists()
    return nvim if has_only_neovim else _first(vim, nvim)


def _sublime(environ: Mapping[str, str]) -> Path:
    mac_or_windows = sys.platform in ("darwin", "win32")
    name = "Sublime Text" if mac_or_windows else "sublime-text"
    return _desktop(environ) / name / "Packages/User/LSP.sublime-settings"


def _zed(name: str) -> Callable[[Mapping[str, str]], Path]:
    return lambda environ: _config(environ) / "zed/kibitz-extension" / name


PLACES: Mapping[str, Callable[[Mapping[str, str]], Path]] = {
    "neovim": _neovim,
    "helix": lambda environ: _config(environ) / "helix/languages.toml",
    "emacs": _emacs,
    "vim": lambda environ: _vim_folder(environ) / "plugin/kibitz.vim",
    "coc": _coc,
    "kakoune": lambda environ: _config(environ) / "kak/kakrc",
    "sublime": _sublime,
    "vscode": lambda environ: _desktop(environ) / "Code/User/settings.json",
    "zed-manifest": _zed("extension.toml"),
    "zed-crate": _zed("Cargo.toml"),
    "zed-source": _zed("src/lib.rs"),
    "jetbrains": lambda environ: paths.config_folder(environ) / "lsp4ij" / "template.json",
}
