"""What the handlers of one connection share, and how a job tells of itself."""

from __future__ import annotations

import asyncio
import datetime
import logging
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field

from kibitz import errors, paths
from kibitz.actions.desk import Desk
from kibitz.actions.preparing import InOtherProcess
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
from kibitz.claude.spending.days import midnight
from kibitz.claude.values import ClaudeFailure, Usage
from kibitz.confirmation import NO, Question
from kibitz.dismissals import Dismissals
from kibitz.handlers.attendance import Attendance
from kibitz.handlers.preferences import Preferences
from kibitz.jobs import Job
from kibitz.model_notes import model_notes
from kibitz.protocol.editor import LspEditor
from kibitz.protocol.progress import Progress
from kibitz.protocol.pygls_mends import MendedServer
from kibitz.session import Session
from kibitz.shown_findings import ShownFindings

logger = logging.getLogger(__name__)


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
    _warm: bool = False

    def __post_init__(self) -> None:
        self.preferences = Preferences(self.session, self.editor, self.command_line, self.environ)
        self.dismissals = Dismissals(paths.dismissed_findings_file(self.environ))
        self.shown_findings = ShownFindings(paths.shown_findings_folder(self.environ))
        self.keeping = asyncio.Lock()
        cache = self.backend.context_folder()
        self.desk = Desk(
            self.backend,
            self.preferences.settings_in,
            cache=cache,
            preparer=InOtherProcess(cache) if cache is not None else None,
            known_models=lambda: self.backend.known_models().catalogue,
            tokens_factor=self.backend.tokens_factor,
            may_warm=self.preferences.may_warm,
            follow=lambda brief, prompt: self.attendance.response_began(brief, prompt),
            get_ready=self.backend.get_ready,
        )
        self.attendance = Attendance(self.session, self.backend, self.desk, self.preferences)
        self.backend.breaker.follow(self._tell_of_pause)
        self.backend.confirm = self._confirm
        self.backend.warn = self.tell_once

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
            self.preferences.tell_problems()
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
            known.catalogue, model, self.preferences.settings_of(None), midnight().date()
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
