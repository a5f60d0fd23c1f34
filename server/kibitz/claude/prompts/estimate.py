"""How many tokens a prompt may have, by class, before anybody has counted them.

Arithmetic on a `Prompt`; the price of the result is the catalogue's business.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from kibitz.claude.values import (
    Attachment,
    Block,
    CacheLifetime,
    Message,
    Part,
    Prompt,
    Thinking,
    Tool,
    ToolResult,
    ToolUse,
    Usage,
)
from kibitz_context.tokens import CHARACTERS_PER_TOKEN

# Denser text than this is rare in source code.  Lower: requests are refused that would have fitted
# the budget; higher: one may cost more than was reserved for it.
PESSIMISTIC_CHARS_PER_TOKEN = 2.0

# How much more than a corrected estimate the truth may be, by experience with text of all kinds.
MOST_SHARE = 1.15

# What the API adds to a prompt on its own: a few tokens a message, and its own instructions when
# there are tools.
OVERHEAD_TOKENS_PER_MESSAGE = 8
OVERHEAD_TOKENS_OF_TOOLS = 600


def text_tokens(text: str, chars_per_token: float) -> int:
    """Tokens of a text, rounded up."""
    return int(text_weight(text, chars_per_token)) + 1 if text else 0


def text_weight(text: str, chars_per_token: float) -> float:
    """Tokens of a piece of text, not rounded: pieces of a stream can be added up.

    Letters outside ASCII are up to one token for every two bytes, whatever the language.
    """
    if text.isascii():
        return len(text) / chars_per_token
    further_bytes = len(text.encode("utf-8", "replace")) - len(text)
    return len(text) / chars_per_token + further_bytes / 2


def cold_usage(prompt: Prompt, chars_per_token: float) -> Usage:
    """What the prompt would be billed as if nothing of it were in the cache; no output."""
    before_1h, before_5m, rest = _by_marker(prompt, chars_per_token)
    return Usage(
        input_tokens=rest, cache_write_5m_tokens=before_5m, cache_write_1h_tokens=before_1h
    )


def warm_usage(prompt: Prompt, chars_per_token: float) -> Usage:
    """What the prompt would be billed as if all that is marked were in the cache; no output."""
    before_1h, before_5m, rest = _by_marker(prompt, chars_per_token)
    return Usage(input_tokens=rest, cache_read_tokens=before_1h + before_5m)


def worst_usage(prompt: Prompt, tokens_factor: float = 1.0) -> Usage:
    """The most that the request can be billed as: cold, dense text, the longest reply.

    `tokens_factor` is what was learnt of the model; where its tokens are even more than those of
    dense text, it counts, with something on top.
    """
    learnt = CHARACTERS_PER_TOKEN / (tokens_factor * MOST_SHARE)
    chars_per_token = min(PESSIMISTIC_CHARS_PER_TOKEN, learnt)
    return cold_usage(prompt, chars_per_token) + Usage(output_tokens=prompt.max_tokens)


def tool_tokens(tool: Tool, chars_per_token: float) -> int:
    schema = json.dumps(tool.input_schema, ensure_ascii=False, separators=(",", ":"))
    return text_tokens(f"{tool.name} {tool.description} {schema}", chars_per_token)


def part_tokens(part: Part, chars_per_token: float) -> int:
    match part:
        case Block(text, _):
            return text_tokens(text, chars_per_token)
        case Attachment():
            return part.most_tokens
        case ToolUse(id_, name, input_):
            written = json.dumps(input_, ensure_ascii=False, separators=(",", ":"))
            return text_tokens(f"{id_} {name} {written}", chars_per_token)
        case ToolResult(tool_use_id, text):
            return text_tokens(f"{tool_use_id} {text}", chars_per_token)
        case Thinking(block):
            # Where its text is withheld, the signature stands for it and is about as long.
            return text_tokens("".join(map(str, block.values())), chars_per_token)


def prompt_tokens(prompt: Prompt, chars_per_token: float = CHARACTERS_PER_TOKEN) -> int:
    """The length of the whole prompt."""
    return sum(tokens for tokens, _ in _pieces(prompt, chars_per_token))


def _by_marker(prompt: Prompt, chars_per_token: float) -> tuple[int, int, int]:
    """Tokens up to the last 1 h marker, from there to the last 5 min marker, and after it."""
    before_1h = before_5m = rest = 0
    for tokens, marker in _pieces(prompt, chars_per_token):
        rest += tokens
        if marker == "1h":
            before_1h += before_5m + rest
            before_5m = rest = 0
        elif marker == "5m":
            before_5m += rest
            rest = 0
    return before_1h, before_5m, rest


def _pieces(prompt: Prompt, chars_per_token: float) -> Iterator[tuple[int, CacheLifetime | None]]:
    """The pieces of a prompt in the order in which the cache sees them."""
    if prompt.tools:
        yield OVERHEAD_TOKENS_OF_TOOLS, None
    for tool in prompt.tools:
        yield tool_tokens(tool, chars_per_token), None
    for block in prompt.system:
        yield text_tokens(block.text, chars_per_token), block.marker
    for message in prompt.messages:
        yield OVERHEAD_TOKENS_PER_MESSAGE, None
        yield from _message_pieces(message, chars_per_token)


def _message_pieces(
    message: Message, chars_per_token: float
) -> Iterator[tuple[int, CacheLifetime | None]]:
    for part in message.content:
        marker = part.marker if isinstance(part, Block | ToolResult) else None
        yield part_tokens(part, chars_per_token), marker
