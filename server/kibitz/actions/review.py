"""Review: findings, each as soon as it is complete and has its place in the text."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing

from kibitz.actions.brief import Brief
from kibitz.actions.desk import Desk
from kibitz.actions.task_text import numbered, task_text
from kibitz.actions.values import Found, NotKept, Order, Step
from kibitz.claude.values import Finished, Started, TextDelta, ToolCall, ToolInputDelta
from kibitz.edits.secrets import restore
from kibitz.errors import UserError
from kibitz.findings.anchor import QuoteIndex
from kibitz.findings.parse import FindingsReader, from_text
from kibitz.findings.values import SEVERITIES, Dropped, Finding
from kibitz_context.tokens import estimate

REVIEW_MIN_TOKENS = 4096
REVIEW_LEAST_TOKENS = 1536
REVIEW_MAX_TOKENS = 16_000


async def review(order: Order, desk: Desk) -> AsyncGenerator[Step, None]:
    """Review the order's lines.  Yields `Found` and `NotKept`, last a `Spent`."""
    async with aclosing(desk.prepare(order)) as preparing:
        async for step in preparing:
            yield step
    brief = await desk.brief(order)
    region = brief.region(numbered(brief.region_lines, brief.first_line + 1))
    task = task_text(
        "review",
        region=region,
        instruction=brief.order.instruction,
        extra=brief.review_instructions,
    )
    room = 2 * estimate("".join(brief.region_lines))
    prompt = desk.prompt(
        brief,
        task,
        max_tokens=max(REVIEW_MIN_TOKENS, min(room, REVIEW_MAX_TOKENS)),
        least_tokens=REVIEW_LEAST_TOKENS,
        tool_choice="auto",
    )
    reader = FindingsReader(brief.path)
    quotes = QuoteIndex(brief.lines)
    prose: list[str] = []
    called = False
    async with aclosing(desk.reply(brief, prompt)) as events:
        async for event in events:
            match event:
                case ToolInputDelta(name="report_findings", partial_json=piece):
                    called = True
                    for step in _judged(brief, quotes, reader.feed(piece)):
                        yield step
                case TextDelta(text):
                    prose.append(text)
                case ToolCall(name="report_findings"):
                    for step in _judged(brief, quotes, reader.finish()):
                        yield step
                case Started() | Finished() | ToolInputDelta() | ToolCall():
                    pass
                case step:
                    yield step
    if not called:
        results = from_text("".join(prose), brief.path)
        if results is None:
            raise UserError(
                "Claude's reply held no findings that could be read; run the review again.",
                exit_code=3,
            )
        for step in _judged(brief, quotes, results):
            yield step


def _judged(brief: Brief, quotes: QuoteIndex, results: Iterable[Finding | Dropped]) -> list[Step]:
    """Findings with their place in the text; those without one are told as not kept."""
    steps: list[Step] = []
    limit = SEVERITIES.index(brief.settings.review.min_severity)
    for result in results:
        if isinstance(result, Finding):
            placed = (
                quotes.anchor(result)
                if result.path == brief.path
                else Dropped("unknown_file", result.title, result.path)
            )
            if isinstance(placed, Finding):
                if SEVERITIES.index(placed.severity) <= limit:
                    steps.append(Found(_with_secrets(brief, placed)))
                continue
            steps.append(NotKept(placed))
        else:
            steps.append(NotKept(result))
    return steps


def _with_secrets(brief: Brief, finding: Finding) -> Finding:
    return dataclasses.replace(finding, suggestion=restore(finding.suggestion, brief.secrets))
