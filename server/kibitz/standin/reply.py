"""What a test or a demo scripts: replies, tool calls, gates and faults, as plain values.

A *place* in a response says where a fault or a gate sits.  It is either a number, the index of
the event before which it sits (0 ``message_start``, 1 ``content_block_start``, 2 ``ping``, 3 the
first delta …), or a text: right after that text has been sent, for which a delta is split if need
be.  For a response that is not streamed, events are gone through in the same way, and only then
is the body sent.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any, Literal

from kibitz.standin.errors import ERROR_TYPES, MESSAGES, ApiError
from kibitz.standin.pending import Board, Pending

Place = int | str
FaultKind = Literal[
    "api_error",
    "html",
    "empty",
    "wrong_encoding",
    "drop",
    "cut",
    "early_end",
    "stall",
    "error_event",
    "malformed",
    "ping",
    "unknown_event",
    "small_chunks",
]
EXPIRED = "expired"
"""The type of the error that stands for a request of a batch that ran out of time."""
STARTING_FAULTS: frozenset[FaultKind] = frozenset({"api_error", "html", "empty", "wrong_encoding"})
"""Faults that take the place of the whole response."""

_HTML = (
    "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
    "<center><h1>502 Bad Gateway</h1></center>\r\n</body>\r\n</html>\r\n"
)


class Gate:
    """A place where a response waits until somebody lets it go on."""

    def __init__(self, name: str = "gate") -> None:
        self.name = name
        self._board = Board()
        self._visits = 0
        self._open = False

    def release(self) -> None:
        """Opens the gate for good: also for responses that come to it later."""
        self._open = True
        self._board.changed()

    def reached(self, visits: int = 1) -> Pending[Literal[True]]:
        """Done once that many responses have come to the gate."""
        return self._board.when(
            lambda: True if self._visits >= visits else None,
            f"a response to reach the gate {self.name!r}",
        )

    async def pass_through(self) -> None:
        """The response's side: announces itself and waits."""
        self._visits += 1
        self._board.changed()
        opened = self._board.when(lambda: True if self._open else None, f"gate {self.name!r}")
        await opened.without_guard()


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong.  Made with the functions below, not by hand."""

    kind: FaultKind
    at: Place = 0
    error: ApiError | None = None
    status: int = 200
    body: str = ""
    size: int = 1

    @staticmethod
    def status_code(
        status: int,
        message: str | None = None,
        *,
        error_type: str | None = None,
        error_code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Fault:
        """An error instead of the response, with the documented type and text of `status`."""
        error = ApiError(
            status,
            message if message is not None else MESSAGES.get(status, f"Error {status}"),
            error_type or ERROR_TYPES.get(status, "api_error"),
            error_code,
            dict(headers or {}),
        )
        return Fault("api_error", error=error)

    @staticmethod
    def rate_limited(retry_after: float | str | None = None) -> Fault:
        """429.  `retry_after` is seconds, or a date as text; without it there is no header."""
        headers = {} if retry_after is None else {"retry-after": f"{retry_after}"}
        return Fault.status_code(429, headers=headers)

    @staticmethod
    def spend_limit() -> Fault:
        """The 429 that no retry helps against until next month."""
        return Fault.status_code(
            429,
            "You have reached your specified API usage limits. You will regain access on "
            "2026-12-01 at 00:00 UTC.",
            error_code="enforced_spend_limit_reached",
        )

    @staticmethod
    def expired() -> Fault:
        """In a batch: the request was not come to within a day.  Elsewhere a timeout."""
        return Fault.status_code(504, error_type=EXPIRED)

    @staticmethod
    def overloaded() -> Fault:
        return Fault.status_code(529)

    @staticmethod
    def html(status: int = 502, body: str = _HTML) -> Fault:
        """A page of some proxy instead of the API's JSON."""
        return Fault("html", status=status, body=body)

    @staticmethod
    def empty() -> Fault:
        """200, an event stream by its header, and not one byte in it."""
        return Fault("empty")

    @staticmethod
    def wrong_encoding() -> Fault:
        """200, and a body that is not compressed as its header says."""
        return Fault("wrong_encoding")

    @staticmethod
    def drop(at: Place = 0) -> Fault:
        """The connection is reset (RST)."""
        return Fault("drop", at)

    @staticmethod
    def cut(at: Place = 0) -> Fault:
        """The connection ends in the middle of an event, as when a proxy dies."""
        return Fault("cut", at)

    @staticmethod
    def early_end(at: Place = 0) -> Fault:
        """The response ends cleanly, as HTTP sees it, before its last event."""
        return Fault("early_end", at)

    @staticmethod
    def stall(at: Place = 0) -> Fault:
        """Nothing comes any more; the connection stays open."""
        return Fault("stall", at)

    @staticmethod
    def error_event(
        at: Place = 1, error_type: str = "overloaded_error", message: str = "Overloaded"
    ) -> Fault:
        """An ``error`` event within the stream, which ends there."""
        return Fault("error_event", at, error=ApiError(200, message, error_type))

    @staticmethod
    def malformed(at: Place = 1, data: str = '{"type":"content_block_delta","ind') -> Fault:
        """An event whose data is no JSON; the stream goes on after it."""
        return Fault("malformed", at, body=data)

    @staticmethod
    def ping(at: Place = 1, count: int = 1) -> Fault:
        """More pings; not really a fault."""
        return Fault("ping", at, size=count)

    @staticmethod
    def unknown_event(at: Place = 1, event: str = "content_block_hint") -> Fault:
        """An event type that does not exist yet; clients must ignore it."""
        return Fault("unknown_event", at, body=event)

    @staticmethod
    def small_chunks(size: int = 1) -> Fault:
        """Every `size` bytes travel in an HTTP chunk of their own."""
        return Fault("small_chunks", size=size)


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call that the reply makes.  A `str` as input is sent as it is: it need not be JSON."""

    name: str
    input: Mapping[str, Any] | str
    id: str | None = None

    @property
    def input_json(self) -> str:
        if isinstance(self.input, str):
            return self.input
        return json.dumps(self.input, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Hold:
    gate: Gate
    at: Place


@dataclass(frozen=True, slots=True)
class Reply:
    """One scripted response: thinking, then text, then tool calls.

    `text` may be a sequence of texts, which are then sent as exactly these deltas.  Otherwise a
    delta has `chunk_size` characters, or random sizes about that with `chunk_seed`.  Stop
    sequences and `max_tokens` of the request are applied as the API applies them; `stop_reason`
    overrides what results (None: as it results).  Thinking is left out where the request or the
    model does not think.  `pace_seconds` is real time before each event.
    """

    text: str | Sequence[str] = ""
    _: KW_ONLY
    tool_calls: Sequence[ToolCall] = ()
    thinking: str = ""
    stop_reason: str | None = None
    stop_details: Mapping[str, Any] | None = None
    chunk_size: int = 24
    chunk_seed: int | None = None
    pace_seconds: float = 0.0
    pings: bool = True
    output_tokens: int | None = None
    diagnosis_pending: bool = False
    faults: Sequence[Fault] = ()
    holds: tuple[Hold, ...] = ()

    def hold_at(self, at: Place, gate: Gate | None = None) -> Reply:
        """This reply, waiting at `at` until its gate is released (see `StandIn.release`)."""
        held = Hold(gate if gate is not None else Gate(f"at {at!r}"), at)
        return replace(self, holds=(*self.holds, held))

    def failing(self, *faults: Fault) -> Reply:
        """This reply with faults added."""
        return replace(self, faults=(*self.faults, *faults))

    @staticmethod
    def refusal(
        text: str = "", *, category: str | None = "cyber", explanation: str | None = None
    ) -> Reply:
        """HTTP 200 and a model that declines, after `text` if there is any."""
        details = {"type": "refusal", "category": category, "explanation": explanation}
        return Reply(text=text, stop_reason="refusal", stop_details=details)
