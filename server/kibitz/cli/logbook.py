"""The log of a command: a file in the state folder, and warnings as notes on stderr."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from kibitz import logs, paths
from kibitz.cli.terminal import Terminal
from kibitz.errors import UserError

_handlers: list[logging.Handler] = []


def begin(level: logs.Level, terminal: Terminal, *, on_stderr: bool) -> None:
    """Log from now on to the file; with `on_stderr` there as well, line by line.

    Without it stderr gets only what is a warning, as a note.
    """
    end()
    file: Path | None = paths.log_file(os.environ)
    try:
        logs.configure(level, file, to_stderr=on_stderr)
    except UserError:
        # A command is of use without a log; one that needs the folder says what is wrong with it.
        logs.configure(level, to_stderr=on_stderr)
    handler = logging.NullHandler() if on_stderr else _Notes(terminal)
    _handlers.append(handler)
    for name in logs.OURS:
        logging.getLogger(name).addHandler(handler)


def has_begun() -> bool:
    return bool(_handlers)


def end() -> None:
    """Write what waits and stop."""
    while _handlers:
        handler = _handlers.pop()
        for name in logs.OURS:
            logging.getLogger(name).removeHandler(handler)
    logs.shut_down()


class _Notes(logging.Handler):
    """Shows a warning as a sentence.  Faults are told by whoever catches them."""

    def __init__(self, terminal: Terminal) -> None:
        super().__init__(logging.WARNING)
        self._terminal = terminal

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info:
            return
        try:
            self._terminal.note(logs.without_secrets(record.getMessage()))
        except (OSError, ValueError):  # nobody reads stderr any more
            self._terminal.cover(None)
