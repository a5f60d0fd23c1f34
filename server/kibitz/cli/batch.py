"""`kibitz review --batch`: all files of a repository, by Message Batches, at half the price."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from kibitz import paths
from kibitz.actions.desk import limits_of
from kibitz.actions.review_choice import Choice
from kibitz.actions.values import Order
from kibitz.bill import bill, dollars
from kibitz.claude.batching.batch_books import BatchBooks
from kibitz.claude.batching.batch_run import BatchRun, RunIsBusyError
from kibitz.claude.batching.batch_runner import BatchRunner
from kibitz.claude.batching.batches import BatchService
from kibitz.claude.spending.budget import Exceeded
from kibitz.claude.values import ClaudeFailure, Prompt, Purpose, Usage
from kibitz.cli.batch_asker import ReviewAsker, expected_usage, findings_of
from kibitz.cli.batch_files import named, shown_from_here
from kibitz.cli.batch_progress import BatchProgress
from kibitz.cli.place import shown
from kibitz.cli.report import Report, in_order
from kibitz.cli.workplace import EXIT_INTERRUPTED, Workplace
from kibitz.errors import EXIT_BUDGET, EXIT_USAGE, UserError
from kibitz.plain_text import one_line
from kibitz_context.files.repository import Repository
from kibitz_context.tokens import CHARACTERS_PER_TOKEN

# The provider keeps results for 29 days; a run that is older cannot be continued.
MOST_DAYS = 29
MOST_FAILURES_TOLD = 10

_BUSY = "Another kibitz is at work on this very review; wait for it, or stop it first."
_WHY_NOT: Mapping[str, str] = {
    "expired": "Claude did not come to it within a day.",
    "canceled": "Its batch was cancelled at the provider.",
    "missing": "Its batch ended without an answer to it.",
    "gone": "Its batch is no longer at the provider.",
}


Tell = Callable[[Report, Usage, float | None], int]
"""Writes a report with its bill and gives the exit code."""


async def review_all(at: Workplace, places: Sequence[str], tell: Tell) -> int:
    """Review a repository, or what was named of it, and `tell` what was found, as if it had been
    done live; returns the exit code.  An unfinished review of the same is continued."""
    repository = at.desk.repository(at.start)
    if not repository.has_git:
        raise UserError(
            f"--batch reviews what git tracks, and {shown(str(at.start))} is in no repository; "
            "name the files to review without --batch."
        )
    asker, choice, about = _what_about(at, repository, places)
    path = _run_file(about)
    service = await at.backend.batches()
    run = _resumed(path)
    limits = limits_of(at.settings_in(at.start))
    purpose = Purpose("review", about["review"], interactive=False, limits=limits)
    books = at.backend.batch_books(purpose, about["model"])
    try:
        await _prepare(at)
        if run is None:
            run = await _begun(at, books, asker, choice, about, path)
            if run is None:
                return tell(Report(), Usage(), 0.0)
        else:
            _tell_continued(at, run)
        if not await _work_off(at, service, books, run, asker):
            return EXIT_INTERRUPTED
        report, usage, cost_usd = _reported(run, repository.root)
        _tell_failures(at, report)
        if at.common.verbose or at.terminal.err_is_terminal:
            at.terminal.line(bill(usage, cost_usd))
        code = tell(report, usage, cost_usd)
        run.finish()
        return code
    finally:
        books.close()
        if run is not None:
            run.close()


def _what_about(
    at: Workplace, repository: Repository, places: Sequence[str]
) -> tuple[ReviewAsker, Choice, dict[str, Any]]:
    settings = at.settings_in(at.start)
    tier = settings.route.get("review", "standard")
    gate = at.desk.subject(repository, tier).gate
    under = named(places, repository)
    about = {
        "review": str(repository.root),
        "commit": repository.head(),
        "under": under,
        "tier": tier,
        "model": settings.models.of(tier),
    }
    asker = ReviewAsker(at, repository.root, gate)
    return asker, Choice(repository, gate, under), about


def _run_file(about: Mapping[str, Any]) -> Path:
    """Where the state of a run is: the same repository, commit and paths, the same run."""
    folder = paths.make_private(paths.state_folder(os.environ) / "batches")
    oldest = time.time() - MOST_DAYS * 86_400
    for file in folder.glob("*.sqlite"):
        with contextlib.suppress(OSError):
            if file.stat().st_mtime < oldest:
                file.unlink()
    key = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:24]
    return folder / f"{key}.sqlite"


def _resumed(path: Path) -> BatchRun | None:
    try:
        return BatchRun.resume(path)
    except RunIsBusyError:
        raise UserError(_BUSY) from None
    except (sqlite3.Error, OSError) as error:
        raise UserError(
            f"The state of this review, {path}, cannot be read ({one_line(str(error), 100)}); "
            "move it away to begin anew. What is in it may be at Claude already."
        ) from error


def _tell_continued(at: Workplace, run: BatchRun) -> None:
    counts = run.counts()
    began = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.began))
    at.terminal.note(
        f"Continuing the review of {counts.total:,} files that was begun on {began}: "
        f"{counts.done + counts.failed:,} are reviewed, {counts.sent:,} are with Claude, "
        f"{counts.waiting:,} are to be sent."
    )


async def _prepare(at: Workplace) -> None:
    """Have the repository indexed, so that all requests have the same whole snapshot."""
    order = Order("review", at.start)
    async with contextlib.aclosing(at.desk.prepare(order)) as preparing:
        with at.progress:
            async for step in preparing:
                at.progress.count(step)


async def _begun(
    at: Workplace,
    books: BatchBooks,
    asker: ReviewAsker,
    choice: Choice,
    about: Mapping[str, Any],
    path: Path,
) -> BatchRun | None:
    """A new run, its price told; None when there is nothing to review.

    Raises UserError when its worst case is over a limit: then nothing is sent.
    """
    names, worst_usd, likely_usd, exceeded = await _foreseen(asker, choice, books)
    if left_out := choice.told():
        at.terminal.note(left_out)
    if not names:
        at.terminal.note("There is nothing to review.")
        return None
    n_files = "1 file" if len(names) == 1 else f"{len(names):,} files"
    if worst_usd is None or likely_usd is None:
        at.terminal.note(f"The review of {n_files} costs an unknown amount: no price is known.")
    else:
        at.terminal.note(
            f"The review of {n_files} by batch costs about {dollars(likely_usd)}, and "
            f"{dollars(worst_usd)} at most, if the cache fails and every reply is of full length."
        )
    if exceeded is not None:
        raise UserError(_over(exceeded, n_files), EXIT_BUDGET)
    try:
        return await asyncio.to_thread(BatchRun.begin, path, about, names)
    except RunIsBusyError:
        raise UserError(_BUSY) from None


async def _foreseen(
    asker: ReviewAsker, choice: Choice, books: BatchBooks
) -> tuple[list[str], float | None, float | None, Exceeded | None]:
    """The files, the worst case and the likely cost in USD, and the limit that is in the way."""
    names: list[str] = []
    likely_usd: list[float | None] = []
    stopped = threading.Event()

    def prompts(forecasts: Iterator[tuple[str, Prompt]]) -> Iterator[Prompt]:
        for name, prompt in forecasts:
            if stopped.is_set():
                return
            names.append(name)
            likely_usd.append(books.cost_usd(expected_usage(prompt, CHARACTERS_PER_TOKEN)))
            yield prompt

    try:
        forecasts = await asker.forecasts(choice.texts())
        worst_usd, exceeded = await asyncio.to_thread(books.foresee, prompts(forecasts))
    finally:
        # A thread cannot be cancelled: it looks whether anybody still waits for it.
        stopped.set()
    is_known = all(usd is not None for usd in likely_usd)
    total_usd = sum(usd or 0.0 for usd in likely_usd)
    return names, worst_usd, total_usd if is_known else None, exceeded


def _over(exceeded: Exceeded, n_files: str) -> str:
    needed, limit = dollars(exceeded.needed_usd), dollars(exceeded.limit_usd)
    if exceeded.limit == "request":
        return (
            f"The largest request of the review may cost up to {needed}, which is over the limit "
            f"of {limit} for one; nothing was sent. Raise `budget.request_usd` in config.toml, or "
            "for this run with --set budget.request_usd=USD."
        )
    taken = exceeded.spent_usd + exceeded.reserved_usd
    period = "today" if exceeded.limit == "day" else "this month"
    return (
        f"The review of {n_files} may cost up to {needed}, which is over the {exceeded.limit}'s "
        f"limit of {limit} ({dollars(taken)} is spent or reserved {period}); nothing was sent. "
        f"Name fewer files, or raise `budget.{exceeded.limit}_usd` in config.toml, or for this run "
        f"with --set budget.{exceeded.limit}_usd=USD."
    )


async def _work_off(
    at: Workplace, service: BatchService, books: BatchBooks, run: BatchRun, asker: ReviewAsker
) -> bool:
    """Take the run to its end; False when it was interrupted, which is told."""
    with BatchProgress(at.terminal) as progress:
        record = at.backend.batch_record(books.purpose, run.about["tier"], run.about["model"])
        runner = BatchRunner(run, service, books, asker, tell=progress.tell, record=record)
        try:
            await runner.go()
        except asyncio.CancelledError:
            # Ctrl-C: told here, since here it is known what goes on without us.
            _uncancel()
            _tell_interrupted(at, run)
            return False
        except ClaudeFailure as failure:
            if failure.facts.get("reason") == "no_batches":
                raise UserError(
                    "The endpoint has no Message Batches; review without --batch.", EXIT_USAGE
                ) from failure
            if run.counts().sent or run.counts().done:
                at.terminal.note("The review can be continued: give the same command again.")
            raise
    if runner.was_cancelled:
        at.terminal.note("A batch was cancelled at the provider, so nothing more is sent.")
    return True


def _uncancel() -> None:
    task = asyncio.current_task()
    if task is not None:
        while task.cancelling():
            task.uncancel()


def _tell_interrupted(at: Workplace, run: BatchRun) -> None:
    counts = run.counts()
    if counts.sent:
        what = (
            f"Interrupted; {counts.sent:,} of {counts.total:,} files are with Claude, who goes on "
            "and whom you pay. To stop that, cancel the batches in the Console"
        )
    else:
        what = f"Interrupted; {counts.waiting:,} of {counts.total:,} files are not reviewed yet"
    at.terminal.note(f"{what}; to continue, give the same command again.")


def _reported(run: BatchRun, root: Path) -> tuple[Report, Usage, float | None]:
    """What the run has found, in the order of the files, and its bill."""
    report = Report()
    usage, costs_usd = Usage(), list[float | None]()
    for name, state, said in run.outcomes():
        findings, dropped = findings_of(said)
        report.findings += in_order(findings)
        report.dropped += dropped
        if state == "failed":
            report.failures.append((shown_from_here(root, name), _why_not(said)))
        if "usage" in said:
            usage += Usage(*said["usage"])
            costs_usd.append(said["cost_usd"])
    for name in run.names_waiting():
        report.failures.append((shown_from_here(root, name), "It was not sent."))
    is_known = None not in costs_usd
    return report, usage, sum(usd or 0.0 for usd in costs_usd) if is_known else None


def _why_not(said: Mapping[str, Any]) -> str:
    if problem := said.get("problem"):
        return str(problem)
    error = str(said.get("error", "missing"))
    if error in _WHY_NOT:
        return _WHY_NOT[error]
    message = one_line(str(said.get("message", "")), 160).rstrip(".")
    return f"Claude failed at it ({one_line(error, 60)}{': ' + message if message else ''})."


def _tell_failures(at: Workplace, report: Report) -> None:
    for path, reason in report.failures[:MOST_FAILURES_TOLD]:
        at.terminal.note(f"{path}: {reason}")
    n_failed = len(report.failures)
    if n_failed > MOST_FAILURES_TOLD:
        at.terminal.note(f"… and {n_failed - MOST_FAILURES_TOLD:,} more; --format json has all.")
    if n_failed:
        at.terminal.note(f"{n_failed:,} file{' was' if n_failed == 1 else 's were'} not reviewed.")
