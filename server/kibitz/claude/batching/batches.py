"""Message batches: many prompts that Claude answers within a day, at half the price.

What goes in and comes out as plain values; who sends them is `anthropic_client.batches`, in which
order and how often is `batch_runner`'s business.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from kibitz.claude.reply import MalformedReplyError, ReplyReader
from kibitz.claude.values import Event, Finished, Prompt, Usage

# The API's own bounds of one batch.
MOST_REQUESTS = 100_000
MOST_BYTES = 256 * 1024 * 1024

# Of every token, whatever its class.
PRICE_SHARE = 0.5

BatchState = Literal["in_progress", "canceling", "ended"]
ResultKind = Literal["succeeded", "errored", "canceled", "expired"]

# Errors of a single request that another try would meet again.
LASTING_ERRORS = frozenset(
    {
        "invalid_request_error",
        "authentication_error",
        "permission_error",
        "not_found_error",
        "billing_error",
        "request_too_large",
    }
)


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """One prompt of a batch.  `custom_id` is unique within it, at most 64 letters, digits, _ -."""

    custom_id: str
    prompt: Prompt


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch as the endpoint describes it; `total` is how many requests it has."""

    id: str
    state: BatchState
    total: int
    succeeded: int = 0


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What became of one request.

    `events` are those of the reply, as if it had been streamed, the last one a `Finished`; empty
    unless it succeeded.  `error` is the type of what went wrong, such as "overloaded_error", and
    `message` what the endpoint said of it.  `body` is the result as it was received.
    """

    custom_id: str
    kind: ResultKind
    events: tuple[Event, ...] = ()
    error: str = ""
    message: str = ""
    message_id: str | None = None
    body: Mapping[str, Any] | None = None

    @property
    def finished(self) -> Finished | None:
        last = self.events[-1] if self.events else None
        return last if isinstance(last, Finished) else None

    @property
    def usage(self) -> Usage:
        return self.finished.usage if self.finished is not None else Usage()

    @property
    def may_be_sent_again(self) -> bool:
        """Whether the same request may well succeed at another time."""
        return self.kind == "expired" or (
            self.kind == "errored" and self.error not in LASTING_ERRORS
        )


class BatchService(Protocol):
    """The batches of one workspace.  All methods raise ClaudeFailure."""

    def request_bytes(self, request: BatchRequest) -> int:
        """How many bytes the request takes of a batch, never too few."""
        ...

    async def submit(self, requests: Sequence[BatchRequest]) -> Batch:
        """Send a batch.  `was_surely_not_sent` says of a failure that there is none now."""
        ...

    async def look(self, batch_id: str) -> Batch: ...

    def newer_than(self, batch_id: str | None) -> AsyncGenerator[Batch, None]:
        """All batches that were made after that one, the newest first; None: all there are."""
        ...

    def results(self, batch_id: str) -> AsyncGenerator[BatchResult, None]:
        """The results of a batch that has ended, in any order, one at a time from the wire."""
        ...


_NOT_SENT_KINDS = frozenset(
    {
        "no_credentials",
        "wrong_credentials",
        "no_permission",
        "no_credit",
        "spend_limit",
        "rate_limit",
        "overloaded",
        "unknown_model",
        "bad_request",
        "too_large",
        "budget",
    }
)
_NOT_CONNECTED_CAUSES = frozenset(
    {"dns", "refused", "tls", "ca_file", "proxy", "connect_timeout", "base_url"}
)


def was_surely_not_sent(kind: str, cause: object) -> bool:
    """Whether a failure of `submit` says that the endpoint has made no batch.

    After any other, such as a connection that broke off before the answer, nobody knows.
    """
    return kind in _NOT_SENT_KINDS or cause in _NOT_CONNECTED_CAUSES


def read_result(line: object, model: str = "") -> BatchResult:
    """One line of the results.  Raises MalformedReplyError for what is none."""
    result = line.get("result") if isinstance(line, Mapping) else None
    custom_id = line.get("custom_id") if isinstance(line, Mapping) else None
    if not isinstance(result, Mapping) or not isinstance(custom_id, str):
        raise MalformedReplyError("not a result of a batch")
    match result.get("type"):
        case "succeeded":
            message = result.get("message")
            if not isinstance(message, Mapping):
                raise MalformedReplyError("a result has no message")
            events, message_id = _events(message, model)
            if not events or not isinstance(events[-1], Finished):
                return BatchResult(custom_id, "errored", error="incomplete", body=result)
            return BatchResult(custom_id, "succeeded", events, message_id=message_id, body=result)
        case "errored":
            error, said = _error(result.get("error"))
            return BatchResult(custom_id, "errored", error=error, message=said, body=result)
        case "canceled":
            return BatchResult(custom_id, "canceled", body=result)
        case "expired":
            return BatchResult(custom_id, "expired", body=result)
        case _:
            raise MalformedReplyError("a result is of no known type")


def read_batch(data: object) -> Batch:
    """The endpoint's description of a batch.  Raises MalformedReplyError for what is none."""
    if not isinstance(data, Mapping) or not isinstance(data.get("id"), str) or not data["id"]:
        raise MalformedReplyError("not a batch")
    state = data.get("processing_status")
    if state not in ("in_progress", "canceling", "ended"):
        raise MalformedReplyError("a batch is in no known state")
    counts = data.get("request_counts")
    numbers = {
        name: count
        for name, count in (counts.items() if isinstance(counts, Mapping) else ())
        if isinstance(count, int) and not isinstance(count, bool)
    }
    return Batch(data["id"], state, sum(numbers.values()), numbers.get("succeeded", 0))


def _events(message: Mapping[str, Any], model: str) -> tuple[tuple[Event, ...], str | None]:
    """A whole message as the events that would have brought it, read by the same reader."""
    reader = ReplyReader(model, None)
    events = tuple(event for data in _as_stream(message) for event in reader.feed(data))
    return events, reader.message_id


def _as_stream(message: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    yield {"type": "message_start", "message": {**message, "content": []}}
    content = message.get("content")
    for index, block in enumerate(content if isinstance(content, list) else ()):
        if isinstance(block, Mapping):
            yield {"type": "content_block_start", "index": index, "content_block": block}
            yield {"type": "content_block_stop", "index": index}
    ending = {name: message.get(name) for name in ("stop_reason", "stop_sequence", "stop_details")}
    yield {"type": "message_delta", "delta": ending, "usage": message.get("usage")}
    yield {"type": "message_stop"}


def _error(body: object) -> tuple[str, str]:
    """Type and text of an error, which is wrapped once more in the results of a batch."""
    while isinstance(body, Mapping) and isinstance(body.get("error"), Mapping):
        body = body["error"]
    if not isinstance(body, Mapping):
        return "unknown", ""
    kind, said = body.get("type"), body.get("message")
    return (
        kind if isinstance(kind, str) else "unknown",
        said if isinstance(said, str) else "",
    )
