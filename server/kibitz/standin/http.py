"""HTTP/1.1 on one connection: requests in, responses out, and every way to break off.

Knows nothing of messages.  A client that closes its connection cancels the work for it at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import h11

_READ_BYTES = 65_536
_HEAD_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A whole request.  A body above the limit is not kept, which `too_large` says."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    too_large: bool


class HttpResponse:
    """The response to one request.  `client_left` says whether anybody still listens."""

    def __init__(
        self, protocol: h11.Connection, writer: asyncio.StreamWriter, *, bodiless: bool = False
    ) -> None:
        self.client_left = False
        self.started = False
        self._bodiless = bodiless
        self._protocol = protocol
        self._writer = writer
        self._head = b""

    async def send(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """A whole response with its length."""
        self.start(status, {**headers, "content-length": str(len(body))})
        await self.write(body, last=True)

    def start(self, status: int, headers: Mapping[str, str]) -> None:
        """The head of a response.  It travels with the first bytes of the body."""
        self.started = True
        fields = [
            (name.encode("ascii"), value.encode("latin-1")) for name, value in headers.items()
        ]
        head = h11.Response(status_code=status, headers=fields)
        self._head = self._protocol.send(head) or b""

    async def write(self, data: bytes, *, last: bool = False, chunk_bytes: int = 0) -> None:
        """A part of the body, in chunks of `chunk_bytes` if that is not 0."""
        end = h11.EndOfMessage()
        if self._bodiless:
            data = b""
        if not chunk_bytes:
            payload = self._protocol.send(h11.Data(data=data)) or b""
            await self._flush(payload + ((self._protocol.send(end) or b"") if last else b""))
            return
        for start in range(0, len(data), chunk_bytes):
            part = h11.Data(data=data[start : start + chunk_bytes])
            await self._flush(self._protocol.send(part) or b"")
        if last:
            await self._flush(self._protocol.send(end) or b"")

    def cut(self) -> None:
        """Ends the connection though the response is not at its end."""
        self._protocol.send_failed()
        self._writer.close()

    def reset(self) -> None:
        """Resets the connection: the client sees RST, not an end."""
        self._protocol.send_failed()
        connection = self._writer.get_extra_info("socket")
        # Closing with a linger time of 0 is what makes the kernel send RST instead of FIN.
        layout = "hh" if sys.platform == "win32" else "ii"
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack(layout, 1, 0))
        self._writer.transport.abort()

    async def _flush(self, data: bytes) -> None:
        self._writer.write(self._head + data)
        self._head = b""
        await self._writer.drain()


Handler = Callable[[HttpRequest, HttpResponse], Awaitable[None]]


class HttpConnection:
    """One connection, with as many requests in turn as the client sends."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        handler: Handler,
        max_body_bytes: Callable[[str], int],
    ) -> None:
        self._protocol = h11.Connection(h11.SERVER, max_incomplete_event_size=_HEAD_BYTES)
        self._reader = reader
        self._writer = writer
        self._handler = handler
        self._max_body_bytes = max_body_bytes

    async def serve(self) -> None:
        """Answers requests until either side closes the connection."""
        try:
            while (request := await self._next_request()) is not None:
                await self._answer(request)
                if self._protocol.our_state is not h11.DONE:
                    return
                self._protocol.start_next_cycle()
        except (ConnectionError, h11.RemoteProtocolError):
            # The client is gone, or speaks something that is no HTTP: nobody to answer.
            return
        finally:
            self._writer.close()
            with contextlib.suppress(ConnectionError):
                await self._writer.wait_closed()

    async def _next_request(self) -> HttpRequest | None:
        head: h11.Request | None = None
        body = bytearray()
        length, most = 0, 0
        while True:
            event = self._protocol.next_event()
            if event is h11.NEED_DATA:
                if self._protocol.they_are_waiting_for_100_continue:
                    proceed = h11.InformationalResponse(status_code=100, headers=[])
                    self._writer.write(self._protocol.send(proceed) or b"")
                self._protocol.receive_data(await self._reader.read(_READ_BYTES))
            elif isinstance(event, h11.Request):
                head = event
                most = self._max_body_bytes(head.target.decode("latin-1"))
            elif isinstance(event, h11.Data):
                # All of it is read even when it is too much: a client that is still sending
                # would take an early answer for a broken connection.
                length += len(event.data)
                if length <= most:
                    body += event.data
            elif isinstance(event, h11.EndOfMessage) and head is not None:
                return HttpRequest(
                    head.method.decode("ascii"),
                    head.target.decode("latin-1"),
                    tuple((n.decode("ascii"), v.decode("latin-1")) for n, v in head.headers),
                    b"" if length > most else bytes(body),
                    length > most,
                )
            else:
                return None

    async def _answer(self, request: HttpRequest) -> None:
        is_head = request.method == "HEAD"
        response = HttpResponse(self._protocol, self._writer, bodiless=is_head)
        work = asyncio.ensure_future(self._handler(request, response))
        leaving = asyncio.ensure_future(self._client_leaves())
        try:
            await asyncio.wait({work, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                response.client_left = True
                work.cancel()
                await asyncio.wait({work})
            if not work.cancelled():
                work.result()
        finally:
            work.cancel()
            leaving.cancel()
            await asyncio.gather(work, leaving, return_exceptions=True)

    async def _client_leaves(self) -> None:
        """Returns when the client has closed; what it sends early is kept for the next request."""
        with contextlib.suppress(ConnectionError):
            while data := await self._reader.read(_READ_BYTES):
                self._protocol.receive_data(data)
