"""Explain and ask: an answer in Markdown, streamed."""

from __future__ import annotations

from collections.abc import AsyncIterator

from kibitz.actions.desk import Brief, Desk
from kibitz.actions.task_text import numbered, task_text
from kibitz.actions.values import Order, Said, Step
from kibitz.claude.values import Finished, Started, TextDelta, ToolCall, ToolInputDelta
from kibitz.errors import UserError

ANSWER_MAX_TOKENS = 4096


async def explain(order: Order, desk: Desk) -> AsyncIterator[Step]:
    """Explain the order's lines.  Yields `Said` pieces of Markdown, last a `Spent`."""
    brief = await desk.brief(order)
    region = brief.region(numbered(brief.region_lines, brief.first_line + 1))
    async for step in _answer(desk, brief, region):
        yield step


async def ask(order: Order, desk: Desk) -> AsyncIterator[Step]:
    """Answer a question about the repository, or about the order's lines if it has any."""
    if not order.instruction.strip():
        raise UserError("Nothing was asked: give the question as `instruction`.")
    brief = await desk.brief(order)
    region = ""
    if order.document is not None and order.span is not None:
        region = brief.region(numbered(brief.region_lines, brief.first_line + 1))
    async for step in _answer(desk, brief, region):
        yield step


async def _answer(desk: Desk, brief: Brief, region: str) -> AsyncIterator[Step]:
    task = task_text(
        brief.order.action,
        region=region,
        instruction=brief.order.instruction,
        diagnostics=brief.order.diagnostics,
    )
    prompt = desk.prompt(brief, task, max_tokens=ANSWER_MAX_TOKENS)
    said = False
    async for event in desk.reply(brief, prompt):
        match event:
            case TextDelta(text):
                said = said or bool(text.strip())
                yield Said(text)
            case Started() | Finished() | ToolInputDelta() | ToolCall():
                pass
            case step:
                yield step
    if not said:
        raise UserError("Claude's answer was empty; ask again.", exit_code=3)
