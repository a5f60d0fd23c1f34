"""Open documents: whatever a client opens, the others can still be asked about."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from support.raw_client import clean_environment
from support.workshop import lines, open_workshop


@pytest.mark.parametrize("uri", ["file:///tmp/%FF%FE.py", "file:///tmp/a%00b.py", "file:///{long}"])
async def test_strange_names_are_refused_or_explained_and_disturb_nothing(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        (shop.root / "loop.py").symlink_to("loop.py")
        text = await shop.open()
        for name in (uri.format(long="x" * 5000), (shop.root / "loop.py").as_uri()):
            strange = await shop.client.open(name, "x = 1\n")
            await shop.do("kibitz.explain", strange)

        assert "Answer shown" in await shop.do("kibitz.explain", text, range=lines(3, 3))
        for message in shop.client.messages():
            assert " is not sent: " in message
            assert len(message) < 400


async def test_a_client_that_says_hello_costs_nothing_that_it_has_not_asked_for(
    tmp_path: Path,
) -> None:
    """Neither git nor the index nor the watcher is loaded before a file is opened."""
    program = """
import asyncio, sys
from support.desk import Desk, settled
from kibitz.server import create_server

async def main():
    desk = Desk(create_server)
    watching = {"workspace": {"didChangeWatchedFiles": {"dynamicRegistration": True}}}
    params = {"processId": None, "rootUri": None, "capabilities": watching}
    await desk.answer(desk.ask("initialize", params))
    desk.notify("initialized", {})
    await desk.until(lambda: desk.requests("client/registerCapability"))
    item = {"uri": "untitled:one", "languageId": "python", "version": 1, "text": "x = 1"}
    desk.notify("textDocument/didOpen", {"textDocument": item})
    await settled()
    print(*sys.modules)
    await desk.server.close()

asyncio.run(main())
"""
    environment = {**clean_environment(tmp_path), "PYTHONPATH": str(Path(__file__).parents[1])}
    run = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        check=True,
        text=True,
        env=environment,
        cwd=tmp_path,
    )
    loaded = set(run.stdout.split())
    slow = {"git", "tree_sitter", "watchfiles", "anthropic", "kibitz_context.files.repository",
            "kibitz_context.indexer", "kibitz.upkeep"}  # fmt: skip
    assert not slow & loaded
