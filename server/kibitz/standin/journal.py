"""What the stand-in saw and what became of it.  Holds prompts, never credentials."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from kibitz.standin.cache import CacheUse
from kibitz.standin.pending import Board, Pending
from kibitz.standin.prices import cost_usd
from kibitz.standin.reply import Place, Reply
from kibitz.standin.request import Request
from kibitz.standin.script import MESSAGES_PATH

Outcome = Literal["open", "complete", "broken", "client_closed"]


@dataclass(eq=False, slots=True)
class Exchange:
    """One request and the response to it, up to date while it is under way.

    `at` is the virtual time in seconds.  `outcome` is "open" until the response has ended:
    "complete" with its last byte, "broken" by a fault, "client_closed" when the client closed the
    connection before that.  `events` are the types of the events sent, `sent` is the text and tool
    input in them.  `held_at` is the place of the gate at which the response waits now.
    """

    number: int
    request: Request
    at: float
    request_id: str
    status: int | None = None
    error: Mapping[str, Any] | None = None
    reply: Reply | None = None
    message_id: str | None = None
    model: str | None = None
    cache_use: CacheUse = field(default_factory=CacheUse)
    output_tokens: int = 0
    stop_reason: str | None = None
    events: list[str] = field(default_factory=list)
    sent: str = ""
    held_at: Place | None = None
    outcome: Outcome = "open"

    @property
    def cost_usd(self) -> float | None:
        """What this would have cost; None where the stand-in knows no price."""
        return cost_usd(self.model or "", self.cache_use, self.output_tokens)

    def to_json(self) -> dict[str, Any]:
        request, use = self.request, self.cache_use
        return {
            "number": self.number,
            "at": self.at,
            "method": request.method,
            "path": request.path,
            "headers": dict(request.headers),
            "body": request.body,
            "request_id": self.request_id,
            "message_id": self.message_id,
            "status": self.status,
            "error": self.error,
            "usage": {
                "input_tokens": use.input_tokens,
                "cache_read_tokens": use.read_tokens,
                "cache_write_5m_tokens": use.write_5m_tokens,
                "cache_write_1h_tokens": use.write_1h_tokens,
                "output_tokens": self.output_tokens,
            },
            "cost_usd": self.cost_usd,
            "stop_reason": self.stop_reason,
            "events": list(self.events),
            "sent": self.sent,
            "outcome": self.outcome,
        }


MOST_EXCHANGES = 10_000
"""Older ones are forgotten: a stand-in that an editor uses runs for days."""


class Journal:
    """The exchanges since the start, oldest first.  The waits may be used from any thread."""

    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []
        self._board = Board()
        self._count = 0

    @property
    def messages(self) -> list[Exchange]:
        """The exchanges that asked for a message."""
        return [exchange for exchange in self.exchanges if _asks_for_message(exchange)]

    @property
    def last(self) -> Exchange:
        """The newest request for a message.  Raises IndexError when there was none."""
        return self.messages[-1]

    def clear(self) -> None:
        """Forgets what has been, for tests that start afresh on a running stand-in."""
        self.exchanges = []

    def wait_for_request(self, count: int = 1) -> Pending[Exchange]:
        """The `count`-th request for a message, as soon as it has arrived."""
        return self._wait(
            lambda: self.messages[count - 1] if len(self.messages) >= count else None,
            f"request {count} for a message",
        )

    def wait_for_disconnect(self, exchange: Exchange | None = None) -> Pending[Exchange]:
        """An exchange, or the given one, whose client closed the connection before the end."""
        return self._wait(
            lambda: self._first(lambda e: e.outcome == "client_closed", exchange),
            "a client to close its connection",
        )

    def wait_for_end(self, exchange: Exchange | None = None) -> Pending[Exchange]:
        """An exchange, or the given one, that has ended, however it did."""
        return self._wait(
            lambda: self._first(lambda e: e.outcome != "open", exchange), "a response to end"
        )

    def wait_for_hold(self, at: Place | None = None) -> Pending[Exchange]:
        """An exchange that waits at a gate, or at the gate in that place."""
        return self._wait(
            lambda: self._first(
                lambda e: e.held_at is not None and (at is None or e.held_at == at), None
            ),
            "a response to be held" if at is None else f"a response to be held at {at!r}",
        )

    def release(self, at: Place | None = None) -> None:
        """Opens the gate in that place, or all, wherever a response waits at one."""
        for exchange in self.exchanges:
            if exchange.held_at is None or exchange.reply is None:
                continue
            for hold in exchange.reply.holds:
                if hold.at == exchange.held_at and at in (None, hold.at):
                    hold.gate.release()

    def begin(self, request: Request, at: float) -> Exchange:
        """The server's side: a request has arrived."""
        self._count += 1
        exchange = Exchange(self._count, request, at, f"req_standin{self._count:016d}")
        self.exchanges.append(exchange)
        del self.exchanges[:-MOST_EXCHANGES]
        self._board.changed()
        return exchange

    def changed(self) -> None:
        """The server's side: something about an exchange is different now."""
        self._board.changed()

    def _wait(self, probe: Callable[[], Exchange | None], what: str) -> Pending[Exchange]:
        return self._board.when(probe, what)

    def _first(
        self, condition: Callable[[Exchange], bool], only: Exchange | None
    ) -> Exchange | None:
        candidates = self.messages if only is None else [only]
        return next((exchange for exchange in candidates if condition(exchange)), None)


def _asks_for_message(exchange: Exchange) -> bool:
    return exchange.request.method == "POST" and exchange.request.path == MESSAGES_PATH
