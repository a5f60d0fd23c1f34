"""A diff as a terminal or a pipe gets it; how it was made is not known here."""

from __future__ import annotations

from kibitz.cli.terminal import Terminal
from kibitz.plain_text import visible

_STYLES = {"+": "green", "-": "red", "@": "cyan", "\\": "dim"}


def show_diff(terminal: Terminal, diff: str) -> None:
    """Print the diff of one file: to the byte in a pipe, coloured and without invisible text on a
    terminal."""
    if not terminal.out_is_terminal:
        terminal.write(diff)
        return
    from rich.text import Text

    with terminal.console_to_write() as console:
        for number, line in enumerate(diff.removesuffix("\n").split("\n")):
            style = "bold" if number < 2 else _STYLES.get(line[:1], "")
            console.print(Text(visible(line), style), soft_wrap=True)
