"""JSON-RPC with a server process: requests, notifications, and what the server sends.

Everything that arrives is dealt with in its order, on the event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from kibitz.protocol.framing import Fault, FrameReader, frame

Json = Any
METHOD_NOT_FOUND = -32601
END_SECONDS = 5.0
_CHUNK_BYTES = 64 * 1024


class ServerGone(Exception):
    """The server has ended, or speaks no LSP any more."""


class Refused(Exception):
    """The server answered a request with an error; its text is the message."""


class Wire:
    """One server process and the connection to it.

    `on_notification` and `on_request` are called with method and params when a message arrives;
    the latter returns the result, or raises NotImplementedError for a method it does not know.
    `on_end` is called once, when nothing will arrive any more.
    """

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        *,
        on_notification: Callable[[str, Json], None],
        on_request: Callable[[str, Json], Json],
        on_end: Callable[[], None],
    ) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._inlet = process.stdin
        self._outlet = process.stdout
        self._on_notification = on_notification
        self._on_request = on_request
        self._on_end = on_end
        self._asked: dict[int, asyncio.Future[Json]] = {}
        self._ended = False
        self._reading = asyncio.create_task(self._read())

    @staticmethod
    async def start_process(
        argv: Sequence[str], *, folder: Path, environment: Mapping[str, str]
    ) -> asyncio.subprocess.Process:
        """Start a server.  Ctrl-C is for whoever started it: the server hears of it from us."""
        return await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            cwd=folder,
            env=dict(environment),
            start_new_session=True,
        )

    async def request(self, method: str, params: Json = None) -> Json:
        """The result of a request.  Raises Refused or ServerGone."""
        if self._ended:
            raise ServerGone
        number = len(self._asked) + 1
        answer = self._asked[number] = asyncio.get_running_loop().create_future()
        self._send({"jsonrpc": "2.0", "id": number, "method": method, **_params(params)})
        return await answer

    def notify(self, method: str, params: Json = None) -> None:
        self._send({"jsonrpc": "2.0", "method": method, **_params(params)})

    async def close(self) -> int:
        """End the server as the protocol says; returns its exit code."""
        with contextlib.suppress(ServerGone, Refused, TimeoutError):
            async with asyncio.timeout(END_SECONDS):
                await self.request("shutdown")
                self.notify("exit")
                await self._process.wait()
        return await self.kill()

    async def kill(self) -> int:
        """End the server whatever it does; returns its exit code."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        code = await self._process.wait()
        await self._reading
        self._inlet.close()
        with contextlib.suppress(OSError):
            await self._inlet.wait_closed()
        return code

    def _send(self, message: Json) -> None:
        if not self._inlet.is_closing():
            self._inlet.write(frame(json.dumps(message).encode()))

    async def _read(self) -> None:
        reader = FrameReader()
        try:
            while chunk := await self._outlet.read(_CHUNK_BYTES):
                for item in reader.feed(chunk):
                    if isinstance(item, Fault):
                        return
                    self._take(json.loads(item))
        except (OSError, ValueError):
            pass  # What follows cannot be understood; `on_end` tells that it is over.
        finally:
            self._ended = True
            for answer in self._asked.values():
                if not answer.done():
                    answer.set_exception(ServerGone())
            self._on_end()

    def _take(self, message: Json) -> None:
        if "method" not in message:
            self._answered(message)
        elif "id" not in message:
            self._on_notification(message["method"], message.get("params"))
        else:
            try:
                outcome = {"result": self._on_request(message["method"], message.get("params"))}
            except NotImplementedError:
                outcome = {"error": {"code": METHOD_NOT_FOUND, "message": "not in this editor"}}
            self._send({"jsonrpc": "2.0", "id": message["id"], **outcome})

    def _answered(self, message: Json) -> None:
        answer = self._asked.get(message.get("id"))
        if answer is None or answer.done():
            return
        if "error" in message:
            answer.set_exception(Refused(str(message["error"].get("message", ""))))
        else:
            answer.set_result(message.get("result"))


def _params(params: Json) -> dict[str, Json]:
    return {} if params is None else {"params": params}
