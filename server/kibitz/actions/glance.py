"""Glance: what a hover shows of the definition there, in a few sentences."""

from __future__ import annotations

from contextlib import aclosing

from kibitz.actions.desk import Desk
from kibitz.actions.task_text import numbered, task_text
from kibitz.actions.values import Order
from kibitz.claude.values import TextDelta
from kibitz.errors import UserError

# A few sentences.  Higher: nobody reads them in a hover.
GLANCE_MAX_TOKENS = 400
GLANCE_LEAST_TOKENS = 160


async def glance(order: Order, desk: Desk) -> str:
    """A short explanation of the order's lines in Markdown.

    Raises UserError or ClaudeFailure where there is none.  The index is not waited for.
    """
    brief = await desk.brief(order)
    region = brief.region(numbered(brief.region_lines, brief.first_line + 1))
    prompt = desk.prompt(
        brief,
        task_text("hover", region=region),
        max_tokens=GLANCE_MAX_TOKENS,
        least_tokens=GLANCE_LEAST_TOKENS,
    )
    async with aclosing(desk.reply(brief, prompt)) as events:
        pieces = [event.text async for event in events if isinstance(event, TextDelta)]
    text = "".join(pieces).strip()
    if not text:
        raise UserError("Claude's answer was empty.")
    return text
