"""A server without a process: messages are put in, and what it sends is looked at."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from kibitz.protocol.pygls_mends import MendedServer
from support.tiny_server import create_server

TIMEOUT_SECONDS = 10.0


class Desk:
    """One connection to a server in this event loop."""

    def __init__(self, make_server: Callable[[], MendedServer] = create_server) -> None:
        self.server = make_server()
        self.sent: list[dict[str, Any]] = []
        self._changed = asyncio.Event()
        self._next_id = 0
        self.server.protocol.connect(self._take)

    @classmethod
    def initialized(cls, **capabilities: Any) -> Desk:
        desk = cls()
        params = {"processId": None, "rootUri": None, "capabilities": capabilities}
        desk.ask("initialize", params)
        desk.notify("initialized", {})
        desk.sent.clear()
        return desk

    def _take(self, body: bytes) -> None:
        self.sent.append(json.loads(body))
        self._changed.set()

    def say(self, message: Any) -> None:
        """Put in any JSON value."""
        self.server.protocol.receive(json.dumps(message).encode())

    def notify(self, method: str, params: Any = None) -> None:
        self.say({"jsonrpc": "2.0", "method": method, "params": params})

    def ask(self, method: str, params: Any = None, *, id: int | str | None = None) -> int | str:
        """Put in a request; gives its id."""
        if id is None:
            self._next_id += 1
            id = self._next_id
        self.say({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
        return id

    async def answer(self, id: int | str | None) -> dict[str, Any]:
        """The one answer to a request, whole; fails when there are two."""

        def answers() -> list[dict[str, Any]]:
            return [one for one in self.sent if one.get("id") == id and "method" not in one]

        await self.until(lambda: bool(answers()))
        await settled()
        assert len(answers()) == 1, answers()
        return answers()[0]

    async def result(self, method: str, params: Any = None) -> Any:
        answer = await self.answer(self.ask(method, params))
        return answer["result"]

    async def error_code(self, method: str, params: Any = None) -> int:
        answer = await self.answer(self.ask(method, params))
        return int(answer["error"]["code"])

    def requests(self, method: str) -> list[dict[str, Any]]:
        """The requests and notifications `method` that the server has sent, whole."""
        return [one for one in self.sent if one.get("method") == method]

    async def until(self, found: Callable[[], bool]) -> None:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while not found():
                self._changed.clear()
                await self._changed.wait()


async def settled() -> None:
    """Let everything that is ready run, a few times over: what is to come has come then."""
    for _ in range(20):
        await asyncio.sleep(0)
