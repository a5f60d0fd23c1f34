"""Review: findings, each as soon as it is complete and has its place in the text."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from kibitz.actions.brief import Brief
from kibitz.actions.desk import Desk
from kibitz.actions.fallback import falls_back
from kibitz.actions.findings_reply import FindingsReply
from kibitz.actions.rounds import Seen, rounds
from kibitz.actions.task_text import numbered, prompt_text, tagged, task_text
from kibitz.actions.tools import REPORT_FINDINGS
from kibitz.actions.values import Found, NotOffered, Order, Step
from kibitz.claude.values import (
    Finished,
    Prompt,
    Started,
    TextDelta,
    ToolCall,
    ToolInputDelta,
)
from kibitz.findings.suggestion import why_not_offered
from kibitz_context.document import Document
from kibitz_context.tokens import estimate

REVIEW_MIN_TOKENS = 4096
REVIEW_LEAST_TOKENS = 1536
REVIEW_MAX_TOKENS = 16_000

# The new lines are in the region; of a longer diff the rest is left out.
MOST_DIFF_CHARACTERS = 60_000


@falls_back
async def review(order: Order, desk: Desk) -> AsyncGenerator[Step, None]:
    """Review the order's lines.  Yields `Found` and `NotKept`, and a `Spent` for each request."""
    async with aclosing(desk.prepare(order)) as preparing:
        async for step in preparing:
            yield step
    brief = await desk.brief(order)
    prompt = review_prompt(desk, brief)
    hunks = order.hunks
    reply = FindingsReply(
        brief.path,
        brief.lines,
        brief.secrets,
        brief.settings.review.min_severity,
        hunks.lines if hunks is not None and not hunks.all_lines else None,
    )
    talk = rounds(desk, brief, prompt, Seen(), least_tokens=REVIEW_LEAST_TOKENS)
    async with aclosing(talk) as events:
        async for event in events:
            match event:
                case ToolInputDelta() | TextDelta() | ToolCall() | Started() | Finished():
                    for found in reply.read(event):
                        for step in await offered(found, order.document, desk, brief.path):
                            yield step
                case step:
                    yield step
    for found in reply.end():
        for step in await offered(found, order.document, desk, brief.path):
            yield step


async def offered(step: Step, document: Document | None, desk: Desk, path: str) -> list[Step]:
    """A finding with what it suggests, if that can be applied to `document`, called `path`, and
    leaves it in order; else without, and why."""
    if not isinstance(step, Found) or not step.finding.suggestion or document is None:
        return [step]
    finding, lines = step.finding, document.lines.lines
    why = await asyncio.to_thread(why_not_offered, finding, lines, path, desk.syntax_faults)
    if why is None:
        return [step]
    return [Found(replace(finding, suggestion="")), NotOffered(finding.title, why)]


def review_prompt(desk: Desk, brief: Brief, *, looks: bool = True) -> Prompt:
    """The request for a review of the brief's lines: live, or as one of a batch, where nobody is
    there to answer when Claude wants to look around (`looks` is False)."""
    hunks = brief.order.hunks
    marked = hunks.lines if hunks is not None else ()
    region = brief.region(numbered(brief.region_lines, brief.first_line + 1, marked))
    limits = [] if looks else [prompt_text("alone")]
    if hunks is not None:
        limits.insert(0, prompt_text("changes"))
        if hunks.diff:
            diff = _beginning(hunks.diff, MOST_DIFF_CHARACTERS)
            region = "\n".join((region, tagged("change", diff, path=brief.path)))
    task = task_text(
        "review",
        region=region,
        instruction=brief.order.instruction,
        extra=brief.review_instructions,
        limits="\n".join(limits),
    )
    room = 2 * estimate("".join(brief.region_lines))
    return desk.prompt(
        brief,
        task,
        max_tokens=max(REVIEW_MIN_TOKENS, min(room, REVIEW_MAX_TOKENS)),
        least_tokens=REVIEW_LEAST_TOKENS,
        tool_choice="auto",
        answer_tool=REPORT_FINDINGS.name,
    )


def _beginning(text: str, max_characters: int) -> str:
    """The first whole lines of `text` that fit, with a word where some do not."""
    if len(text) <= max_characters:
        return text
    return f"{text[:max_characters].rpartition(chr(10))[0]}\n… the rest is left out\n"
