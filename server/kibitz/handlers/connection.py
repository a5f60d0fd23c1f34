"""What the handlers of one connection share, and how a job tells of itself."""

from __future__ import annotations

import asyncio
import datetime
import logging
import os
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kibitz import errors, paths
from kibitz.actions.desk import Desk
from kibitz.actions.preparing import InOtherProcess
from kibitz.actions.prompt_files import (
    PromptFile,
    PromptsStamp,
    prompts_stamp,
    read_prompt_files,
)
from kibitz.actions.tally import Tally
from kibitz.actions.values import (
    Asked,
    Begun,
    FellBack,
    GettingReady,
    Indexing,
    Looking,
    Noted,
    Received,
    Spent,
    Step,
    Verifying,
)
from kibitz.backend import Backend
from kibitz.claude.days import midnight
from kibitz.claude.values import ClaudeFailure, Usage
from kibitz.confirmation import NO, Question
from kibitz.dismissals import Dismissals
from kibitz.handlers.attendance import Attendance
from kibitz.jobs import Job
from kibitz.model_notes import model_notes
from kibitz.protocol.editor import LspEditor
from kibitz.protocol.progress import Progress
from kibitz.protocol.pygls_mends import MendedServer
from kibitz.session import Session
from kibitz.settings import PROJECT_FILE, Settings, load
from kibitz.settings_problems import Problem, log_lines, problems_by_source
from kibitz.shown_findings import ShownFindings
from kibitz.trust import Trust

logger = logging.getLogger(__name__)


# Stands for a file that was never saved, in a folder that nobody opened; there is none.
NO_FILE = ".kibitz-unsaved"

# What differs whenever one of the settings files does; empty for a file that is not there.
_Stamp = tuple[tuple[int, ...], ...]


