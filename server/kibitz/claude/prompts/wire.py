"""A prompt as the arguments of `messages.create`: plain dictionaries in a fixed order of keys.

The order matters: it is the order of the bytes on the wire, and the cache compares bytes.
"""

from __future__ import annotations

from typing import Any

from kibitz.claude.models.catalogue import RequestOptions
from kibitz.claude.values import (
    Attachment,
    Block,
    CacheLifetime,
    Message,
    Prompt,
    Thinking,
    Tool,
    ToolResult,
    ToolUse,
)


def arguments(prompt: Prompt, options: RequestOptions, *, streams: bool = True) -> dict[str, Any]:
    """Keyword arguments for one request.  Empty text blocks, which the API refuses, are left out;
    a prompt that has no text at all is a bug of the caller."""
    messages = [_message(message) for message in prompt.messages]
    if not messages or not all(message["content"] for message in messages):
        raise ValueError("every message of a prompt needs content")
    result: dict[str, Any] = {
        "model": prompt.model,
        "max_tokens": prompt.max_tokens,
        "messages": messages,
        **({"stream": True} if streams else {}),
    }
    system = [_text_block(block) for block in prompt.system if block.text.strip()]
    if system:
        result["system"] = system
    if prompt.tools:
        result["tools"] = [tool_as_sent(tool) for tool in prompt.tools]
        # "auto" is the default, and saying so would be the same to the cache.
        if prompt.tool_choice == "none":
            result["tool_choice"] = {"type": "none"}
    if prompt.stop_sequences:
        result["stop_sequences"] = list(prompt.stop_sequences)
    if options.thinking is not None:
        result["thinking"] = {"type": options.thinking}
    if options.effort is not None:
        result["output_config"] = {"effort": options.effort}
    return result


# What count_tokens takes of it; the rest changes nothing about the length of a prompt.
_COUNTED = frozenset({"model", "messages", "system", "tools", "thinking", "output_config"})


def counting(prompt: Prompt, options: RequestOptions) -> dict[str, Any]:
    """Keyword arguments for having the prompt counted."""
    sent = arguments(prompt, options, streams=False)
    return {name: value for name, value in sent.items() if name in _COUNTED}


def _message(message: Message) -> dict[str, Any]:
    content: list[dict[str, Any]] = []
    for part in message.content:
        match part:
            case Block(text, _):
                if text.strip():
                    content.append(_text_block(part))
            case Attachment(media_type, data):
                kind = "document" if media_type == "application/pdf" else "image"
                source = {"type": "base64", "media_type": media_type, "data": data}
                content.append({"type": kind, "source": source})
            case ToolUse(id_, name, input_):
                content.append({"type": "tool_use", "id": id_, "name": name, "input": dict(input_)})
            case ToolResult(tool_use_id, text, is_error, marker):
                result: dict[str, Any] = {
                    "type": "tool_result",
                    "tool_use_id": tool_use_id,
                    "content": _encodable(text),
                    **({"is_error": True} if is_error else {}),
                }
                if marker is not None:
                    result["cache_control"] = _cache_control(marker)
                content.append(result)
            case Thinking(block):
                content.append(dict(block))
    return {"role": message.role, "content": content}


def _text_block(block: Block) -> dict[str, Any]:
    result: dict[str, Any] = {"type": "text", "text": _encodable(block.text)}
    if block.marker is not None:
        result["cache_control"] = _cache_control(block.marker)
    return result


def _cache_control(lifetime: CacheLifetime) -> dict[str, Any]:
    # Five minutes is the default, and some gateways know nothing else.
    return {"type": "ephemeral", **({"ttl": "1h"} if lifetime == "1h" else {})}


def tool_as_sent(tool: Tool) -> dict[str, Any]:
    """The definition of a tool, in the order of its bytes."""
    return {
        "name": tool.name,
        "description": tool.description,
        "input_schema": dict(tool.input_schema),
        **({"strict": True} if tool.strict else {}),
        **({"eager_input_streaming": True} if tool.eager_input_streaming else {}),
    }


def _encodable(text: str) -> str:
    """The text with half surrogate pairs, which an editor may send and UTF-8 cannot carry,
    replaced by question marks of the same length."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text
