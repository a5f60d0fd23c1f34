"""Open documents: whatever a client opens, the others can still be asked about."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from kibitz.open_documents import ContentChange, DocumentChange, Documents
from kibitz_context.lines import Position
from support.raw_client import clean_environment
from support.workshop import lines, open_workshop

URI = "file:///home/me/a.py"


def test_a_document_that_is_opened_again_has_changed() -> None:
    documents = Documents()
    seen: list[DocumentChange] = []
    documents.follow(seen.append)
    documents.open(URI, Path("/home/me/a.py"), "python", 1, "a\nb\n")

    documents.open(URI, Path("/home/me/a.py"), "python", 2, "new\na\nb\n")

    (event,) = seen
    assert event.before.text == "a\nb\n"
    assert event.after.text == "new\na\nb\n"
    assert [change.follow(1, 2) for change in event.changes] == [(2, 3)]
    documents.change(URI, 3, [ContentChange("x", Position(0, 0), Position(0, 0))])
    opened = documents.get(URI)
    assert opened is not None
    assert (opened.text, opened.version) == ("xnew\na\nb\n", 3)


def test_buffers_are_known_by_their_real_path(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x")
    (tmp_path / "link.py").symlink_to("a.py")
    (tmp_path / "loop.py").symlink_to("loop.py")
    documents = Documents()
    for name in ("link.py", "loop.py"):
        path = tmp_path / name
        documents.open(path.as_uri(), path, "python", 1, name)
    documents.open("untitled:1", None, "python", 1, "untitled")

    real = tmp_path.resolve()
    assert documents.overlays() == {real / "a.py": "link.py", real / "loop.py": "loop.py"}


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
