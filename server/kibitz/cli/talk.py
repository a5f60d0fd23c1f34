"""Conversations on the command line: each question goes on with one, or begins one."""

from __future__ import annotations

import asyncio
import datetime
import os
import re
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

from kibitz.actions.converse import Before, Question
from kibitz.actions.values import Order, Said, Step
from kibitz.cli import answer
from kibitz.cli.workplace import Workplace
from kibitz.conversation.document import Exchange, normalized
from kibitz.conversation.store import Conversations, Kept, Thread
from kibitz.errors import UserError
from kibitz.plain_text import one_line

#: Stands for the conversation that was gone on with last.
NEWEST = ""

MOST_TITLE_CHARACTERS = 72


def is_id(text: str) -> bool:
    """Whether `text` may be the id of a conversation."""
    return re.fullmatch("[0-9a-f]{8}", text) is not None


async def ask(at: Workplace, order: Order, thread_id: str | None) -> int:
    """Ask, in the conversation `thread_id` (None: a new one), and show the answer.  Raises
    UserError where there is no such conversation."""
    repository = await asyncio.to_thread(_repository, at)
    thread: Thread | None = None
    turns: list[Kept] = []
    if thread_id is not None:
        if at.settings.audit == "off":
            raise UserError('With `audit = "off"` no conversation is kept; ask without --continue.')
        thread, turns = await asyncio.to_thread(_found, repository, thread_id)
    question = Question(Before(tuple(turns)), (Path.cwd(),), at.backend)
    shown = _Said(question.steps(order, at.desk))
    code = await answer.show(at, shown.steps())
    if at.settings.audit != "off":
        await asyncio.to_thread(_keep, at, thread, repository, order, question, shown.text)
    return code


async def show_list(at: Workplace) -> int:
    """The conversations about the repository in the current folder, newest first."""
    repository = await asyncio.to_thread(_repository, at)
    for thread in await asyncio.to_thread(_threads, repository):
        moment = datetime.datetime.fromtimestamp(thread.at).astimezone()
        questions = "1 question" if thread.n_turns == 1 else f"{thread.n_turns} questions"
        at.terminal.write(
            f"{thread.id}  {moment:%Y-%m-%d %H:%M}  {questions:<13} {one_line(thread.title)}\n"
        )
    return 0


def _repository(at: Workplace) -> str:
    return str(at.desk.repository(at.start).root)


def _threads(repository: str) -> list[Thread]:
    try:
        return Conversations.of_user(os.environ).threads(repository)
    except (sqlite3.Error, OSError) as error:
        raise UserError(f"The conversations cannot be read: {error}.") from error


def _found(repository: str, thread_id: str) -> tuple[Thread, list[Kept]]:
    """The conversation that is meant, with its turns."""
    threads = _threads(repository)
    if not threads:
        raise UserError(
            "There is no conversation about this repository yet; ask without --continue."
        )
    if thread_id == NEWEST:
        thread = threads[0]
    else:
        thread = next((each for each in threads if each.id == thread_id), threads[0])
        if thread.id != thread_id:
            raise UserError(
                f"There is no conversation {one_line(thread_id, 40)} about this repository; "
                "`kibitz ask --list` lists them."
            )
    try:
        return thread, Conversations.of_user(os.environ).turns(thread.head)
    except (sqlite3.Error, OSError) as error:
        raise UserError(f"The conversation cannot be read: {error}.") from error


class _Said:
    """Passes the steps of an answer on, and has its text afterwards."""

    def __init__(self, steps: AsyncGenerator[Step, None]) -> None:
        self._steps = steps
        self.text = ""

    async def steps(self) -> AsyncGenerator[Step, None]:
        async with aclosing(self._steps) as steps:
            async for step in steps:
                if isinstance(step, Said):
                    self.text += step.text
                yield step


def _keep(
    at: Workplace,
    thread: Thread | None,
    repository: str,
    order: Order,
    question: Question,
    said: str,
) -> None:
    """Keep the turn.  The answer is shown already: what goes wrong here is only told."""
    from kibitz_context.gate.secrets import redact

    asked = redact(order.instruction).text
    addition = question.to_keep(Exchange(normalized(asked), normalized(said)))
    if addition is None:
        return
    title = one_line(asked, MOST_TITLE_CHARACTERS)
    try:
        now_in = Conversations.of_user(os.environ).go_on(thread, repository, addition, title)
    except (sqlite3.Error, OSError, UserError) as error:
        reason = error.sentence if isinstance(error, UserError) else f"{error}."
        at.terminal.note(f"This answer cannot be followed up: {reason}")
        return
    if thread is not None and now_in.id != thread.id:
        at.terminal.note(
            f"Another question was asked in {thread.id} meanwhile; this one goes on as {now_in.id}."
        )
    if at.common.verbose:
        at.terminal.line(f"conversation {now_in.id}")
