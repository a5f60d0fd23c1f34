"""A change of a file and of whatever other files it takes: all of it or nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kibitz.actions.brief import Brief
from kibitz.actions.desk import Desk
from kibitz.actions.fallback import falls_back
from kibitz.actions.rounds import Seen, going_on, rounds
from kibitz.actions.staging import Staging
from kibitz.actions.task_text import task_text
from kibitz.actions.tools import EDIT_FILE
from kibitz.actions.values import FilesChanged, Noted, Order, Step
from kibitz.claude.values import Finished, Prompt, Started, TextDelta, ToolCall, ToolInputDelta
from kibitz.errors import UserError
from kibitz.plain_text import one_line
from kibitz_context.tokens import estimate

if TYPE_CHECKING:
    from kibitz.looking.sight import Sight

MIN_TOKENS = 8_192
LEAST_TOKENS = 2_048
MAX_TOKENS = 32_000


@dataclass(frozen=True, slots=True)
class FilesTask:
    """What is wanted, and what Claude is given for it beside the region: `material` is tagged text
    that has passed the gate.  `untouched` are files, relative to the root, that must stay."""

    instruction: str
    material: str = ""
    untouched: frozenset[str] = frozenset()


@falls_back
async def change_files(order: Order, desk: Desk) -> AsyncGenerator[Step, None]:
    """Do what the order's instruction says, in its document and in other files of the repository.

    As `files_changed`.
    """
    if not order.instruction.strip():
        raise UserError("Say what to change: give an instruction.")
    steps = files_changed(order, desk, lambda brief, _: FilesTask(brief.order.instruction))
    async with aclosing(steps) as following:
        async for step in following:
            yield step


async def files_changed(
    order: Order, desk: Desk, task_of: Callable[[Brief, Sight], FilesTask]
) -> AsyncGenerator[Step, None]:
    """Carry out the task that `task_of` makes of the brief; it may block, and raise UserError.

    Yields one `FilesChanged` at the end, with nothing in it when there is nothing to change, and
    a `Spent` for each request.  Edits that do not hold are told to Claude once, which may mend
    them.  Raises UserError when they still do not: then nothing is to be changed.
    """
    if order.document is None or order.document.path is None:
        raise UserError("Save the document first: files are changed by their names.")
    async with aclosing(desk.prepare(order)) as preparing:
        async for step in preparing:
            yield step
    brief = await desk.brief(order)
    sight = desk.sight(brief, lambda: False)
    task = await asyncio.to_thread(task_of, brief, sight)
    prompt = _prompt(desk, brief, task)
    if EDIT_FILE not in prompt.tools:
        raise UserError(
            f"{brief.model} has too small a window to change several files; select lines and "
            "refactor those."
        )
    seen = Seen()
    staging = Staging(sight, order.document.text, desk.syntax_faults, task.untouched)
    is_second = False
    while True:
        calls: list[ToolCall] = []
        prose, finished = "", None
        talk = rounds(desk, brief, prompt, seen, least_tokens=LEAST_TOKENS)
        async with aclosing(talk) as events:
            async for event in events:
                match event:
                    case ToolCall():
                        calls.append(event)
                    case TextDelta(text):
                        prose += text
                    case Finished():
                        finished = event
                        is_answer = not calls or any(each.name == EDIT_FILE.name for each in calls)
                        if not is_answer:
                            calls, prose = [], ""
                    case Started() | ToolInputDelta():
                        pass
                    case step:
                        yield step
        if not calls and not is_second:
            raise UserError(_without_edits(prose), exit_code=3)
        told = await asyncio.to_thread(staging.take, calls)
        if is_second or not any(is_error for _, is_error in told):
            break
        assert finished is not None, "calls come with the end of their reply"
        yield Noted("Claude mends edits that do not hold")
        is_second = True
        seen.rounds += 1
        following = going_on(replace(prompt, messages=seen.sent), finished.content, told)
        prompt = desk.within_budget(brief, following, LEAST_TOKENS)
    if staging.problem is not None:
        raise UserError(
            f"Claude's edits do not hold: {one_line(staging.problem, 240)} "
            "Nothing was changed; try again.",
            exit_code=3,
        )
    yield FilesChanged(staging.files)


def _prompt(desk: Desk, brief: Brief, task: FilesTask) -> Prompt:
    region = "".join(brief.region_lines)
    text = task_text(
        "files",
        region="\n".join(part for part in (brief.region(region), task.material) if part),
        instruction=task.instruction,
        diagnostics=brief.order.diagnostics,
    )
    return desk.prompt(
        brief,
        text,
        max_tokens=min(MIN_TOKENS + 2 * estimate(region), MAX_TOKENS),
        least_tokens=LEAST_TOKENS,
        tool_choice="auto",
        answer_tool=EDIT_FILE.name,
    )


def _without_edits(prose: str) -> str:
    """What to tell when Claude answered in words instead of edits."""
    words = one_line(prose, 240)
    if not words:
        return "Claude's reply was empty; nothing was changed. Try again."
    return f"Claude did not change the code: {words}"
