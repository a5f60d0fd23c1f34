"""From an accepted request and its scripted reply to a message with its bill."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from kibitz.standin.cache import CacheLookup, PromptCache
from kibitz.standin.clock import Clock
from kibitz.standin.diagnostics import Diagnostics
from kibitz.standin.events import Envelope
from kibitz.standin.generation import Generated, ThinkingBlock, generate
from kibitz.standin.models import Model
from kibitz.standin.prompt import prompt_blocks, walk
from kibitz.standin.reply import Reply


@dataclass(frozen=True, slots=True)
class Answer:
    """Everything about one response.  `lookup.publish` is due at its first byte."""

    envelope: Envelope
    generated: Generated
    lookup: CacheLookup


class Answering:
    """Makes messages.  Owns the prompt cache, which `rendering_thinking_first` models split
    differently (see `prompt.prompt_blocks`)."""

    def __init__(
        self,
        clock: Clock,
        rendering_thinking_first: Collection[str] = (),
        cache: PromptCache | None = None,
    ) -> None:
        self.cache = cache if cache is not None else PromptCache()
        self._clock = clock
        self._diagnostics = Diagnostics()
        self._rendering_thinking_first = rendering_thinking_first
        self._numbers = itertools.count(1)
        self._signed: dict[str, tuple[str, str]] = {}

    def problem(self, body: Mapping[str, Any], model: Model) -> str | None:
        """What is wrong with the thinking that a request sends back: it is bound to its signature
        and to its model, and must be as it was."""
        for placed in walk(body):
            if placed.kind == "thinking":
                block = placed.block
                if self._signed.get(block["signature"]) != (model.id, block["thinking"]):
                    return f"{placed.path}: Invalid `signature` in `thinking` block"
        return None

    def answer(
        self,
        body: Mapping[str, Any],
        model: Model,
        workspace: str,
        reply: Reply,
        *,
        service_tier: str = "standard",
    ) -> Answer:
        message_id = f"msg_standin{next(self._numbers):016d}"
        now = self._clock.now()
        blocks = prompt_blocks(
            body, model, renders_thinking_first=model.id in self._rendering_thinking_first
        )
        lookup = self.cache.begin(workspace, blocks, model.minimum_cacheable_tokens, now)
        diagnosed = body.get("diagnostics") is not None
        diagnostics = None
        if diagnosed:
            diagnostics = self._diagnostics.compare(workspace, message_id, body, model, now)
        if diagnosed and reply.diagnosis_pending:
            diagnostics = {"cache_miss_reason": None}
        envelope = Envelope(
            message_id,
            model.id,
            lookup.use,
            service_tier=service_tier,
            speed=body.get("speed"),
            diagnostics=diagnostics,
            diagnosed=diagnosed,
        )
        generated = generate(reply, body, model, seed=message_id)
        for block in generated.blocks:
            if isinstance(block, ThinkingBlock):
                self._signed[block.signature] = (model.id, block.shown)
        return Answer(envelope, generated, lookup)
