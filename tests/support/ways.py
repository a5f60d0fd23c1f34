"""Ways through a company's network: a private authority, a tunnelling proxy, one that is SOCKS."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ssl
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import trustme

from support.wire_server import Step, WireServer

#: Names that only a proxy can find.
CLAUDE, PROXY = "claude.internal", "proxy.internal"


class Company:
    """A certificate authority that nobody else trusts."""

    def __init__(self, folder: Path) -> None:
        self.authority = trustme.CA()
        self.file = folder / "company.pem"
        self.authority.cert_pem.write_to_path(self.file)

    def server_context(self, *names: str) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.authority.issue_cert(*names).configure_cert(context)
        return context


@contextlib.asynccontextmanager
async def serving_https(company: Company, *scripts: Sequence[Step]) -> AsyncIterator[WireServer]:
    """A server of raw bytes over TLS, under the names `CLAUDE` and 127.0.0.1."""
    wire_server = WireServer(scripts)
    context = company.server_context(CLAUDE, "127.0.0.1")
    server = await asyncio.start_server(wire_server.answer, "127.0.0.1", 0, ssl=context)
    wire_server.url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield wire_server
    finally:
        server.close()
        await wire_server.hang_up()


@dataclass
class Proxy:
    """Tunnels to `target`, whatever name is asked for.  `password` is `user:password`."""

    target_port: int
    password: str | None = None
    asked_for: list[str] = field(default_factory=list)
    port: int = 0
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def tunnel(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection that begins with CONNECT."""
        with contextlib.closing(writer), contextlib.suppress(ConnectionError, ssl.SSLError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            method, name, _ = head.split(maxsplit=2)
            assert method == "CONNECT"
            self.asked_for.append(name)
            if self.password is not None:
                wanted = base64.b64encode(self.password.encode()).decode()
                if f"proxy-authorization: basic {wanted}".lower() not in head.lower():
                    writer.write(b"HTTP/1.1 407 No\r\ncontent-length: 0\r\n\r\n")
                    await writer.drain()
                    return
            writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
            await self._join(reader, writer)

    async def socks(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of SOCKS 5, to a name and without a password."""
        with contextlib.closing(writer), contextlib.suppress(ConnectionError):
            _, n_methods = await reader.readexactly(2)
            await reader.readexactly(n_methods)
            writer.write(b"\x05\x00")
            assert await reader.readexactly(4) == b"\x05\x01\x00\x03"
            name = await reader.readexactly((await reader.readexactly(1))[0])
            port = int.from_bytes(await reader.readexactly(2), "big")
            self.asked_for.append(f"{name.decode()}:{port}")
            writer.write(b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x00")
            await self._join(reader, writer)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self.target_port)

        async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                while data := await source.read(65_536):
                    target.write(data)
                    await target.drain()
            target.close()

        await asyncio.gather(copy(reader, there_writer), copy(there_reader, writer))


@contextlib.asynccontextmanager
async def proxy_to(
    server: WireServer,
    *,
    password: str | None = None,
    socks: bool = False,
    company: Company | None = None,
) -> AsyncIterator[Proxy]:
    """A proxy in front of `server`; with `company` it is reached over TLS itself."""
    proxy = Proxy(int(server.url.rpartition(":")[2]), password)
    listening = await asyncio.start_server(
        proxy.socks if socks else proxy.tunnel,
        "127.0.0.1",
        0,
        ssl=company.server_context("127.0.0.1") if company is not None else None,
    )
    proxy.port = listening.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        listening.close()
