"""A server of raw bytes: it answers each request with a script and sees when the client leaves.

For faults that a well-behaved HTTP server cannot be made to commit.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

# Bytes are sent as they are, numbers are seconds to wait; the words say what to do to the
# connection.
Step = bytes | float | Literal["reset", "close", "stall"]


@dataclass
class Request:
    path: str
    headers: dict[str, str]
    body: Any


@dataclass
class WireServer:
    """`scripts` are used in order, the last one again and again; `greeting` is sent unasked."""

    scripts: Sequence[Sequence[Step]]
    greeting: bytes = b""
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    client_left: asyncio.Event = field(default_factory=asyncio.Event)
    url: str = ""
    _open: dict[asyncio.StreamWriter, asyncio.Event] = field(default_factory=dict)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        done = self._open[writer] = asyncio.Event()
        try:
            writer.write(self.greeting)
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            self.client_left.set()
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
            done.set()

    async def hang_up(self) -> None:
        for writer, done in list(self._open.items()):
            writer.transport.abort()
            await done.wait()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        start, *lines = head.splitlines()
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines if line)
        }
        length = int(headers.get("content-length", 0))
        body = await reader.readexactly(length) if length else b""
        script = self.scripts[min(len(self.requests), len(self.scripts) - 1)]
        self.requests.append(Request(start.split()[1], headers, json.loads(body) if body else None))
        for step in script:
            match step:
                case "reset":
                    writer.transport.abort()
                    return False
                case "close":
                    return False
                case "stall":
                    # Only the client can end this: by leaving.
                    if not await reader.read(1):
                        self.client_left.set()
                    return False
                case float():
                    await asyncio.sleep(step)
                case _:
                    writer.write(step)
                    await writer.drain()
        return True


@contextlib.asynccontextmanager
async def serving(*scripts: Sequence[Step], greeting: bytes = b"") -> AsyncIterator[WireServer]:
    wire_server = WireServer(scripts, greeting)
    server = await asyncio.start_server(wire_server.answer, "127.0.0.1", 0)
    wire_server.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield wire_server
    finally:
        server.close()
        await wire_server.hang_up()


HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nrequest-id: req_1\r\n"
OPEN_ENDED = HEAD + b"connection: close\r\n\r\n"


def event(data: dict[str, Any], name: str | None = None) -> bytes:
    return f"event: {name or data['type']}\ndata: {json.dumps(data)}\n\n".encode()


def message_start(**usage: int) -> bytes:
    return event(
        {
            "type": "message_start",
            "message": {
                "id": "msg_1",
                "type": "message",
                "role": "assistant",
                "content": [],
                "model": "claude-sonnet-5-5",
                "stop_reason": None,
                "stop_sequence": None,
                "usage": {"input_tokens": 10, "output_tokens": 1, **usage},
            },
        }
    )


def text_start(index: int = 0) -> bytes:
    return event(
        {
            "type": "content_block_start",
            "index": index,
            "content_block": {"type": "text", "text": ""},
        }
    )


def text(words: str, index: int = 0) -> bytes:
    return event(
        {
            "type": "content_block_delta",
            "index": index,
            "delta": {"type": "text_delta", "text": words},
        }
    )


def block_stop(index: int = 0) -> bytes:
    return event({"type": "content_block_stop", "index": index})


def message_delta(
    stop_reason: str | None = "end_turn", output_tokens: int = 7, **more: Any
) -> bytes:
    return event(
        {
            "type": "message_delta",
            "delta": {"stop_reason": stop_reason, "stop_sequence": None, **more},
            "usage": {"output_tokens": output_tokens},
        }
    )


PING = event({"type": "ping"})
MESSAGE_STOP = event({"type": "message_stop"})
BEGINNING = message_start() + text_start() + text("Hel")
WHOLE_BODY = BEGINNING + text("lo") + block_stop() + message_delta() + MESSAGE_STOP


def chunked(*parts: bytes) -> bytes:
    """A complete response with chunked encoding: the connection can be used again."""
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts if part)
    return HEAD + b"transfer-encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"


WHOLE = chunked(WHOLE_BODY)


def error_response(
    status: int,
    type_: str = "invalid_request_error",
    message: str = "no",
    *,
    headers: dict[str, str] | None = None,
    error_code: str | None = None,
) -> bytes:
    error: dict[str, Any] = {"type": type_, "message": message}
    if error_code is not None:
        error["details"] = {"error_code": error_code}
    body = {"type": "error", "error": error, "request_id": "req_body"}
    return response(status, json.dumps(body), "application/json", headers)


def response(
    status: int, body: str, content_type: str, headers: dict[str, str] | None = None
) -> bytes:
    lines = [f"HTTP/1.1 {status} No", f"content-type: {content_type}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    encoded = body.encode()
    lines.append(f"content-length: {len(encoded)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + encoded
