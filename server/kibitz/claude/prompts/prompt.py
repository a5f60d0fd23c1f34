"""Layers of context → blocks and cache markers: the one place where a prompt gets its shape.

Order is from the most to the least stable: tools, rules, snapshot, the log of changes, what of the
changes still moves, task, question.  At most three of the API's four cache markers are used; the
fourth is for whoever goes on talking.  The same arguments give the same bytes on any machine.
Where the texts come from is not known here, and nothing here knows the SDK.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from kibitz.claude.models import catalogue
from kibitz.claude.models.catalogue import Catalogue
from kibitz.claude.prompts.estimate import (
    PESSIMISTIC_CHARS_PER_TOKEN,
    text_tokens,
    tool_tokens,
    worst_usage,
)
from kibitz.claude.values import (
    Block,
    CacheLifetime,
    Expectation,
    Message,
    Prompt,
    Tier,
    Tool,
    Usage,
)
from kibitz_context.tokens import CHARACTERS_PER_TOKEN
from kibitz_context.values import Context, Plan

# From a marker the API looks back for an entry over this many blocks, the marked one included.
LOOKBACK_BLOCKS = 20

# What stands in for the question in a request that only keeps or makes cache entries.
PLACEHOLDER = "."


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
    answer_tool: str | None = None,
    stop_sequences: Sequence[str] = (),
    known_models: Catalogue | None = None,
    tokens_factor: float | None = None,
) -> Prompt:
    """One request about `context`, cached as its plan says.

    `task_blocks` follow the context's own task layer, the question last.  `max_tokens` is what
    the answer may have; what thinking may take is added here, so that it never eats the answer.
    `tokens_factor` is the learnt one (`Ledger.tokens_factor`) and decides nothing but which
    prefixes are too short for a marker.
    """
    known = known_models or catalogue.builtin()
    chars_per_token = known.chars_per_token(model)
    if tokens_factor is not None:
        chars_per_token = CHARACTERS_PER_TOKEN / tokens_factor
    ordered_tools = tuple(sorted(tools, key=lambda tool: tool.name))
    prefix_tokens = sum(tool_tokens(tool, chars_per_token) for tool in ordered_tools)
    system: list[Block] = []
    blocks_alive = 0
    for piece in _pieces(rules, context):
        prefix_tokens += text_tokens(piece.text, chars_per_token)
        # A shorter prefix makes no entry; its marker would only use up one of the four.
        long_enough = prefix_tokens >= known.cache_minimum_tokens(model)
        system.append(Block(piece.text, piece.lifetime if long_enough else None))
        if piece.entry_alive and long_enough:
            blocks_alive = len(system)

    task = tuple(Block(text) for text in (context.task.text, *task_blocks) if text.strip())
    if not task:
        raise ValueError("a prompt needs a question")
    expectation = None
    if context.plan is not None:
        expectation = Expectation(blocks_alive, context.plan.step, context.provisional)
    return Prompt(
        tier=tier,
        model=model,
        system=tuple(system),
        messages=(Message("user", task),),
        max_tokens=reply_limit(max_tokens, model, tier, known),
        tools=ordered_tools,
        tool_choice=tool_choice,
        stop_sequences=tuple(stop_sequences),
        answer_tool=answer_tool,
        expectation=expectation,
    )


@dataclass(frozen=True, slots=True)
class _Piece:
    """A block to be: how long its entry shall live, and whether an older entry ends here."""

    text: str
    lifetime: CacheLifetime | None = None
    entry_alive: bool = False


def _pieces(rules: str, context: Context) -> list[_Piece]:
    """The system blocks in their order; none is blank."""
    plan = context.plan
    if plan is None:
        changes = (context.changes.text,) if context.changes.text.strip() else ()
        plan = Plan(changes_log=changes)
    if (plan.snapshot_lifetime, plan.changes_lifetime) == ("5m", "1h"):
        raise ValueError("a 1 h marker must not come after a 5 min marker")
    pieces = [
        _Piece(rules),
        _Piece(context.snapshot.text, plan.snapshot_lifetime, plan.snapshot_alive),
        *_log(plan),
        _Piece(plan.changes_tail),
    ]
    return [piece for piece in pieces if piece.text.strip()]


def _log(plan: Plan) -> list[_Piece]:
    """The log with a marker at its end.

    Where the entry of the last request ended too far back to be found from there, it gets a
    marker, too: reading it costs nothing more, and writing it again would.
    """
    texts = [text for text in plan.changes_log if text.strip()]
    last = len(texts) - 1
    alive = sum(1 for text in plan.changes_log[: plan.log_blocks_alive] if text.strip()) - 1
    marked = {last}
    if 0 <= alive <= last - LOOKBACK_BLOCKS:
        marked.add(alive)
    return [
        _Piece(text, plan.changes_lifetime if number in marked else None, number == alive)
        for number, text in enumerate(texts)
    ]


def warming(prompt: Prompt) -> Prompt | None:
    """The request that reads or writes the entries of `prompt`'s system blocks and nothing else.

    What belongs to the cache key of these blocks stays as it is: the model, its options (they
    follow from the tier), the tools.  What follows the last marker is left out, since no other
    request shares it.  None: there is no marker.
    """
    marked = [number for number, block in enumerate(prompt.system) if block.marker is not None]
    if not marked:
        return None
    return replace(
        prompt,
        system=prompt.system[: marked[-1] + 1],
        messages=(Message("user", (Block(PLACEHOLDER),)),),
        max_tokens=0,
        tool_choice="auto",
        stop_sequences=(),
    )


def reply_limit(answer_tokens: int, model: str, tier: Tier, known_models: Catalogue) -> int:
    """`max_tokens` for an answer of that length: the thinking allowance on top, within what the
    model can write at all."""
    options = known_models.request_options(model, tier)
    wanted = answer_tokens + options.thinking_allowance_tokens
    most = known_models.max_output_tokens(model)
    return wanted if most is None else min(wanted, most)


def within_budget(
    prompt: Prompt,
    limit_usd: float,
    least_tokens: int,
    known_models: Catalogue | None = None,
    tokens_factor: float = 1.0,
) -> Prompt:
    """`prompt` with as much room for the reply as `limit_usd` leaves in the worst case.

    The worst case is a cold prompt of dense text and a reply that uses all its room, which hardly
    ever comes; rather than refuse the request, the reply gets less room.  Below `least_tokens`
    for the answer the prompt stays as it is, and the budget asks the user or says no.
    """
    known = known_models or catalogue.builtin()
    worst = worst_usage(prompt, tokens_factor)
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


def room_in_budget(
    prompt: Prompt, limit_usd: float, least_tokens: int, known_models: Catalogue | None = None
) -> float:
    """How many characters of dense text may be added to the messages of `prompt` before a reply
    of `least_tokens` is over `limit_usd` in the worst case; infinite where no price is known."""
    known = known_models or catalogue.builtin()
    thinking = known.request_options(prompt.model, prompt.tier).thinking_allowance_tokens
    worst = worst_usage(replace(prompt, max_tokens=least_tokens + thinking))
    more = worst + Usage(cache_write_5m_tokens=_SAMPLE_TOKENS)
    worst_usd, more_usd = known.cost_usd(prompt.model, worst), known.cost_usd(prompt.model, more)
    if worst_usd is None or more_usd is None or more_usd <= worst_usd:
        return math.inf
    usd_per_token = (more_usd - worst_usd) / _SAMPLE_TOKENS
    return max(limit_usd - worst_usd, 0.0) / usd_per_token * PESSIMISTIC_CHARS_PER_TOKEN


_SAMPLE_TOKENS = 1_000
