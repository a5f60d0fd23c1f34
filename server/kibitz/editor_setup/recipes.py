"""What each editor has to be told, as pieces of its configuration.

A recipe is data: it reads nothing but what is shipped, and writes nothing.  `merging` says how a
piece goes into a file that is there already, `places` where the file is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from kibitz.editor_setup import shipped, zed
from kibitz.editor_setup.languages import Language

Form = Literal["toml", "json", "lua", "elisp", "kak", "vim", "rust"]
#: How a piece goes into its file: it is the whole file, some lines of it, or keys of an object.
Way = Literal["whole", "lines", "keys"]

COMMAND = ("kibitz", "serve")

#: What is worth having of kibitz in Helix.  No "completion": Helix asks for it while one types,
#: and does not say so.
HELIX_FEATURES = ("code-action", "hover", "diagnostics", "workspace-command")


@dataclass(frozen=True, slots=True)
class Piece:
    """Some text for one file; `place` is a key of `places.PLACES`."""

    place: str
    form: Form
    way: Way
    text: str


@dataclass(frozen=True, slots=True)
class Recipe:
    """One editor, or one of its LSP clients.

    `needs` is what must be there before, `then` what to do next; a sentence each, or "".
    `has_wildcard`: it can be told "any language", so that no list of them is generated.
    """

    name: str
    title: str
    pieces: Callable[[Sequence[Language]], tuple[Piece, ...]]
    needs: str = ""
    then: str = ""
    has_wildcard: bool = True


def recipe(name: str) -> Recipe | None:
    """The recipe of an editor by its name or one of its other names."""
    wanted = name.strip().lower()
    wanted = _OTHER_NAMES.get(wanted, wanted)
    return next((each for each in RECIPES if each.name == wanted), None)


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _neovim(_wanted: Sequence[Language]) -> tuple[Piece, ...]:
    text = """\
vim.lsp.config('kibitz', {
  cmd = { 'kibitz', 'serve' },
  root_markers = { '.kibitz.toml', '.git' },
})
vim.lsp.enable('kibitz')
"""
    return (Piece("neovim", "lua", "whole", text),)


def _neovim_plugin(_wanted: Sequence[Language]) -> tuple[Piece, ...]:
    # A file that Neovim itself runs at start: whatever is prepended then is run no more.
    text = f"""\
