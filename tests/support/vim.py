"""A real Vim with vim-lsp on a terminal, driven over a channel: what a test needs of it.

vim-lsp is in no package registry: it is looked for where Vim's packages lie, and in the folder
that `KIBITZ_TEST_VIM_LSP` names.  Without it the tests are skipped.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kibitz.standin import StandIn
from support.terminal_editor import (
    DEADLINE_SECONDS,
    Terminal,
    environment_of_user,
    needs_packages,
    wait_for,
)
from support.workshop import make_repository

USER = Path(__file__).with_name("vim_user.vim")
PLUGIN_VARIABLE = "KIBITZ_TEST_VIM_LSP"
_USUAL_PLACES = (".vim/pack/*/start/vim-lsp", ".vim/plugged/vim-lsp", ".vim/bundle/vim-lsp")


def vim_lsp() -> Path:
    """The folder of vim-lsp; skips the test where there is none."""
    named = os.environ.get(PLUGIN_VARIABLE)
    found = [Path(named)] if named else []
    found += [path for place in _USUAL_PLACES for path in Path.home().glob(place)]
    for folder in found:
        if (folder / "autoload" / "lsp.vim").exists():
            return folder
    pytest.skip(
        "vim-lsp is not here, and no package brings it: put a checkout of "
        f"prabirshrestha/vim-lsp where {PLUGIN_VARIABLE} says"
    )


class Vim:
    """A running Vim.  Make it with `start`."""

    def __init__(self, terminal: Terminal, connection: socket.socket) -> None:
        self.terminal = terminal
        self._connection = connection
        self._received = ""
        self._next_id = 0

    @classmethod
    @contextlib.contextmanager
    def start(cls, folder: Path, environment: Mapping[str, str]) -> Iterator[Vim]:
        """A Vim in `folder`, with the vimrc of the user's home."""
        program = needs_packages("vim", "vim-nox")
        vimrc = Path(environment["HOME"]) / ".vimrc"
        argv = [program, "-N", "-n", "-u", str(vimrc), "-S", str(USER)]
        with socket.create_server(("127.0.0.1", 0)) as listening:
            listening.settimeout(DEADLINE_SECONDS)
            more = {"USER_PORT": str(listening.getsockname()[1])}
            with Terminal.running(argv, folder, {**environment, **more}) as terminal:
                connection, _ = listening.accept()
                with connection:
                    connection.settimeout(DEADLINE_SECONDS)
                    yield cls(terminal, connection)

    # Calls

    def eval(self, expression: str) -> Any:
        """The value of an expression.  Raises RuntimeError for one that Vim cannot evaluate."""
        self._next_id -= 1
        self._send(["expr", expression, self._next_id])
        while True:
            number, value = self._receive()
            if number == self._next_id:
                if value == "ERROR":
                    raise RuntimeError(f"{expression}: {self.messages()}")
                return value

    def ex(self, command: str) -> None:
        self._send(["ex", command])

    def normal(self, keys: str) -> None:
        self._send(["normal", keys])

    def wait(self, expression: str) -> Any:
        """The value of an expression as soon as it is neither 0 nor empty."""
        return wait_for(lambda: self.eval(expression) or None, expression, self._what_there_is)

    def _send(self, message: list[Any]) -> None:
        self._connection.sendall(json.dumps(message).encode() + b"\n")

    def _receive(self) -> list[Any]:
        while True:
            try:
                found, end = json.JSONDecoder().raw_decode(self._received.lstrip())
            except ValueError:
                read = self._connection.recv(1 << 16)
                if not read:
                    raise EOFError(f"Vim has ended: {self.terminal.screen[-500:]!r}") from None
                self._received += read.decode()
                continue
            self._received = self._received.lstrip()[end:]
            return list(found)

    def _what_there_is(self) -> str:
        return f"text: {self.text()!r}; screen: {self.terminal.screen[-1500:]!r}"

    def messages(self) -> str:
        self._next_id -= 1
        self._send(["expr", "execute('messages')", self._next_id])
        while True:
            number, value = self._receive()
            if number == self._next_id:
                return str(value)

    def text(self) -> str:
        return "\n".join(self.eval("getline(1, '$')")) + "\n"


@dataclass
class VimWorkshop:
    """What a test drives: the editor, Claude (`standin`) and the files."""

    root: Path
    home: Path
    editor: Vim
    standin: StandIn


@contextlib.contextmanager
def open_vim(tmp_path: Path, files: Mapping[str, str], init: str) -> Iterator[VimWorkshop]:
    """Vim in a repository that holds `files`, with `init` in the user's vimrc."""
    plugin = vim_lsp()
    home = tmp_path / "home"
    root = make_repository(tmp_path / "repository", files)
    with StandIn.in_thread() as standin:
        environment = environment_of_user(home, standin.base_url)
        (home / ".vimrc").write_text(
            f"set nocompatible nomore encoding=utf-8 hidden runtimepath+={plugin}\n"
            f"filetype plugin on\nruntime plugin/lsp.vim\n{init}\n"
        )
        with Vim.start(root, environment) as editor:
            yield VimWorkshop(root, home, editor, standin)
