"""A request body as the API sees its prompt: blocks in cache order, counted and hashed.

Knows the order tools → system → messages, what a block is, what may carry a marker, how many
tokens something has, and which parameters are part of the cache key.  Knows nothing of time,
of entries or of HTTP.  Bodies that come here have passed `rules`.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from kibitz.standin.models import Model

Lifetime = Literal["5m", "1h"]
Layer = Literal["tools", "system", "messages"]

IMAGE_TOKENS = 1_600
"""Every image counts as one of full size; the stand-in does not decode pictures."""
BYTES_PER_DOCUMENT_TOKEN = 12
"""A rough figure for PDF documents, which the stand-in does not read either."""

NOT_MARKABLE = frozenset({"thinking", "redacted_thinking"})
_MERGED_RUNS = frozenset({"tool_use", "tool_result"})


@dataclass(frozen=True, slots=True)
class Placed:
    """A block of the request where it stands.  `path` is as error messages name it."""

    layer: Layer
    path: str
    role: str
    block: Mapping[str, Any]

    @property
    def kind(self) -> str:
        return "tool" if self.layer == "tools" else str(self.block.get("type", "text"))

    @property
    def markable(self) -> bool:
        if self.layer == "tools":
            return True
        return self.kind not in NOT_MARKABLE and not (
            self.kind == "text" and not self.block.get("text")
        )


@dataclass(frozen=True, slots=True)
class PromptBlock:
    """One block of the prompt with everything before it.

    `digest` names the prefix that ends with this block and `tokens` is that prefix's length;
    `position` counts blocks for the look-back, a run of tool calls or of results as one.
    """

    layer: Layer
    path: str
    digest: str
    tokens: int
    position: int
    marker: Lifetime | None


def walk(body: Mapping[str, Any]) -> Iterator[Placed]:
    """The blocks of a request in cache order.  A string is one text block."""
    for index, tool in enumerate(body.get("tools") or ()):
        yield Placed("tools", f"tools.{index}", "tools", tool)
    system = body.get("system") or ()
    if isinstance(system, str):
        yield Placed("system", "system.0", "system", {"type": "text", "text": system})
    else:
        for index, block in enumerate(system):
            yield Placed("system", f"system.{index}", "system", block)
    for number, message in enumerate(body.get("messages") or ()):
        content, role = message["content"], message["role"]
        if isinstance(content, str):
            text = {"type": "text", "text": content}
            yield Placed("messages", f"messages.{number}.content.0", role, text)
            continue
        for index, block in enumerate(content):
            yield Placed("messages", f"messages.{number}.content.{index}", role, block)


def marker_of(block: Mapping[str, Any]) -> Lifetime | None:
    """The lifetime that a block's own marker, or one inside a tool result, asks for."""
    control = block.get("cache_control")
    if control is None and block.get("type") == "tool_result":
        nested = block.get("content")
        inner = nested if isinstance(nested, list) else ()
        control = next((part["cache_control"] for part in inner if part.get("cache_control")), None)
    if not control:
        return None
    lifetime: Lifetime = control.get("ttl") or "5m"
    return lifetime


def automatic_marker(body: Mapping[str, Any]) -> tuple[Placed, Lifetime] | None:
    """Where a top-level ``cache_control`` puts its marker: the last block that can carry one."""
    control = body.get("cache_control")
    if not control:
        return None
    last = next((placed for placed in reversed(list(walk(body))) if placed.markable), None)
    return None if last is None else (last, control.get("ttl") or "5m")


def prompt_blocks(
    body: Mapping[str, Any], model: Model, *, renders_thinking_first: bool = False
) -> tuple[PromptBlock, ...]:
    """The prompt as the cache sees it.

    Which models render thinking and effort ahead of the tools is not published;
    `renders_thinking_first` plays such a model.
    """
    automatic = automatic_marker(body)
    sampling = _thinking_key(body, model)
    chain = _Chain()
    # The page on fast mode says that speeds do not share prefixes; the table of invalidations
    # says that tools survive.  The stricter one is played.
    chain.mix(["model", model.id, body.get("speed") or "standard"])
    if renders_thinking_first:
        chain.mix(sampling)
    entered: set[Layer] = {"tools"}
    blocks: list[PromptBlock] = []
    tokens, position, previous_kind = 0, 0, ""
    for placed in walk(body):
        if placed.layer != "tools" and "system" not in entered:
            entered.add("system")
            chain.mix(_system_key(body))
        if placed.layer == "messages" and "messages" not in entered:
            entered.add("messages")
            chain.mix([_message_key(body), sampling])
        # The role with every block: a turn that is split into two messages is the same prompt.
        chain.mix([placed.role, _without_markers(placed.block)])
        tokens += block_tokens(placed.block, model)
        if not (placed.kind in _MERGED_RUNS and placed.kind == previous_kind):
            position += 1
        previous_kind = placed.kind
        marker = marker_of(placed.block)
        if automatic is not None and placed.path == automatic[0].path:
            marker = marker or automatic[1]
        blocks.append(
            PromptBlock(placed.layer, placed.path, chain.digest, tokens, position, marker)
        )
    return tuple(blocks)


