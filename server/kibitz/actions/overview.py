"""What a request would be: its layers as they are sent, how they are to be cached, what it costs.

Nothing in here sends or remembers anything.  The terminal and the editor show the same.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from kibitz.actions.brief import Brief
from kibitz.bill import dollars
from kibitz.claude.models.catalogue import Catalogue
from kibitz.claude.prompts.estimate import cold_usage, prompt_tokens, text_tokens, warm_usage
from kibitz.claude.prompts.wire import tool_as_sent
from kibitz.claude.values import Block, CacheLifetime, Prompt, Usage
from kibitz_context.tokens import CHARACTERS_PER_TOKEN
from kibitz_context.values import FileUse, Layer, LayerName, Plan

_LIFETIMES: dict[CacheLifetime, str] = {"5m": "5 minutes", "1h": "1 hour"}


@dataclass(frozen=True, slots=True)
class Shown:
    """One layer as it is sent: `blocks` with their markers.

    `tokens` is an estimate; those of the rules have the tools in front of them in it.
    """

    name: LayerName
    blocks: tuple[Block, ...]
    tokens: int
    files: tuple[FileUse, ...] = ()

    @property
    def sha256(self) -> str:
        return hashlib.sha256("".join(block.text for block in self.blocks).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Overview:
    """What a request would be.

    Costs are USD without the reply, None for an unknown price: `cold_usd` when nothing is in the
    cache, `warm_usd` when all is that can be, `expected_usd` with what should be there now.
    """

    brief: Brief
    prompt: Prompt
    layers: tuple[Shown, ...]
    expected: Usage
    cold_usd: float | None
    warm_usd: float | None
    expected_usd: float | None

    @property
    def tools(self) -> list[dict[str, Any]]:
        """The definitions of the tools, which come before all layers."""
        return [tool_as_sent(tool) for tool in self.prompt.tools]

    def tool_lines(self) -> list[str]:
        """The tools as text, a line each, in the order in which they are sent."""
        return [json.dumps(tool, ensure_ascii=False) for tool in self.tools]

    def as_json(self) -> dict[str, Any]:
        """The overview as `kibitz context --json` writes it."""
        context = self.brief.context
        return {
            "commit": context.commit,
            "tier": self.brief.tier,
            "model": self.brief.model,
            "layers": [
                {
                    "name": layer.name,
                    "tokens": layer.tokens,
                    "sha256": layer.sha256,
                    "files": [dataclasses.asdict(file) for file in layer.files],
                }
                for layer in self.layers
            ],
            "tools": self.tools,
            "omitted": [dataclasses.asdict(omission) for omission in context.omitted],
            "cost": {"cold_usd": self.cold_usd, "warm_usd": self.warm_usd},
            "plan": self._plan_as_json(context.plan or Plan()),
        }

    def _plan_as_json(self, plan: Plan) -> dict[str, Any]:
        return {
            "step": plan.step,
            "reason": plan.reason,
            "provisional": self.brief.context.provisional,
            "snapshot_lifetime": plan.snapshot_lifetime,
            "changes_lifetime": plan.changes_lifetime,
            "snapshot_alive": plan.snapshot_alive,
            "log_blocks": len(plan.changes_log),
            "log_blocks_alive": plan.log_blocks_alive,
            "expected": {
                "cache_read_tokens": self.expected.cache_read_tokens,
                "cache_write_tokens": self.expected.cache_write_tokens,
                "input_tokens": self.expected.input_tokens,
                "cost_usd": self.expected_usd,
            },
        }

    def plan_lines(self) -> list[str]:
        """The plan in words, one line a subject."""
        context = self.brief.context
        plan = context.plan or Plan()
        lines = [f"plan: {plan.step}" + (f", {plan.reason}" if plan.reason else "")]
        if context.provisional:
            lines.append("snapshot: provisional, as the index is not complete yet")
        alive = "should be in the cache now" if plan.snapshot_alive else "not in the cache"
        lines.append(f"snapshot: {_kept(plan.snapshot_lifetime)}, {alive}")
        n_blocks = len(plan.changes_log)
        if n_blocks:
            lines.append(
                f"changes: {n_blocks} block{'' if n_blocks == 1 else 's'} in the log, "
                f"{_kept(plan.changes_lifetime)}, {plan.log_blocks_alive} of them should be in "
                "the cache now"
            )
        return lines

    def price_line(self) -> str:
        """What it costs, in one line."""
        costs = (self.expected_usd, self.cold_usd, self.warm_usd)
        if any(cost is None for cost in costs):
            return "cost unknown (price unknown for this model)"
        expected, cold, warm = (dollars(cost) for cost in costs if cost is not None)
        return f"{expected} expected now, {cold} cold, {warm} warm, without the reply"


def overview(brief: Brief, prompt: Prompt, known_models: Catalogue) -> Overview:
    """The layers of `prompt` as they are sent, with their sizes and the price of the whole."""
    chars_per_token = CHARACTERS_PER_TOKEN / brief.tokens_factor

    def layer(name: LayerName, blocks: Sequence[Block], of: Layer | None = None) -> Shown:
        tokens = sum(text_tokens(block.text, chars_per_token) for block in blocks)
        if name == "rules":
            tokens += prompt_tokens(replace(prompt, system=(), messages=()), chars_per_token)
        files = of.files if of is not None else ()
        if name == "task":
            files = tuple(sorted(files, key=lambda file: -file.score))
        return Shown(name, tuple(blocks), tokens, files)

    context = brief.context
    rules, rest = prompt.system[:1], prompt.system[1:]
    # A layer without text is not sent at all.
    has_snapshot = bool(rest) and rest[0].text == context.snapshot.text
    task = [
        block for message in prompt.messages for block in message.content
        if isinstance(block, Block)
    ]  # fmt: skip
    expected = expected_usage(prompt, chars_per_token)
    return Overview(
        brief,
        prompt,
        (
            layer("rules", rules),
            layer("snapshot", rest[:has_snapshot], context.snapshot),
            layer("changes", rest[has_snapshot:], context.changes),
            layer("task", task, context.task),
        ),
        expected,
        known_models.cost_usd(prompt.model, cold_usage(prompt, chars_per_token)),
        known_models.cost_usd(prompt.model, warm_usage(prompt, chars_per_token)),
        known_models.cost_usd(prompt.model, expected),
    )


def expected_usage(prompt: Prompt, chars_per_token: float) -> Usage:
    """What the prompt would be billed as if what should be in the cache now were; no output."""
    cold = cold_usage(prompt, chars_per_token)
    n_alive = prompt.expectation.blocks_alive if prompt.expectation is not None else 0
    if n_alive == 0:
        return cold
    alive = replace(prompt, system=prompt.system[:n_alive], messages=())
    read_tokens = prompt_tokens(alive, chars_per_token)
    # What is read is the beginning of what would be written: of the longer lifetime first.
    before_5m = max(0, read_tokens - cold.cache_write_1h_tokens)
    return Usage(
        input_tokens=cold.input_tokens,
        cache_read_tokens=read_tokens,
        cache_write_1h_tokens=max(0, cold.cache_write_1h_tokens - read_tokens),
        cache_write_5m_tokens=max(0, cold.cache_write_5m_tokens - before_5m),
    )


def _kept(lifetime: CacheLifetime | None) -> str:
    return f"cached for {_LIFETIMES[lifetime]}" if lifetime is not None else "not cached"
