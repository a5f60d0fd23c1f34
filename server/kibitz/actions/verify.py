"""Verify: a second look at the findings of a review, which tries to refute each of them.

It is a request of its own behind the prefix that the review has used, with the code around the
findings and the tools to look further.  What comes of the review does not depend on it: where it
fails, or is interrupted, the findings are kept as they are.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import replace

from kibitz.actions.brief import Brief
from kibitz.actions.change_review import hunks_within
from kibitz.actions.desk import Desk
from kibitz.actions.rounds import Seen, rounds
from kibitz.actions.scope import definition_around
from kibitz.actions.task_text import numbered, tagged, task_text
from kibitz.actions.tools import TOOLS, tools_for
from kibitz.actions.values import (
    Hunks,
    Looking,
    Order,
    Spent,
    Step,
    Unverified,
    Verified,
    Verifying,
)
from kibitz.claude.values import (
    ClaudeFailure,
    Finished,
    Prompt,
    Started,
    TextDelta,
    ToolCall,
    ToolInputDelta,
)
from kibitz.errors import UserError, sentence_for
from kibitz.findings.values import SEVERITIES, Finding
from kibitz.findings.verdicts import CLOSING_TAG, read_verdicts

VERIFY = "verify"
# Of one review, the worst first.  Higher: the last ones get little thought; lower: a long review
# is checked in part.
MOST_FINDINGS = 40
VERIFY_TOKENS = 3_072
VERIFY_TOKENS_PER_FINDING = 120
VERIFY_LEAST_TOKENS = 1_024

# Code this near to a finding is shown where there is no definition around it.
MARGIN_LINES = 12
# All excerpts together; what is left out can be looked up.
MOST_EXCERPT_CHARACTERS = 40_000

UNREADABLE = "Claude's reply judged none of them."
TOO_MANY = f"Only the {MOST_FINDINGS} worst findings of a file are checked."


def wants_verifying(order: Order, desk: Desk) -> bool:
    """Whether the findings of `order` are to be checked.  Reads files: not for the event loop."""
    if order.verify is not None:
        return order.verify
    settings = desk.settings_in(order.root)
    if settings.review.verify != "auto":
        return settings.review.verify == "on"
    # A model that cannot look around could only say again what it has said.
    window = desk.known_models().context_tokens(desk.model_for(order))
    return order.hunks is not None and tools_for(window) == TOOLS


async def verify(
    order: Order, desk: Desk, findings: Sequence[Finding]
) -> AsyncGenerator[Step, None]:
    """Check `findings` of the review `order`, made just before.

    Yields `Verifying`, the steps of the requests, then `Verified`, and `Unverified` for those that
    could not be checked; no failure is raised.
    """
    by_severity = sorted(findings, key=lambda each: SEVERITIES.index(each.severity))
    chosen, rest = by_severity[:MOST_FINDINGS], by_severity[MOST_FINDINGS:]
    yield Verifying(tuple(findings))
    cost_usd: float | None = 0.0
    text = ""
    try:
        async with aclosing(_asked(order, desk, chosen)) as steps:
            async for step in steps:
                if isinstance(step, str):
                    text = step
                    continue
                if isinstance(step, Spent):
                    known = cost_usd is not None and step.cost_usd is not None
                    cost_usd = (cost_usd or 0.0) + (step.cost_usd or 0.0) if known else None
                yield step
    except ClaudeFailure as failure:
        yield Unverified(tuple(findings), sentence_for(failure), cost_usd)
        return
    except UserError as error:
        yield Unverified(tuple(findings), error.sentence, cost_usd)
        return
    refuted = read_verdicts(text, len(chosen))
    if refuted is None:
        yield Unverified(tuple(findings), UNREADABLE, cost_usd)
        return
    yield Verified(
        tuple(each for number, each in enumerate(chosen, 1) if number not in refuted),
        tuple((chosen[number - 1], reason) for number, reason in sorted(refuted.items())),
        cost_usd,
    )
    if rest:
        yield Unverified(tuple(rest), TOO_MANY, 0.0)


async def _asked(
    order: Order, desk: Desk, findings: Sequence[Finding]
) -> AsyncGenerator[Step | str, None]:
    """The steps of the request, and last the text of the reply."""
    brief = await desk.brief(await asyncio.to_thread(order_for, order, desk, findings))
    prompt = verify_prompt(desk, brief, findings)
    text = ""
    talk = rounds(desk, brief, prompt, Seen(), least_tokens=VERIFY_LEAST_TOKENS)
    async with aclosing(talk) as events:
        async for event in events:
            match event:
                case TextDelta(piece):
                    text += piece
                case Started() | Finished() | ToolCall() | ToolInputDelta():
                    pass
                case step:
                    if isinstance(step, Looking):
                        text = ""
                    yield step
    yield text


def order_for(order: Order, desk: Desk, findings: Sequence[Finding]) -> Order:
    """The order of the check: of the review's own tier, and so behind its prefix; what is looked
    for besides is what belongs to the lines that were found.  Reads files."""
    settings = desk.settings_in(order.root)
    lines = sorted({(each.start_line - 1, each.end_line) for each in findings})
    diff = order.hunks.diff if order.hunks is not None else ""
    return replace(
        order,
        action=VERIFY,
        tier=order.tier or settings.route.get(order.action, "standard"),
        instruction="",
        hunks=Hunks(tuple(lines), diff),
    )


def after_fallback(order: Order, desk: Desk) -> Order:
    """The order as it is carried out by the tier that has answered in the place of its own."""
    fallback = desk.settings_in(order.root).fallback
    return order if fallback == "off" else replace(order, tier=fallback)


def verify_prompt(desk: Desk, brief: Brief, findings: Sequence[Finding]) -> Prompt:
    """The request for the check of `findings` of the brief's document."""
    from kibitz_context.gate.secrets import redact

    lines = brief.lines
    hunks = brief.order.hunks
    parts: list[str] = []
    for first, end in _excerpts(lines, findings):
        shown = numbered(lines[first:end], first + 1)
        parts.append(tagged("region", shown, path=brief.path, first_line=first + 1))
        if hunks is not None and (diff := hunks_within(hunks.diff, first, end)):
            parts.append(tagged("change", diff, path=brief.path))
    for number, finding in enumerate(findings, 1):
        said = f"{finding.title}\n{finding.message}\n"
        parts.append(
            tagged(
                "finding",
                redact(said).text,
                number=number,
                lines=f"{finding.start_line}-{finding.end_line}",
                severity=finding.severity,
                category=finding.category,
            )
        )
    task = task_text(VERIFY, region="\n".join(parts), extra=brief.review_instructions)
    return desk.prompt(
        brief,
        task,
        max_tokens=VERIFY_TOKENS + VERIFY_TOKENS_PER_FINDING * len(findings),
        least_tokens=VERIFY_LEAST_TOKENS,
        tool_choice="auto",
        stop_sequences=(CLOSING_TAG,),
    )


def _excerpts(lines: Sequence[str], findings: Sequence[Finding]) -> Iterator[tuple[int, int]]:
    """The lines ``[first, end)`` around the findings, apart from each other, as far as there is
    room; every finding's own lines are among them while there is any."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(_around(lines, each) for each in findings):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    room = MOST_EXCERPT_CHARACTERS
    for start, end in merged:
        last = start
        while last < end and room >= 0:
            room -= len(lines[last])
            last += 1
        if last > start:
            yield start, last


def _around(lines: Sequence[str], finding: Finding) -> tuple[int, int]:
    first, end = finding.start_line - 1, finding.end_line
    before, after = definition_around(lines, first)
    return (
        max(0, min(first - MARGIN_LINES, before)),
        min(len(lines), max(end + MARGIN_LINES, after)),
    )
