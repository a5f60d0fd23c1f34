"""The wire forms of a message: the events of a stream, their bytes, and the body of one piece."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kibitz.standin.cache import CacheUse
from kibitz.standin.generation import Block, Generated, TextBlock, ThinkingBlock, ToolBlock


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """One server-sent event.  `content` is the reply's own text or tool input in it."""

    type: str
    data: Mapping[str, Any]
    content: str = ""

    def encode(self) -> bytes:
        return encode(self.type, json.dumps(self.data, ensure_ascii=False, separators=(",", ":")))


PING = StreamEvent("ping", {"type": "ping"})


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a response says beside its content."""

    message_id: str
    model: str
    cache_use: CacheUse
    service_tier: str = "standard"
    speed: str | None = None
    diagnostics: Mapping[str, Any] | None = None
    diagnosed: bool = False


def encode(event: str, data: str) -> bytes:
    """One event in the form of the event-stream format."""
    return f"event: {event}\ndata: {data}\n\n".encode()


def message_body(envelope: Envelope, generated: Generated) -> dict[str, Any]:
    """The response to a request that does not stream."""
    body = _message(envelope)
    body["content"] = [_whole_block(block) for block in generated.blocks]
    body["stop_reason"] = generated.stop_reason
    body["stop_sequence"] = generated.stop_sequence
    body["stop_details"] = generated.stop_details
    body["usage"] |= _output_usage(generated)
    return body


def message_events(
    envelope: Envelope, generated: Generated, *, pings: bool = True
) -> Iterator[StreamEvent]:
    """The events of a whole stream, in order, with the usual ping after the first block start."""
    start = _message(envelope)
    start["usage"]["output_tokens"] = min(1, generated.output_tokens)
    yield StreamEvent("message_start", {"type": "message_start", "message": start})
    if pings and not generated.blocks:
        yield PING
    for index, block in enumerate(generated.blocks):
        for number, event in enumerate(_block_events(index, block)):
            yield event
            if pings and index == 0 and number == 0:
                yield PING
    delta = {
        "stop_reason": generated.stop_reason,
        "stop_sequence": generated.stop_sequence,
        "stop_details": generated.stop_details,
    }
    usage = {**_input_usage(envelope.cache_use), **_output_usage(generated)}
    yield StreamEvent("message_delta", {"type": "message_delta", "delta": delta, "usage": usage})
    yield StreamEvent("message_stop", {"type": "message_stop"})


def _message(envelope: Envelope) -> dict[str, Any]:
    use = envelope.cache_use
    usage: dict[str, Any] = {
        **_input_usage(use),
        "cache_creation": {
            "ephemeral_5m_input_tokens": use.write_5m_tokens,
            "ephemeral_1h_input_tokens": use.write_1h_tokens,
        },
        "output_tokens": 0,
        "service_tier": envelope.service_tier,
        "inference_geo": "global",
    }
    if envelope.speed is not None:
        usage["speed"] = envelope.speed
    message: dict[str, Any] = {
        "id": envelope.message_id,
        "type": "message",
        "role": "assistant",
        "model": envelope.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "stop_details": None,
        "usage": usage,
    }
    if envelope.diagnosed:
        message["diagnostics"] = envelope.diagnostics
    return message


def _input_usage(use: CacheUse) -> dict[str, int]:
    return {
        "input_tokens": use.input_tokens,
        "cache_creation_input_tokens": use.write_tokens,
        "cache_read_input_tokens": use.read_tokens,
    }


def _output_usage(generated: Generated) -> dict[str, Any]:
    return {
        "output_tokens": generated.output_tokens,
        "output_tokens_details": {"thinking_tokens": generated.thinking_tokens},
    }


def _whole_block(block: Block) -> dict[str, Any]:
    match block:
        case ThinkingBlock():
            return {"type": "thinking", "thinking": block.shown, "signature": block.signature}
        case TextBlock():
            return {"type": "text", "text": block.text}
        case ToolBlock():
            return {"type": "tool_use", "id": block.id, "name": block.name, "input": block.input}


def _block_events(index: int, block: Block) -> Iterator[StreamEvent]:
    match block:
        case ThinkingBlock():
            yield _start(index, {"type": "thinking", "thinking": "", "signature": ""})
            for piece in block.fragments:
                yield _delta(index, {"type": "thinking_delta", "thinking": piece})
            yield _delta(index, {"type": "signature_delta", "signature": block.signature})
        case TextBlock():
            yield _start(index, {"type": "text", "text": ""})
            for piece in block.fragments:
                yield text_delta(index, piece)
        case ToolBlock():
            empty: dict[str, Any] = {}
            start = {"type": "tool_use", "id": block.id, "name": block.name, "input": empty}
            yield _start(index, start)
            yield json_delta(index, "")
            for piece in block.fragments:
                yield json_delta(index, piece)
    yield StreamEvent("content_block_stop", {"type": "content_block_stop", "index": index})


def text_delta(index: int, text: str) -> StreamEvent:
    return _delta(index, {"type": "text_delta", "text": text}, text)


def json_delta(index: int, partial_json: str) -> StreamEvent:
    return _delta(index, {"type": "input_json_delta", "partial_json": partial_json}, partial_json)


def split(event: StreamEvent, offset: int) -> tuple[StreamEvent, StreamEvent]:
    """A delta as two, the first with `offset` characters of its content."""
    index, kind = event.data["index"], event.data["delta"]["type"]
    make = text_delta if kind == "text_delta" else json_delta
    return make(index, event.content[:offset]), make(index, event.content[offset:])


def _start(index: int, block: Mapping[str, Any]) -> StreamEvent:
    data = {"type": "content_block_start", "index": index, "content_block": block}
    return StreamEvent("content_block_start", data)


def _delta(index: int, delta: Mapping[str, Any], content: str = "") -> StreamEvent:
    data = {"type": "content_block_delta", "index": index, "delta": delta}
    return StreamEvent("content_block_delta", data, content)
