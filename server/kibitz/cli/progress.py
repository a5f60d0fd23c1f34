"""What a waiting user sees on stderr: a spinner with the tokens so far, and at the end the bill.

Where stderr is no terminal nothing moves, and the bill is printed only when it was asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kibitz.actions.tally import Tally
from kibitz.actions.values import (
    Asked,
    Begun,
    GettingReady,
    Indexing,
    Looking,
    Noted,
    Received,
    Step,
)
from kibitz.cli.moving import Moving
from kibitz.cli.terminal import Terminal
from kibitz.plain_text import one_line

if TYPE_CHECKING:
    from rich.status import Status


class Progress(Moving["Status"]):
    """Shown while it is entered, except where something is written (see `Terminal.cover`).

    `aside` takes it away for good, when the answer itself begins to move on the same terminal;
    the bill still comes.
    """

    def __init__(self, terminal: Terminal, tally: Tally, *, verbose: bool) -> None:
        super().__init__(terminal)
        self._tally = tally
        self._verbose = verbose
        self._subject = ""

    def draw(self) -> Status:
        from rich.status import Status

        return Status("Reading the repository", console=self._terminal.error_console())

    def conclude(self) -> None:
        tell_bill(self._terminal, self._tally, verbose=self._verbose)

    def about(self, subject: str) -> None:
        """What is being worked on, when it is one of several things."""
        self._subject = f"{subject}: "

    def count(self, step: Step, of: int = 0) -> None:
        """Count a step and show what it means; see `Tally.count`."""
        self._tally.count(step, of)
        if self._picture is None:
            if self._verbose and isinstance(step, Looking | Noted):
                self._terminal.line(f"{self._subject}{step.words}")
            return
        match step:
            case Indexing() | GettingReady():
                self._say(step.words)
            case Asked(model, prompt_tokens):
                self._say(f"{one_line(model, 60)} reads about {prompt_tokens:,} tokens")
            case Begun(usage):
                read = usage.cache_read_tokens
                cached = f" ({read:,} from cache)" if read else ""
                self._say(f"{usage.prompt_tokens:,} tokens read{cached}{self._tally.figure()}")
            case Looking(words) | Noted(words):
                self._say(words)
            case Received(tokens):
                self._say(f"{tokens:,} tokens so far{self._tally.figure()}")
            case _:
                pass

    def _say(self, text: str) -> None:
        if self._picture is not None:
            from rich.text import Text

            # Not as a string: that would be read as markup, and a path may hold brackets.
            self._picture.update(Text(f"{self._subject}{text}"))


def tell_bill(terminal: Terminal, tally: Tally, *, verbose: bool) -> None:
    """The bill of all that was asked, where it is looked at or was asked for."""
    if verbose and tally.n_ended:
        terminal.line(tally.token_line())
    elif terminal.err_is_terminal and (bill := tally.bill()):
        terminal.line(bill)
