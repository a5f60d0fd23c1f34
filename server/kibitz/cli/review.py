"""`kibitz review`: findings in one or several files."""

from __future__ import annotations

import argparse
from collections.abc import Coroutine
from contextlib import aclosing
from itertools import groupby
from pathlib import Path
from typing import Any, cast

from kibitz.actions.review import review
from kibitz.actions.values import Found, NotKept, Order
from kibitz.claude.values import ClaudeFailure, Usage
from kibitz.cli.arguments import Common, Parser
from kibitz.cli.place import Source, parse_place
from kibitz.cli.report import Report, finding_lines, in_order, plain
from kibitz.cli.terminal import Terminal
from kibitz.cli.workplace import Workplace, work
from kibitz.errors import EXIT_CLAUDE, UserError, sentence_for
from kibitz.findings.values import SEVERITIES, Finding, Severity

EXIT_FINDINGS = 1


def run(arguments: list[str]) -> int:
    parser = Parser(
        "review",
        "Review files: what is wrong in them, where, and what to write instead.",
        examples=(
            "kibitz review src/app.py src/db.py",
            "kibitz review src/app.py:10-42 --fail-on warning",
            "kibitz review src/app.py --format json",
            "git show HEAD:src/app.py | kibitz review -",
            "kibitz review --batch src --fail-on error",
        ),
    )
    parser.add_argument(
        "places",
        metavar="PATH[:L1[-L2]]",
        nargs="*",
        help="files, each whole or with lines from L1 to L2; - is stdin",
    )
    parser.add_argument(
        "--format", choices=("text", "json", "sarif", "github"), default="text", help="text, json"
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
    for name in ("--diff", "--staged"):
        parser.add_argument(name, nargs="?", const=True, help=argparse.SUPPRESS)
    parser.add_model()
    parser.add_verbose()
    options = parser.parse_args(arguments)
    _refuse_what_is_not_there(options)
    if options.batch:
        return _by_batch(options)
    places = list(dict.fromkeys(parse_place(text) for text in options.places))
    if not places:
        parser.error("name the files to review")
    if sum(place.is_stdin for place in places) > 1:
        parser.error("stdin can be read only once")

    def begin(at: Workplace) -> Coroutine[Any, Any, int]:
        # All of them are read before any of them is paid for.
        sources = [at.source(place) for place in places]
        return _review(at, sources, options.format, options.fail_on)

    return work(Common.of(options), places[0].start, begin)


def _refuse_what_is_not_there(options: argparse.Namespace) -> None:
    for name in ("diff", "staged"):
        if getattr(options, name) is not None:
            raise UserError(f"--{name} is not part of this version; name the files to review.")
    if options.format in ("sarif", "github"):
        raise UserError(
            f"The format {options.format} is not part of this version; use text or json."
        )


def _by_batch(options: argparse.Namespace) -> int:
    def begin(at: Workplace) -> Coroutine[Any, Any, int]:
        from kibitz.cli.batch import review_all
        from kibitz.cli.batch_files import shown_from_here

        root = at.desk.repository(at.start).root

        def tell(report: Report, usage: Usage, cost_usd: float | None) -> int:
            if options.format == "json":
                at.terminal.write(report.as_json(usage, cost_usd))
            else:
                by_path = groupby(report.findings, lambda finding: finding.path)
                for path, findings in by_path:
                    _show(at.terminal, list(findings), shown_from_here(root, path))
            at.terminal.note(report.closing_line())
            return _exit_code(report, options.fail_on)

        return review_all(at, options.places, tell)

    start = parse_place(options.places[0]).start if options.places else Path.cwd()
    return work(Common.of(options), start, begin)


async def _review(
    at: Workplace, sources: list[Source], format_: str, fail_on: Severity | None
) -> int:
    report = Report()
    try:
        with at.progress:
            for source in sources:
                if len(sources) > 1:
                    at.progress.about(source.shown)
                await _review_one(at, source, report, shows_text=format_ == "text")
    finally:
        # What was found before a failure was paid for as well.
        if format_ == "json":
            at.terminal.write(report.as_json(at.tally.usage(), at.tally.cost_usd()))
        at.terminal.note(report.closing_line())
    return _exit_code(report, fail_on)


def _exit_code(report: Report, fail_on: Severity | None) -> int:
    if report.failures:
        return EXIT_CLAUDE
    return EXIT_FINDINGS if fail_on is not None and report.reaches(fail_on) else 0


async def _review_one(at: Workplace, source: Source, report: Report, *, shows_text: bool) -> None:
    """Review one file.  A reply that cannot be used costs that file alone; other failures would
    meet the next file as well and go to the caller.
    """
    model = at.common.model
    order = Order("review", source.start, source.document, source.span, model=model)
    found: list[Finding] = []
    try:
        async with aclosing(at.steps(review(order, at.desk))) as steps:
            async for step in steps:
                match step:
                    case Found(finding):
                        found.append(finding)
                    case NotKept(dropped):
                        report.dropped.append(dropped)
                    case _:
                        pass
    except UserError as error:
        report.failures.append((source.shown, error.sentence))
        if error.exit_code != EXIT_CLAUDE:
            raise
        at.terminal.note(f"{source.shown}: {error.sentence}")
    except ClaudeFailure as failure:
        report.failures.append((source.shown, sentence_for(failure)))
        raise
    finally:
        ordered = in_order(found)
        report.findings += ordered
        if shows_text and ordered:
            _show(at.terminal, ordered, source.shown)


def _show(terminal: Terminal, findings: list[Finding], path: str) -> None:
    lines = [line for finding in findings for line in finding_lines(finding, path)]
    if not terminal.out_is_terminal:
        terminal.write(plain(lines))
        return
    from rich.text import Text

    with terminal.console_to_write() as console:
        for line in lines:
            text = Text.assemble(*((piece.text, piece.style) for piece in line))
            console.print(text, soft_wrap=True)


def _severity(text: str) -> Severity:
    if text.lower() not in SEVERITIES:
        raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(SEVERITIES)}")
    return cast(Severity, text.lower())
