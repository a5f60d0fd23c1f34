"""Explain and ask: an answer in Markdown, streamed."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from kibitz.actions.brief import Brief
from kibitz.actions.desk import Desk
from kibitz.actions.fallback import falls_back
from kibitz.actions.rounds import Seen, rounds
from kibitz.actions.task_text import numbered, task_text
from kibitz.actions.values import Looking, Order, Said, Step
from kibitz.claude.values import (
    Finished,
    Prompt,
    Started,
    TextDelta,
    ToolCall,
    ToolInputDelta,
)
from kibitz.errors import UserError

ANSWER_MAX_TOKENS = 4096
ANSWER_LEAST_TOKENS = 1024


@falls_back
async def explain(order: Order, desk: Desk) -> AsyncGenerator[Step, None]:
    """Explain the order's lines.  Yields `Said` pieces of Markdown, and a `Spent` for each
    request."""
    async with aclosing(_answer(order, desk)) as steps:
        async for step in steps:
            yield step


@falls_back
async def ask(order: Order, desk: Desk) -> AsyncGenerator[Step, None]:
    """Answer a question about the repository, or about the order's lines if it has any."""
    if not order.instruction.strip():
        raise UserError("Nothing was asked: give the question as `instruction`.")
    async with aclosing(_answer(order, desk)) as steps:
        async for step in steps:
            yield step


async def _answer(order: Order, desk: Desk) -> AsyncGenerator[Step, None]:
    async with aclosing(desk.prepare(order)) as preparing:
        async for step in preparing:
            yield step
    brief = await desk.brief(order)
    async with aclosing(answered(desk, brief, answer_prompt(desk, brief), Seen())) as steps:
        async for step in steps:
            yield step


def answer_prompt(desk: Desk, brief: Brief) -> Prompt:
    """The request that explains or answers, exactly as it is sent."""
    order = brief.order
    region = ""
    if order.document is not None and (order.action != "ask" or order.span is not None):
        region = brief.region(numbered(brief.region_lines, brief.first_line + 1))
    task = task_text(
        order.action,
        region=region,
        instruction=order.instruction,
        diagnostics=order.diagnostics,
    )
    return desk.prompt(
        brief,
        task,
        max_tokens=ANSWER_MAX_TOKENS,
        least_tokens=ANSWER_LEAST_TOKENS,
        tool_choice="auto",
    )


async def answered(
    desk: Desk, brief: Brief, prompt: Prompt, seen: Seen
) -> AsyncGenerator[Step, None]:
    """Send `prompt`, and whatever Claude looks at before it answers.  Raises UserError for an
    answer of no words."""
    said = paragraph_ended = False
    talk = rounds(desk, brief, prompt, seen, least_tokens=ANSWER_LEAST_TOKENS)
    async with aclosing(talk) as events:
        async for event in events:
            match event:
                case TextDelta(text):
                    if paragraph_ended and said:
                        # Words from before a look around, and those that follow.
                        yield Said("\n\n")
                    paragraph_ended = False
                    said = said or bool(text.strip())
                    yield Said(text)
                case Looking():
                    paragraph_ended = True
                    yield event
                case Started() | Finished() | ToolInputDelta() | ToolCall():
                    pass
                case step:
                    yield step
    if not said:
        raise UserError("Claude's answer was empty; ask again.", exit_code=3)
