"""JSON-RPC over bytes, from the client's side: what was asked, what was answered, what arrived.

It has no line of pygls, lsprotocol or kibitz in it, and is strict where those may be lax.
Nothing here sleeps: a test waits for what is to happen (`wait_until`), and fails when
`TIMEOUT_SECONDS` have passed without it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

TIMEOUT_SECONDS = 20.0

Json = Any
RequestHandler = Callable[[Json], Json]


class ResponseError(Exception):
    """The server answered with an error."""

    def __init__(self, error: dict[str, Json]) -> None:
        super().__init__(f"{error['code']}: {error['message']}")
        self.code: int = error["code"]
        self.message: str = error["message"]
        self.data = error.get("data")


class Wire:
    """One connection to a server, and everything that went over it."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        process: asyncio.subprocess.Process | None = None,
    ) -> None:
        self.reader = reader
        self.writer = writer
        self.process = process
        #: Everything received, in order.
        self.received: list[dict[str, Json]] = []
        #: Who answers the server's requests: called with the params, may be awaitable.
        self.request_handlers: dict[str, RequestHandler] = {}
        self.stderr = ""
        self.is_at_end = False
        self._next_id = 0
        self._asked: dict[int | str, asyncio.Future[Json]] = {}
        self._answer_counts: dict[int | str, int] = {}
        self._faults: list[str] = []
        self._changed = asyncio.Event()
        self._answering: set[asyncio.Task[None]] = set()
        self._reading = asyncio.create_task(self._read())
        self._draining = asyncio.create_task(self._drain_stderr())

    async def exit_code(self) -> int | None:
        """Wait for the server's end; the exit code of its process, None without one."""
        await asyncio.wait_for(self._reading, TIMEOUT_SECONDS)
        if self.process is None:
            return None
        code = await asyncio.wait_for(self.process.wait(), TIMEOUT_SECONDS)
        await self._draining
        return code

    async def hang_up(self) -> int | None:
        """Close the connection without a word, as an editor that dies; gives the exit code."""
        self.writer.close()
        return await self.exit_code()

    def check(self) -> None:
        """Each request was answered exactly once, and everything received was LSP."""
        counts = {request_id: self._answer_counts.get(request_id, 0) for request_id in self._asked}
        wrong = {request_id: count for request_id, count in counts.items() if count != 1}
        assert not wrong, f"requests by how often they were answered: {wrong}"
        assert not self._faults, self._faults

    async def stop(self) -> None:
        self.writer.close()
        self.reader._transport.close()  # type: ignore[attr-defined]
        tasks = [self._reading, self._draining, *self._answering]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()

    def pause_reading(self) -> None:
        """Read nothing any more: what the server sends fills its pipe."""
        self.reader._transport.pause_reading()  # type: ignore[attr-defined]

    def resume_reading(self) -> None:
        self.reader._transport.resume_reading()  # type: ignore[attr-defined]

    # What it sends

    def before_sending(self) -> None:
        """Called before each request and notification; for what an editor sends first."""

    def after_answering(self) -> None:
        """Called after each answer to a request of the server."""

    def send_bytes(self, data: bytes) -> None:
        self.writer.write(data)

    def send(self, message: Json) -> None:
        body = json.dumps(message).encode()
        self.send_bytes(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))

    def notify(self, method: str, params: Json = None) -> None:
        self.before_sending()
        self.send({"jsonrpc": "2.0", "method": method, **_params(params)})

    def ask(self, method: str, params: Json = None, *, id: int | str | None = None) -> int | str:
        """Send a request without waiting; gives its id, for `answer` and `cancel`."""
        self.before_sending()
        if id is None:
            self._next_id += 1
            id = self._next_id
        self._asked[id] = asyncio.get_running_loop().create_future()
        self.send({"jsonrpc": "2.0", "id": id, "method": method, **_params(params)})
        return id

    async def answer(self, id: int | str) -> Json:
        """The result of a request that was sent by `ask`; raises `ResponseError`."""
        answered = self._asked[id]
        await asyncio.wait_for(asyncio.wait([answered]), TIMEOUT_SECONDS)
        if isinstance(answered.result(), ResponseError):
            raise answered.result()
        return answered.result()

    async def request(self, method: str, params: Json = None) -> Json:
        return await self.answer(self.ask(method, params))

    def cancel(self, id: int | str) -> None:
        self.notify("$/cancelRequest", {"id": id})

    # What it receives

    def notifications(self, method: str) -> list[Json]:
        """The params of each notification or request `method` of the server, in order."""
        return [one.get("params") for one in self.received if one.get("method") == method]

    async def wait_until(self, found: Callable[[], Json], what: str = "it") -> Json:
        """Wait until `found()` is true; gives what it found.

        It looks again at each message, and when a request of the server has been answered.
        """
        async with asyncio.timeout(TIMEOUT_SECONDS):
            try:
                while not (value := found()):
                    assert not self.is_at_end, f"the server ended before {what}: {self.stderr}"
                    self._changed.clear()
                    await self._changed.wait()
            except asyncio.CancelledError:
                sys.stderr.write(f"waited in vain for {what}; received: {self.received[-20:]}\n")
                raise
            return value

    async def _read(self) -> None:
        try:
            while (message := await self._read_message()) is not None:
                self.received.append(message)
                self._take(message)
                self._changed.set()
        except (AssertionError, ValueError) as fault:
            self._faults.append(f"not LSP: {fault}")
        finally:
            self.is_at_end = True
            self._changed.set()

    async def _read_message(self) -> Json:
        length = None
        while line := await self.reader.readline():
            assert line.endswith(b"\r\n"), line
            if line == b"\r\n":
                assert length is not None, "headers without Content-Length"
                return json.loads(await self.reader.readexactly(length))
            name, _, value = line.strip().partition(b": ")
            assert name in (b"Content-Length", b"Content-Type"), line
            length = int(value) if name == b"Content-Length" else length
        return None

    async def _drain_stderr(self) -> None:
        if self.process is not None and self.process.stderr is not None:
            while chunk := await self.process.stderr.read(65536):
                self.stderr += chunk.decode(errors="replace")

    def _take(self, message: Json) -> None:
        assert message["jsonrpc"] == "2.0", message
        if "method" in message:
            if "id" in message:
                task = asyncio.create_task(self._answer_server(message))
                self._answering.add(task)
                task.add_done_callback(self._answering.discard)
            return
        answered = message["id"]
        assert ("result" in message) != ("error" in message), message
        if answered is None:
            return  # About something that had no id.
        self._answer_counts[answered] = self._answer_counts.get(answered, 0) + 1
        if answered not in self._asked:
            self._faults.append(f"an answer to what was never asked: {message}")
        elif not self._asked[answered].done():
            error = message.get("error")
            value = ResponseError(error) if error is not None else message["result"]
            self._asked[answered].set_result(value)

    async def _answer_server(self, message: Json) -> None:
        handler = self.request_handlers.get(message["method"])
        if handler is None:
            error = {"code": -32601, "message": f"no {message['method']} here"}
            self.send({"jsonrpc": "2.0", "id": message["id"], "error": error})
            return
        result = handler(message.get("params"))
        if isinstance(result, Awaitable):
            result = await result
        self.send({"jsonrpc": "2.0", "id": message["id"], "result": result})
        self.after_answering()
        self._changed.set()


def _params(params: Json) -> dict[str, Json]:
    return {} if params is None else {"params": params}


async def exists(path: Path) -> None:
    """Wait until another process has made `path`."""
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while not path.exists():
            await asyncio.sleep(0.01)
