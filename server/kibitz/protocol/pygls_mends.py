"""pygls 2.1, mended: its server and protocol without the faults that would hit kibitz.

`MendedProtocol` (in `pygls_protocol`) reads and answers; `MendedServer` here is what handlers
get hold of: pygls' typed calls to the client, the place where bugs are reported, and the end of
it all.  What pygls does otherwise, and why that would hurt, is told by the names and texts of
`tests/protocol/test_pygls_traps.py`.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NoReturn

from lsprotocol import types

from kibitz.protocol import lenient
from kibitz.protocol.own_requests import ConnectionClosed
from kibitz.protocol.pygls_protocol import MendedProtocol, Owner, RequestFailed
from kibitz_context.lines import Encoding

__all__ = ["ConnectionClosed", "MendedProtocol", "MendedServer", "RequestFailed"]

logger = logging.getLogger(__name__)

#: How long the end may take.  Higher: editors kill a server after two seconds or so; lower: what
#: was spent may not be recorded.
CLOSE_DEADLINE_SECONDS = 1.5

#: How many different bugs the user is told of.  All of them are in the log.
_MOST_BUGS_SHOWN = 20


class MendedServer(Owner):
    """The server of one client.  `transport` runs it, `registration` gives it its handlers."""

    protocol: MendedProtocol

    def __init__(self, name: str, version: str) -> None:
        super().__init__(
            name, version, protocol_cls=MendedProtocol, converter_factory=lenient.converter
        )
        self.ended = asyncio.Event()
        self._close_callbacks: list[Callable[[], Awaitable[None]]] = []
        self._closing: asyncio.Future[None] | None = None
        self._bugs_shown: set[tuple[type[BaseException], str, int]] = set()

    @property
    def position_encoding(self) -> Encoding:
        """What columns count, agreed with the client in `initialize`."""
        return self.protocol.position_encoding

    @property
    def exit_code(self) -> int:
        """0 after `shutdown`, 1 when the client left without it."""
        return 0 if self.protocol.phase == "shut down" else 1

    def on_close(self, callback: Callable[[], Awaitable[None]]) -> None:
        """Await `callback()` once when the client shuts the server down, exits or is lost.

        All callbacks run at the same time and have `CLOSE_DEADLINE_SECONDS`; then they are
        cancelled.
        """
        self._close_callbacks.append(callback)

    async def close(self) -> None:
        """Stop whatever runs for this client.  Further calls wait for the first one."""
        if self._closing is None:
            self._closing = asyncio.ensure_future(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        running = self.protocol.cancel_handlers()
        closing = [asyncio.ensure_future(callback()) for callback in self._close_callbacks]
        if running or closing:
            await asyncio.wait([*running, *closing], timeout=CLOSE_DEADLINE_SECONDS)
        for future in closing:
            if not future.done():
                logger.warning("Something was still running after the time to close")
                future.cancel()
            elif not future.cancelled() and (error := future.exception()) is not None:
                self.report_bug(error, "closing")
        self.protocol.abandon_requests()

    def report_bug(self, error: BaseException, where: str) -> None:
        """Put a bug into the log, and tell the user of each distinct one once."""
        where = where[:100]
        logger.error("A bug, met in %s", where, exc_info=error)
        frames = traceback.extract_tb(error.__traceback__)
        place = (frames[-1].filename, frames[-1].lineno or 0) if frames else ("", 0)
        bug = (type(error), *place)
        if bug in self._bugs_shown or len(self._bugs_shown) >= _MOST_BUGS_SHOWN:
            return
        self._bugs_shown.add(bug)
        # Neither the message of the error nor the full path: both may hold what is private.
        at = f"{type(error).__name__} at {Path(place[0]).name}:{place[1]}"
        message = f"kibitz met a bug in {where} and goes on; its log has the details ({at})"
        self.window_show_message(types.ShowMessageParams(types.MessageType.Error, message))

    def report_server_error(self, error: Exception, source: Any) -> None:  # noqa: ARG002
        """Put what pygls itself reports into the log (it would show each one to the user)."""
        logger.error("pygls reports an error", exc_info=error)

    def feature(self, feature_name: str, options: Any | None = None) -> NoReturn:  # noqa: ARG002
        """Refused: `registration.on_request` and `on_notification` register handlers."""
        raise TypeError(f"register {feature_name} through kibitz.protocol.registration")

    def command(self, command_name: str) -> NoReturn:
        """Refused: `registration.on_command` registers commands."""
        raise TypeError(f"register {command_name} through kibitz.protocol.registration")

    def thread(self) -> NoReturn:
        """Refused: pygls' threads are taken from those that it reads with."""
        raise TypeError("handlers run on the event loop; slow work goes to asyncio.to_thread")
