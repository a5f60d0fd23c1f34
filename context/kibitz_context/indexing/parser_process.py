"""Parses texts in a process of its own.

A grammar holds the interpreter while it reads, and for a tenth of a second when its first text
comes: an event loop in the same process would stand still.  What ends a parser does not end the
server either: the text is then read without one.
"""

from __future__ import annotations

import binascii
import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any

from kibitz_context.child import Child, ChildEnded
from kibitz_context.texts import packing, symbols
from kibitz_context.texts.symbols import Symbols

# A child that does nothing has some 12 MB for itself, and starting one takes a tenth of a second.
IDLE_SECONDS = 120.0

MODULE = "kibitz_context.indexing.parser_child"

_logger = logging.getLogger(__name__)


class ParserProcess:
    """One child, begun when there is something to parse.  For any thread; one text at a time.

    `start` makes the child process; tests give another.
    """

    def __init__(
        self, *, idle_seconds: float = IDLE_SECONDS, start: Callable[[], Child] | None = None
    ) -> None:
        self._start = start or (lambda: Child(MODULE, str(idle_seconds), is_urgent=True))
        self._talking = threading.Lock()
        self._lock = threading.Lock()
        self._child: Child | None = None
        self._is_closed = False

    def symbols(self, path: str, text: str) -> Symbols:
        """As `symbols.symbols`; without a parser where its process cannot be had.  Blocking."""
        if symbols.language(path) is None:
            return symbols.symbols(path, text)
        try:
            answer = self._answer({"parse": path, "text": text})
            return packing.read(binascii.a2b_base64(answer["parsed"]))
        except (ChildEnded, KeyError, ValueError):
            return symbols.lexical(text)

    def faults(self, path: str, text: str) -> int | None:
        """As `syntax_faults.syntax_faults`; None where its process cannot be had.  Blocking."""
        if symbols.language(path) is None:
            return None
        try:
            found = self._answer({"faults_in": path, "text": text})["faults"]
        except (ChildEnded, KeyError):
            return None
        return found if isinstance(found, int) else None

    def close(self) -> None:
        """End the child; whoever waits for it goes on without."""
        with self._lock:
            self._is_closed = True
            child = self._child
        if child is not None:
            child.end()
        with self._talking:
            self._let_go()

    def _answer(self, message: Mapping[str, Any]) -> Mapping[str, Any]:
        """What the child says to `message`.  Raises ChildEnded."""
        with self._talking:
            if self._child is not None:
                try:
                    return self._asked(message)
                except ChildEnded:
                    # It may have gone to rest in the very moment in which it was asked.
                    pass
            return self._asked(message)

    def _asked(self, message: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            child = self._running()
            child.send(message)
            return child.receive()
        except ChildEnded as error:
            if not self._is_closed:
                _logger.info("The parser's process cannot be used: %s", error)
            self._let_go()
            raise

    def _running(self) -> Child:
        if self._is_closed:
            raise ChildEnded("it was ended with the program")
        if self._child is None:
            child = self._start()
            with self._lock:
                self._child = child
                if not self._is_closed:
                    return child
            raise ChildEnded("it was ended with the program")
        return self._child

    def _let_go(self) -> None:
        with self._lock:
            child, self._child = self._child, None
        if child is not None:
            child.close()
