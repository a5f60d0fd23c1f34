"""Asking in the terminal whether one request may cost more than `budget.request_usd`.

Nobody is asked where nobody could answer: without a terminal to read from and one to ask on the
limit holds, unless `--yes` was given.
"""

from __future__ import annotations

import asyncio
import sys

from kibitz.cli.terminal import Terminal
from kibitz.confirmation import Question

# What the sentence about the limit offers besides.
HOW_TO_CONFIRM = "add `--yes`"


class Confirmation:
    """Implements `kibitz.confirmation.Confirm`; `always` is what `--yes` says."""

    def __init__(self, terminal: Terminal, *, always: bool) -> None:
        self._terminal = terminal
        self._always = always
        self._one_question = asyncio.Lock()

    async def __call__(self, question: Question) -> bool | None:
        if self._always:
            return True
        if not (self._terminal.err_is_terminal and _stdin_is_terminal()):
            return None
        async with self._one_question:
            with self._terminal.asking(f"{question.words}\n{question.yes}? [y/N] "):
                answer = await _line()
        return answer.strip().lower() in ("y", "yes")


def _stdin_is_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


async def _line() -> str:
    """What the user types up to the end of the line.  Ctrl-C is noticed meanwhile where the loop
    can wait for a terminal."""
    loop = asyncio.get_running_loop()
    typed = asyncio.Event()
    try:
        loop.add_reader(sys.stdin.fileno(), typed.set)
    except (NotImplementedError, OSError, ValueError):
        return sys.stdin.readline()
    try:
        await typed.wait()
    finally:
        loop.remove_reader(sys.stdin.fileno())
    return sys.stdin.readline()
