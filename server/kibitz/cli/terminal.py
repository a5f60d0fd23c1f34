"""The two streams of a command: results go to stdout, everything else to stderr.

Knows what each of them is connected to and therefore may show: colours and movements of the
cursor only on a terminal, and no text of others without taking its escape sequences out.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Protocol, TextIO

from kibitz.plain_text import one_line, visible

if TYPE_CHECKING:
    from rich.console import Console

MOST_NOTE_CHARACTERS = 1_000


class Cover(Protocol):
    """Something that is shown on a terminal for a while and must not be written into."""

    def hide(self) -> None: ...

    def show(self) -> None: ...


class Terminal:
    """`out` is for results, `err` for everything else; either may be a file or a pipe.

    `out_is_terminal` and `err_is_terminal` are true where the cursor may be moved.  Writing
    raises BrokenPipeError when the reader has gone.
    """

    def __init__(self, out: TextIO, err: TextIO, environ: Mapping[str, str] = os.environ) -> None:
        self.out = out
        self.err = err
        is_plain = environ.get("TERM", "") in ("dumb", "unknown")
        self.out_is_terminal = out.isatty() and not is_plain
        self.err_is_terminal = err.isatty() and not is_plain
        self._has_colours = not environ.get("NO_COLOR")
        self._cover: Cover | None = None

    @classmethod
    def here(cls) -> Terminal:
        """The streams of this process, set up so that no character can make them fail."""
        for stream in (sys.stdout, sys.stderr):
            reconfigure = getattr(stream, "reconfigure", None)
            if reconfigure is None:  # closed, or put in its place by a test
                continue
            if stream.isatty():
                reconfigure(errors="replace")
            else:
                # A diff or JSON in a pipe is UTF-8 whatever the locale, with the line ends that
                # it was given.
                reconfigure(encoding="utf-8", errors="backslashreplace", newline="")
        # A stream that was closed before the start is None.
        return cls(sys.stdout or io.StringIO(), sys.stderr or io.StringIO())

    def write(self, text: str) -> None:
        """Write a piece of the result, at once."""
        with self._uncovered():
            self.out.write(text)
            self.out.flush()

    def note(self, sentence: str) -> None:
        """Tell the user something that is not the result."""
        with self._uncovered():
            self.err.write(f"kibitz: {one_line(sentence, MOST_NOTE_CHARACTERS)}\n")
            self.err.flush()

    def line(self, text: str) -> None:
        """A line on stderr, such as a bill."""
        with self._uncovered():
            self.err.write(f"{visible(text)}\n")
            self.err.flush()

    def flush(self) -> None:
        self.out.flush()
        self.err.flush()

    def console(self) -> Console:
        """Rich's view of stdout: for tables and Markdown."""
        return self._console(self.out, self.out_is_terminal)

    @contextlib.contextmanager
    def console_to_write(self) -> Iterator[Console]:
        """Rich's view of stdout, while nothing else moves on the terminal."""
        with self._uncovered():
            yield self.console()
            self.out.flush()

    def error_console(self) -> Console:
        """Rich's view of stderr: for what moves."""
        return self._console(self.err, self.err_is_terminal)

    def cover(self, cover: Cover | None) -> None:
        """From now on `cover` is hidden while something is written, or nothing is."""
        self._cover = cover

    @contextlib.contextmanager
    def asking(self, question: str) -> Iterator[None]:
        """Ask on stderr; nothing moves on the terminal until the answer is there."""
        with self._uncovered():
            self.err.write(visible(question))
            self.err.flush()
            yield

    @contextlib.contextmanager
    def _uncovered(self) -> Iterator[None]:
        cover = self._cover
        if cover is None:
            yield
            return
        cover.hide()
        try:
            yield
        finally:
            cover.show()

    def _console(self, stream: TextIO, is_terminal: bool) -> Console:
        from rich.console import Console
        from rich.theme import Theme

        return Console(
            file=stream,
            force_terminal=is_terminal,
            # None takes every attribute away, bold as well as colours.
            color_system="auto" if is_terminal and self._has_colours else None,
            legacy_windows=False if not is_terminal else None,
            width=None if is_terminal else PIPE_COLUMNS,
            theme=Theme(_STYLES),
            highlight=False,
            markup=False,
            emoji=False,
        )


# Rich puts code on black, which is hard to read on a light terminal.
_STYLES = {"markdown.code": "bold cyan", "markdown.code_block": "cyan"}

# Wide enough that nothing is wrapped for a program that reads lines.
PIPE_COLUMNS = 200