def prompt_tokens(body: Mapping[str, Any], model: Model) -> int:
    """The length of a prompt, as count_tokens answers it."""
    return sum(block_tokens(placed.block, model) for placed in walk(body))


def text_tokens(text: str, model: Model) -> int:
    """The documented estimate: so many characters a token, depending on the tokenizer."""
    return math.ceil(len(text) / model.chars_per_token)


def block_tokens(block: Mapping[str, Any], model: Model) -> int:
    """The length of one block; a tool definition counts as its JSON."""
    match block.get("type"):
        case "text":
            return text_tokens(str(block.get("text", "")), model)
        case "thinking":
            return text_tokens(str(block.get("thinking", "")), model)
        case "tool_use":
            return text_tokens(str(block.get("name")) + _json(block.get("input")), model)
        case "tool_result":
            content = block.get("content") or ""
            if isinstance(content, str):
                return text_tokens(content, model)
            return sum(block_tokens(part, model) for part in content)
        case "image":
            return IMAGE_TOKENS
        case "document":
            return _document_tokens(block.get("source") or {}, model)
        case _:
            return text_tokens(_json(_without_markers(block)), model)


def _document_tokens(source: Mapping[str, Any], model: Model) -> int:
    data = str(source.get("data", ""))
    if source.get("type") == "base64":
        return math.ceil(len(data) / BYTES_PER_DOCUMENT_TOKEN)
    return text_tokens(data, model)


def _thinking_key(body: Mapping[str, Any], model: Model) -> object:
    # A parameter that is set to its default equals one that is left out.
    thinking = dict(body.get("thinking") or {"type": model.default_thinking})
    if thinking.get("type") == "disabled" and model.default_thinking == "disabled":
        thinking = {"type": "disabled"}
    thinking.setdefault("display", None)
    if thinking["display"] == ("omitted" if model.omits_thinking else "summarized"):
        thinking["display"] = None
    effort = (body.get("output_config") or {}).get("effort") or model.default_effort
    return ["thinking", sorted(thinking.items(), key=lambda item: item[0]), effort]


def _system_key(body: Mapping[str, Any]) -> object:
    # Both toggles edit the system prompt.  That `format` belongs to this layer is inferred: it
    # injects a system prompt of its own.
    output_format = (body.get("output_config") or {}).get("format")
    cites = any(
        (placed.block.get("citations") or {}).get("enabled")
        for placed in walk(body)
        if placed.kind == "document"
    )
    searches = any(
        str(tool.get("type", "")).startswith("web_search") for tool in body.get("tools") or ()
    )
    return ["system", output_format, cites, searches]


def _message_key(body: Mapping[str, Any]) -> object:
    choice = dict(body.get("tool_choice") or {"type": "auto"})
    if not choice.get("disable_parallel_tool_use"):
        choice.pop("disable_parallel_tool_use", None)
    has_image = any(_holds_image(placed.block) for placed in walk(body))
    return ["messages", sorted(choice.items(), key=lambda item: item[0]), has_image]


def _holds_image(block: Mapping[str, Any]) -> bool:
    if block.get("type") == "image":
        return True
    content = block.get("content")
    return isinstance(content, list) and any(part.get("type") == "image" for part in content)


def _without_markers(block: Mapping[str, Any]) -> Mapping[str, Any]:
    """The block without `cache_control`: a moved marker keeps its hits."""
    bare = {key: value for key, value in block.items() if key != "cache_control"}
    if isinstance(bare.get("content"), list) and bare.get("type") == "tool_result":
        bare["content"] = [_without_markers(part) for part in bare["content"]]
    return bare


class _Chain:
    """A hash over everything that has been mixed in so far."""

    def __init__(self) -> None:
        self.digest = ""

    def mix(self, value: object) -> None:
        # Keys are not sorted: a prompt whose tool schemas change their order is another prompt.
        text = self.digest + _json(value)
        self.digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
