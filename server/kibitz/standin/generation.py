"""From a scripted reply to the message that the API would have produced.

Stop sequences, `max_tokens`, thinking and the way tool input is cut into fragments are decided
here.  Nothing is sent from here.
"""

from __future__ import annotations

import base64
import hashlib
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kibitz.standin.models import Model
from kibitz.standin.prompt import text_tokens
from kibitz.standin.reply import Reply, ToolCall


@dataclass(frozen=True, slots=True)
class ThinkingBlock:
    """`shown` is "" where the display is omitted; the signature comes all the same."""

    shown: str
    signature: str
    fragments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TextBlock:
    fragments: tuple[str, ...]

    @property
    def text(self) -> str:
        return "".join(self.fragments)


@dataclass(frozen=True, slots=True)
class ToolBlock:
    id: str
    name: str
    fragments: tuple[str, ...]

    @property
    def input(self) -> object:
        """The input as a body that is not streamed carries it; cut-off JSON yields {}."""
        try:
            return json.loads("".join(self.fragments))
        except ValueError:
            return {}


Block = ThinkingBlock | TextBlock | ToolBlock


@dataclass(frozen=True, slots=True)
class Generated:
    """A finished message, without its envelope.  Token counts include thinking."""

    blocks: tuple[Block, ...]
    stop_reason: str
    stop_sequence: str | None
    stop_details: Mapping[str, Any] | None
    output_tokens: int
    thinking_tokens: int


def generate(reply: Reply, body: Mapping[str, Any], model: Model, *, seed: str) -> Generated:
    """The message for a request.  `seed` (the message's id) makes the ids of tool calls."""
    if body["max_tokens"] == 0:
        return Generated((), "max_tokens", None, None, 0, 0)
    writer = _Writer(reply, body, model, seed)
    writer.think()
    writer.write()
    writer.call_tools()
    stop_reason = reply.stop_reason or writer.stop_reason
    tokens = reply.output_tokens if reply.output_tokens is not None else max(writer.spent, 1)
    return Generated(
        tuple(writer.blocks),
        stop_reason,
        writer.stop_sequence if stop_reason == "stop_sequence" else None,
        reply.stop_details,
        tokens,
        writer.thought,
    )


def fragments_of(text: str, size: int, seed: int | None) -> tuple[str, ...]:
    """`text` in pieces of `size` characters, or of random sizes up to twice that."""
    if seed is None:
        return tuple(text[start : start + size] for start in range(0, len(text), size))
    chance, pieces, start = random.Random(seed), [], 0
    while start < len(text):
        length = chance.randint(1, 2 * size)
        pieces.append(text[start : start + length])
        start += length
    return tuple(pieces)


class _Writer:
    """Writes the blocks of one message until something stops it."""

    def __init__(self, reply: Reply, body: Mapping[str, Any], model: Model, seed: str) -> None:
        self.blocks: list[Block] = []
        self.spent = 0
        self.thought = 0
        self.stop_reason = "tool_use" if reply.tool_calls else "end_turn"
        self.stop_sequence: str | None = None
        self._stopped = False
        self._reply = reply
        self._body = body
        self._model = model
        self._seed = seed

    def think(self) -> None:
        config = self._body.get("thinking") or {}
        if not self._reply.thinking or not self._model.thinks(config.get("type")):
            return
        thinking = self._within_limit(self._reply.thinking)
        self.thought = self.spent
        omitted = "omitted" if self._model.omits_thinking else "summarized"
        shown = "" if (config.get("display") or omitted) == "omitted" else thinking
        digest = hashlib.sha256(f"{self._seed}{thinking}".encode()).digest()
        signature = base64.b64encode(digest).decode("ascii")
        self.blocks.append(ThinkingBlock(shown, signature, self._pieces(shown)))

    def write(self) -> None:
        if self._stopped:
            return
        scripted = self._reply.text
        whole = scripted if isinstance(scripted, str) else "".join(scripted)
        text, sequence = _before_stop_sequence(whole, self._body.get("stop_sequences") or ())
        kept = self._within_limit(text)
        if sequence is not None and kept == text and not self._stopped:
            self.stop_reason, self.stop_sequence = "stop_sequence", sequence
            self._stopped = True
        if not kept:
            return
        if isinstance(scripted, str):
            self.blocks.append(TextBlock(self._pieces(kept)))
        else:
            self.blocks.append(TextBlock(tuple(_cut_to(scripted, len(kept)))))

    def call_tools(self) -> None:
        eager = {
            tool["name"]
            for tool in self._body.get("tools") or ()
            if tool.get("eager_input_streaming")
        }
        for index, call in enumerate(self._reply.tool_calls):
            if self._stopped:
                return
            kept = self._within_limit(call.input_json)
            if call.name in eager:
                pieces = self._pieces(kept)
            else:
                pieces = tuple(_cut_to(_members(call), len(kept)))
            identifier = call.id or _tool_use_id(self._seed, index)
            self.blocks.append(ToolBlock(identifier, call.name, pieces))

    def _pieces(self, text: str) -> tuple[str, ...]:
        return fragments_of(text, self._reply.chunk_size, self._reply.chunk_seed)

    def _within_limit(self, text: str) -> str:
        """As much of `text` as `max_tokens` still allows; counts it as spent."""
        allowed = self._body["max_tokens"] - self.spent
        if text_tokens(text, self._model) > allowed:
            text = text[: int(allowed * self._model.chars_per_token)]
            self.stop_reason, self._stopped = "max_tokens", True
        self.spent += text_tokens(text, self._model)
        return text


def _before_stop_sequence(text: str, sequences: Sequence[str]) -> tuple[str, str | None]:
    """The text up to the stop sequence that is complete first, and that sequence."""
    found = [(text.index(sequence), sequence) for sequence in sequences if sequence in text]
    if not found:
        return text, None
    position, sequence = min(found, key=lambda hit: (hit[0] + len(hit[1]), hit[0]))
    return text[:position], sequence


def _cut_to(pieces: Sequence[str], length: int) -> Iterator[str]:
    for piece in pieces:
        if length <= 0:
            return
        yield piece[:length]
        length -= len(piece)


def _members(call: ToolCall) -> tuple[str, ...]:
    """Without eager streaming the API sends one complete key with its value at a time."""
    if isinstance(call.input, str) or not call.input:
        return (call.input_json,)
    pieces = [
        f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}"
        for key, value in call.input.items()
    ]
    pieces = ["{" + pieces[0], *(f", {piece}" for piece in pieces[1:])]
    pieces[-1] += "}"
    assert "".join(pieces) == call.input_json
    return tuple(pieces)


def _tool_use_id(seed: str, index: int) -> str:
    return "toolu_" + hashlib.sha256(f"{seed}.{index}".encode()).hexdigest()[:24]
