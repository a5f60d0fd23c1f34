"""Pages that kibitz writes itself, in Markdown: what was spent, what would be sent.

They are shown like Claude's answers and cost nothing.
"""

from __future__ import annotations

import asyncio
import datetime
import re
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import TYPE_CHECKING

from kibitz.actions.answer import answer_prompt
from kibitz.actions.desk import Desk
from kibitz.actions.overview import Overview, overview
from kibitz.actions.values import Order, Said, Step
from kibitz.backend import Backend
from kibitz.bill import dollars
from kibitz.plain_text import one_line

if TYPE_CHECKING:
    from kibitz.claude.spending.ledger_figures import Figures

USAGE_DAYS = 30
LISTED_FILES = 200


async def usage(backend: Backend) -> AsyncIterator[Step]:
    """What was spent in the last 30 days, by day, as a table."""
    since = datetime.datetime.now().astimezone() - datetime.timedelta(days=USAGE_DAYS)
    summary = await asyncio.to_thread(lambda: backend.ledger().summary(since, "day"))
    total = summary.total
    saved = f"; the cache saved {dollars(total.saved_usd)}" if total.is_cost_known else ""
    lines = [
        f"{total.requests:,} {'request' if total.requests == 1 else 'requests'} in {USAGE_DAYS} "
        f"days, cost {_cost(total)}{saved}.",
        "",
        "| day | requests | in | from cache | out | cost |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for key, day in summary.rows:
        lines.append(
            f"| {key} | {day.requests:,} | {day.prompt_tokens:,} | {day.cache_share:.0%} | "
            f"{day.output_tokens:,} | {_cost(day)} |"
        )
    yield Said("\n".join(lines) + "\n")


def _cost(figures: Figures) -> str:
    return dollars(figures.cost_usd) if figures.is_cost_known else "unknown"


async def context(order: Order, desk: Desk) -> AsyncIterator[Step]:
    """What would be sent for a request about the order's document: all of it, to the byte.

    First how it would be cached and what it would cost, then the tools and each block of the
    prompt in their order, and after a block with a marker a line that says so.
    """
    async with aclosing(desk.prepare(order)) as preparing:
        async for step in preparing:
            yield step
    brief = await desk.brief(order, record=False)
    shown = overview(brief, answer_prompt(desk, brief), desk.known_models())
    yield Said(_summary(shown))
    if tools := shown.tool_lines():
        yield Said(f"\n## tools\n\n{_fenced(chr(10).join(tools))}")
    for layer in shown.layers:
        for number, block in enumerate(layer.blocks, start=1):
            of = f" ({number} of {len(layer.blocks)})" if len(layer.blocks) > 1 else ""
            yield Said(f"\n## {layer.name}{of}\n\n{_fenced(block.text)}")
            if block.marker is not None:
                yield Said(f"\n*— cache marker: what ends here is kept for {block.marker} —*\n")


def _summary(shown: Overview) -> str:
    brief, omitted = shown.brief, shown.brief.context.omitted
    lines = [
        f"For {brief.model} ({brief.tier} tier), as of commit {brief.context.commit or '(none)'}.",
        "",
        *[f"- {line}" for line in (*shown.plan_lines(), shown.price_line())],
        "",
        "| layer | tokens | files | sha256 |",
        "|---|--:|--:|---|",
    ]
    lines += [
        f"| {layer.name} | {layer.tokens:,} | {len(layer.files):,} | {layer.sha256[:12]} |"
        for layer in shown.layers
    ]
    for layer in shown.layers:
        if layer.files:
            lines += ["", f"### Files of {layer.name}", ""]
            lines += [
                f"- `{one_line(file.path, 300)}` ({file.form}, {file.tokens:,} tokens)"
                for file in layer.files[:LISTED_FILES]
            ]
            if len(layer.files) > LISTED_FILES:
                lines.append(f"- … and {len(layer.files) - LISTED_FILES:,} more")
    if omitted:
        lines += ["", "### Left out", ""]
        lines += [
            f"- `{one_line(item.path, 300)}`: {one_line(item.reason)}"
            for item in omitted[:LISTED_FILES]
        ]
        if len(omitted) > LISTED_FILES:
            lines.append(f"- … and {len(omitted) - LISTED_FILES:,} more")
    return "\n".join(lines) + "\n"


def _fenced(text: str) -> str:
    """`text` in a fence that nothing in it can close."""
    longest = max((len(run) for run in re.findall("`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}text\n{text}{'' if text.endswith(chr(10)) else chr(10)}{fence}\n"
