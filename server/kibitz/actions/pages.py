"""Pages that kibitz writes itself, in Markdown: what was spent, what would be sent.

They are shown like Claude's answers and cost nothing.
"""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import AsyncIterator

from kibitz.actions.desk import Desk
from kibitz.actions.values import Order, Said, Step
from kibitz.backend import Backend
from kibitz.bill import dollars

USAGE_DAYS = 30
LISTED_FILES = 200


async def usage(backend: Backend) -> AsyncIterator[Step]:
    """What was spent in the last 30 days, by day, as a table."""
    since = datetime.datetime.now().astimezone() - datetime.timedelta(days=USAGE_DAYS)
    summary = await asyncio.to_thread(lambda: backend.ledger().summary(since, "day"))
    total = summary.total
    lines = [
        f"{total.requests:,} requests in {USAGE_DAYS} days for {dollars(total.cost_usd)}; "
        f"the cache saved {dollars(total.saved_usd)}.",
        "",
        "| day | requests | in | from cache | out | cost |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for key, day in summary.rows:
        prompt = day.input_tokens + day.cache_read_tokens + day.cache_write_tokens
        share = day.cache_read_tokens / prompt if prompt else 0.0
        lines.append(
            f"| {key} | {day.requests:,} | {prompt:,} | {share:.0%} | {day.output_tokens:,} | "
            f"{dollars(day.cost_usd)} |"
        )
    yield Said("\n".join(lines) + "\n")


async def context(order: Order, desk: Desk) -> AsyncIterator[Step]:
    """What Claude would be shown for a request about the order's document."""
    brief = await desk.brief(order)
    shown = brief.context
    lines = [
        f"For {brief.model}, as of commit {shown.commit or '(none)'}:",
        "",
        "| layer | tokens | files |",
        "|---|--:|--:|",
    ]
    layers = (shown.snapshot, shown.changes, shown.task)
    lines += [f"| {layer.name} | {layer.tokens:,} | {len(layer.files):,} |" for layer in layers]
    for layer in layers:
        if layer.files:
            lines += ["", f"### {layer.name}", ""]
            lines += [
                f"- `{file.path}` ({file.form}, {file.tokens:,} tokens)"
                for file in layer.files[:LISTED_FILES]
            ]
            if len(layer.files) > LISTED_FILES:
                lines.append(f"- … and {len(layer.files) - LISTED_FILES:,} more")
    if shown.omitted:
        lines += ["", "### Left out", ""]
        lines += [f"- `{item.path}`: {item.reason}" for item in shown.omitted[:LISTED_FILES]]
    yield Said("\n".join(lines) + "\n")
