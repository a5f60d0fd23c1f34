"""Prompts that are too long are refused before anything is sent or reserved.

A prompt may not be longer than the model's window, and on the fast tier not longer than the
model's lowest price holds for.  An estimate decides where it is far from the limit; near it the
endpoint is asked to count, if it can: once for each snapshot, and the whole prompt where what is
behind the snapshot decides.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from kibitz.claude.models.catalogue import Catalogue
from kibitz.claude.prompts.cache_memory import CacheMemory
from kibitz.claude.prompts.estimate import MOST_SHARE, PESSIMISTIC_CHARS_PER_TOKEN, prompt_tokens
from kibitz.claude.prompts.prefixes import Prefix
from kibitz.claude.prompts.prompt import PLACEHOLDER
from kibitz.claude.values import Block, Claude, ClaudeFailure, Message, Prompt
from kibitz_context.tokens import CHARACTERS_PER_TOKEN

log = logging.getLogger(__name__)

# What must be left of the window for a reply.
LEAST_REPLY_TOKENS = 1_024

# How little of the estimate the truth may be, by experience with text of all kinds.
LEAST_SHARE = 0.7


@dataclass(frozen=True, slots=True)
class PromptLimit:
    """The longest prompt, in tokens, and what it is that sets it."""

    tokens: int
    kind: Literal["window", "price_band"]


def prompt_limit(prompt: Prompt, known_models: Catalogue) -> PromptLimit | None:
    """What holds for this prompt; None where no limit is known."""
    most = known_models.most_prompt_tokens(prompt.model, prompt.tier)
    window = known_models.context_tokens(prompt.model)
    limits: list[PromptLimit] = []
    if window is not None:
        reply = min(prompt.max_tokens, LEAST_REPLY_TOKENS)
        limits.append(PromptLimit(window - reply, "window"))
    if most is not None and (window is None or most < window):
        limits.append(PromptLimit(most, "price_band"))
    return min(limits, key=lambda limit: limit.tokens, default=None)


class PromptLimits:
    """Refuses what does not fit.  `memory` knows how long prefixes are that were sent before."""

    def __init__(
        self, claude: Claude, known_models: Callable[[], Catalogue], memory: CacheMemory
    ) -> None:
        self._claude = claude
        self._known_models = known_models
        self._memory = memory

    async def check(self, prompt: Prompt, prefixes: Sequence[Prefix], tokens_factor: float) -> None:
        """Raises ClaudeFailure "too_large" with `facts = {tokens, maximum, limit}`."""
        limit = prompt_limit(prompt, self._known_models())
        if limit is None:
            return
        length = self._length(prompt, prefixes)
        pessimistic = CHARACTERS_PER_TOKEN / PESSIMISTIC_CHARS_PER_TOKEN
        if length.times(max(pessimistic, tokens_factor * MOST_SHARE)) <= limit.tokens:
            return
        if length.times(tokens_factor * LEAST_SHARE) > limit.tokens:
            raise _too_large(prompt, limit, length.times(tokens_factor))
        counted = await self._counted(prompt, prefixes)
        if counted is not None:
            length, share = counted, MOST_SHARE
        else:
            # The window is the endpoint's own business, the price is not.
            share = 1.0 if limit.kind == "window" else pessimistic / tokens_factor
        if (tokens := length.times(tokens_factor * share)) <= limit.tokens:
            return
        if counted is not None and length.times(tokens_factor * LEAST_SHARE) <= limit.tokens:
            # What stands behind the snapshot decides, and that is another text each time.
            tokens = await self._asked(prompt) or tokens
        if tokens > limit.tokens:
            raise _too_large(prompt, limit, tokens)

    def _length(self, prompt: Prompt, prefixes: Sequence[Prefix]) -> _Length:
        estimated = prompt_tokens(prompt)
        for prefix in reversed(prefixes):
            counted = self._memory.tokens(prefix)
            if counted is not None:
                return _Length(counted, estimated - prefix.tokens)
        return _Length(0, estimated)

    async def _counted(self, prompt: Prompt, prefixes: Sequence[Prefix]) -> _Length | None:
        """The length with its stable part counted; None where the endpoint does not count."""
        snapshot = next((prefix for prefix in prefixes if prefix.marker is not None), None)
        is_counted = any(self._memory.tokens(prefix) is not None for prefix in prefixes)
        if snapshot is None or not is_counted:
            tokens = await self._asked(prompt if snapshot is None else _only(prompt, snapshot))
            if tokens is None:
                return None
            if snapshot is None:
                return _Length(tokens, 0)
            self._memory.learn_tokens(snapshot, tokens)
        return self._length(prompt, prefixes)

    async def _asked(self, prompt: Prompt) -> int | None:
        """What the endpoint counts; None where it does not."""
        try:
            return await self._claude.count_tokens(prompt)
        except ClaudeFailure as failure:
            log.info("tokens could not be counted: %s", failure.kind)
            return None


@dataclass(frozen=True, slots=True)
class _Length:
    """Tokens that were counted, and an uncorrected estimate of all others."""

    counted: int
    estimated: int

    def times(self, tokens_factor: float) -> int:
        return self.counted + round(self.estimated * tokens_factor)


def _only(prompt: Prompt, prefix: Prefix) -> Prompt:
    return replace(
        prompt,
        system=prompt.system[: prefix.system_blocks],
        messages=(Message("user", (Block(PLACEHOLDER),)),),
    )


def _too_large(prompt: Prompt, limit: PromptLimit, tokens: int) -> ClaudeFailure:
    return ClaudeFailure(
        "too_large",
        model=prompt.model,
        facts={
            "tokens": tokens,
            "maximum": limit.tokens,
            "limit": limit.kind,
            "tier": prompt.tier,
        },
    )
