"""A bare HTTP client, to see exactly which bytes travel: no SDK, no HTTP library."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

HEADERS = {"authorization": "Bearer key", "anthropic-version": "2026-10-21"}


@dataclass(frozen=True, slots=True)
class RawResponse:
    """`chunks` are the chunks of a chunked body, or the whole body in one piece."""

    status: int
    headers: Mapping[str, str]
    chunks: tuple[bytes, ...]

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class RawClient:
    """One connection.  ``async with RawClient(base_url) as client``."""

    def __init__(self, base_url: str) -> None:
        address = urlsplit(base_url)
        assert address.hostname is not None
        self._host, self._port = address.hostname, address.port
        self.reader: asyncio.StreamReader
        self.writer: asyncio.StreamWriter

    async def __aenter__(self) -> Self:
        self.reader, self.writer = await asyncio.open_connection(self._host, self._port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()

    async def send(
        self,
        method: str,
        target: str,
        body: object = None,
        headers: Mapping[str, str] = HEADERS,
    ) -> None:
        data = (
            body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        )
        lines = [f"{method} {target} HTTP/1.1", f"host: {self._host}:{self._port}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        lines += [f"content-length: {len(data)}", "", ""]
        self.writer.write("\r\n".join(lines).encode() + data)
        await self.writer.drain()

    async def receive(self) -> RawResponse:
        """The next whole response.  Raises IncompleteReadError when it breaks off."""
        status, headers = await self.receive_head()
        if headers.get("transfer-encoding") == "chunked":
            chunks = []
            while chunk := await self.receive_chunk():
                chunks.append(chunk)
            return RawResponse(status, headers, tuple(chunks))
        length = int(headers["content-length"])
        return RawResponse(status, headers, (await self.reader.readexactly(length),))

    async def receive_head(self) -> tuple[int, Mapping[str, str]]:
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
        fields = dict(line.split(": ", 1) for line in lines)
        return int(first.split()[1]), {name.lower(): value for name, value in fields.items()}

    async def receive_chunk(self) -> bytes:
        """The next chunk of a chunked body, b"" at its end."""
        size = int(await self.reader.readuntil(b"\r\n"), 16)
        return (await self.reader.readexactly(size + 2))[:-2]

    async def ask(
        self,
        method: str,
        target: str,
        body: object = None,
        headers: Mapping[str, str] = HEADERS,
    ) -> RawResponse:
        await self.send(method, target, body, headers)
        return await self.receive()
