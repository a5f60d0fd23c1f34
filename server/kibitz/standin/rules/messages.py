"""The conversation: roles, blocks, tool calls and their results, prefill."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kibitz.standin.models import Model
from kibitz.standin.prompt import walk

_ANYWHERE = frozenset({"type", "cache_control"})
_BLOCK_FIELDS: dict[str, frozenset[str]] = {
    "text": frozenset({"text", "citations"}),
    "image": frozenset({"source"}),
    "document": frozenset({"source", "title", "context", "citations"}),
    "search_result": frozenset({"source", "title", "content", "citations"}),
    "tool_use": frozenset({"id", "name", "input", "caller", "toolset_name"}),
    "tool_result": frozenset({"tool_use_id", "content", "is_error", "toolset_name"}),
    "thinking": frozenset({"thinking", "signature"}),
    "redacted_thinking": frozenset({"data"}),
}
_REQUIRED: dict[str, tuple[str, ...]] = {
    "text": ("text",),
    "image": ("source",),
    "document": ("source",),
    "tool_use": ("id", "name", "input"),
    "tool_result": ("tool_use_id",),
    "thinking": ("thinking", "signature"),
    "redacted_thinking": ("data",),
}
_UNMARKABLE = frozenset({"thinking", "redacted_thinking"})

PREFILL = (
    "This model does not support assistant message prefill. "
    "The conversation must end with a user message."
)


def problems(body: Mapping[str, Any], model: Model, *, current: bool) -> Iterator[str]:
    messages = body["messages"]
    if not messages:
        yield "messages: at least one message is required"
        return
    yield from _roles(messages, model)
    for index, block in enumerate(body.get("system") or () if _is_list(body, "system") else ()):
        yield from _fields(f"system.{index}", block)
    for number, message in enumerate(messages):
        yield from _message(number, message, is_last=number == len(messages) - 1, current=current)
    yield from _empty_texts(body)
    yield from _tool_calls(messages)
    if messages[-1]["role"] == "assistant" and not model.prefill:
        yield PREFILL


def _is_list(body: Mapping[str, Any], name: str) -> bool:
    return isinstance(body.get(name), list)


def _roles(messages: list[dict[str, Any]], model: Model) -> Iterator[str]:
    roles = [message["role"] for message in messages]
    if roles[0] == "assistant":
        yield 'messages: first message must use the "user" role'
    for index, role in enumerate(roles):
        if role != "system":
            continue
        if not model.system_messages:
            yield "role 'system' is not supported on this model"
        follower = roles[index + 1] if index + 1 < len(roles) else "assistant"
        if index == 0 or roles[index - 1] != "user" or follower != "assistant":
            # Inferred: the rule is documented, its text is not.
            yield (
                f"messages.{index}: a message with role 'system' must follow a user message and "
                "must be last or precede an assistant message"
            )


def _message(
    number: int, message: Mapping[str, Any], *, is_last: bool, current: bool
) -> Iterator[str]:
    content, role = message["content"], message["role"]
    if not content and not (is_last and role == "assistant"):
        yield (
            f"messages.{number}: all messages must have non-empty content except for the optional "
            "final assistant message"
        )
    for index, block in enumerate(content if isinstance(content, list) else ()):
        path = f"messages.{number}.content.{index}"
        yield from _fields(path, block)
        kind = block["type"]
        if role == "system" and kind != "text":
            yield f"{path}: Input tag '{kind}' found using 'type' does not match 'text'"
        # The texts of these two are inferred.
        if current and role == "assistant" and kind == "document":
            yield f"{path}: document blocks are not permitted in assistant messages"
        if current and role == "user" and kind == "text" and block.get("citations"):
            yield f"{path}.text.citations: citations are not permitted in user messages"


def _fields(path: str, block: Mapping[str, Any]) -> Iterator[str]:
    kind = block.get("type")
    if not isinstance(kind, str):
        yield f"{path}.type: Field required"
        return
    allowed = _BLOCK_FIELDS.get(kind)
    if allowed is None:
        # Blocks of server tools and of betas: the stand-in does not know their fields.
        return
    # System blocks are of one kind only, so their paths do not name it.
    tagged = path if path.startswith("system") else f"{path}.{kind}"
    for name in _REQUIRED.get(kind, ()):
        if name not in block:
            yield f"{tagged}.{name}: Field required"
    for name in block:
        unmarkable = name == "cache_control" and kind in _UNMARKABLE
        if unmarkable or name not in allowed | _ANYWHERE:
            yield f"{tagged}.{name}: Extra inputs are not permitted"
    for index, citation in enumerate(block.get("citations") or () if kind == "text" else ()):
        if "cache_control" in citation:
            yield f"{tagged}.citations.{index}.cache_control: Extra inputs are not permitted"
    if kind == "text" and not isinstance(block["text"], str):
        yield f"{tagged}.text: Input should be a valid string"
    if kind == "tool_result":
        nested = block.get("content")
        for index, part in enumerate(nested if isinstance(nested, list) else ()):
            yield from _fields(f"{tagged}.content.{index}", part)


def _empty_texts(body: Mapping[str, Any]) -> Iterator[str]:
    for placed in walk(body):
        if placed.layer == "tools" or placed.kind != "text":
            continue
        text = placed.block["text"]
        if not text and placed.block.get("cache_control"):
            yield f"{placed.path}.text: cache_control cannot be set for empty text blocks"
        if placed.layer == "system" and not text and _is_list(body, "system"):
            yield "system: text content blocks must be non-empty"
        if placed.layer == "messages" and not text:
            yield "messages: text content blocks must be non-empty"
        if placed.layer == "messages" and not text.strip():
            yield "messages: text content blocks must contain non-whitespace text"


def _tool_calls(messages: list[dict[str, Any]]) -> Iterator[str]:
    waiting: list[str] = []
    for number, message in enumerate(messages):
        content = message["content"] if isinstance(message["content"], list) else []
        results = [block["tool_use_id"] for block in content if block["type"] == "tool_result"]
        missing = [identifier for identifier in waiting if identifier not in results]
        if missing:
            yield (
                f"messages.{number - 1}: `tool_use` ids were found without `tool_result` blocks "
                f"immediately after: {', '.join(missing)}. Each `tool_use` block must have a "
                "corresponding `tool_result` block in the next message."
            )
        for index, block in enumerate(content):
            if block["type"] == "tool_result" and block["tool_use_id"] not in waiting:
                yield (
                    f"messages.{number}.content.{index}: unexpected `tool_use_id` found in "
                    f"`tool_result` blocks: {block['tool_use_id']}. Each `tool_result` block must "
                    "have a corresponding `tool_use` block in the previous message."
                )
        waiting = [block["id"] for block in content if block["type"] == "tool_use"]
