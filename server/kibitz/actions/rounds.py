"""Rounds of one task: Claude asks to see more, gets it, and goes on until it answers.

Each round is a request of its own, with its own reservation and its own row in the ledger.  The
conversation only grows, so that every round reads what the round before it left in the cache.
How many rounds, calls, bytes and seconds there may be is decided here.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import threading
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kibitz.actions.brief import Brief
from kibitz.actions.desk import Desk
from kibitz.actions.task_text import prompt_text
from kibitz.actions.tools import EDIT_FILE, REPORT_FINDINGS
from kibitz.actions.values import Looked, Looking, Step
from kibitz.claude.values import (
    Block,
    Event,
    Finished,
    Message,
    Part,
    Prompt,
    ToolCall,
    ToolResult,
    ToolUse,
)
from kibitz.looking import toolbox
from kibitz.looking.arguments import Stopped
from kibitz.looking.toolbox import Result

if TYPE_CHECKING:
    from kibitz.looking.sight import Sight

_logger = logging.getLogger(__name__)

# How often Claude may look around before it has to answer.  Higher: a task that goes astray costs
# that much more; lower: what lies three files away is not found.
MOST_ROUNDS = 8
# Of one reply; more are answered with an error.
MOST_CALLS = 8
# How many of them run at once: they mostly wait for git, for ripgrep and for the disk.
AT_ONCE = 4
# All results together.  Higher: the last rounds cost more than the snapshot.
MOST_CHARACTERS = 120_000
# With less room than this for results there is no use in another round.
LEAST_CHARACTERS = 3_000
MOST_SECONDS = 180.0
# All calls of one round together; a tool gives up long before.
ROUND_SECONDS = 45.0

NO_MORE = (
    "This was the last time that you could look around: no tool can be called any more. Answer "
    "now from what you have seen, and say what you could not see."
)
REPORT_NOW = (
    "This was the last time that you could look around. Call "
    f"{REPORT_FINDINGS.name} now with what you have found."
)
EDIT_NOW = f"This was the last time that you could look around. Call {EDIT_FILE.name} now."
TOO_MANY = f"Only {MOST_CALLS} calls are answered at once; make this one again if you need it."
NOT_HERE = {
    EDIT_FILE.name: f"{EDIT_FILE.name} is for tasks of the kind `files`; answer as this one says.",
    REPORT_FINDINGS.name: f"{REPORT_FINDINGS.name} is for reviews; answer this task as it says.",
}
NO_ROOM = "There is no room left for more results; answer from what you have seen."


@dataclass
class Seen:
    """What has come of looking around so far; `sent` are the messages of the last request."""

    rounds: int = 0
    characters: int = 0
    sent: tuple[Message, ...] = ()


async def rounds(
    desk: Desk, brief: Brief, prompt: Prompt, seen: Seen, *, least_tokens: int
) -> AsyncGenerator[Event | Step, None]:
    """Send `prompt`, and what Claude goes on to ask, until it has answered; as `Desk.reply`.

    Yields the events and steps of every round, one `Spent` for each; between rounds a `Looking`
    for every call before it is answered, and a `Looked` after it.  Who does not want the round
    that has just ended to be gone on with closes the iterator at the first `Looking`: no tool has
    run by then.
    """
    began = time.monotonic()
    stopped = threading.Event()
    sight = desk.sight(brief, stopped.is_set)
    room = min(MOST_CHARACTERS, desk.room_for_results(brief, prompt, least_tokens))
    is_last = room < LEAST_CHARACTERS
    if is_last:
        prompt = _without_looking(prompt)
    try:
        while True:
            calls: list[ToolCall] = []
            finished: Finished | None = None
            seen.sent = prompt.messages
            async with aclosing(desk.reply(brief, prompt, is_first=not seen.rounds)) as events:
                async for event in events:
                    if isinstance(event, ToolCall):
                        calls.append(event)
                    elif isinstance(event, Finished):
                        finished = event
                    yield event
            if finished is None or is_last or not _asks_for_more(prompt, finished, calls):
                return
            seen.rounds += 1
            for call in calls:
                yield Looking(toolbox.words(call.name, call.input_json))
            results = await _answered(sight, calls)
            for call, result in zip(calls, results, strict=True):
                yield Looked(
                    call.name,
                    result.arguments,
                    len(result.text.encode("utf-8", "replace")),
                    result.seconds,
                    result.outcome,
                )
            texts = _fitted([result.text for result in results], room - seen.characters)
            seen.characters += sum(map(len, texts))
            is_last = (
                seen.rounds >= MOST_ROUNDS
                or room - seen.characters < LEAST_CHARACTERS
                or time.monotonic() - began > MOST_SECONDS
            )
            told = list(zip(texts, (result.is_error for result in results), strict=True))
            following = going_on(prompt, finished.content, told, is_last=is_last)
            prompt = desk.within_budget(brief, following, least_tokens)
    finally:
        # A thread cannot be cancelled: it looks whether anybody still waits for it.
        stopped.set()


def going_on(
    prompt: Prompt,
    content: Sequence[Part],
    results: Sequence[tuple[str, bool]],
    *,
    is_last: bool = False,
) -> Prompt:
    """The prompt of the next round: what Claude said, and a result (text, whether it is an error)
    for each of its calls.

    The entry that this round leaves in the cache ends with the last result, and the one that the
    last round left is found from there.  The last round of all leaves none, since nobody reads it
    again.  It has another tool choice, so that no tool can be called, and reads none of the
    messages; but where a call is the answer, the choice stays, and the old marker with it.
    """
    content, ids = _with_ids(content, len(prompt.messages))
    if is_last:
        *before, (text, is_error) = results
        # In the result, not after it: text that follows results is now and then taken for the
        # end, and answered with nothing.
        end = {None: NO_MORE, EDIT_FILE.name: EDIT_NOW}.get(prompt.answer_tool, REPORT_NOW)
        results = [*before, (f"{text}\n\n{end}", is_error)]
    parts = [
        ToolResult(id_, text, is_error) for id_, (text, is_error) in zip(ids, results, strict=True)
    ]
    if not is_last:
        parts[-1] = dataclasses.replace(parts[-1], marker="5m")
    before_this = prompt.messages
    if not is_last or prompt.answer_tool is None:
        # There may be four in all, and the system blocks may have three.
        before_this = tuple(message.without_markers() for message in before_this)
    return dataclasses.replace(
        prompt,
        messages=(
            *before_this,
            Message("assistant", tuple(content)),
            Message("user", tuple(parts)),
        ),
        tool_choice="none" if is_last and prompt.answer_tool is None else prompt.tool_choice,
    )


def _without_looking(prompt: Prompt) -> Prompt:
    """`prompt` where what it takes to answer is all that the limits leave."""
    if prompt.answer_tool is None:
        return dataclasses.replace(prompt, tool_choice="none")
    *before, last = prompt.messages
    words = prompt_text("alone_files" if prompt.answer_tool == EDIT_FILE.name else "alone")
    last = dataclasses.replace(last, content=(*last.content, Block(words)))
    return dataclasses.replace(prompt, messages=(*before, last))


def _asks_for_more(prompt: Prompt, finished: Finished, calls: Sequence[ToolCall]) -> bool:
    """Whether the reply is a question to us, and not the answer."""
    if not calls or prompt.tool_choice == "none":
        return False
    # Some endpoints end every reply in the same way, but none goes on after a stop sequence.
    if finished.stop_reason not in ("tool_use", "end_turn"):
        return False
    return all(call.name != prompt.answer_tool for call in calls)


async def _answered(sight: Sight, calls: Sequence[ToolCall]) -> list[Result]:
    """The results of all calls, in their order; some at once, none raises."""
    at_once = asyncio.Semaphore(AT_ONCE)

    async def one(number: int, call: ToolCall) -> Result:
        if call.name in NOT_HERE:
            return _told(NOT_HERE[call.name])
        if number >= MOST_CALLS:
            return _told(TOO_MANY)
        async with at_once:
            try:
                async with asyncio.timeout(ROUND_SECONDS):
                    return await asyncio.to_thread(
                        toolbox.answer, sight, call.name, call.input_json
                    )
            except (TimeoutError, Stopped):
                _logger.warning("the tool %s was given up", call.name[:40])
                return _told("That took too long; ask for less.")

    return list(await asyncio.gather(*(one(*each) for each in enumerate(calls))))


def _told(sentence: str) -> Result:
    return Result(sentence, "refused", (), 0.0)


def _fitted(texts: Sequence[str], room: int) -> list[str]:
    """`texts` as far as they fit, each of them with its fair share of the room."""
    fitted: list[str] = []
    for number, text in enumerate(texts):
        share = max(room // (len(texts) - number), 0)
        if len(text) <= share:
            fitted.append(text)
        elif share > LEAST_CHARACTERS:
            fitted.append(f"{text[:share]}\n… {NO_ROOM}")
        else:
            fitted.append(NO_ROOM)
        room -= len(fitted[-1])
    return fitted


def _with_ids(content: Sequence[Part], number: int) -> tuple[list[Part], list[str]]:
    """The content with an id of its own for every call: some local servers give none."""
    ids: list[str] = []
    parts: list[Part] = []
    for part in content:
        if not isinstance(part, ToolUse):
            parts.append(part)
            continue
        is_its_own = part.id and part.id not in ids
        ids.append(part.id if is_its_own else f"call_{number}_{len(ids)}")
        parts.append(dataclasses.replace(part, id=ids[-1]))
    return parts, ids
