"""How far a run of batches is, on stderr: a bar on a terminal, else a line for each news."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kibitz.claude.batching.batch_run import Counts
from kibitz.claude.batching.batch_runner import RunProgress
from kibitz.cli.moving import Moving
from kibitz.cli.terminal import Terminal

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class BatchProgress(Moving["Progress"]):
    """Shown while it is entered."""

    def __init__(self, terminal: Terminal) -> None:
        super().__init__(terminal)
        self._task: TaskID | None = None
        self._last = ""

    def draw(self) -> Progress:
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            TextColumn("{task.completed:,.0f} of {task.total:,.0f} files"),
            TimeElapsedColumn(),
            console=self._terminal.error_console(),
            transient=True,
        )
        self._task = bar.add_task("Preparing", total=1)
        return bar

    def tell(self, progress: RunProgress) -> None:
        """Show what has changed."""
        counts = progress.counts
        if self._picture is not None and self._task is not None:
            self._picture.update(
                self._task,
                description=_where(counts, progress.n_batches),
                completed=counts.done + counts.failed,
                total=counts.total,
            )
            return
        if not progress.note:
            return
        line = (
            f"{progress.note}; {counts.done + counts.failed:,} of {counts.total:,} files reviewed, "
            f"{_where(counts, progress.n_batches)}"
        )
        if line != self._last:
            self._last = line
            self._terminal.note(line)


def _where(counts: Counts, n_batches: int) -> str:
    batches = "1 batch" if n_batches == 1 else f"{n_batches} batches"
    at_claude = f"{counts.sent:,} with Claude in {batches}" if counts.sent else "none with Claude"
    return f"{at_claude}, {counts.waiting:,} to be sent" if counts.waiting else at_claude
