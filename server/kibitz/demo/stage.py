"""Where the demo is shown: a terminal with colours and movement, or plain text.

What is final is printed once and never touched again.  Only the few rows that are still growing
are drawn anew, below everything else, so nothing flickers, nothing is cleared, and what scrolled
away reads as well afterwards as it did while it came.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator, Sequence
from typing import TextIO

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live
from rich.rule import Rule
from rich.segment import Segment
from rich.text import Text
from rich.theme import Theme

MOST_COLUMNS = 96  # longer lines are tiring to read
PLAIN_COLUMNS = 80
FRAME_SECONDS = 0.07
# Rows of a terminal that what grows leaves free: a line of context above, the cursor below.
SPARED_ROWS = 3

THEME = Theme(
    {
        # The colours of the terminal's own palette: legible on dark and on light ground.
        "markdown.code": "cyan",
        "markdown.code_block": "cyan",
        "markdown.item.bullet": "bold",
        "rule.line": "bright_black",
    }
)


def console(stream: TextIO, *, is_terminal: bool, has_colours: bool) -> Console:
    """A console on `stream`; without colours it writes no escape sequence at all."""
    shows = is_terminal and has_colours
    made = Console(
        file=stream,
        force_terminal=shows,
        force_interactive=shows,
        color_system="auto" if shows else None,
        width=None if is_terminal else PLAIN_COLUMNS,
        theme=THEME,
        highlight=False,
        markup=False,
        emoji=False,
    )
    if made.width > MOST_COLUMNS:
        made.width = MOST_COLUMNS
    return made


class Stage:
    """`moves`: parts that are not final are shown, too.  `unhurried`: pauses are made."""

    def __init__(self, console: Console, *, moves: bool, unhurried: bool) -> None:
        self.console = console
        self.moves = moves
        self._unhurried = unhurried

    def show(self, *renderables: RenderableType) -> None:
        """Show things for good, one below the other."""
        _print(self.console, renderables)

    def heading(self, title: str, about: str = "") -> None:
        """The beginning of an act."""
        self.show("", heading(title, about), "")

    async def pause(self, seconds: float) -> None:
        """Let people read."""
        if self._unhurried:
            await asyncio.sleep(seconds)

    @contextlib.contextmanager
    def growing(self) -> Iterator[Growing]:
        """Rows below everything else that may change until they are left; then they are gone."""
        if not self.moves:
            yield Growing(self.console, None)
            return
        live = Live(
            console=self.console,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="crop",
        )
        live.start()
        try:
            yield Growing(self.console, live)
        finally:
            live.update(Group())
            live.stop()


class Growing:
    """What is shown while something is under way: rows that grow, and a line of status."""

    def __init__(self, console: Console, live: Live | None) -> None:
        self._console = console
        self._live = live
        self._rows: RenderableType = Group()
        self._status = ""
        self._drawn_at = 0.0

    def show(self, *renderables: RenderableType) -> None:
        """Show things for good, above what grows."""
        with self._console:  # one write: nothing is ever seen twice, or not at all
            _print(self._console, renderables)
            self._redraw()

    def grow(self, rows: RenderableType, *final: RenderableType) -> None:
        """What has grown until now, in place of what it was; `final` is no longer part of it."""
        self._rows = rows
        if final:
            self.show(*final)
        else:
            self._draw()

    def finish(self, *final: RenderableType) -> None:
        """Show things for good in place of what grew."""
        self._status = ""
        self.grow(Group(), *final)

    def status(self, text: str) -> None:
        """How far it is, below the rows."""
        self._status = text
        self._draw()

    def _draw(self) -> None:
        # More frames than eyes can follow would only make the terminal busy.
        if time.monotonic() - self._drawn_at >= FRAME_SECONDS:
            self._redraw()

    def _redraw(self) -> None:
        if self._live is not None:
            status = [Text(self._status, style="bright_black")] if self._status else []
            self._live.update(_LastRows(Group(self._rows, *status)), refresh=True)
            self._drawn_at = time.monotonic()


class _LastRows:
    """The last rows of something that may be higher than the terminal."""

    def __init__(self, renderable: RenderableType) -> None:
        self._renderable = renderable

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        rows = console.render_lines(self._renderable, options, pad=False)
        for row in rows[-max(1, console.size.height - SPARED_ROWS) :]:
            yield from row
            yield Segment.line()


class Trimmed:
    """Something without the blank rows above and below it."""

    def __init__(self, renderable: RenderableType) -> None:
        self._renderable = renderable

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        rows = console.render_lines(self._renderable, options, pad=False)
        while rows and _is_blank(rows[0]):
            del rows[0]
        while rows and _is_blank(rows[-1]):
            del rows[-1]
        for row in rows:
            yield from row
            yield Segment.line()


def heading(title: str, about: str = "") -> RenderableType:
    """A line across the stage with a title in it."""
    line = Text.assemble((title, "bold"), ("  " if about else "", ""), (about, "bright_black"))
    return Rule(line, align="left", characters="─")


def _is_blank(row: Sequence[Segment]) -> bool:
    return not "".join(segment.text for segment in row).strip()


def _print(console: Console, renderables: Sequence[RenderableType]) -> None:
    """Print things; what is plain text gets no blanks at the ends of its lines."""
    if console.is_terminal:
        for renderable in renderables:
            console.print(renderable)
        return
    with console.capture() as captured:
        for renderable in renderables:
            console.print(renderable)
    lines = captured.get().split("\n")
    console.file.write("\n".join(line.rstrip() for line in lines))
    console.file.flush()
