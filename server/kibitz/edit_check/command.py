"""Runs a command of the user's: without a shell, with a bound in time and output.

It ends with whoever waits for it, and what it has started ends with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from kibitz.plain_text import one_line, visible

# Longer: nobody still waits for the edit that it checks.
MOST_SECONDS: Final = 300.0
# Where it begins and where it ends is what a check has to say; what is between are its steps.
FIRST_CHARACTERS: Final = 4_000
LAST_CHARACTERS: Final = 12_000
# How long it may take to end when it is told to.
LAST_SECONDS: Final = 2.0

# More fills a disk, and nobody reads it.
MOST_BYTES: Final = 200_000_000
_LOOK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended.

    `status` is its exit status, negative for a signal; None where it never ended by itself, and
    `problem` then says why, as the end of a sentence "COMMAND ...".  `output` is what it printed,
    on both channels, without escape sequences; where it is long, without its middle.
    """

    status: int | None
    output: str = ""
    problem: str | None = None

    @property
    def has_passed(self) -> bool:
        return self.status == 0


def shown(command: Sequence[str]) -> str:
    """The command as it is named in a sentence."""
    return f"`{one_line(' '.join(command), 60)}`"


def failure(command: Sequence[str], ended: Ended) -> str:
    """What a check that has failed said, in words for Claude."""
    words = " ".join(command)
    return f"{words}\nended with status {ended.status} and said:\n{ended.output or '(nothing)'}"


async def run(command: Sequence[str], folder: Path, *, most_seconds: float = MOST_SECONDS) -> Ended:
    """Run `command`, a program and its arguments, in `folder`.

    When this is cancelled the command is ended, with all that it has started.
    """
    # Not a pipe: what a command leaves running in the background would keep that open, and whoever
    # waits for its end with it.
    with tempfile.TemporaryFile() as output:
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                cwd=folder,
                # The editor talks to us through our standard input; the command must not read it.
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
                env={**os.environ, "NO_COLOR": "1", "TERM": "dumb"},
                start_new_session=True,  # So that all of it can be ended; not for Windows.
            )
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "its words cannot be passed on"
            return Ended(None, problem=f"cannot be started: {reason}")
        status: int | None = None
        try:
            async with asyncio.timeout(most_seconds):
                while status is None and _size(output) <= MOST_BYTES:
                    with contextlib.suppress(TimeoutError):
                        status = await asyncio.wait_for(process.wait(), _LOOK_SECONDS)
        except TimeoutError:
            return Ended(None, _text(output), f"took longer than {most_seconds:g} s")
        finally:
            if status is None:
                await _end(process)
        if status is None:
            return Ended(None, _text(output), "was ended because it printed too much")
        return Ended(status, _text(output))


async def _end(process: asyncio.subprocess.Process) -> None:
    """End the command, and what it has started, which may outlive it."""
    _signal(process, signal.SIGTERM)
    # Not `asyncio.timeout`: in a task that is being cancelled its end looks like the cancellation
    # to Python before 3.11.3, and nothing more would be done here.
    ended = asyncio.ensure_future(process.wait())
    await asyncio.wait({ended}, timeout=LAST_SECONDS)
    _signal(process, signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)
    await ended


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if sys.platform != "win32":
            os.killpg(process.pid, number)
        elif process.returncode is None:
            process.terminate()


def _size(output: IO[bytes]) -> int:
    return os.fstat(output.fileno()).st_size


def _text(output: IO[bytes]) -> str:
    """What was printed; the first and the last lines of much."""
    # A character has up to four bytes.
    size, most_first, most_last = _size(output), 4 * FIRST_CHARACTERS, 4 * LAST_CHARACTERS
    output.seek(0)
    if size <= most_first + most_last:
        first = last = visible(output.read(size).decode("utf-8", "replace"))
        if len(first) <= FIRST_CHARACTERS + LAST_CHARACTERS:
            return first
    else:
        first = visible(output.read(most_first).decode("utf-8", "replace"))
        output.seek(size - most_last)
        last = visible(output.read(most_last).decode("utf-8", "replace"))
    first, last = first[:FIRST_CHARACTERS], last[-LAST_CHARACTERS:]
    # Whole lines, where there are any.
    first = first[: first.rfind("\n") + 1] or first
    last = last[last.find("\n") + 1 :] or last
    return f"{first}…\n{last}"
