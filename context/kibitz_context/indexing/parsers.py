"""Texts on their way through processes that parse them.

Whoever reads a repository gives text after text and takes the answers as they come, so that
reading and parsing go on at the same time, with little between them.  A grammar's tables stay
with a process until that ends: one that has had its share of languages is followed by another,
so that twenty languages are never in memory at once.  What ends a parser twice is given back
without an answer.
"""

from __future__ import annotations

import binascii
import contextlib
import logging
import queue
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from kibitz_context.child import Child, ChildEnded
from kibitz_context.files.repository import TrackedFile
from kibitz_context.indexing.parser_process import MODULE
from kibitz_context.texts.symbols import language

# A line has room while it has less than this to do.  Less: it waits for whoever gives.
MOST_CHARACTERS_AHEAD = 128 * 1024
# Their tables are 3 MB on average; a process takes as long to start as two of them to load.
MAX_LANGUAGES = 4
# What ends so often is ended by something else than texts; sooner where nothing ever answered.
MAX_ENDED = 20
MAX_ENDED_UNHEARD = 6
# How long nobody asks whether to go on, while an answer is waited for.
_PATIENCE_SECONDS = 0.1

_logger = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class _Text:
    file: TrackedFile
    text: str
    # Whether a process has ended when this text was the next that it would have answered.
    is_suspect: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a text: its symbols as `packing.written` makes them, None without."""

    file: TrackedFile
    raw: bytes | None


@dataclass(eq=False, slots=True)
class _Process:
    """A child, what it was given and has not answered, and what it has loaded."""

    line: int
    child: Child
    given: deque[_Text] = field(default_factory=deque)
    languages: set[str] = field(default_factory=set)

    def may_load(self, wanted: str) -> bool:
        return wanted in self.languages or len(self.languages) < MAX_LANGUAGES


class Parsers:
    """Lines of processes, in each of which one follows the other.  For one thread.

    `check` is called while an answer is waited for and may raise to give up.  `start` makes a
    process; tests give another.
    """

    def __init__(
        self,
        n_lines: int,
        check: Callable[[], None],
        *,
        start: Callable[[], Child] | None = None,
    ) -> None:
        self._check = check
        self._start = start or (lambda: Child(MODULE, is_urgent=True))
        self._lines: list[_Process | None] = [None] * n_lines
        self._characters = [0] * n_lines
        self._said: queue.SimpleQueue[tuple[_Process, bytes | None]] = queue.SimpleQueue()
        self._ready: deque[Answer] = deque()
        self._n_ended = 0
        self._has_answered = False

    @property
    def is_idle(self) -> bool:
        """Whether every answer has been taken."""
        return not self._ready and not any(each and each.given for each in self._lines)

    def shortest(self) -> int:
        """The line with the least to do."""
        return min(range(len(self._lines)), key=self._characters.__getitem__)

    def has_room(self, line: int, path: str) -> bool:
        """Whether a text of `path` may be given to a line now."""
        process = self._lines[line]
        if process is None or not process.given:
            return True
        # What is to be ended finishes first: there is no moment in which both have their tables.
        is_near = self._characters[line] < MOST_CHARACTERS_AHEAD
        return is_near and process.may_load(language(path) or "")

    def give(self, line: int, file: TrackedFile, text: str) -> None:
        """Have a text parsed, and go on.  Raises ChildEnded when no process can be had."""
        self._characters[line] += len(text)
        self._hand_over(line, _Text(file, text))

    def answer(self) -> Answer:
        """The answer to one of the texts that were given; waits for it.

        Raises ChildEnded when no process can be had.
        """
        while not self._ready:
            try:
                process, raw = self._said.get(timeout=_PATIENCE_SECONDS)
            except queue.Empty:
                self._check()
                continue
            if self._lines[process.line] is not process:
                continue  # It has been followed by another, and ended as it should.
            if raw is None:
                self._has_ended(process)
            else:
                self._has_answered = True
                self._settle(process, raw)
        return self._ready.popleft()

    def close(self) -> None:
        """End all processes; what they have not answered is not answered any more."""
        for process in self._lines:
            if process is not None:
                process.child.end()
                process.child.close()
        self._lines = [None] * len(self._lines)

    def _settle(self, process: _Process, raw: bytes | None) -> None:
        """The oldest text of a process has its answer."""
        text = process.given.popleft()
        self._characters[process.line] -= len(text.text)
        self._ready.append(Answer(text.file, raw))

    def _hand_over(self, line: int, text: _Text) -> None:
        process = self._process_for(line, language(text.file.path) or "")
        process.given.append(text)
        # Where it has ended, its listener says so, and all that it was given is given anew.
        with contextlib.suppress(ChildEnded):
            process.child.send({"parse": text.file.path, "text": text.text})

    def _process_for(self, line: int, wanted: str) -> _Process:
        """The process of a line that may load the language `wanted`."""
        process = self._lines[line]
        if process is not None and not process.given and not process.may_load(wanted):
            process.child.close()
            process = None
        if process is None:
            process = self._lines[line] = _Process(line, self._start())
            threading.Thread(
                target=self._listen, args=(process,), name="parser", daemon=True
            ).start()
        process.languages.add(wanted)
        return process

    def _listen(self, process: _Process) -> None:
        """Pass on what a process says, until it ends; in a thread."""
        try:
            while True:
                raw = binascii.a2b_base64(process.child.receive()["parsed"])
                self._said.put((process, raw))
        except (ChildEnded, KeyError, ValueError):
            self._said.put((process, None))

    def _has_ended(self, process: _Process) -> None:
        """Give what a process has left to another one, and nobody what has ended it twice."""
        process.child.close()
        self._lines[process.line] = None
        left = process.given
        if not left:
            return
        self._n_ended += 1
        if self._n_ended > (MAX_ENDED if self._has_answered else MAX_ENDED_UNHEARD):
            raise ChildEnded("it ends whatever it is given")
        if left[0].is_suspect:
            _logger.warning("A text ended its parser, and is read without.")
            self._settle(process, None)
        else:
            # It may have been ended from outside.
            left[0].is_suspect = True
        for text in left:
            self._hand_over(process.line, text)
