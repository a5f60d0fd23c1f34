"""How far a review of several files is: a bar on stderr where that is a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kibitz.actions.tally import Tally
from kibitz.actions.values import GettingReady, Indexing, Looking, Noted, Step, Verifying
from kibitz.cli.moving import Moving
from kibitz.cli.progress import tell_bill
from kibitz.cli.terminal import Terminal
from kibitz.plain_text import one_line

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class ReviewProgress(Moving["Progress"]):
    """Shown while it is entered; `names` are the files as the user calls them."""

    def __init__(
        self, terminal: Terminal, tally: Tally, names: tuple[str, ...], *, verbose: bool
    ) -> None:
        super().__init__(terminal)
        self._tally = tally
        self._names = names
        self._verbose = verbose
        self._task: TaskID | None = None

    def draw(self) -> Progress:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
        from rich.table import Column

        bar = Progress(
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TextColumn(
                "{task.description}",
                markup=False,
                table_column=Column(no_wrap=True, overflow="ellipsis"),
            ),
            console=self._terminal.error_console(),
            transient=True,
        )
        self._task = bar.add_task("Reading the repository", total=len(self._names))
        return bar

    def conclude(self) -> None:
        tell_bill(self._terminal, self._tally, verbose=self._verbose)

    def count(self, step: Step, number: int) -> None:
        """Count a step of the review of the file `number`, and show what it means."""
        self._tally.count(step, number)
        match step:
            case Indexing() | GettingReady():
                self._say(step.words)
            case Looking(words) | Noted(words) | Verifying(words=words):
                if self._verbose and self._picture is None:
                    self._terminal.line(f"{self._names[number]}: {words}")
                self._say(f"{self._names[number]}: {words}")
            case _:
                self._say(f"{self._names[number]}{self._tally.figure()}")

    def end_one(self) -> None:
        """One more file is done."""
        if self._picture is not None and self._task is not None:
            self._picture.advance(self._task)

    def _say(self, text: str) -> None:
        if self._picture is not None and self._task is not None:
            self._picture.update(self._task, description=one_line(text, 200))
