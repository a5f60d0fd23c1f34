"""A recorded request as a prompt again: what `wire` does, the other way round."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any, cast, get_args

from kibitz.claude.models.catalogue import Catalogue
from kibitz.claude.prompts import wire
from kibitz.claude.values import (
    Attachment,
    Block,
    CacheLifetime,
    Message,
    Part,
    Prompt,
    Thinking,
    Tier,
    Tool,
    ToolResult,
    ToolUse,
)

# What is added to a request outside of its prompt, and changes nothing about the reply.
_BESIDE_THE_PROMPT = ("stream", "diagnostics")


class NotAPrompt(Exception):
    """The body holds what our prompts do not; the text says what."""


def prompt_of(body: Mapping[str, Any], tier: str) -> Prompt:
    """The prompt that `body` was made of.  Raises NotAPrompt."""
    try:
        choice = (body.get("tool_choice") or {}).get("type", "auto")
        return Prompt(
            tier=cast(Tier, tier if tier in get_args(Tier) else "standard"),
            model=str(body["model"]),
            system=tuple(_block(block) for block in body.get("system", ())),
            messages=tuple(
                Message(message["role"], tuple(map(_part, message["content"])))
                for message in body["messages"]
            ),
            max_tokens=int(body["max_tokens"]),
            tools=tuple(_tool(tool) for tool in body.get("tools", ())),
            tool_choice="none" if choice == "none" else "auto",
            stop_sequences=tuple(body.get("stop_sequences", ())),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise NotAPrompt(f"{type(error).__name__}: {error}") from error


def differences(body: Mapping[str, Any], prompt: Prompt, known_models: Catalogue) -> list[str]:
    """The parameters in which the request that would be sent now is another than `body`."""
    options = known_models.request_options(prompt.model, prompt.tier)
    now = json.loads(json.dumps(wire.arguments(prompt, options)))
    names = [*body, *(name for name in now if name not in body)]
    return [
        name for name in names if name not in _BESIDE_THE_PROMPT and body.get(name) != now.get(name)
    ]


def _block(block: Mapping[str, Any]) -> Block:
    if block["type"] != "text":
        raise NotAPrompt(f"a block of the type {block['type']!r}")
    return Block(block["text"], _lifetime(block))


def _part(block: Mapping[str, Any]) -> Part:
    match block["type"]:
        case "text":
            return _block(block)
        case "tool_use":
            return ToolUse(block["id"], block["name"], block["input"])
        case "tool_result":
            return ToolResult(
                block["tool_use_id"],
                block.get("content", ""),
                bool(block.get("is_error")),
                _lifetime(block),
            )
        case "thinking" | "redacted_thinking":
            return Thinking(block)
        case "image" | "document":
            source = block["source"]
            n_tokens = len(source["data"])  # more than there can be
            return Attachment(source["media_type"], source["data"], n_tokens)
        case other:
            raise NotAPrompt(f"a block of the type {other!r}")


def _lifetime(block: Mapping[str, Any]) -> CacheLifetime | None:
    control = block.get("cache_control")
    return None if control is None else cast(CacheLifetime, control.get("ttl", "5m"))


def _tool(tool: Mapping[str, Any]) -> Tool:
    known = {field.name for field in dataclasses.fields(Tool)}
    unknown = set(tool) - known
    if unknown:
        raise NotAPrompt(f"a tool with {', '.join(sorted(unknown))}")
    return Tool(**tool)


def written(reply: Mapping[str, Any]) -> str:
    """A recorded reply as text: what was said, then each tool call with its input."""
    calls: Sequence[Mapping[str, Any]] = reply.get("tool_calls") or ()
    parts = [str(reply.get("text") or "").rstrip("\n")]
    parts += [f"[{call.get('name')}]\n{_indented(str(call.get('input_json')))}" for call in calls]
    return "\n".join(part for part in parts if part) + "\n"


def _indented(input_json: str) -> str:
    try:
        return json.dumps(json.loads(input_json), indent=2, ensure_ascii=False)
    except ValueError:
        return input_json
