"""What a command works with: settings, Claude and the desk, for one run."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from pathlib import Path

from kibitz.actions.desk import Desk
from kibitz.actions.values import Step
from kibitz.backend import Backend
from kibitz.cli import logbook
from kibitz.cli.arguments import Common
from kibitz.cli.place import (
    Place,
    Source,
    absolute,
    find_repository,
    read_source,
    read_stdin,
)
from kibitz.cli.progress import Progress
from kibitz.cli.tally import Tally
from kibitz.cli.terminal import Terminal
from kibitz.errors import UserError
from kibitz.settings import Settings, load, log_lines, problems_by_source
from kibitz_context.gate import Gate
from kibitz_context.repository import Repository

EXIT_INTERRUPTED = 130


class Workplace:
    """One run of a command.  `start` is the file or the folder that it is about."""

    def __init__(self, terminal: Terminal, common: Common, start: Path) -> None:
        self.terminal = terminal
        self.common = common
        self.start = order_root(start)
        self.tally = Tally()
        self.progress = Progress(terminal, self.tally, verbose=common.verbose)
        self._settings: dict[Path, Settings] = {}
        self._told: set[str] = set()
        self.settings = self.settings_in(self.start)
        own = load(None, None, common.settings, os.environ).settings
        self.backend = Backend(own, os.environ)
        self.desk = Desk(self.backend, self.settings_in)

    def settings_in(self, start: Path) -> Settings:
        """The settings that hold in the repository of `start`; what is wrong is told once.

        Raises UserError for what is wrong on the command line: it was typed for this very run.
        """
        root = Repository.find(start).root
        if root not in self._settings:
            loaded = load(root, None, self.common.settings, os.environ)
            for problem in loaded.problems:
                if problem.source == "command line":
                    raise UserError(problem.sentence)
            told = [sentence for _, sentence in problems_by_source(loaded.problems)]
            for sentence in (*told, *log_lines(loaded.problems)):
                if sentence not in self._told:
                    self._told.add(sentence)
                    self.terminal.note(sentence)
            self._settings[root] = loaded.settings
        return self._settings[root]

    def source(self, place: Place) -> Source:
        """The text at `place`.  Raises UserError when it cannot be read or may not be sent."""
        if place.is_stdin:
            return read_stdin(place, self.start)
        start = order_root(absolute(place.path))
        settings = self.settings_in(start)
        gate = Gate(
            Repository.find(start).root,
            include=settings.context.include,
            exclude=settings.context.exclude,
        )
        return read_source(place, gate, start)

    async def steps(self, action: AsyncGenerator[Step, None]) -> AsyncGenerator[Step, None]:
        """Pass on the steps of `action`, counted and shown as progress."""
        async with aclosing(action) as steps:
            async for step in steps:
                self.progress.count(step)
                yield step


def order_root(path: Path) -> Path:
    """Where an order about `path` looks for its repository: a folder, or a loose file itself."""
    if path.is_dir():
        return path
    return path.parent if find_repository(path).has_git else path


def work(common: Common, start: Path, body: Callable[[Workplace], Awaitable[int]]) -> int:
    """Run the `body` of a command; returns its exit code.

    Ctrl-C closes the stream that is being read and says what was spent by then.
    """
    terminal = Terminal.here()
    workplace = Workplace(terminal, common, start)
    logbook.begin(
        common.log_level or workplace.settings.log.level,
        terminal,
        on_stderr=common.log_level is not None,
    )

    async def run() -> int:
        try:
            return await body(workplace)
        finally:
            await workplace.backend.aclose()

    try:
        return asyncio.run(run())
    except KeyboardInterrupt:
        terminal.note(workplace.tally.stopped())
        return EXIT_INTERRUPTED
