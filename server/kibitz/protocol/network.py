"""Clients that connect: LSP over TCP and over WebSockets.

Each connection gets a server of its own; connections are served side by side and one that ends
ends nobody else's.  There is no authentication: whoever can connect can have files read and
spend money.  So the address is the loopback one unless the user names another, and a page in a
browser is kept out: it can send HTTP to any local port, but a WebSocket that it opens carries
its `Origin`, and its requests to the TCP port are no LSP frames.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import socket
import sys
from collections.abc import Callable, Coroutine, Iterable
from typing import TYPE_CHECKING, Any, Protocol

from kibitz.protocol.framing import LONGEST_MESSAGE_BYTES, Fault, FrameReader, frame
from kibitz.protocol.pygls_mends import MendedServer
from kibitz.protocol.transport import (
    FLUSH_SECONDS,
    MOST_WAITING_BYTES,
    run_to_the_end,
    signals_set,
    take_all,
)

if TYPE_CHECKING:
    from websockets.asyncio.server import ServerConnection

logger = logging.getLogger(__name__)


class Listener(Protocol):
    """What asyncio and websockets give for an address that is listened at."""

    @property
    def sockets(self) -> Iterable[socket.socket]: ...

    def close(self) -> None: ...

    async def wait_closed(self) -> None: ...


MakeServer = Callable[[], MendedServer]

LOOPBACK = "127.0.0.1"

#: Connections at one time.  Each is a session with its own documents and jobs.
MOST_CONNECTIONS = 32

_CHUNK_BYTES = 64 * 1024


def run_tcp(make_server: MakeServer, address: str) -> int:
    """Serve LSP over TCP at ``HOST:PORT`` until the process is told to end."""
    return _run(make_server, address, "tcp", _listen_tcp)


def run_ws(make_server: MakeServer, address: str) -> int:
    """Serve LSP over WebSockets at ``HOST:PORT`` until the process is told to end."""
    return _run(make_server, address, "ws", _listen_ws)


def parse_address(address: str) -> tuple[str, int]:
    """``HOST:PORT``, ``[V6]:PORT``, ``:PORT`` or ``PORT`` as host and port; else ValueError.

    Without a host it is the loopback address.  Port 0 lets the system choose one.
    """
    host, _, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"{address!r} is not HOST:PORT")
    # "localhost" may be two addresses; with port 0 that would be two different ports.
    return (host if host not in ("", "localhost") else LOOPBACK), int(port)


class Sessions:
    """The clients that are connected: each with a server of its own, seen through to its end."""

    def __init__(self, make_server: MakeServer) -> None:
        self._make_server = make_server
        self._servers: set[MendedServer] = set()
        self._talking: set[asyncio.Future[None]] = set()
        self._is_ending = False

    def begin(self, talk: Coroutine[Any, Any, None]) -> asyncio.Future[None]:
        """Run `talk`, which serves one client, and keep it until it has ended."""
        talking = asyncio.ensure_future(talk)
        self._talking.add(talking)
        talking.add_done_callback(self._ended)
        return talking

    def _ended(self, talking: asyncio.Future[None]) -> None:
        self._talking.discard(talking)
        if not talking.cancelled() and (error := talking.exception()) is not None:
            logger.error("A connection failed", exc_info=error)

    async def serve(
        self,
        send: Callable[[bytes], None],
        read: Callable[[MendedServer], Coroutine[Any, Any, None]],
    ) -> None:
        """Serve one client: `read` until it ends or the client says `exit`, answer by `send`."""
        if self._is_ending:
            return
        if len(self._servers) >= MOST_CONNECTIONS:
            logger.error("More than %d connections; the newest is refused", MOST_CONNECTIONS)
            return
        server = self._make_server()
        server.protocol.connect(send)
        self._servers.add(server)
        reading = asyncio.ensure_future(read(server))
        reading.add_done_callback(lambda _: server.ended.set())
        try:
            await server.ended.wait()
            reading.cancel()
            await asyncio.wait([reading])
            await server.close()
            await server.protocol.disconnect()
        finally:
            self._servers.discard(server)
        if not reading.cancelled():
            reading.result()

    async def end(self) -> None:
        """End every session as though its client had gone."""
        self._is_ending = True
        for server in self._servers:
            server.ended.set()
        if self._talking:
            await asyncio.wait(self._talking)


async def _listen_tcp(sessions: Sessions, host: str, port: int) -> Listener:
    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sessions.begin(_talk_tcp(sessions, reader, writer))

    return await asyncio.start_server(begin, host, port)


async def _talk_tcp(
    sessions: Sessions, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    def send(body: bytes) -> None:
        writer.write(frame(body))
        if writer.transport.get_write_buffer_size() > MOST_WAITING_BYTES:
            logger.error("A client reads nothing any more; its connection is given up")
            writer.transport.abort()

    async def read(server: MendedServer) -> None:
        frames = FrameReader()
        with contextlib.suppress(OSError):
            while chunk := await reader.read(_CHUNK_BYTES):
                items = frames.feed(chunk)
                for item in items:
                    if isinstance(item, Fault):
                        # Most likely no LSP client at all but, say, a browser.
                        logger.warning("A client sent %s and is disconnected", item.reason)
                        return
                take_all(server, items)

    await sessions.serve(send, read)
    writer.close()
    try:
        await asyncio.wait_for(writer.wait_closed(), FLUSH_SECONDS)
    except (OSError, TimeoutError):
        writer.transport.abort()


async def _listen_ws(sessions: Sessions, host: str, port: int) -> Listener:
    from websockets.asyncio.server import serve

    async def talk(connection: ServerConnection) -> None:
        await asyncio.wait([sessions.begin(_talk_ws(sessions, connection))])

    return await serve(
        talk,
        host,
        port,
        # Only what sends no Origin: a page in a browser always does.
        origins=[None],
        max_size=LONGEST_MESSAGE_BYTES,
        compression=None,
        server_header=None,
        # A client that a debugger has stopped for a minute is not gone yet.
        ping_timeout=60,
    )


async def _talk_ws(sessions: Sessions, connection: ServerConnection) -> None:
    from websockets.exceptions import ConnectionClosed

    waiting: asyncio.Queue[bytes | None] = asyncio.Queue()
    waiting_bytes = 0

    def send(body: bytes) -> None:
        nonlocal waiting_bytes
        waiting.put_nowait(body)
        waiting_bytes += len(body)
        if waiting_bytes > MOST_WAITING_BYTES:
            logger.error("A client reads nothing any more; its connection is given up")
            connection.transport.abort()

    async def write() -> None:
        nonlocal waiting_bytes
        with contextlib.suppress(ConnectionClosed):
            while (body := await waiting.get()) is not None:
                await connection.send(body, text=True)
                waiting_bytes -= len(body)

    async def read(server: MendedServer) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for message in connection:
                take_all(server, [message if isinstance(message, bytes) else message.encode()])

    writing = asyncio.ensure_future(write())
    await sessions.serve(send, read)
    waiting.put_nowait(None)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(writing, FLUSH_SECONDS)
    await connection.close()


def _run(
    make_server: MakeServer,
    address: str,
    scheme: str,
    listen: Callable[[Sessions, str, int], Coroutine[Any, Any, Listener]],
) -> int:
    try:
        host, port = parse_address(address)
        return run_to_the_end(_serve(make_server, scheme, listen, host, port))
    except (ValueError, OSError) as error:
        sys.stderr.write(f"kibitz cannot listen there: {error}\n")
        return 2


async def _serve(
    make_server: MakeServer,
    scheme: str,
    listen: Callable[[Sessions, str, int], Coroutine[Any, Any, Listener]],
    host: str,
    port: int,
) -> int:
    sessions = Sessions(make_server)
    told_to_end = asyncio.Event()
    with signals_set(told_to_end):
        listener = await listen(sessions, host, port)
        for listening in listener.sockets:
            _tell_address(scheme, *listening.getsockname()[:2])
        await told_to_end.wait()
    listener.close()
    await sessions.end()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(listener.wait_closed(), FLUSH_SECONDS)
    return 0


def _tell_address(scheme: str, host: str, port: int) -> None:
    shown = f"[{host}]" if ":" in host else host
    sys.stderr.write(f"kibitz listens on {scheme}://{shown}:{port}\n")
    if not ipaddress.ip_address(host).is_loopback:
        sys.stderr.write("Whoever can reach that address can read files and spend money as you.\n")
    sys.stderr.flush()
