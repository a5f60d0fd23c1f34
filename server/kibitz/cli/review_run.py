"""Reviewing what was asked for, and telling what was found in the order of the files."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from kibitz import paths
from kibitz.actions.findings_memory import FindingsMemory
from kibitz.actions.review_many import review_many
from kibitz.actions.values import Found, NotKept, NotOffered, Order, Unverified, Verified, Verifying
from kibitz.actions.whole_review import Ended
from kibitz.claude.values import ClaudeFailure
from kibitz.cli.report import Report, in_order
from kibitz.cli.report_formats import write_findings, write_report
from kibitz.cli.review_cost import tell_estimate
from kibitz.cli.review_progress import ReviewProgress
from kibitz.cli.review_scope import Subject
from kibitz.cli.workplace import Workplace
from kibitz.dismissals import Dismissals
from kibitz.errors import EXIT_CLAUDE, UserError, sentence_for
from kibitz.findings.values import Finding, Severity
from kibitz_context.gate.secrets import redact
from kibitz_context.lines import split_lines

EXIT_FINDINGS = 1
NOT_REVIEWED = "It was not reviewed."
NOT_TO_THE_END = "It was not reviewed to the end."
NOT_CHECKED = "its findings could not be checked and are shown as they are"
INTERRUPTED = "The check was interrupted."


@dataclass(frozen=True, slots=True)
class Wanted:
    """How the findings are to be told; with `uses_cache` unchanged files are not asked about, and
    with `hides` findings that were dismissed are not told."""

    format: str
    fail_on: Severity | None
    uses_cache: bool
    hides: bool


@dataclass
class _File:
    """A file under review: how many of its parts still run, and what was found in it so far."""

    shown: str
    parts: int = 0
    found: list[Finding] = field(default_factory=list[Finding])
    checking: dict[int, Verifying] = field(default_factory=dict[int, Verifying])
    failure: str = ""


async def review_subjects(at: Workplace, subjects: Sequence[Subject], wanted: Wanted) -> int:
    """Review `subjects`, parts of one file in a row; returns the exit code.

    What was found before a failure or an interruption is told all the same.
    """
    report = Report()
    if not subjects:
        at.terminal.note("There is nothing to review.")
        write_report(at.terminal, report, wanted.format, at.tally.usage(), 0.0)
        return 0
    orders = [subject.order for subject in subjects]
    files: dict[str, _File] = {}
    for subject in subjects:
        files.setdefault(subject.shown, _File(subject.shown)).parts += 1
    folder = paths.findings_folder(os.environ)
    memory = FindingsMemory(folder, at.desk, recalls=wanted.uses_cache)
    dismissals = Dismissals(paths.dismissed_findings_file(os.environ)) if wanted.hides else None
    unknown = await asyncio.to_thread(_unknown, at, memory, orders)
    estimate = await tell_estimate(at, unknown) if len(unknown) > 1 else None
    fatal: Exception | None = None
    names = tuple(subject.shown for subject in subjects)
    progress = ReviewProgress(at.terminal, at.tally, names, verbose=at.common.verbose)
    waiting = list(files.values())
    try:
        with progress:
            async with aclosing(review_many(orders, at.desk, memory, dismissals)) as steps:
                async for one in steps:
                    file = files[names[one.number]]
                    match one.step:
                        case Ended() as ended:
                            progress.end_one()
                            file.parts -= 1
                            file.checking.pop(one.number, None)
                            fatal = _end(at, report, file, ended) or fatal
                        case Found(finding):
                            file.found.append(finding)
                        case NotKept(dropped):
                            report.dropped.append(dropped)
                        case NotOffered() as not_offered:
                            report.not_offered.append(not_offered)
                        case Verified() as verified:
                            report.verified(verified)
                            file.checking[one.number] = Verifying(())
                            wrong = [finding for finding, _ in verified.refuted]
                            file.found = [each for each in file.found if each not in wrong]
                        case Unverified() as unverified:
                            report.not_verified(unverified)
                            file.checking[one.number] = Verifying(())
                            at.terminal.note(f"{file.shown}: {NOT_CHECKED}: {unverified.why}")
                        case step:
                            if isinstance(step, Verifying):
                                file.checking[one.number] = step
                            at.tell_of(step)
                            progress.count(step, one.number)
                    while waiting and not waiting[0].parts:
                        _tell(at, report, waiting.pop(0), subjects, wanted)
    finally:
        # What was found before a failure was paid for as well.
        for file in waiting:
            if file.parts > len(file.checking) and not file.failure:
                file.failure = NOT_TO_THE_END if file.found else NOT_REVIEWED
            for checking in file.checking.values():
                if checking.findings:
                    report.not_verified(Unverified(checking.findings, INTERRUPTED, 0.0))
            _tell(at, report, file, subjects, wanted)
        if wanted.format != "text":
            cost_usd = at.tally.cost_usd()
            write_report(at.terminal, report, wanted.format, at.tally.usage(), cost_usd)
        at.terminal.note(report.closing_line())
    if fatal is not None:
        raise fatal
    if estimate is not None and not report.failures:
        await estimate.compare(at.tally.cost_usd())
    return exit_code(report, wanted.fail_on)


def exit_code(report: Report, fail_on: Severity | None) -> int:
    """What the command ends with after `report`."""
    if report.failures:
        return EXIT_CLAUDE
    return EXIT_FINDINGS if fail_on is not None and report.reaches(fail_on) else 0


def _unknown(at: Workplace, memory: FindingsMemory, orders: Sequence[Order]) -> list[Order]:
    """Those that have to be asked about."""
    return [each for each in orders if memory.recall(each, at.desk.model_for(each)) is None]


def _end(at: Workplace, report: Report, file: _File, ended: Ended) -> Exception | None:
    """A part of `file` has ended; gives the failure that ends the whole review."""
    report.n_from_cache += ended.from_memory
    match ended.failure:
        case None:
            return None
        case ClaudeFailure() as failure:
            at.explain(failure)
            file.failure = sentence_for(failure)
            return failure
        case UserError() as error:
            file.failure = error.sentence
            if error.exit_code != EXIT_CLAUDE:
                return error
            at.terminal.note(f"{file.shown}: {error.sentence}")
            return None


def _tell(
    at: Workplace, report: Report, file: _File, subjects: Sequence[Subject], wanted: Wanted
) -> None:
    """Put what was found in a file into the report, and show it where that is text."""
    if file.failure:
        report.failures.append((file.shown, file.failure))
    ordered = in_order(file.found)
    if not ordered:
        return
    report.findings += ordered
    path = ordered[0].path
    document = next(each.order.document for each in subjects if each.shown == file.shown)
    assert document is not None
    report.texts[path] = split_lines(redact(document.text).text)
    report.shown[path] = file.shown
    if wanted.format == "text":
        write_findings(at.terminal, report, ordered)
