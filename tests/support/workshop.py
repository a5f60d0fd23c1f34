"""A server, an editor, a repository and a stand-in Claude, in one test.

The server runs on the test's own event loop and is reached over TCP by a client that shares no
code with it, so that a test need not pay for a process; what depends on the process (stdio, exit
codes, start-up) has tests of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from kibitz.actions.preparing import InOtherProcess, InThisProcess
from kibitz.claude.anthropic_client import preload
from kibitz.handlers import connection
from kibitz.protocol import network
from kibitz.server import create_server
from kibitz.standin import StandIn
from support.raw_client import EditorText, RawClient

GIT = ("git", "-c", "user.name=Test", "-c", "user.email=test@example.invalid", "-c",
       "commit.gpgsign=false", "-c", "init.defaultBranch=main",
       # Else each commit starts another process, to see whether there is anything to tidy up.
       "-c", "maintenance.auto=false")  # fmt: skip

PATIENCE_SECONDS = 12.0

EXAMPLE = '''\
"""Prices."""

RATE = 0.2


def total(prices):
    result = 0
    for price in prices:
        result = result + price
    return result


def with_tax(prices):
    return total(prices) * (1 + RATE)
'''


def make_repository(root: Path, files: Mapping[str, str | bytes]) -> Path:
    """A repository with one commit that holds `files`."""
    root.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    for command in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "Begin")):
        subprocess.run([*GIT, *command], cwd=root, check=True, capture_output=True)
    return root


def use_private_folders(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """Let nothing of whoever runs the tests in, and write nothing of theirs."""
    import os

    for name in list(os.environ):
        if name.startswith(("ANTHROPIC_", "KIBITZ_", "XDG_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    for kind in ("CONFIG", "STATE", "CACHE"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(home / kind.lower()))


@dataclass
class Workshop:
    """What a test drives: the editor (`client`), Claude (`standin`) and the files."""

    root: Path
    home: Path
    client: RawClient
    standin: StandIn
    port: int

    @contextlib.asynccontextmanager
    async def reconnected(self) -> AsyncIterator[Workshop]:
        """The same with a new editor and a server that has just begun."""
        async with RawClient.connect(self.port, initialize=False) as client:
            client.root = self.root
            await client.initialize()
            yield replace(self, client=client)
            await client.close()

    async def open(self, name: str = "prices.py", text: str | None = None) -> EditorText:
        """Open a file of the repository, or `text` under its name."""
        content = text if text is not None else (self.root / name).read_bytes().decode()
        return await self.client.open(name, content)

    async def do(self, command: str, text: EditorText | None = None, **argument: Any) -> Any:
        """Run a command about a text and wait for its job; gives the progress' last message."""
        if text is not None:
            argument["uri"] = text.uri
        answer = await self.client.execute(command, argument)
        end = await self.client.progress_end(answer["job"])
        return end.get("message", "")

    async def start(self, command: str, text: EditorText | None = None, **argument: Any) -> str:
        """Start a command about a text; gives the job's id."""
        if text is not None:
            argument["uri"] = text.uri
        return (await self.client.execute(command, argument))["job"]


@contextlib.asynccontextmanager
async def open_workshop(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    profile: str = "honest",
    files: Mapping[str, str | bytes] | None = None,
    environment: Mapping[str, str] | None = None,
    capabilities: Mapping[str, Any] | None = None,
    prepares_elsewhere: bool = False,
    **initialize: Any,
) -> AsyncIterator[Workshop]:
    """A workshop whose client behaves like `profile`; everything is private to the test.

    Unless it `prepares_elsewhere`, the repository is prepared in this process: one of its own is
    a third of a second of CPU for each test.
    """
    home = tmp_path / "home"
    home.mkdir()
    use_private_folders(monkeypatch, home)
    # A busy machine must not decide whether a request has its whole snapshot.
    preparer = InOtherProcess if prepares_elsewhere else InThisProcess
    monkeypatch.setattr(preparer, "longest_wait_seconds", PATIENCE_SECONDS)
    monkeypatch.setattr(connection, "InOtherProcess", preparer)
    preload()  # Once a process; not out of the patience of the test that comes first.
    root = make_repository(
        tmp_path / "repository", {"prices.py": EXAMPLE} if files is None else files
    )
    async with StandIn() as standin:
        monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-test")
        monkeypatch.setenv("ANTHROPIC_BASE_URL", standin.base_url)
        for name, value in (environment or {}).items():
            monkeypatch.setenv(name, value)
        sessions = network.Sessions(create_server)
        listener = await network._listen_tcp(sessions, network.LOOPBACK, 0)  # type: ignore[attr-defined]
        port = next(iter(listener.sockets)).getsockname()[1]
        try:
            async with RawClient.connect(port, profile=profile, initialize=False) as client:
                client.root = root
                if capabilities:
                    merge(client.profile.capabilities, capabilities)
                await client.initialize(**initialize)
                yield Workshop(root, home, client, standin, port)
                await client.close()
        finally:
            listener.close()
            await sessions.end()
            await asyncio.sleep(0)


def merge(into: dict[str, Any], more: Mapping[str, Any]) -> None:
    """Put `more` into nested objects."""
    for key, value in more.items():
        if isinstance(value, Mapping):
            merge(into.setdefault(key, {}), value)
        else:
            into[key] = value


def lines(first: int, last: int) -> dict[str, dict[str, int]]:
    """The LSP range of the lines `first` to `last`, 1-based and inclusive."""
    return {
        "start": {"line": first - 1, "character": 0},
        "end": {"line": last, "character": 0},
    }


def cursor(line: int, character: int = 0) -> dict[str, dict[str, int]]:
    """An empty LSP range at a 1-based line."""
    place = {"line": line - 1, "character": character}
    return {"start": place, "end": dict(place)}
