"""What a command works with: settings, Claude and the desk, for one run."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing
from pathlib import Path
from typing import Any

from kibitz import paths
from kibitz.actions.desk import Desk
from kibitz.actions.preparing import InThisProcess
from kibitz.actions.tally import Tally
from kibitz.actions.values import Asked, FellBack, Step
from kibitz.backend import Backend
from kibitz.claude.spending.days import midnight
from kibitz.claude.values import ClaudeFailure
from kibitz.cli import logbook
from kibitz.cli.arguments import Common
from kibitz.cli.confirmation import HOW_TO_CONFIRM, Confirmation
from kibitz.cli.place import (
    Place,
    Source,
    absolute,
    read_source,
    read_stdin,
)
from kibitz.cli.progress import Progress
from kibitz.cli.terminal import Terminal
from kibitz.errors import UserError, sentence_for_fallback
from kibitz.model_notes import model_notes
from kibitz.settings import Settings, load, log_lines, problems_by_source
from kibitz.trust import Trust
from kibitz_context.files.repository import Repository
from kibitz_context.gate.gate import Gate

EXIT_INTERRUPTED = 130


class Workplace:
    """One run of a command.  `start` is the file or the folder that it is about."""

    def __init__(self, terminal: Terminal, common: Common, start: Path) -> None:
        self.terminal = terminal
        self.common = common
        self._repositories: dict[Path, Repository] = {}
        self.start = self._order_root(start)
        own = load(None, None, common.settings, os.environ).settings
        self.backend = Backend(own, os.environ)
        self.tally = Tally(lambda: self.backend.known_models().catalogue)
        self.progress = Progress(terminal, self.tally, verbose=common.verbose)
        self.backend.confirm = Confirmation(terminal, always=common.yes)
        self._settings: dict[Path, Settings] = {}
        self._told: set[str] = set()
        self.settings = self.settings_in(self.start)
        for problem in self.backend.known_models().problems:
            terminal.note(problem)
        cache = self.backend.context_folder()
        self.trust = Trust.load(paths.trust_file(os.environ))
        self.desk = Desk(
            self.backend,
            self.settings_in,
            cache=cache,
            preparer=InThisProcess(cache) if cache is not None else None,
            known_models=lambda: self.backend.known_models().catalogue,
            tokens_factor=self.backend.tokens_factor,
            get_ready=self.backend.get_ready,
            # An editor that is open may keep the prefix alive that this command writes.
            may_warm=lambda root: (
                self.settings_in(root).context.keep_warm == "auto" and self.trust.is_trusted(root)
            ),
        )

    def settings_in(self, start: Path) -> Settings:
        """The settings that hold in the repository of `start`; what is wrong is told once.

        Raises UserError for what is wrong on the command line: it was typed for this very run.
        """
        root = self._repository(start).root
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
        start = self._order_root(absolute(place.path))
        context = self.settings_in(start).context
        root = self._repository(start).root
        gate = Gate(root, include=context.include, exclude=context.exclude)
        return read_source(place, gate, start)

    async def steps(self, action: AsyncGenerator[Step, None]) -> AsyncGenerator[Step, None]:
        """Pass on the steps of `action`, counted and shown as progress."""
        async with aclosing(action) as steps:
            try:
                async for step in steps:
                    self.tell_of(step)
                    self.progress.count(step)
                    yield step
            except ClaudeFailure as failure:
                self.explain(failure)
                raise

    def tell_of(self, step: Step) -> None:
        """Tell what a user should know of a step apart from how far it is."""
        match step:
            case Asked(model):
                self._tell_of_model(model)
            case FellBack(model, instead_of):
                self.terminal.note(sentence_for_fallback(model, instead_of))
            case _:
                pass

    def explain(self, failure: ClaudeFailure) -> None:
        """See to it that the failure's sentence names what to change."""
        setting = {"setting": "--model"} if self.common.model is not None else {}
        failure.facts = {"instead": HOW_TO_CONFIRM, **failure.facts, **setting}

    def _tell_of_model(self, model: str) -> None:
        known = self.backend.known_models().catalogue
        for sentence in model_notes(known, model, self.settings, midnight().date()):
            if sentence not in self._told:
                self._told.add(sentence)
                self.terminal.note(sentence)

    async def aclose(self) -> None:
        """Stop what still runs, and close Claude and the ledger."""
        if self.desk.preparer is not None:
            await asyncio.to_thread(self.desk.preparer.close)
        await self.backend.aclose()

    def _order_root(self, path: Path) -> Path:
        """Where an order about `path` looks for its repository.

        It is the folder, not where a link leads.  A loose file is its own root: naming one file
        is no reason to read its neighbours.
        """
        folder = path if path.is_dir() else path.parent
        return folder if path == folder or self._repository(folder).has_git else path

    def _repository(self, start: Path) -> Repository:
        if start not in self._repositories:
            self._repositories[start] = Repository.find(start)
        return self._repositories[start]


def work(
    common: Common, start: Path, begin: Callable[[Workplace], Coroutine[Any, Any, int]]
) -> int:
    """Run a command; returns its exit code.

    `begin` reads what the command is about and gives what remains to be done on the event loop.
    Nothing may wait for stdin there: the loop would not notice Ctrl-C.
    Ctrl-C closes the stream that is being read and says what was spent by then.
    """
    terminal = Terminal.here()
    workplace = Workplace(terminal, common, start)
    logbook.begin(
        common.log_level or workplace.settings.log.level,
        terminal,
        on_stderr=common.log_level is not None,
    )

    async def run(rest: Coroutine[Any, Any, int]) -> int:
        try:
            return await rest
        finally:
            await workplace.aclose()

    try:
        return asyncio.run(run(begin(workplace)))
    except KeyboardInterrupt:
        terminal.note(workplace.tally.stopped())
        return EXIT_INTERRUPTED
