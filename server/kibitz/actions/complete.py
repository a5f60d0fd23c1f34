"""Complete: the text that belongs at the cursor, as it arrives.

What of it is shown is decided elsewhere (`kibitz.completion`); here it is only asked for.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace

from kibitz.actions.brief import Brief
from kibitz.actions.desk import Desk
from kibitz.actions.recent import recent_edits
from kibitz.actions.task_text import tagged, task_text
from kibitz.actions.values import Order, Step
from kibitz.claude.values import (
    Block,
    Finished,
    Message,
    Prompt,
    Started,
    TextDelta,
    ToolCall,
    ToolInputDelta,
)
from kibitz.completion.reader import CLOSING_TAG, CutOffError
from kibitz.completion.spot import Spot
from kibitz.completion.window import Window, window
from kibitz.edits.secrets import restore
from kibitz.errors import UserError
from kibitz_context.tokens import estimate

# A line, or a block that can be read at a glance; a whole function where somebody has asked.
TYPED_MAX_TOKENS = 256
INVOKED_MAX_TOKENS = 1_024
LEAST_TOKENS = 96

# A head that is shorter is not worth an entry of its own.
LEAST_HEAD_TOKENS = 600

# What the API takes in one request.
MOST_MARKERS = 4

CURSOR = "{{CURSOR}}"


async def complete(order: Order, desk: Desk) -> AsyncGenerator[str | Step, None]:
    """The pieces of Claude's reply to a completion at the start of the order's span, with what
    there is to tell of the request among them.

    Raises UserError where nothing can be asked or the reply is refused, ClaudeFailure, and
    CutOffError at the end of a reply that was cut off.  The repository's index is not waited for.
    """
    document = order.document
    if document is None or order.span is None:
        raise UserError("A completion needs a place in a document.")
    brief = await desk.brief(order)
    spot = Spot.at(
        brief.text, order.span.start, document.language, was_invoked=not order.is_automatic
    )
    edits: tuple[str, ...] = ()
    if order.recent_edits:
        edits = await asyncio.to_thread(recent_edits, order.recent_edits, brief.subject.gate)
    prompt = complete_prompt(desk, brief, spot, edits)
    held = ""  # A secret's name is put back in one piece, so that whole lines are given out.
    async with aclosing(desk.reply(brief, prompt)) as events:
        async for event in events:
            match event:
                case TextDelta(text) if brief.secrets:
                    whole, newline, held = (held + text).rpartition("\n")
                    yield restore(whole, brief.secrets) + newline
                case TextDelta(text):
                    yield text
                case Finished(stop_reason="max_tokens"):
                    raise CutOffError
                case Finished(stop_reason="stop_sequence"):
                    yield restore(held, brief.secrets) + CLOSING_TAG
                    held = ""
                case Started() | Finished() | ToolInputDelta() | ToolCall():
                    pass
                case step:
                    yield step
    yield restore(held, brief.secrets)


def complete_prompt(desk: Desk, brief: Brief, spot: Spot, edits: Sequence[str] = ()) -> Prompt:
    """The request for a completion at `spot`, which is in the brief's text, after `edits`."""
    part = window(spot)
    cursor = _cursor(spot)
    shown = tagged(
        "window",
        f"{part.before}{cursor}{part.after}",
        path=brief.path,
        first_line=part.first_line + part.head.count("\n") + 1,
    )
    prompt = desk.prompt(
        brief,
        task_text("complete", region=shown, limits=_cue(spot, cursor)),
        max_tokens=TYPED_MAX_TOKENS if brief.order.is_automatic else INVOKED_MAX_TOKENS,
        least_tokens=LEAST_TOKENS,
        stop_sequences=(CLOSING_TAG,),
    )
    is_steady = brief.order.is_automatic and desk.is_steady(brief, prompt)
    return _with_what_stays(prompt, part, brief, edits, is_steady)


def _with_what_stays(
    prompt: Prompt, part: Window, brief: Brief, edits: Sequence[str], is_steady: bool
) -> Prompt:
    """Edits and the head of the window go in front of everything else about this request.

    Somebody who types is likely to ask again within minutes, so that they are worth an entry where
    the layers before them hold still: the edits one of their own, since they outlive the head of
    any window.
    """
    head = tagged("window", part.head, path=brief.path, first_line=part.first_line + 1)
    pieces = [*edits, head] if part.head else list(edits)
    if not pieces:
        return prompt
    marked = sum(block.marker is not None for block in prompt.system)
    marks: set[int] = set()
    if is_steady and marked:
        if sum(map(estimate, pieces)) >= LEAST_HEAD_TOKENS:
            marks.add(len(pieces) - 1)
        if edits and marked + len(marks) < MOST_MARKERS:
            marks.add(len(edits) - 1)
    blocks = [Block(text, "5m" if number in marks else None) for number, text in enumerate(pieces)]
    message = prompt.messages[0]
    return replace(prompt, messages=(Message(message.role, (*blocks, *message.content)),))


def _cursor(spot: Spot) -> str:
    """What stands at the cursor's place: something that the text does not hold."""
    text = spot.before + spot.after
    if CURSOR not in text:
        return CURSOR
    return f"{{{{CURSOR-{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()[:8]}}}}}"


def _cue(spot: Spot, cursor: str) -> str:
    """What is easily overlooked at the seam, said last."""
    if spot.at_line_start:
        indent = len(spot.indent)
        before = f"{indent} characters of indentation" if indent else "the beginning of the line"
    else:
        end = "a space" if spot.line_before.endswith((" ", "\t")) else "no space"
        before = f"`{spot.line_before.strip()[-80:]}` and {end}"
    behind = f"`{spot.line_after.strip()[:80]}`" if spot.line_after.strip() else "nothing"
    size = (
        "As much as belongs there, but not more than the block that begins or goes on here."
        if spot.wants_block
        else "One line."
    )
    return (
        f"On its line stand before {cursor}: {before}; behind it: {behind}. Both are there "
        f"already and not part of your answer. {size}"
    )
