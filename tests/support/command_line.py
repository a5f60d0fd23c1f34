"""Running commands in this process: what they print, what they end with, what Claude is asked."""

from __future__ import annotations

import io
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kibitz import cli
from kibitz.standin import Exchange, StandIn
from support.commands_as_processes import Screen
from support.workshop import GIT


@dataclass(frozen=True)
class Outcome:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def last_line(self) -> str:
        """The last line on stderr."""
        return self.err.rstrip("\n").rpartition("\n")[2]


class FakeTerminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


class CommandLine:
    """A user in a folder with a repository, and Claude's stand-in at the other end."""

    def __init__(
        self,
        root: Path,
        standin: StandIn,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        self.root = root
        self.standin = standin
        self._capsys = capsys
        self._monkeypatch = monkeypatch

    def run(self, *arguments: str, stdin: str | bytes | None = None) -> Outcome:
        """Run ``kibitz`` with these arguments; `stdin` is what comes on it."""
        if stdin is not None:
            data = stdin.encode() if isinstance(stdin, str) else stdin
            self._monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        self._capsys.readouterr()
        code = cli.run(list(arguments))
        out, err = self._capsys.readouterr()
        return Outcome(code, out, err)

    def show(self, *arguments: str, rows: int = 24) -> Screen:
        """Run ``kibitz`` with stdout and stderr on one terminal, 80 columns wide."""
        terminal = FakeTerminal()
        with self._monkeypatch.context() as patched:
            patched.setenv("COLUMNS", "80")
            patched.setenv("LINES", str(rows))
            patched.setattr(sys, "stdout", terminal)
            patched.setattr(sys, "stderr", terminal)
            return Screen(cli.run(list(arguments)), terminal.getvalue())

    def set(self, name: str, value: str | None) -> None:
        """Set or remove a variable of the environment."""
        if value is None:
            self._monkeypatch.delenv(name, raising=False)
        else:
            self._monkeypatch.setenv(name, value)

    def write(self, name: str, content: str | bytes) -> Path:
        """Write a file of the repository, to the byte."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def commit(self) -> None:
        """Commit everything."""
        for command in (("add", "-A"), ("commit", "-q", "-m", "More")):
            subprocess.run([*GIT, *command], cwd=self.root, check=True)

    def write_settings(self, text: str) -> None:
        """Write the user's own settings."""
        folder = self.home / "config" / "kibitz"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.toml").write_text(text, "utf-8")

    @property
    def home(self) -> Path:
        return self.root.parent / "home"

    @property
    def asked(self) -> list[Exchange]:
        """The requests for a message so far."""
        return self.standin.journal.messages

    @property
    def task(self) -> str:
        """The text of the last request's user message."""
        content: list[dict[str, Any]] = self.asked[-1].request.body["messages"][-1]["content"]
        return "\n".join(block["text"] for block in content)
