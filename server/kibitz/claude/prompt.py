"""Layers of context → blocks and cache markers: the one place where a prompt gets its shape.

Order is from the most to the least stable: tools, rules, snapshot, changes, task, question.
At most two of the API's four cache markers are used.  The same arguments give the same bytes on
any machine.  Where the texts come from is not known
here, and nothing here knows the SDK.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from kibitz.claude import catalogue
from kibitz.claude.catalogue import Catalogue
from kibitz.claude.estimate import text_tokens, tool_tokens, worst_usage
from kibitz.claude.values import Block, CacheLifetime, Message, Prompt, Tier, Tool
from kibitz_context.values import Context


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long the cache entries that end at these layers shall live; None: no entry.

    The API wants longer ones first, so `changes` must not outlive `snapshot`.
    """

    snapshot: CacheLifetime | None = "1h"
    changes: CacheLifetime | None = "5m"

    def __post_init__(self) -> None:
        if self.snapshot == "5m" and self.changes == "1h":
            raise ValueError("a 1 h marker must not come after a 5 min marker")


def build(
    context: Context,
    *,
    rules: str,
    task_blocks: Sequence[str],
    tier: Tier,
    model: str,
    max_tokens: int,
    tools: Sequence[Tool] = (),
    tool_choice: Literal["auto", "none"] = "auto",
    stop_sequences: Sequence[str] = (),
    lifetimes: Lifetimes = Lifetimes(),
    known_models: Catalogue | None = None,
) -> Prompt:
    """One request about `context`.

    `task_blocks` follow the context's own task layer, the question last.  `max_tokens` is what
    the answer may have; what thinking may take is added here, so that it never eats the answer.
    """
    known = known_models or catalogue.builtin()
    chars_per_token = known.chars_per_token(model)
    ordered_tools = tuple(sorted(tools, key=lambda tool: tool.name))

    prefix_tokens = sum(tool_tokens(tool, chars_per_token) for tool in ordered_tools)
    system: list[Block] = []
    for text, lifetime in (
        (rules, None),
        (context.snapshot.text, lifetimes.snapshot),
        (context.changes.text, lifetimes.changes),
    ):
        if not text.strip():
            continue
        prefix_tokens += text_tokens(text, chars_per_token)
        # A shorter prefix makes no entry; its marker would only use up one of the four.
        long_enough = prefix_tokens >= known.cache_minimum_tokens(model)
        system.append(Block(text, lifetime if long_enough else None))

    task = tuple(Block(text) for text in (context.task.text, *task_blocks) if text.strip())
    if not task:
        raise ValueError("a prompt needs a question")
    return Prompt(
        tier=tier,
        model=model,
        system=tuple(system),
        messages=(Message("user", task),),
        max_tokens=reply_limit(max_tokens, model, tier, known),
        tools=ordered_tools,
        tool_choice=tool_choice,
        stop_sequences=tuple(stop_sequences),
    )


def reply_limit(answer_tokens: int, model: str, tier: Tier, known_models: Catalogue) -> int:
    """`max_tokens` for an answer of that length: the thinking allowance on top, within what the
    model can write at all."""
    options = known_models.request_options(model, tier)
    wanted = answer_tokens + options.thinking_allowance_tokens
    most = known_models.max_output_tokens(model)
    return wanted if most is None else min(wanted, most)


def within_budget(
    prompt: Prompt, limit_usd: float, least_tokens: int, known_models: Catalogue | None = None
) -> Prompt:
    """`prompt` with as much room for the reply as `limit_usd` leaves in the worst case.

    The worst case is a cold prompt of dense text and a reply that uses all its room, which hardly
    ever comes; rather than refuse the request, the reply gets less room.  Below `least_tokens`
    for the answer the prompt stays as it is, and the budget says no with the numbers.
    """
    known = known_models or catalogue.builtin()
    worst = worst_usage(prompt)
    worst_usd = known.cost_usd(prompt.model, worst)
    without_reply_usd = known.cost_usd(prompt.model, replace(worst, output_tokens=0))
    if worst_usd is None or without_reply_usd is None or worst_usd <= limit_usd:
        return prompt
    usd_per_token = (worst_usd - without_reply_usd) / prompt.max_tokens
    room = int((limit_usd - without_reply_usd) / usd_per_token) if usd_per_token > 0 else 0
    thinking = known.request_options(prompt.model, prompt.tier).thinking_allowance_tokens
    if room < least_tokens + thinking // 2:
        return prompt
    return replace(prompt, max_tokens=min(room, prompt.max_tokens))