vim.opt.runtimepath:prepend([[{shipped.folder("neovim")}]])
vim.cmd.runtime('plugin/kibitz.lua')
vim.lsp.enable('kibitz')
"""
    return (Piece("neovim", "lua", "whole", text),)


def _helix(wanted: Sequence[Language]) -> tuple[Piece, ...]:
    parts = ['[language-server.kibitz]\ncommand = "kibitz"\nargs = ["serve"]\n']
    features = ", ".join(json.dumps(feature) for feature in HELIX_FEATURES)
    for language in wanted:
        servers = [json.dumps(server) for server in language.helix_servers]
        servers.append(f'{{ name = "kibitz", only-features = [{features}] }}')
        listed = "".join(f"  {server},\n" for server in servers)
        parts.append(
            f"[[language]]\nname = {json.dumps(language.helix)}\nlanguage-servers = [\n{listed}]\n"
        )
    return (Piece("helix", "toml", "lines", "\n".join(parts)),)


# One variable under both its names: older versions know the first one only.
_EGLOT = """\
(with-eval-after-load 'eglot
  (add-to-list 'eglot-server-programs
               '((prog-mode text-mode) . ("kibitz" "serve")))
  ;; Otherwise older versions ask before each edit.
  (customize-set-variable 'eglot-confirm-server-initiated-edits nil))
"""

_RASS = """\
(with-eval-after-load 'eglot
  (add-to-list 'eglot-server-programs
               '((python-mode python-ts-mode)
                 . ("rass" "--" "pylsp" "--" "kibitz" "serve")))
  (customize-set-variable 'eglot-confirm-server-initiated-edits nil))
"""

_LSP_MODE = """\
(with-eval-after-load 'lsp-mode
  (lsp-register-client
   (make-lsp-client
    :new-connection (lsp-stdio-connection '("kibitz" "serve"))
    :activation-fn (lambda (&rest _) t)
    :add-on? t
    :server-id 'kibitz)))
"""


def _lisp(text: str) -> Callable[[Sequence[Language]], tuple[Piece, ...]]:
    return lambda _wanted: (Piece("emacs", "elisp", "lines", text),)


def _kakoune(_wanted: Sequence[Language]) -> tuple[Piece, ...]:
    text = """\
hook -group kibitz global BufSetOption filetype=.+ %{
    set-option -add buffer lsp_servers %{
        [kibitz]
        root_globs = [".kibitz.toml", ".git"]
        args = ["serve"]
    }
}
"""
    return (Piece("kakoune", "kak", "lines", text),)


def _sublime(_wanted: Sequence[Language]) -> tuple[Piece, ...]:
    settings = {
        "clients": {
            "kibitz": {"enabled": True, "command": list(COMMAND), "selector": "source | text"}
        }
    }
    return (Piece("sublime", "json", "keys", _json(settings)),)


def _vscode(wanted: Sequence[Language]) -> tuple[Piece, ...]:
    settings = {
        "glspc.server.command": COMMAND[0],
        "glspc.server.commandArguments": list(COMMAND[1:]),
        "glspc.server.languageId": [language.id for language in wanted],
    }
    return (Piece("vscode", "json", "keys", _json(settings)),)


def _vim_lsp(_wanted: Sequence[Language]) -> tuple[Piece, ...]:
    text = """\
augroup kibitz
  autocmd!
  autocmd User lsp_setup call lsp#register_server({
      \\ 'name': 'kibitz',
      \\ 'cmd': {_ -> ['kibitz', 'serve']},
      \\ 'root_uri': {_ -> lsp#utils#path_to_uri(
      \\   lsp#utils#find_nearest_parent_file_directory(
      \\     lsp#utils#get_buffer_path(), ['.kibitz.toml', '.git/']))},
      \\ 'allowlist': ['*'],
      \\ })
augroup END
"""
    return (Piece("vim", "vim", "whole", text),)


def _coc(_wanted: Sequence[Language]) -> tuple[Piece, ...]:
    settings = {
        "languageserver": {
            "kibitz": {
                "command": COMMAND[0],
                "args": list(COMMAND[1:]),
                "filetypes": ["*"],
                "rootPatterns": [".kibitz.toml", ".git"],
            }
        }
    }
    return (Piece("coc", "json", "keys", _json(settings)),)


def _zed(wanted: Sequence[Language]) -> tuple[Piece, ...]:
    return (
        Piece("zed-manifest", "toml", "whole", zed.manifest(wanted)),
        Piece("zed-crate", "toml", "whole", zed.crate()),
        Piece("zed-source", "rust", "whole", zed.source()),
    )


def _jetbrains(wanted: Sequence[Language]) -> tuple[Piece, ...]:
    template = {
        "id": "kibitz",
        "name": "kibitz",
        "programArgs": {"default": " ".join(COMMAND)},
        "fileTypeMappings": [
            {
                "fileType": {"name": language.id, "patterns": list(language.patterns)},
                "languageId": language.id,
            }
            for language in wanted
        ],
    }
    return (Piece("jetbrains", "json", "whole", _json(template)),)


RECIPES = (
    Recipe(
        "neovim",
        "Neovim without our plugin",
        _neovim,
        "Neovim 0.11 or newer.",
        "`gra` opens the menu; with `kibitz setup neovim-plugin` there is more.",
    ),
    Recipe(
        "neovim-plugin",
        "Neovim with our plugin",
        _neovim_plugin,
        "Neovim 0.11 or newer.",
        "`:checkhealth kibitz`, then `:Kibitz` opens the menu and `:help kibitz` tells the rest.",
    ),
    Recipe(
        "helix",
        "Helix",
        _helix,
        then="`space a` opens the menu, `space k` the hover.",
        has_wildcard=False,
    ),
    Recipe(
        "eglot",
        "Emacs, eglot alone",
        _lisp(_EGLOT),
        "eglot has one server for a buffer: beside another one take `rass`.",
        "`M-x eglot`, then `M-x eglot-code-actions` opens the menu.",
    ),
    Recipe(
        "rass",
        "Emacs, eglot with several servers",
        _lisp(_RASS),
        "`pip install rassumfrassum`, and the name of your own server in place of `pylsp`.",
        "`M-x eglot`, then `M-x eglot-code-actions` opens the menu.",
    ),
    Recipe(
        "lsp-mode",
        "Emacs, lsp-mode",
        _lisp(_LSP_MODE),
        then="`M-x lsp`, then `M-x lsp-execute-code-action` opens the menu.",
    ),
    Recipe(
        "vim-lsp",
        "Vim, vim-lsp",
        _vim_lsp,
        "The plugin prabirshrestha/vim-lsp.",
        "`:LspCodeAction` opens the menu, `:LspHover` the hover.",
    ),
    Recipe(
        "coc",
        "Vim or Neovim, coc.nvim",
        _coc,
        "The plugin neoclide/coc.nvim.",
        "`<Plug>(coc-codeaction-cursor)` opens the menu.",
    ),
    Recipe(
        "kakoune",
        "Kakoune, kakoune-lsp",
        _kakoune,
        "kakoune-lsp; the lines go below the one that starts it.",
        "`lsp-code-actions` opens the menu, `lsp-hover` the hover.",
    ),
    Recipe(
        "sublime",
        "Sublime Text, LSP",
        _sublime,
        "The package LSP.",
        "`LSP: Code Action` opens the menu.",
    ),
    Recipe(
        "vscode",
        "VS Code without our extension",
        _vscode,
        "An extension that starts any server: Generic LSP Client (v2), `zsol.vscode-glspc`.",
        "`Ctrl+.` opens the menu.",
        has_wildcard=False,
    ),
    Recipe(
        "zed",
        "Zed",
        _zed,
        "Rust by rustup: Zed builds the extension itself.",
        "`zed: install dev extension`, and the folder of these files.",
        has_wildcard=False,
    ),
    Recipe(
        "jetbrains",
        "JetBrains, LSP4IJ",
        _jetbrains,
        "The plugin LSP4IJ.",
        "In its console: New Language Server, Template, Import from custom template, and the "
        "folder of this file.",
        has_wildcard=False,
    ),
)

_OTHER_NAMES = {
    "nvim": "neovim",
    "hx": "helix",
    "emacs": "eglot",
    "vim": "vim-lsp",
    "coc.nvim": "coc",
    "kak": "kakoune",
    "kakoune-lsp": "kakoune",
    "sublime-text": "sublime",
    "subl": "sublime",
    "code": "vscode",
    "idea": "jetbrains",
    "intellij": "jetbrains",
    "lsp4ij": "jetbrains",
}
