"""Sends one message down one connection, with its gates, its pace and its faults."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping

from kibitz.standin.answer import Answer
from kibitz.standin.errors import ERROR_TYPES, ApiError
from kibitz.standin.events import PING, encode, message_body, message_events
from kibitz.standin.http import HttpResponse
from kibitz.standin.journal import Exchange, Journal
from kibitz.standin.plan import Fail, Insert, Send, Wait, plan
from kibitz.standin.reply import STARTING_FAULTS, Fault, Reply

EVENT_STREAM = "text/event-stream; charset=utf-8"
JSON = "application/json"


def starting_fault(reply: Reply) -> Fault | None:
    """The fault that takes the place of the whole response, if the script has one."""
    return next((fault for fault in reply.faults if fault.kind in STARTING_FAULTS), None)


class Delivery:
    """One response under way.  `headers` are those that every response of the API carries."""

    def __init__(
        self,
        exchange: Exchange,
        journal: Journal,
        response: HttpResponse,
        headers: Mapping[str, str],
    ) -> None:
        self._exchange = exchange
        self._journal = journal
        self._response = response
        self._headers = headers

    async def error(self, error: ApiError) -> None:
        """An error instead of anything else."""
        body = error.body(self._exchange.request_id)
        self._exchange.error = body["error"]
        await self._send(error.status, JSON, json.dumps(body).encode(), error.headers)

    async def json(self, body: object) -> None:
        await self._send(200, JSON, json.dumps(body, ensure_ascii=False).encode())

    async def lines(self, body: bytes) -> None:
        await self._send(200, "application/x-jsonl", body)

    async def instead(self, fault: Fault) -> None:
        """A fault that comes before any byte of the response."""
        match fault.kind:
            case "api_error":
                assert fault.error is not None
                await self.error(fault.error)
            case "html":
                await self._send(fault.status, "text/html; charset=utf-8", fault.body.encode())
            case "empty":
                self._start(200, EVENT_STREAM)
                await self._response.write(b"", last=True)
            case "wrong_encoding":
                body = PING.encode()
                await self._send(200, EVENT_STREAM, body, {"content-encoding": "gzip"})
            case "drop" | "cut":
                self._response.reset()
            case "stall":
                await self._stall()
            case _:
                raise AssertionError(f"{fault.kind} is no fault of a response as a whole")
        self._exchange.outcome = "broken"

    async def message(self, answer: Answer, reply: Reply, *, streams: bool) -> None:
        if streams:
            await self._stream(answer, reply)
        else:
            await self._whole(answer, reply)

    async def _stream(self, answer: Answer, reply: Reply) -> None:
        events = list(message_events(answer.envelope, answer.generated, pings=reply.pings))
        chunk_bytes = max((f.size for f in reply.faults if f.kind == "small_chunks"), default=0)
        steps = plan(events, reply.holds, reply.faults)
        for number, step in enumerate(steps, start=1):
            if isinstance(step, Wait):
                await self._wait(step)
                continue
            if isinstance(step, Fail):
                await self._fail_stream(step)
                return
            if reply.pace_seconds:
                await asyncio.sleep(reply.pace_seconds)
            if not self._response.started:
                self._start(200, EVENT_STREAM)
            match step:
                case Send(event):
                    self._begin(answer)
                    data = event.encode()
                    self._note(event.type, event.content)
                case Insert(kind, data):
                    self._note(kind)
            is_last = number == len(steps)
            await self._response.write(data, last=is_last, chunk_bytes=chunk_bytes)
        if isinstance(steps[-1], Wait):
            await self._response.write(b"", last=True)

    async def _whole(self, answer: Answer, reply: Reply) -> None:
        """A body in one piece comes when all events would have been sent."""
        events = list(message_events(answer.envelope, answer.generated, pings=reply.pings))
        body = json.dumps(message_body(answer.envelope, answer.generated)).encode()
        for step in plan(events, reply.holds, reply.faults):
            if reply.pace_seconds:
                await asyncio.sleep(reply.pace_seconds)
            match step:
                case Wait():
                    await self._wait(step)
                case Fail(fault):
                    await self._fail_whole(fault, body)
                    return
                case Insert(type="content_block_delta"):
                    body = body[:-1]
                case Send(event):
                    self._exchange.sent += event.content
                case _:
                    # Pings and unknown events have no place in a body.
                    continue
        self._begin(answer)
        await self._send(200, JSON, body)

    def _begin(self, answer: Answer) -> None:
        """At the first byte: from now on others can read what was cached, and it is billed."""
        answer.lookup.publish()
        exchange = self._exchange
        exchange.message_id = answer.envelope.message_id
        exchange.cache_use = answer.envelope.cache_use
        exchange.output_tokens = answer.generated.output_tokens
        exchange.stop_reason = answer.generated.stop_reason

    async def _wait(self, step: Wait) -> None:
        self._exchange.held_at = step.at
        self._journal.changed()
        try:
            await step.gate.pass_through()
        finally:
            self._exchange.held_at = None
            self._journal.changed()

    async def _fail_stream(self, step: Fail) -> None:
        fault, response = step.fault, self._response
        if not response.started and fault.kind in ("drop", "stall"):
            await self.instead(fault)
            return
        if not response.started:
            self._start(200, EVENT_STREAM)
        match fault.kind:
            case "drop":
                response.reset()
            case "cut":
                # Half of the event that was due, as bytes: the cut may go through a character.
                data = step.interrupted.encode() if step.interrupted is not None else b"event:"
                await response.write(data[: len(data) // 2] or b":")
                response.cut()
            case "early_end":
                await response.write(b"", last=True)
            case "error_event":
                assert fault.error is not None
                data = encode("error", json.dumps(fault.error.body(self._exchange.request_id)))
                self._note("error")
                await response.write(data, last=True)
            case "stall":
                await self._stall()
        self._exchange.outcome = "broken"

    async def _fail_whole(self, fault: Fault, body: bytes) -> None:
        match fault.kind:
            case "error_event":
                assert fault.error is not None
                statuses = {kind: status for status, kind in ERROR_TYPES.items()}
                status = statuses.get(fault.error.type, 500)
                await self.error(ApiError(status, fault.error.message, fault.error.type))
            case "early_end":
                await self._send(200, JSON, b"")
            case "cut":
                self._start(200, JSON, {"content-length": str(len(body))})
                await self._response.write(body[: len(body) // 2])
                self._response.cut()
            case _:
                await self.instead(fault)
        self._exchange.outcome = "broken"

    async def _stall(self) -> None:
        """Ends only with the client's patience or with the stand-in."""
        await asyncio.Event().wait()

    def _note(self, kind: str, content: str = "") -> None:
        """Before the bytes go: a test that has read them must find them in the journal."""
        self._exchange.events.append(kind)
        self._exchange.sent += content
        if kind == "message_stop":
            self._exchange.outcome = "complete"
        self._journal.changed()

    def _start(
        self, status: int, content_type: str, extra: Mapping[str, str] | None = None
    ) -> None:
        self._exchange.status = status
        headers = {**self._headers, "content-type": content_type, **(extra or {})}
        self._response.start(status, headers)

    async def _send(
        self,
        status: int,
        content_type: str,
        body: bytes,
        extra: Mapping[str, str] | None = None,
    ) -> None:
        self._exchange.status = status
        self._exchange.outcome = "complete"
        headers = {**self._headers, "content-type": content_type, **(extra or {})}
        await self._response.send(status, headers, body)
