"""Somebody at work in a clone, and what their requests read from the prompt cache.

A server, an editor, a repository and a stand-in whose prompt cache says what it would have read.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from kibitz.standin import Exchange, Reply
from support.git_folder import GitFolder
from support.workshop import EXAMPLE, Workshop, cursor, open_workshop

ANSWER = "It adds the prices up.\n"

FILES: dict[str, str | bytes] = {
    "prices.py": EXAMPLE,
    "shop.py": "from prices import total\n\n\ndef checkout(cart):\n    return total(cart)\n" * 20,
    "README.md": "# A shop\n",
    ".gitignore": "*.log\n",
    "windows.py": "A = 1\r\nB = 2\r\n",
}


def blocks_of(exchange: Exchange) -> list[str]:
    """What is in front of the last marker, block by block, and what else is part of the key."""
    body = exchange.request.body
    marked = [number for number, block in enumerate(body["system"]) if "cache_control" in block]
    cached = body["system"][: marked[-1] + 1] if marked else []
    key = {name: body.get(name) for name in ("model", "tools", "thinking", "output_config")}
    return [json.dumps(key), *(block["text"] for block in cached)]


def snapshot_of(exchange: Exchange) -> str:
    (found,) = (
        block["text"]
        for block in exchange.request.body["system"]
        if block["text"].startswith("<repository>")
    )
    return str(found)


class Work:
    """Somebody at work in a clone: requests, and what happens between them."""

    def __init__(self, shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
        self.shop = shop
        self.client = shop.client
        self.git = GitFolder(shop.root)
        self.monkeypatch = monkeypatch
        self.git.git("clone", "-q", "--bare", ".", "../origin.git")
        self.git.git("remote", "add", "origin", "../origin.git")
        self.git.git("fetch", "-q")
        self.git.git("branch", "-q", "-u", "origin/main")
        self.git.git("remote", "set-head", "origin", "main")
        self.colleague = GitFolder(shop.root.parent / "colleague")
        self.git.git("clone", "-q", "../origin.git", "../colleague")

    async def ask(self, command: str = "kibitz.explain", **argument: Any) -> Exchange:
        """One request, answered; the stand-in's own account of it."""
        text = argument.pop("text", self.text)
        if command == "kibitz.explain":
            argument.setdefault("range", cursor(8))
        self.shop.standin.enqueue(Reply(ANSWER))
        await self.shop.do(command, text, **argument)
        self.shop.standin.reset_script()
        return self.shop.standin.journal.last

    async def begin(self) -> Exchange:
        """Open a file and ask until there is a prefix that lasts; the last request."""
        self.text = await self.shop.open()
        seen = await self.ask()
        while "def checkout" not in snapshot_of(seen):
            seen = await self.ask()
        return await self.ask()

    def tell_of(self, *names: str) -> None:
        """What an editor's watcher tells of files that have changed."""
        changes = [{"uri": (self.shop.root / name).as_uri(), "type": 2} for name in names]
        self.client.notify("workspace/didChangeWatchedFiles", {"changes": changes})

    def write(self, name: str, text: str) -> None:
        self.git.write({name: text})
        self.tell_of(name)


@contextlib.asynccontextmanager
async def at_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **options: Any
) -> AsyncIterator[Work]:
    async with open_workshop(tmp_path, monkeypatch, files=FILES, **options) as shop:
        yield Work(shop, monkeypatch)


def lost(before: Exchange, now: Exchange) -> str | None:
    """What of the prefix of `before` could not be read by `now`; None: nothing."""
    sent, seen = blocks_of(before), blocks_of(now)
    if seen[: len(sent)] != sent:
        place = next((n for n, (a, b) in enumerate(zip(sent, seen, strict=False)) if a != b), None)
        return f"other bytes in block {place} of {len(sent)}"
    left = before.cache_use.read_tokens + before.cache_use.write_tokens
    if now.cache_use.read_tokens < left:
        return f"{now.cache_use.read_tokens} of {left} tokens were read"
    return None


def given_up(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the log says of prefixes that were given up."""
    messages = [record.getMessage() for record in caplog.records]
    return [message for message in messages if " (standard tier): " in message]
