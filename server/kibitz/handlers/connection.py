"""What the handlers of one connection share, and how a job tells of itself."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kibitz import errors
from kibitz.actions.desk import Desk
from kibitz.actions.values import Asked, Begun, Said, Spent, Step
from kibitz.backend import Backend
from kibitz.bill import bill
from kibitz.claude.values import ClaudeFailure, Usage
from kibitz.jobs import Job
from kibitz.protocol.editor import LspEditor
from kibitz.protocol.progress import Progress
from kibitz.protocol.pygls_mends import MendedServer
from kibitz.session import Session
from kibitz_context.tokens import estimate

logger = logging.getLogger(__name__)


class Failed(Exception):
    """A job that failed in a way the user was told of; ends the job quietly."""


@dataclass
class Connection:
    """One client: the server object, what is known of it, and the ways to reach it and Claude."""

    server: MendedServer
    session: Session
    editor: LspEditor
    backend: Backend
    desk: Desk
    answers: dict[str, str] = field(default_factory=dict[str, str])
    on_idle: list[Callable[[], None]] = field(default_factory=list[Callable[[], None]])

    def root_of(self, path: Path | None) -> Path:
        """Where to look for the repository of a document: its folder, else the first folder."""
        if path is not None:
            return path.parent
        return self.session.folders[0] if self.session.folders else Path.cwd()

    @asynccontextmanager
    async def reported(self, job: Job) -> AsyncIterator[Report]:
        """Run the body of a job with its progress, and tell how it ended, once.

        A failure that the user can do something about is one message; a stop is no failure; a
        bug goes on to the jobs' own report.
        """
        report = Report(self, job)
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
            report.fail(errors.sentence_for(failure))
        except Failed as failed:
            report.end(str(failed))
        except Exception:
            report.end("Failed: a fault in kibitz; see its log")
            raise
        else:
            report.end(report.summary())
        finally:
            report.finally_end()
            self.session.jobs.in_background(self._announce_later(), "status")

    def announce_status(self) -> None:
        """Send `kibitz/status` to a client that shows it."""
        if self.session.client.status:
            self.session.jobs.in_background(self._announce_later(), "status")

    async def _announce_later(self) -> None:
        if not self.session.client.status:
            return
        spent = await self.backend.spent_today()
        self.editor.status(
            {
                "busy": bool(self.session.jobs.running()),
                "jobs": [job.title for job in self.session.jobs.running()],
                "spentTodayUsd": spent.cost_usd,
                "dayLimitUsd": spent.day_limit_usd,
                "cacheShare": spent.cache_share,
            }
        )


class Report:
    """The progress of a running job: what it says of itself while it runs and when it ends."""

    def __init__(self, connection: Connection, job: Job) -> None:
        self._connection = connection
        self._job = job
        self.progress = Progress(
            connection.server, job.id, shown=connection.session.client.progress
        )
        self._written_characters = 0
        self._usage: Usage | None = None
        self._cost_usd: float | None = None
        self.outcome = ""
        self.failure: str | None = None

    async def follow(self, steps: AsyncIterator[Step]) -> AsyncIterator[Step]:
        """Pass the steps of an action on, and report tokens and cost on the way."""
        async with aclosing(steps) as closing:  # type: ignore[type-var]
            async for step in closing:
                match step:
                    case Asked(model, prompt_tokens):
                        self.progress.report(f"{model} reads about {prompt_tokens:,} tokens")
                    case Begun(usage):
                        read = usage.cache_read_tokens
                        cached = f", {read:,} of them from cache" if read else ""
                        self.progress.report(f"{usage.prompt_tokens:,} tokens read{cached}")
                    case Said(text):
                        self.wrote(text)
                    case Spent(usage, cost_usd):
                        self._usage, self._cost_usd = usage, cost_usd
                    case _:
                        pass
                yield step

    def wrote(self, text: str) -> None:
        """Count a piece of the reply and show how many tokens there are so far."""
        self._written_characters += len(text)
        self.progress.report(f"{estimate('x' * self._written_characters):,} tokens so far")

    def summary(self) -> str:
        """How the job ended, in one line: outcome, then the bill."""
        parts = [self.outcome] if self.outcome else []
        if self._usage is not None:
            parts.append(bill(self._usage, self._cost_usd))
        return " · ".join(parts) or "Done"

    def end(self, message: str) -> None:
        self.progress.end(message)

    def fail(self, sentence: str) -> None:
        """Tell the user once what went wrong."""
        self.failure = sentence
        self._connection.editor.tell(sentence, "error")
        self.end("Failed" if self._usage is None else f"Failed · {bill(self._usage, self._cost_usd)}")

    def finally_end(self) -> None:
        self.progress.end("Ended")


def one_argument(arguments: list[Any]) -> dict[str, Any]:
    """The one argument object of a command; none counts as an empty one.

    Raises ValueError with a sentence for anything else.
    """
    if not arguments:
        return {}
    if len(arguments) > 1:
        raise ValueError(f"The command takes one argument object, not {len(arguments)} arguments")
    if not isinstance(arguments[0], dict):
        raise ValueError("The command takes one argument object")
    return arguments[0]
