"""What `kibitz setup` prints is read by the editors themselves without a complaint.

Neovim, Emacs and Vim load theirs in every scene as well.
"""

from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path

import pytest

from support.emacs import PACKAGES
from support.plain_clients import configuration
from support.terminal_editor import DEADLINE_SECONDS, needs_packages

pytestmark = pytest.mark.real


@pytest.mark.parametrize("name", ["eglot", "rass", "lsp-mode"])
def test_emacs_compiles_the_lisp(name: str, tmp_path: Path) -> None:
    emacs = needs_packages("emacs", *PACKAGES)
    file = tmp_path / "init.el"
    file.write_text(f";;; init.el  -*- lexical-binding: t; -*-\n{configuration(name)}")
    client = "lsp-mode" if name == "lsp-mode" else "eglot"
    done = subprocess.run(
        [emacs, "--batch", "--eval", f"(require '{client})", "--eval",
         "(setq byte-compile-error-on-warn t)", "-f", "batch-byte-compile", str(file)],
        capture_output=True, text=True, timeout=DEADLINE_SECONDS,
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert file.with_suffix(".elc").exists()


def test_kakoune_adds_the_server_to_those_there_are(tmp_path: Path) -> None:
    kak = needs_packages("kak", "kakoune")
    servers = tmp_path / "servers.toml"
    (tmp_path / "kakrc").write_text(
        "declare-option str lsp_servers\n"
        "hook global BufSetOption filetype=python %{ set-option buffer lsp_servers %{\n"
        '[pylsp]\nroot_globs = ["setup.py"]\n} }\n'
        f"{configuration('kakoune')}"
    )
    command = (
        f"source {tmp_path / 'kakrc'}; edit -scratch test; set-option buffer filetype python; "
        f'nop %sh{{ printf %s "$kak_opt_lsp_servers" > {servers} }}; quit!'
    )
    done = subprocess.run(
        [kak, "-n", "-ui", "dummy", "-e", command],
        capture_output=True, text=True, timeout=DEADLINE_SECONDS,
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "XDG_RUNTIME_DIR": str(tmp_path)},
    )  # fmt: skip
    assert servers.exists(), done.stderr
    data = tomllib.loads(servers.read_text())
    assert data == {
        "pylsp": {"root_globs": ["setup.py"]},
        "kibitz": {"root_globs": [".kibitz.toml", ".git"], "args": ["serve"]},
    }


def test_vim_takes_the_script(tmp_path: Path) -> None:
    vim = needs_packages("vim", "vim-nox")
    file = tmp_path / "kibitz.vim"
    file.write_text(configuration("vim-lsp"))
    said = tmp_path / "said"
    subprocess.run(
        [vim, "-N", "-u", "NONE", "-i", "NONE", "-n", "-es", "-c", f"redir! > {said}",
         "-c", f"source {file}", "-c", "autocmd kibitz User lsp_setup", "-c", "redir END",
         "-c", "qall!"],
        capture_output=True, timeout=DEADLINE_SECONDS,
    )  # fmt: skip
    told = said.read_text()
    assert "lsp#register_server" in told
    assert "Error" not in told
