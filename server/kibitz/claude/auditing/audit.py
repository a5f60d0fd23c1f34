"""What was asked of Claude and what became of it, for the user to look up: one record a request.

`metadata` keeps who, what, when and how much; `full` keeps the bodies as well.  They have passed
the gate, with secrets replaced, before they get here.  Headers and credentials never do.
"""

from __future__ import annotations

import contextlib
import datetime
import secrets
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

from kibitz.claude.around import AroundClaude
from kibitz.claude.auditing.audit_file import AuditFile
from kibitz.claude.batching.batch_runner import BatchRecord
from kibitz.claude.batching.batches import BatchResult
from kibitz.claude.models.catalogue import Catalogue
from kibitz.claude.sent_body import SentBody
from kibitz.claude.spending.ledger import Outcome
from kibitz.claude.spending.meter import Meter
from kibitz.claude.spending.ordered_thread import OrderedThread
from kibitz.claude.values import (
    Claude,
    ClaudeFailure,
    Event,
    Finished,
    Prompt,
    Purpose,
    TextDelta,
    ToolCall,
    ToolResult,
    ToolUse,
    Usage,
)

AuditLevel = Literal["metadata", "full"]
VERSION = 1


class Audit:
    """Writes records off the event loop.  One that cannot be written is told once, and costs
    nobody their answer."""

    def __init__(
        self,
        file: AuditFile,
        level: AuditLevel,
        known_models: Callable[[], Catalogue],
        warn: Callable[[str], None],
    ) -> None:
        """`warn` tells the user a sentence; it is called on any thread."""
        self.level: AuditLevel = level
        self.known_models = known_models
        self._file = file
        self._warn = warn
        self._thread = OrderedThread("kibitz-audit")
        self._told = False
        self._is_closed = False

    def write(self, record: Mapping[str, Any]) -> None:
        """Have a record written soon; at once, when the audit has been closed: closing Claude ends
        the requests that were still running, and they are recorded as well."""
        if self._is_closed:
            self._append(record)
        else:
            self._thread.post(lambda: self._append(record))

    def batch_result(self, purpose: Purpose, tier: str, model: str) -> BatchRecord:
        """What keeps the results of a batch, see `BatchRecord`.

        In `full` the reply alone is kept of it; the thousands of requests repeat one prefix.
        """

        def keep(_: str, result: BatchResult, cost_usd: float | None) -> None:
            finished = result.finished
            record = {
                **_head(purpose, tier, finished.model if finished is not None else model),
                "batch": result.custom_id,
                "usage": _usage(result.usage),
                "cost_usd": cost_usd,
                "stop_reason": finished.stop_reason if finished is not None else None,
                "request_id": result.message_id,
                "tool_calls": [_call(e) for e in result.events if isinstance(e, ToolCall)],
                "outcome": "finished" if finished is not None else result.error or result.kind,
            }
            if self.level == "full":
                record["reply"] = _reply(result.events)
            self.write(record)

        return keep

    async def aclose(self) -> None:
        """Write what waits."""
        self._is_closed = True
        await self._thread.aclose()

    def _append(self, record: Mapping[str, Any]) -> None:
        try:
            self._file.append(record)
        except (OSError, ValueError) as error:
            if not self._told:
                self._told = True
                why = (error.strerror if isinstance(error, OSError) else None) or str(error)
                self._warn(
                    f"What is asked of Claude is not being recorded: the audit in "
                    f"{self._file.folder} cannot be written ({why}). Check the rights and the "
                    "disk, or set `audit` to off."
                )


class AuditedClaude(AroundClaude):
    """Implements `values.Claude` over another one; each request leaves a record."""

    def __init__(self, claude: Claude, audit: Audit) -> None:
        super().__init__(claude)
        self._audit = audit

    async def stream(self, prompt: Prompt, purpose: Purpose) -> AsyncGenerator[Event, None]:
        """See `values.Claude`."""
        entry = _Entry(self._audit, prompt, purpose)
        with entry.told():
            async with contextlib.aclosing(self._claude.stream(prompt, purpose)) as events:
                while True:
                    # Set for this step alone: what a generator sets, its consumer has as well.
                    with entry.sent.listening():
                        event = await anext(events, None)
                    if event is None:
                        return
                    entry.count(event)
                    yield event

    async def warm(self, prompt: Prompt, purpose: Purpose) -> Usage:
        """See `values.Claude`."""
        entry = _Entry(self._audit, prompt, purpose)
        with entry.told(), entry.sent.listening():
            usage = await self._claude.warm(prompt, purpose)
            entry.complete(usage)
        return usage

    async def aclose(self) -> None:
        """Close Claude, then write what waits."""
        await super().aclose()
        await self._audit.aclose()


