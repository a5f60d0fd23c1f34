"""What the endpoint answers, a streamed reply above all, from the API's JSON to our values.

A state machine over dictionaries: it knows the documented event types and nothing of HTTP.  What
it does not know it skips, as the API asks of its clients.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast, get_args

from kibitz.claude.values import (
    Block,
    Event,
    Finished,
    ModelFacts,
    Part,
    Started,
    StopReason,
    TextDelta,
    Thinking,
    ToolCall,
    ToolInputDelta,
    ToolUse,
    Usage,
)

_STOP_REASONS = frozenset(get_args(StopReason))
_EVENTS_OF_A_REPLY = frozenset(
    {
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    }
)


class MalformedReplyError(ValueError):
    """An event that does not have the documented shape."""


@dataclass(slots=True)
class _OpenTool:
    id: str
    name: str
    fragments: list[str] = field(default_factory=list[str])

    @property
    def input_json(self) -> str:
        return "".join(self.fragments) or "{}"


@dataclass(slots=True)
class _OpenText:
    pieces: list[str] = field(default_factory=list[str])


class ReplyReader:
    """Feed it every event's data; it answers with what the event means to us.

    `started`, `ended` and `finished` say how far the reply has come: `ended` is its last event,
    `finished` that it also gave a good reason.  A reply that stops before `finished` was cut off,
    whatever it has said so far.  Data of the wrong shape raises MalformedReplyError.
    """

    def __init__(self, model: str, request_id: str | None) -> None:
        self.started = False
        self.finished = False
        self.ended = False
        self.stop_reason: str | None = None
        self.message_id: str | None = None
        self._model = model
        self._request_id = request_id
        self._usage = Usage()
        self._stop_sequence: str | None = None
        self._stop_detail: str | None = None
        self._tools: dict[int, _OpenTool] = {}
        self._thinking: set[int] = set()
        self._blocks: dict[int, _OpenText | _OpenTool | dict[str, Any]] = {}

    @property
    def usage(self) -> Usage:
        """What the endpoint has reported by now."""
        return self._usage

    @property
    def is_thinking(self) -> bool:
        """Whether a thinking block is open: its text may be withheld, so silence is normal."""
        return bool(self._thinking)

    def feed(self, data: Mapping[str, Any]) -> list[Event]:
        match data.get("type"):
            case "message_start":
                return self._message_start(_mapping(data, "message"))
            case "content_block_start":
                return self._block_start(_index(data), _mapping(data, "content_block"))
            case "content_block_delta":
                return self._block_delta(_index(data), _mapping(data, "delta"))
            case "content_block_stop":
                return self._block_stop(_index(data))
            case "message_delta":
                self._message_delta(data)
                return []
            case "message_stop":
                return self._message_stop()
            case _:
                return []

    def _message_start(self, message: Mapping[str, Any]) -> list[Event]:
        if self.started:
            return []
        self.started = True
        self._usage = _updated(self._usage, message.get("usage"))
        model = message.get("model")
        if isinstance(model, str) and model:
            self._model = model
        self.message_id = _message_id(message)
        reason, tokens = _cache_miss(message)
        return [Started(self._request_id, self._model, self._usage, reason, tokens)]

    def _block_start(self, index: int, block: Mapping[str, Any]) -> list[Event]:
        match block.get("type"):
            case "text":
                self._blocks[index] = _OpenText()
                return self._said(index, _text(block, "text"))
            case "tool_use":
                tool = _OpenTool(_text(block, "id"), _text(block, "name"))
                self._tools[index] = self._blocks[index] = tool
                # Some gateways send the whole input here instead of in fragments.
                given = block.get("input")
                fragment = json.dumps(given, ensure_ascii=False) if given else ""
                if fragment:
                    tool.fragments.append(fragment)
                return [ToolInputDelta(tool.id, tool.name, fragment)]
            case "thinking" | "redacted_thinking":
                self._thinking.add(index)
                self._blocks[index] = dict(block)
                return []
            case _:
                return []

    def _block_delta(self, index: int, delta: Mapping[str, Any]) -> list[Event]:
        match delta.get("type"):
            case "text_delta":
                return self._said(index, _text(delta, "text"))
            case "input_json_delta":
                tool = self._tools.get(index)
                fragment = _text(delta, "partial_json")
                if tool is None or not fragment:
                    return []
                tool.fragments.append(fragment)
                return [ToolInputDelta(tool.id, tool.name, fragment)]
            case "thinking_delta":
                self._thought(index, "thinking", _text(delta, "thinking"))
                return []
            case "signature_delta":
                self._thought(index, "signature", _text(delta, "signature"))
                return []
            case _:
                return []

    def _said(self, index: int, text: str) -> list[Event]:
        block = self._blocks.get(index)
        if isinstance(block, _OpenText):
            block.pieces.append(text)
        return [TextDelta(text)] if text else []

    def _thought(self, index: int, key: str, text: str) -> None:
        block = self._blocks.get(index)
        if isinstance(block, dict):
            block[key] = f"{block.get(key) or ''}{text}"

    def _block_stop(self, index: int) -> list[Event]:
        self._thinking.discard(index)
        tool = self._tools.pop(index, None)
        if tool is None:
            return []
        return [ToolCall(tool.id, tool.name, tool.input_json)]

    def _message_delta(self, data: Mapping[str, Any]) -> None:
        self._usage = _updated(self._usage, data.get("usage"))
        delta = data.get("delta")
        if not isinstance(delta, Mapping):
            return
        if isinstance(delta.get("stop_reason"), str):
            self.stop_reason = delta["stop_reason"]
        if isinstance(delta.get("stop_sequence"), str):
            self._stop_sequence = delta["stop_sequence"]
        details = delta.get("stop_details")
        if isinstance(details, Mapping):
            said = [details.get("category"), details.get("explanation")]
            self._stop_detail = ": ".join(part for part in said if isinstance(part, str)) or None

    def _message_stop(self) -> list[Event]:
        if self.ended:
            return []
        self.ended = True
        if self.stop_reason == "end_turn" and self._stop_sequence:
            # llama.cpp's server says so when the reply ends before a stop sequence.
            self.stop_reason = "stop_sequence"
        if not self.started or self.stop_reason not in _STOP_REASONS:
            return []
        self.finished = True
        return [
            Finished(
                stop_reason=cast(StopReason, self.stop_reason),
                stop_sequence=self._stop_sequence,
                usage=self._usage,
                request_id=self._request_id,
                model=self._model,
                stop_detail=self._stop_detail,
                content=tuple(_part(self._blocks[index]) for index in sorted(self._blocks)),
            )
        ]


def is_progress(data: Mapping[str, Any]) -> bool:
    """Whether an event brings the reply forward.  A ping does not, nor does what we do not know:
    a stream of nothing else would be waited for without an end."""
    return data.get("type") in _EVENTS_OF_A_REPLY


def _part(block: _OpenText | _OpenTool | dict[str, Any]) -> Part:
    """A block of the reply as it is sent back."""
    match block:
        case _OpenText(pieces):
            return Block("".join(pieces))
        case _OpenTool(id_, name):
            try:
                given = json.loads(block.input_json)
            except (ValueError, RecursionError):
                given = None
            usable = isinstance(given, dict)
            return ToolUse(id_, name, given if usable else {"INVALID_JSON": block.input_json})
        case _:
            return Thinking(block)


def read_usage(message: object) -> tuple[str | None, Usage]:
    """The id and the usage of a reply that came in one piece."""
    if not isinstance(message, Mapping) or not isinstance(message.get("usage"), Mapping):
        raise MalformedReplyError("not a message with its usage")
    return _message_id(message), _updated(Usage(), message["usage"])


def read_count(counted: object) -> int:
    """The number that counting tokens gives."""
    count = _count(counted.get("input_tokens")) if isinstance(counted, Mapping) else None
    if count is None:
        raise MalformedReplyError("not a number of tokens")
    return count


def read_model_list(page: object) -> tuple[ModelFacts, ...]:
    """The endpoint's list of models, from its JSON.

    Read by hand: gateways and local servers leave out most of what the documentation promises.
    """
    listed = page.get("data") if isinstance(page, dict) else None
    if not isinstance(listed, list):
        raise MalformedReplyError("not a list of models")
    return tuple(
        ModelFacts(
            id=model["id"],
            display_name=model.get("display_name"),
            max_input_tokens=model.get("max_input_tokens") or _window(model),
            max_output_tokens=model.get("max_tokens"),
            lifecycle=model.get("lifecycle"),
            retires_at=model.get("retires_at"),
            capabilities=capabilities if isinstance(capabilities, Mapping) else {},
        )
        for model in listed
        if isinstance(model, dict) and isinstance(model.get("id"), str)
        for capabilities in [model.get("capabilities")]
    )


def _window(model: Mapping[str, Any]) -> int | None:
    """How much a model reads, as servers say it whose lists have the shape of another API: vLLM,
    LM Studio, gateways, and llama.cpp among its own facts."""
    for name in ("max_model_len", "loaded_context_length", "max_context_length", "context_length"):
        if tokens := _count(model.get(name)):
            return tokens
    meta = model.get("meta")
    return (_count(meta.get("n_ctx")) or None) if isinstance(meta, Mapping) else None


def _message_id(message: Mapping[str, Any]) -> str | None:
    id_ = message.get("id")
    return id_ if isinstance(id_, str) and id_ else None


# Where a prompt may differ from the one before it; what else the API may answer says that it
# could not compare them.
_DIFFERENCES = frozenset({"model_changed", "system_changed", "tools_changed", "messages_changed"})


def _cache_miss(message: Mapping[str, Any]) -> tuple[str | None, int | None]:
    """The earliest difference to the message before, and the tokens from there on."""
    diagnostics = message.get("diagnostics")
    reason = diagnostics.get("cache_miss_reason") if isinstance(diagnostics, Mapping) else None
    if not isinstance(reason, Mapping) or reason.get("type") not in _DIFFERENCES:
        return None, None
    return str(reason["type"]), _count(reason.get("cache_missed_input_tokens"))


def _updated(usage: Usage, said: object) -> Usage:
    """Usage with what the endpoint reports now; counts are cumulative, and it may repeat only
    some of them."""
    if not isinstance(said, Mapping):
        return usage
    changes: dict[str, int] = {}
    for ours, theirs in (
        ("input_tokens", "input_tokens"),
        ("cache_read_tokens", "cache_read_input_tokens"),
        ("output_tokens", "output_tokens"),
    ):
        count = _count(said.get(theirs))
        if count is not None:
            changes[ours] = count
    written = _count(said.get("cache_creation_input_tokens"))
    by_lifetime = said.get("cache_creation")
    if isinstance(by_lifetime, Mapping):
        written_5m = _count(by_lifetime.get("ephemeral_5m_input_tokens")) or 0
        written_1h = _count(by_lifetime.get("ephemeral_1h_input_tokens")) or 0
        changes["cache_write_5m_tokens"] = max(written_5m, (written or 0) - written_1h)
        changes["cache_write_1h_tokens"] = written_1h
    elif written is not None and written != usage.cache_write_tokens:
        # An endpoint that does not tell lifetimes apart knows only the default one.
        changes["cache_write_5m_tokens"] = written
        changes["cache_write_1h_tokens"] = 0
    return replace(usage, **changes)


def _count(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return max(value, 0)


def _index(data: Mapping[str, Any]) -> int:
    index = data.get("index")
    if not isinstance(index, int):
        raise MalformedReplyError("an event of a content block has no index")
    return index


def _mapping(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = data.get(key)
    if not isinstance(value, Mapping):
        raise MalformedReplyError(f"an event has no {key!r}")
    return value


def _text(data: Mapping[str, Any], key: str) -> str:
    value = data.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise MalformedReplyError(f"{key!r} of an event is not text")
    return value
