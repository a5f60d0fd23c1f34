"""Showing an answer while it streams: Markdown source in a pipe, rendered on a terminal."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Protocol

from kibitz.actions.values import Said, Step
from kibitz.cli.terminal import Terminal
from kibitz.cli.workplace import Workplace
from kibitz.markdown_blocks import MarkdownBlocks
from kibitz.visible_text import VisibleText

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.segment import Segment

REFRESHES_PER_SECOND = 8
# Below what is still being written stays a line for the cursor, above it one of what is final.
SPARED_ROWS = 2


class View(Protocol):
    """Something that shows text as it comes.  `close` shows the rest, whatever happened."""

    def feed(self, piece: str) -> None: ...

    def close(self) -> None: ...


async def show(at: Workplace, action: AsyncGenerator[Step, None]) -> int:
    """Show what `action` says, piece by piece; returns the exit code."""
    view: View | None = None
    with at.progress:
        steps = at.steps(action)
        try:
            async for step in steps:
                if isinstance(step, Said):
                    if view is None:
                        view = _view(at)
                    view.feed(step.text)
        finally:
            await steps.aclose()
            if view is not None:
                view.close()
    return 0


def _view(at: Workplace) -> View:
    if not at.terminal.out_is_terminal:
        return Source(at.terminal)
    # On one terminal only one thing can move.
    at.progress.aside()
    return Rendered(at.terminal)


class Source:
    """The text as it is, for a pipe or a file."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._visible = VisibleText()
        self._ends_line = True

    def feed(self, piece: str) -> None:
        self._write(self._visible.feed(piece))

    def close(self) -> None:
        self._write(self._visible.finish())
        if not self._ends_line:
            self._write("\n")

    def _write(self, text: str) -> None:
        if text:
            self._terminal.write(text)
            self._ends_line = text.endswith("\n")


class Rendered:
    """The text rendered on a terminal.

    A block that is final is printed once and for all; only the one that is still being written
    is drawn anew, so nothing flickers and nothing that scrolled away is touched.
    """

    def __init__(self, terminal: Terminal) -> None:
        from rich.live import Live

        self._console = terminal.console()
        self._visible = VisibleText()
        self._blocks = MarkdownBlocks()
        self._live = Live(
            console=self._console,
            transient=True,
            refresh_per_second=REFRESHES_PER_SECOND,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        terminal.cover(self)
        self._terminal = terminal
        self.show()

    def feed(self, piece: str) -> None:
        for block in self._blocks.feed(self._visible.feed(piece)):
            self._print(block)
        most = max(1, self._console.size.height - SPARED_ROWS)
        self._live.update(_Rows(self._blocks.open, most))

    def hide(self) -> None:
        self._live.stop()

    def show(self) -> None:
        self._live.start()

    def close(self) -> None:
        self._terminal.cover(None)
        self._live.update("")
        self.hide()
        rest = self._blocks.feed(self._visible.finish())
        for block in (*rest, *self._blocks.finish()):
            self._print(block)

    def _print(self, block: str) -> None:
        self._console.print(_Rows(block))
        if block.endswith("\n\n"):  # the blank line that parts it from the next one
            self._console.print()


class _Rows:
    """Markdown as rows of the terminal, the last ones if they are more than `most`.

    Blank rows round it and blanks at the end of rows are left out: blocks are printed one by one,
    and people copy from terminals.
    """

    def __init__(self, markdown: str, most: int | None = None) -> None:
        self._markdown = markdown
        self._most = most

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.markdown import Markdown
        from rich.segment import Segment

        # Without hyperlinks: the text of a link must not hide where it leads.
        rendered = Markdown(self._markdown, code_theme="ansi_dark", hyperlinks=False)
        rows = [_stripped(row) for row in console.render_lines(rendered, options, pad=False)]
        while rows and not rows[0]:
            del rows[0]
        while rows and not rows[-1]:
            del rows[-1]
        for row in rows[-self._most :] if self._most is not None else rows:
            yield from row
            yield Segment.line()


def _stripped(row: list[Segment]) -> list[Segment]:
    """`row` without the blanks at its end."""
    while row and not row[-1].text.strip():
        row = row[:-1]
    if row:
        last = row[-1]
        row = [*row[:-1], last._replace(text=last.text.rstrip())]
    return row