@dataclass
class Connection:
    """One client: the server object, what is known of it, and the ways to reach it and Claude.

    `command_line` is what `--set` gave; it and the environment are the user's word.
    """

    server: MendedServer
    session: Session
    editor: LspEditor
    backend: Backend
    command_line: Mapping[str, str]
    environ: Mapping[str, str]
    answers: dict[str, str] = field(default_factory=dict[str, str])
    waiting_reviews: dict[str, asyncio.Task[None]] = field(
        default_factory=dict[str, "asyncio.Task[None]"]
    )
    _settings: dict[Path, tuple[_Stamp, Settings]] = field(
        default_factory=dict[Path, tuple[_Stamp, Settings]]
    )
    _prompts: dict[Path, tuple[PromptsStamp, tuple[PromptFile, ...]]] = field(
        default_factory=dict[Path, tuple[PromptsStamp, tuple[PromptFile, ...]]]
    )
    _problems: list[Problem] = field(default_factory=list[Problem])
    _warm: bool = False
    _trust: Trust | None = None

    def __post_init__(self) -> None:
        self.attendance = Attendance(self)
        self.dismissals = Dismissals(paths.dismissed_findings_file(self.environ))
        self.shown_findings = ShownFindings(paths.shown_findings_folder(self.environ))
        self.keeping = asyncio.Lock()
        cache = self.backend.context_folder()
        self.desk = Desk(
            self.backend,
            self.settings_in,
            cache=cache,
            preparer=InOtherProcess(cache) if cache is not None else None,
            known_models=lambda: self.backend.known_models().catalogue,
            tokens_factor=self.backend.tokens_factor,
            may_warm=self.attendance.may_send,
            follow=self.attendance.response_began,
            get_ready=self.backend.get_ready,
        )
        self.backend.breaker.follow(self._tell_of_pause)
        self.backend.confirm = self._confirm
        self.backend.warn = self.tell_once

    # -- settings ------------------------------------------------------------------------------

    def root_of(self, path: Path | None) -> Path:
        """Where to look for the repository of a document: its folder, else the first folder."""
        if path is not None:
            return path.parent
        return self.session.folders[0] if self.session.folders else Path.cwd()

    def start_of(self, path: Path | None) -> Path:
        """Where an order about a document looks for its repository: at its file.

        Without a file it is the first folder.  Where no folder was opened either, the server's
        current one is a repository to be read or else nobody's business: often it is the home
        folder.
        """
        if path is not None:
            return path
        return self.session.folders[0] if self.session.folders else Path.cwd() / NO_FILE

    def settings_in(self, root: Path) -> Settings:
        """The settings that hold in a repository.  Reads two small files when they are new."""
        project = project_root(root)
        stamp = tuple(
            _file_stamp(file) for file in (paths.user_file(self.environ), project / PROJECT_FILE)
        )
        known = self._settings.get(project)
        if known is not None and known[0] == stamp:
            return known[1]
        loaded = load(project, self.session.editor_settings, self.command_line, self.environ)
        self._settings[project] = (stamp, loaded.settings)
        self._problems += loaded.problems
        return loaded.settings

    def settings_of(self, path: Path | None) -> Settings:
        """The settings that hold for a document."""
        return self.settings_in(self.root_of(path))

    def settings_of_first_folder(self) -> Settings:
        return self.settings_in(self.root_of(None))

    def forget_settings(self) -> None:
        """Read the settings anew when they are next needed."""
        self._settings.clear()
        self._prompts.clear()

    def tell_settings_problems(self) -> None:
        """Tell what is wrong with the settings, each thing once while the server runs."""
        problems, self._problems = self._problems, []
        for line in log_lines(problems):
            if line not in self.session.told_problems:
                self.session.told_problems.add(line)
                logger.warning("%s", line)
        for source, sentence in problems_by_source(problems):
            if source not in self.session.told_problems:
                self.session.told_problems.add(source)
                self.editor.tell(sentence, "warning")

    def known_prompt_files(self, path: Path | None) -> tuple[PromptFile, ...] | None:
        """The user's prompt files that hold for a document; None when they are to be read first.

        Looks at a few names on the disk and runs nothing, so the event loop may ask.
        """
        root = project_root(self.root_of(path))
        folder = root / self.settings_in(root).prompts.dir
        stamp = prompts_stamp(folder)
        if not stamp:
            return ()
        known = self._prompts.get(folder)
        return known[1] if known is not None and known[0] == stamp else None

    def prompt_files(self, path: Path | None) -> tuple[PromptFile, ...]:
        """As `known_prompt_files`, but reads them, which may run git for each."""
        known = self.known_prompt_files(path)
        if known is not None:
            return known
        from kibitz_context.gate.gate import Gate  # loaded when there is something to read

        root = project_root(self.root_of(path))
        settings = self.settings_in(root)
        folder = root / settings.prompts.dir
        stamp = prompts_stamp(folder)
        gate = Gate(root, include=settings.context.include, exclude=settings.context.exclude)
        prompts = read_prompt_files(folder, gate)
        self._prompts[folder] = (stamp, prompts)
        return prompts

    def is_trusted(self, root: Path) -> bool:
        """Whether automatic features may send the code of a repository, at this moment."""
        if self._trust is None:
            self._trust = Trust.load(paths.trust_file(self.environ))
        return self._trust.is_trusted(root)

    def set_trust(self, path: Path | None, *, granted: bool) -> dict[str, Any]:
        """Trust the repository of `path` (the first folder for None), or stop to."""
        root = project_root(self.root_of(path))
        trust = Trust.load(paths.trust_file(self.environ))
        if granted:
            trust.grant(root)
        else:
            trust.revoke(root)
        word = "trusted" if granted else "not trusted any more"
        self.editor.tell(f"{root} is {word}.")
        return {"root": str(root), "trusted": granted}

    async def aclose(self) -> None:
        """Stop everything that runs for this client."""
        preparer = self.desk.preparer
        if preparer is not None:
            await asyncio.gather(self.session.jobs.aclose(), asyncio.to_thread(preparer.close))
        else:
            await self.session.jobs.aclose()
        await self.backend.aclose()

    def warm_up(self) -> None:
        """Load the SDK in a thread, once: the user seems to be about to ask for something.

        Not at start: it costs 50 MB and most of a second, and many sessions never ask.
        """
        if not self._warm:
            self._warm = True
            self.session.jobs.in_background(self.backend.warm_up(), "loading the SDK")

    # -- jobs ----------------------------------------------------------------------------------

    @asynccontextmanager
    async def reported(self, job: Job, *, is_quiet: bool = False) -> AsyncIterator[Report]:
        """Run the body of a job with its progress, and tell how it ended, once.

        A failure that the user can do something about is one message; a stop is no failure; a
        bug goes on to the jobs' own report.  One that `is_quiet` was not asked for: what becomes
        of it stands in its progress and nowhere else.
        """
        report = Report(self, job, is_quiet=is_quiet)
        self.announce_status()
        try:
            await report.progress.begin(job.title)
            yield report
        except asyncio.CancelledError:
            report.end(f"Stopped: {job.stop_reason or 'the server is shutting down'}")
            raise
        except errors.UserError as error:
            report.fail(error.sentence)
        except ClaudeFailure as failure:
            logger.info("%s failed: %s (request %s)", job.kind, failure.kind, failure.request_id)
            if failure.facts.get("declined"):
                report.end(errors.sentence_for(failure))
            else:
                report.fail(errors.sentence_for(failure))
        except BaseException:
            report.end("Failed: a fault in kibitz; see its log")
            raise
        else:
            report.end(report.summary())
        finally:
            self.tell_settings_problems()
            self.announce_status()

    async def _confirm(self, question: Question) -> bool | None:
        """Let the user decide whether a request may cost more than one may."""
        if not self.session.client.show_message_request:
            return None
        return await self.editor.choose(question.words, (question.yes, NO)) == question.yes

    def tell_of_model(self, model: str) -> None:
        """Tell what there is to know of a model that is asked, once while the server runs."""
        known = self.backend.known_models()
        notes = model_notes(
            known.catalogue, model, self.settings_of_first_folder(), midnight().date()
        )
        for sentence in (*notes, *known.problems):
            self.tell_once(sentence)

    def tell_once(self, sentence: str) -> None:
        """Warn of something, once while the server runs."""
        if sentence not in self.session.told_problems:
            self.session.told_problems.add(sentence)
            self.editor.tell(sentence, "warning")

    def _tell_of_pause(self, refusal: ClaudeFailure | None) -> None:
        """Automatic features pause after repeated failures, or are back."""
        if refusal is None:
            self.editor.tell(errors.BACK_AGAIN)
        else:
            self.editor.tell(errors.sentence_for(refusal), "warning")
        self.announce_status()

    def announce_status(self) -> None:
        """Send `kibitz/status` to a client that shows it."""
        if self.session.client.status:
            self.session.jobs.in_background(self._send_status(), "status")

    async def _send_status(self) -> None:
        try:
            spent = await self.backend.spent_today()
        except (sqlite3.Error, OSError, errors.UserError) as error:
            # Told where it matters: no request is sent without the ledger.
            logger.info("what was spent today cannot be read: %s", error)
            return
        jobs = self.session.jobs.running()
        self.editor.status(
            {
                "busy": bool(jobs),
                "jobs": [job.title for job in jobs],
                "spentTodayUsd": spent.cost_usd,
                "dayLimitUsd": spent.day_limit_usd,
                "cacheShare": spent.cache_share,
                "pausedUntil": _iso_time(self.backend.breaker.paused_until),
            }
        )


