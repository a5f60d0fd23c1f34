"""Refactor: the region's new text, as small edits of whole lines while it arrives."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from kibitz.actions.brief import Brief
from kibitz.actions.desk import Desk
from kibitz.actions.fallback import falls_back
from kibitz.actions.rounds import Seen, rounds
from kibitz.actions.task_text import task_text
from kibitz.actions.values import Changed, Looking, Order, Region, Step
from kibitz.claude.values import Finished, Started, TextDelta, ToolCall, ToolInputDelta
from kibitz.edits.diff import StreamingDiff
from kibitz.edits.hygiene import LineNormalizer
from kibitz.edits.reader import CLOSING_TAG, ReplacementReader, contains_tag
from kibitz.edits.secrets import restore
from kibitz.edits.values import LineEdit
from kibitz.errors import UserError
from kibitz.plain_text import one_line
from kibitz_context.lines import dominant_ending
from kibitz_context.tokens import estimate

REFACTOR_MIN_TOKENS = 2048
ECHO_LINES = 20  # how many lines round the region a reply may repeat without their being doubled
REFACTOR_MAX_TOKENS = 32_000


@falls_back
async def refactor(order: Order, desk: Desk) -> AsyncGenerator[Step, None]:
    """Rewrite the order's lines as its instruction says.

    Yields one `Region`, then `Changed` with edits of it, and a `Spent` for each request.  Raises
    UserError when the reply is not complete: what was yielded by then must be taken back.
    """
    if not order.instruction.strip():
        raise UserError(
            "Say what to change: give an instruction, or write a `kibitz: …` comment above the "
            "code."
        )
    if order.document is None:
        raise UserError("A refactoring needs a document.")
    async with aclosing(desk.prepare(order)) as preparing:
        async for step in preparing:
            yield step
    brief = await desk.brief(order)
    original = order.document.lines.lines[brief.first_line : brief.end_line]
    yield Region(brief.first_line, tuple(original))
    region = "".join(brief.region_lines)
    if contains_tag(region):
        raise UserError(
            f"The selected lines contain `{CLOSING_TAG}`, which would end the reply; "
            "select fewer lines."
        )
    task = task_text(
        "refactor",
        region=brief.region(region),
        instruction=brief.order.instruction,
        diagnostics=brief.order.diagnostics,
    )
    room = REFACTOR_MIN_TOKENS + 2 * estimate(region)
    prompt = desk.prompt(
        brief,
        task,
        max_tokens=min(room, REFACTOR_MAX_TOKENS),
        least_tokens=room // 2,
        tool_choice="auto",
        stop_sequences=(CLOSING_TAG,),
    )
    ending = dominant_ending(order.document.lines.lines)
    reader = ReplacementReader(brief.region_lines, order.document.language)
    normalizer = LineNormalizer(
        brief.region_lines,
        ending,
        above=brief.lines[max(0, brief.first_line - ECHO_LINES) : brief.first_line],
        below=brief.lines[brief.end_line : brief.end_line + ECHO_LINES],
    )
    diff = StreamingDiff(brief.region_lines)
    closed, prose = False, ""
    talk = rounds(desk, brief, prompt, Seen(), least_tokens=room // 2)
    async with aclosing(talk) as events:
        async for event in events:
            match event:
                case Looking():
                    # The change is what Claude ends with.  One that is begun and then thought
                    # over has been shown already, and what follows need not go on with it.
                    if reader.opened:
                        raise UserError(
                            "Claude began to rewrite the code and then wanted to look around "
                            "instead. Nothing was changed; try again.",
                            exit_code=3,
                        )
                    reader = ReplacementReader(brief.region_lines, order.document.language)
                    prose = ""
                    yield event
                case TextDelta(text):
                    replacement = reader.feed(text)
                    if not reader.opened:
                        prose += text
                    lines = normalizer.feed(replacement)
                    if not lines:
                        continue
                    was_in_hunk = diff.in_hunk
                    edits = diff.push(lines)
                    if edits or was_in_hunk != diff.in_hunk:
                        yield Changed(_with_secrets(brief, edits), diff.in_hunk)
                case Finished(stop_reason="stop_sequence"):
                    closed = True
                case Started() | Finished() | ToolInputDelta() | ToolCall():
                    pass
                case step:
                    yield step
    rest = reader.finish(closed=closed)
    if not reader.opened:
        raise UserError(_without_replacement(prose), exit_code=3)
    if not reader.complete:
        raise UserError(
            f"Claude's reply cannot be used: {reader.problem}. Nothing was changed; try again.",
            exit_code=3,
        )
    edits = diff.push(normalizer.feed(rest) + normalizer.finish())
    edits += diff.finish()
    if edits:
        yield Changed(_with_secrets(brief, edits))


def _with_secrets(brief: Brief, edits: Sequence[LineEdit]) -> tuple[LineEdit, ...]:
    """`edits` with the document's secrets back in the place of their placeholders.

    Those of files that Claude has looked at stay placeholders: no reply moves a secret from one
    file into another.
    """
    if not brief.secrets:
        return tuple(edits)
    return tuple(
        LineEdit(edit.start, edit.end, tuple(restore(line, brief.secrets) for line in edit.lines))
        for edit in edits
    )


def _without_replacement(prose: str) -> str:
    """What to tell when Claude answered in words instead of code."""
    words = one_line(prose, 240)
    if not words:
        return "Claude's reply was empty; nothing was changed. Try again."
    return f"Claude did not change the code: {words}"
