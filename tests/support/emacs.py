"""A real Emacs on a terminal, driven over its own server socket: what a test needs of it.

It speaks the protocol of `emacsclient` by hand, so that every call has a deadline.  Emacs runs
with a home folder of its own, whose `init.el` is what a user would write; the server is the
installed `kibitz`, found on `PATH` as a user's would be.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kibitz.standin import StandIn
from support.terminal_editor import (
    DEADLINE_SECONDS,
    Terminal,
    environment_of_user,
    needs_packages,
    wait_for,
)
from support.workshop import make_repository

HERE = Path(__file__).parent
PACKAGES = ("emacs-nox", "elpa-eglot", "elpa-lsp-mode")


class Emacs:
    """A running Emacs.  Make it with `start`."""

    def __init__(self, terminal: Terminal, address: Path) -> None:
        self.terminal = terminal
        self._address = address

    @classmethod
    @contextlib.contextmanager
    def start(cls, folder: Path, environment: Mapping[str, str], client: str) -> Iterator[Emacs]:
        """An Emacs in `folder` with the helpers for one `client` ("eglot", "lsp_mode")."""
        program = needs_packages("emacs", *PACKAGES)
        with tempfile.TemporaryDirectory(prefix="emacs") as short:
            more = {"USER_SOCKET_FOLDER": short}
            # Not `-Q`: Debian's packages are found by the site's own start file.
            argv = [program, "-nw", "--no-splash", "--no-init-file"]
            argv += ["--eval", "(setq native-comp-deferred-compilation nil)"]
            init = Path(environment["HOME"]) / ".emacs.d" / "init.el"
            for file in (init, HERE / "emacs_user.el", HERE / f"emacs_{client}.el"):
                argv += ["--load", str(file)]
            with Terminal.running(argv, folder, {**environment, **more}) as terminal:
                address = Path(short) / "test"
                emacs = cls(terminal, address)
                wait_for(address.exists, "Emacs to start", lambda: repr(terminal.screen[-2000:]))
                emacs.wait(f"(featurep 'emacs_{client})")
                yield emacs

    # Calls

    def eval(self, expression: str) -> Any:
        """The value of an expression in the buffer that is shown, as JSON has it (nil is null).

        Raises RuntimeError with Emacs' own words.
        """
        asked = (
            "(with-current-buffer (window-buffer (selected-window))"
            f" (let ((value {expression}))"
            "  (json-serialize (if (memq value '(nil :null)) :null value)"
            "   :null-object :null :false-object :json-false)))"
        )
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(DEADLINE_SECONDS)
            connection.connect(str(self._address))
            connection.sendall(f"-eval {_quoted(asked)}\n".encode())
            received = b""
            while read := connection.recv(1 << 16):
                received += read
        printed = ""
        for line in received.decode().splitlines():
            kind, _, value = line.partition(" ")
            if kind == "-error":
                raise RuntimeError(_unquoted(value))
            if kind in ("-print", "-print-nonl"):
                printed += _unquoted(value)
        return json.loads(_read_string(printed))

    def call(self, function: str, *arguments: Any) -> Any:
        """Call a function with strings and numbers."""
        written = [str(each) if isinstance(each, int) else _lisp_string(each) for each in arguments]
        return self.eval(f"({' '.join([function, *written])})")

    def wait(self, expression: str) -> Any:
        """The value of an expression as soon as it is not nil."""
        return wait_for(lambda: self.eval(expression), expression, self._what_there_is)

    def _what_there_is(self) -> str:
        return f"text: {self.text()!r}; messages: {self.messages()!r}"

    # As a user

    def open(self, path: Path) -> str:
        """Open a file, start the client there and wait for kibitz; gives the file's URI."""
        self.eval(f"(progn (find-file {_lisp_string(str(path))}) t)")
        if not self.eval("(user-is-attached)"):
            self.eval("(user-start)")
        self.wait("(user-is-attached)")
        return path.as_uri()

    def select(self, first: int, last: int) -> None:
        """Select whole lines (1-based, both included)."""
        self.call("user-select", first, last)

    def go_to(self, line: int, column: int = 0) -> None:
        """Put point at a 1-based line and a 0-based column."""
        self.call("user-go-to", line, column)

    def type_at(self, line: int, text: str) -> None:
        """Insert `text` at the beginning of a line, as one command."""
        self.go_to(line)
        self.call("user-type", text)

    def code_actions(self) -> list[str]:
        """The titles in the menu at point or for the region."""
        found: list[str] = self.eval("(user-code-actions)")
        return found

    def run_action(self, title: str) -> None:
        """Choose the first code action whose title begins with `title`."""
        self.call("user-run-action", title)

    def undo(self) -> None:
        self.eval("(user-undo)")

    # What there is to see

    def text(self) -> str:
        """The text of the buffer that is shown."""
        shown: str = self.eval("(user-text)")
        return shown

    def messages(self) -> str:
        """Everything in `*Messages*`."""
        shown: str = self.eval("(user-messages)")
        return shown

    def diagnostics(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.eval("(user-diagnostics)")
        return found

    def wait_for_text(self, part: str) -> None:
        self.wait(f"(and (string-search {_lisp_string(part)} (user-text)) t)")

    def wait_for_message(self, part: str) -> str:
        """The line of `*Messages*` that contains `part`, once there is one."""

        def look() -> str | None:
            lines = self.messages().splitlines()
            return next((line for line in reversed(lines) if part in line), None)

        return wait_for(look, f"the message {part!r}", self._what_there_is)


@dataclass
class EmacsWorkshop:
    """What a test drives: the editor, Claude (`standin`) and the files."""

    root: Path
    home: Path
    editor: Emacs
    standin: StandIn


@contextlib.contextmanager
def open_emacs(
    tmp_path: Path, files: Mapping[str, str], init: str, client: str
) -> Iterator[EmacsWorkshop]:
    """Emacs in a repository that holds `files`, with `init` as the user's own file."""
    home = tmp_path / "home"
    root = make_repository(tmp_path / "repository", files)
    with StandIn.in_thread() as standin:
        environment = environment_of_user(home, standin.base_url)
        written = home / ".emacs.d" / "init.el"
        written.parent.mkdir(parents=True, exist_ok=True)
        written.write_text(init)
        with Emacs.start(root, environment, client) as editor:
            yield EmacsWorkshop(root, home, editor, standin)


def _lisp_string(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _read_string(printed: str) -> str:
    """The string that Emacs has printed as Lisp."""
    assert printed.strip().startswith('"'), printed
    return re.sub(r"\\(.)", r"\1", printed.strip()[1:-1], flags=re.DOTALL)


def _quoted(text: str) -> str:
    """As `server-quote-arg` does."""
    quoted = text.replace("&", "&&").replace("\n", "&n").replace(" ", "&_")
    return f"&{quoted}" if quoted.startswith("-") else quoted


def _unquoted(text: str) -> str:
    parts, index = [], 0
    while index < len(text):
        if text[index] == "&":
            parts.append({"n": "\n", "_": " "}.get(text[index + 1], text[index + 1]))
            index += 2
        else:
            parts.append(text[index])
            index += 1
    return "".join(parts)