def _iso_time(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat(timespec="seconds")


def _file_stamp(file: Path) -> tuple[int, ...]:
    try:
        status = os.stat(file)  # noqa: PTH116 - of any path an editor may name
    except (OSError, ValueError):
        return ()
    return status.st_ino, status.st_mtime_ns, status.st_size


def project_root(start: Path) -> Path:
    """The folder whose settings and prompts hold at `start`: the nearest one with ``.git`` or a
    ``.kibitz.toml``, else the one of `start`.  Looks at a few names and runs nothing."""
    # `os.path` takes any path, also one that is too long for the disk; an editor may name it.
    real = Path(os.path.realpath(start))
    for folder in (real, *real.parents):
        if any(os.path.exists(folder / name) for name in (".git", PROJECT_FILE)):  # noqa: PTH110
            return folder
    return real if os.path.isdir(real) else real.parent  # noqa: PTH112


class Report:
    """The progress of a running job: what it says of itself while it runs and when it ends."""

    def __init__(self, connection: Connection, job: Job, *, is_quiet: bool = False) -> None:
        self._is_quiet = is_quiet
        self._connection = connection
        self._job = job
        self.progress = Progress(
            connection.server, job.id, shown=connection.session.client.progress
        )
        self._tally = Tally(lambda: connection.backend.known_models().catalogue)
        self.outcome = ""
        self.failure: str | None = None

    async def follow(self, steps: AsyncIterator[Step]) -> AsyncIterator[Step]:
        """Pass the steps of an action on, and report tokens and cost on the way."""
        async with aclosing(steps) as closing:  # type: ignore[type-var]
            async for step in closing:
                self.tell(step)
                yield step

    def tell(self, step: Step, of: int = 0) -> None:
        """Count a step and report what it means; see `Tally.count`."""
        self._tally.count(step, of)
        match step:
            case Indexing() | GettingReady():
                self.progress.report(step.words)
            case Asked(model, prompt_tokens):
                self._connection.tell_of_model(model)
                self.progress.report(f"{model} reads about {prompt_tokens:,} tokens")
            case FellBack(model, instead_of):
                sentence = errors.sentence_for_fallback(model, instead_of)
                self._connection.editor.tell(sentence)
            case Begun(usage):
                read = usage.cache_read_tokens
                cached = f", {read:,} of them from cache" if read else ""
                figure = f"{cached}{self._tally.figure()}"
                self.progress.report(f"{usage.prompt_tokens:,} tokens read{figure}")
            case Received(tokens):
                self.progress.report(f"{tokens:,} tokens so far{self._tally.figure()}")
            case Looking(words) | Noted(words) | Verifying(words=words):
                self.progress.report(words, always=True)
            case Spent():
                self._connection.announce_status()
            case _:
                pass

    def cost_usd(self) -> float | None:
        """What the job has cost so far; None where a price is not known."""
        return self._tally.cost_usd()

    def summary(self) -> str:
        """How the job ended, in one line: outcome, then the bill."""
        parts = [self.outcome] if self.outcome else []
        if self._tally.n_ended:
            parts.append(self._tally.bill())
        return " · ".join(parts) or "Done"

    def end(self, message: str) -> None:
        """End the progress; a client without progress is told by a message."""
        if not self.progress.is_shown and not self._is_quiet:
            self._connection.editor.tell(f"{self._job.title}: {message}")
        self.progress.end(message)

    def fail(self, sentence: str) -> None:
        """Tell the user once what went wrong."""
        self.failure = sentence
        if self._is_quiet:
            logger.info("%s failed: %s", self._job.kind, sentence)
            self.progress.end(sentence)
            return
        self._connection.editor.tell(sentence, "error")
        paid = f" · {self._tally.bill()}" if self._tally.usage() != Usage() else ""
        self.progress.end(f"Failed{paid}")
