"""The beginnings of a prompt, each named by what is in it: the keys of the endpoint's cache.

A name is a hash over everything that is part of the cache key, markers left out, because a marker
that moves keeps its hits.  Arithmetic on a `Prompt`; which of them are in the cache is known
elsewhere.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass

from kibitz.claude.models.catalogue import RequestOptions
from kibitz.claude.prompts.estimate import (
    OVERHEAD_TOKENS_OF_TOOLS,
    OVERHEAD_TOKENS_PER_MESSAGE,
    part_tokens,
    tool_tokens,
)
from kibitz.claude.values import (
    Attachment,
    Block,
    CacheLifetime,
    Part,
    Prompt,
    Thinking,
    ToolResult,
    ToolUse,
)
from kibitz_context.tokens import CHARACTERS_PER_TOKEN


@dataclass(frozen=True, slots=True)
class Prefix:
    """A prompt up to and with one block.  `tokens` is an estimate before any correction.

    `system_blocks` is how many system blocks are in it; `marker` is what the last block asks for.
    """

    name: bytes
    tokens: int
    system_blocks: int
    marker: CacheLifetime | None


def prefixes(prompt: Prompt, options: RequestOptions) -> tuple[Prefix, ...]:
    """The prefixes that end with a block, in their order, up to the last marked one."""
    n_wanted = _blocks_to_the_last_marker(prompt)
    if not n_wanted:
        return ()
    found: list[Prefix] = []
    chain = hashlib.sha256(_head(prompt, options))
    has_picture = any(_is_picture(part) for part, *_ in _parts(prompt))
    tokens = OVERHEAD_TOKENS_OF_TOOLS if prompt.tools else 0
    tokens += sum(tool_tokens(tool, CHARACTERS_PER_TOKEN) for tool in prompt.tools)
    for part, role, n_system, overhead in _parts(prompt):
        chain.update(_bytes(part, role, prompt.tool_choice, has_picture=has_picture))
        tokens += overhead + part_tokens(part, CHARACTERS_PER_TOKEN)
        marker = part.marker if isinstance(part, Block | ToolResult) else None
        found.append(Prefix(chain.digest(), tokens, n_system, marker))
        if len(found) == n_wanted:
            break
    return tuple(found)


def _parts(prompt: Prompt) -> Iterator[tuple[Part, str, int, int]]:
    """Each block with its role, the system blocks so far, and the tokens that come before it."""
    for number, block in enumerate(prompt.system, start=1):
        yield block, "system", number, 0
    for message in prompt.messages:
        overhead = OVERHEAD_TOKENS_PER_MESSAGE
        for part in message.content:
            yield part, message.role, len(prompt.system), overhead
            overhead = 0


def _blocks_to_the_last_marker(prompt: Prompt) -> int:
    marked = 0
    for number, (part, *_) in enumerate(_parts(prompt), start=1):
        if isinstance(part, Block | ToolResult) and part.marker is not None:
            marked = number
    return marked


def _head(prompt: Prompt, options: RequestOptions) -> bytes:
    tools = [
        [tool.name, tool.description, tool.input_schema, tool.strict, tool.eager_input_streaming]
        for tool in prompt.tools
    ]
    return json.dumps([prompt.model, options.thinking, options.effort, tools]).encode() + b"\0"


def _bytes(part: Part, role: str, tool_choice: str, *, has_picture: bool) -> bytes:
    # What is in the messages depends on the choice of tools, too, and on whether there is a picture
    # in any of them.
    place = role if role == "system" else f"{role} {tool_choice}{' picture' * has_picture}"
    match part:
        case Block(text, _):
            said = text.encode("utf-8", "replace")
        case Attachment(media_type, data):
            said = f"{media_type} {data}".encode()
        case ToolUse(id_, name, input_):
            said = json.dumps([id_, name, dict(input_)]).encode()
        case ToolResult(tool_use_id, text, is_error):
            said = json.dumps([tool_use_id, text, is_error]).encode()
        case Thinking(block):
            said = json.dumps(dict(block)).encode()
    return f"{place} {len(said)} ".encode() + said


def _is_picture(part: Part) -> bool:
    return isinstance(part, Attachment) and part.media_type != "application/pdf"
