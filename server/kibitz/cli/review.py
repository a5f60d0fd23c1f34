"""`kibitz review`: findings in files, in changes, or in a whole repository."""

from __future__ import annotations

import argparse
import os
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from kibitz import paths
from kibitz.actions.preparing import gate_of
from kibitz.claude.values import Usage
from kibitz.cli.arguments import Common, Parser
from kibitz.cli.batch_files import shown_from_here
from kibitz.cli.place import parse_place
from kibitz.cli.report import Report
from kibitz.cli.report_formats import FORMATS, write_report
from kibitz.cli.review_run import Wanted, exit_code, review_subjects
from kibitz.cli.review_scope import of_changes, of_places
from kibitz.cli.workplace import Workplace, work
from kibitz.dismissals import Dismissals
from kibitz.findings.values import SEVERITIES, Severity
from kibitz_context.lines import split_lines
from kibitz_context.values import Allowed


def run(arguments: list[str]) -> int:
    parser = Parser(
        "review",
        "Review files: what is wrong in them, where, and what to write instead.",
        examples=(
            "kibitz review src/app.py src/db.py",
            "kibitz review src/app.py:10-42 --fail-on warning",
            "kibitz review src/app.py --format json",
            "kibitz review .",
            "kibitz review --diff main --fail-on error",
            "kibitz review --staged src",
            "git show HEAD:src/app.py | kibitz review -",
            "kibitz review --batch src --fail-on error",
        ),
    )
    parser.add_argument(
        "places",
        metavar="PATH[:L1[-L2]]",
        nargs="*",
        help="files, each whole or with lines from L1 to L2, or folders; - is stdin",
    )
    parser.add_argument(
        "--format",
        choices=FORMATS,
        default="text",
        help="text for people, json, sarif (2.1.0), or github: annotations of a workflow",
    )
    parser.add_argument(
        "--fail-on",
        type=_severity,
        metavar="SEVERITY",
        help=f"exit with 1 when a finding is at least that bad: {', '.join(SEVERITIES)}",
    )
    parser.add_argument(
        "--batch",
        action="store_true",
        help="the whole repository, or the files and folders named, at half the price within hours",
    )
    changes = parser.add_mutually_exclusive_group()
    changes.add_argument(
        "--diff",
        nargs="?",
        const="",
        metavar="REV[..REV]",
        help="what is changed and not committed; with REV what was done since the work at hand "
        "branched off it, with OLD..NEW what differs between two commits, with REV^! what one "
        "commit did; PATHs narrow it",
    )
    changes.add_argument("--staged", action="store_true", help="what is staged for a commit")
    parser.add_argument(
        "--all-lines",
        action="store_true",
        help="with --diff or --staged: report findings on lines that were not changed as well",
    )
    parser.add_argument(
        "--no-cache",
        dest="cache",
        action="store_false",
        help="ask again about files that have not changed since they were reviewed",
    )
    parser.add_argument(
        "--verify",
        action=argparse.BooleanOptionalAction,
        help="have the findings checked against the code in a second request, which drops those "
        "that it can refute; the setting review.verify does so for changes",
    )
    parser.add_argument(
        "--dismissed",
        action="store_true",
        help="tell findings that were dismissed in an editor as well",
    )
    parser.add_model()
    parser.add_verbose()
    options = parser.parse_args(arguments)
    if options.batch:
        if options.staged or options.diff is not None:
            parser.error("--batch is for whole files; leave out --diff and --staged")
        if options.verify:
            parser.error("the findings of a batch are not checked; leave out --verify or --batch")
        return _by_batch(options)
    is_of_changes = options.staged or options.diff is not None
    if not is_of_changes and options.all_lines:
        parser.error("--all-lines goes with --diff or --staged")
    places = list(dict.fromkeys(parse_place(text) for text in options.places))
    if not places and not is_of_changes:
        parser.error(
            "name the files or folders to review (. is all of it), or say --diff or --staged"
        )
    if sum(place.is_stdin for place in places) > 1:
        parser.error("stdin can be read only once")

    def begin(at: Workplace) -> Coroutine[Any, Any, int]:
        if is_of_changes:
            subjects = of_changes(
                at,
                options.places,
                options.diff or "",
                is_staged=options.staged,
                all_lines=options.all_lines,
            )
        else:
            subjects = of_places(at, places)
        if options.verify is not None:
            subjects = [
                replace(each, order=replace(each.order, verify=options.verify)) for each in subjects
            ]
        wanted = Wanted(options.format, options.fail_on, options.cache, not options.dismissed)
        return review_subjects(at, subjects, wanted)

    start = places[0].start if places and not is_of_changes else Path.cwd()
    return work(Common.of(options), start, begin)


def _by_batch(options: argparse.Namespace) -> int:
    def begin(at: Workplace) -> Coroutine[Any, Any, int]:
        from kibitz.cli.batch import review_all

        repository = at.desk.repository(at.start)
        gate = gate_of(repository.root, at.settings_in(at.start).context)

        def tell(report: Report, usage: Usage, cost_usd: float | None) -> int:
            for path in {finding.path for finding in report.findings}:
                answer = gate.read_listed(path)
                if isinstance(answer, Allowed):
                    report.texts[path] = split_lines(answer.text)
                report.shown[path] = shown_from_here(repository.root, path)
            if not options.dismissed:
                known = Dismissals(paths.dismissed_findings_file(os.environ))
                report.dismiss(known.of(repository.root))
            write_report(at.terminal, report, options.format, usage, cost_usd)
            at.terminal.note(report.closing_line())
            return exit_code(report, options.fail_on)

        return review_all(at, options.places, tell)

    start = parse_place(options.places[0]).start if options.places else Path.cwd()
    return work(Common.of(options), start, begin)


def _severity(text: str) -> Severity:
    if text.lower() not in SEVERITIES:
        raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(SEVERITIES)}")
    return cast(Severity, text.lower())