class _Entry:
    """One request on its way to its record."""

    def __init__(self, audit: Audit, prompt: Prompt, purpose: Purpose) -> None:
        self._audit = audit
        self._prompt = prompt
        self._head = _head(purpose, prompt.tier, prompt.model)
        self._meter = Meter(prompt.model, audit.known_models())
        self._events: list[Event] = []
        self._finished: Finished | None = None
        self._outcome: Outcome = "cancelled"
        self._failure: ClaudeFailure | None = None
        self.sent = SentBody(keeps=audit.level == "full")

    def count(self, event: Event) -> None:
        self._meter.count(event)
        if isinstance(event, Finished):
            self._finished, self._outcome = event, "finished"
        if isinstance(event, ToolCall) or (
            self._audit.level == "full" and isinstance(event, TextDelta)
        ):
            self._events.append(event)

    def complete(self, usage: Usage) -> None:
        """The response has come in one piece."""
        self._meter.complete(usage, "max_tokens")
        self._outcome = "finished"

    @contextlib.contextmanager
    def told(self) -> Iterator[None]:
        """Makes the record when the block ends, however it does."""
        try:
            yield
        except ClaudeFailure as failure:
            self._failure, self._outcome = failure, failure.kind
            if failure.usage is not None:
                self._meter.broke_off(failure.usage)
            raise
        except Exception:
            self._outcome = "failed"
            raise
        finally:
            self._audit.write(self._record())

    def _record(self) -> dict[str, Any]:
        settlement = self._meter.settlement(self._outcome)
        failure = self._failure
        record: dict[str, Any] = {
            **self._head,
            "usage": _usage(settlement.so_far.usage),
            "cost_usd": settlement.so_far.cost_usd,
            "stop_reason": settlement.stop_reason,
            "request_id": settlement.request_id or (failure.request_id if failure else None),
            "first_token_seconds": _rounded(settlement.first_token_seconds),
            "total_seconds": _rounded(settlement.total_seconds),
            "tool_results": _results(self._prompt),
            "tool_calls": [_call(event) for event in self._events if isinstance(event, ToolCall)],
            "outcome": self._outcome,
        }
        if failure is not None:
            cause = failure.facts.get("cause")
            record["failure"] = {
                "status": failure.status,
                **({"cause": cause} if isinstance(cause, str) else {}),
            }
        if self._audit.level == "full":
            record["request"] = self.sent.body()
            record["reply"] = _reply(self._events)
        return record


def _head(purpose: Purpose, tier: str, model: str) -> dict[str, Any]:
    now = time.time()
    at = datetime.datetime.fromtimestamp(now, datetime.UTC)
    return {
        "version": VERSION,
        "id": f"{int(now * 1000):x}-{secrets.token_hex(3)}",
        "at": at.isoformat(timespec="milliseconds"),
        "repository": purpose.repository,
        "action": purpose.action,
        "tier": tier,
        "model": model,
    }


def _usage(usage: Usage) -> dict[str, int]:
    return {
        "input_tokens": usage.input_tokens,
        "cache_read_tokens": usage.cache_read_tokens,
        "cache_write_5m_tokens": usage.cache_write_5m_tokens,
        "cache_write_1h_tokens": usage.cache_write_1h_tokens,
        "output_tokens": usage.output_tokens,
    }


def _call(call: ToolCall) -> dict[str, Any]:
    return {"name": call.name, "bytes": len(call.input_json.encode("utf-8", "replace"))}


def _results(prompt: Prompt) -> list[dict[str, Any]]:
    """What was looked up for the last message: the calls of the turn before and their sizes."""
    names = {
        part.id: part.name
        for message in prompt.messages
        for part in message.content
        if isinstance(part, ToolUse)
    }
    return [
        {
            "name": names.get(part.tool_use_id, ""),
            "bytes": len(part.text.encode("utf-8", "replace")),
            "is_error": part.is_error,
        }
        for part in (prompt.messages[-1].content if prompt.messages else ())
        if isinstance(part, ToolResult)
    ]


def _reply(events: Sequence[Event]) -> dict[str, Any]:
    """The reply's text and its tool calls, their inputs as they came."""
    return {
        "text": "".join(event.text for event in events if isinstance(event, TextDelta)),
        "tool_calls": [
            {"id": event.id, "name": event.name, "input_json": event.input_json}
            for event in events
            if isinstance(event, ToolCall)
        ],
    }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
