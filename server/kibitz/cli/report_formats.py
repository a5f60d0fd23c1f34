"""A report in the format that was asked for: text with excerpts, JSON, SARIF, annotations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from kibitz.claude.values import Usage
from kibitz.cli.report import Report, Styled, finding_lines, plain
from kibitz.cli.terminal import Terminal
from kibitz.findings.values import Finding, Severity

if TYPE_CHECKING:
    from rich.text import Text

FORMATS = ("text", "json", "sarif", "github")

_COMMANDS: dict[Severity, str] = {
    "error": "error",
    "warning": "warning",
    "info": "notice",
    "hint": "notice",
}


def write_report(
    terminal: Terminal, report: Report, format_: str, usage: Usage, cost_usd: float | None
) -> None:
    """Write a whole report on stdout."""
    match format_:
        case "json":
            terminal.write(report.as_json(usage, cost_usd))
        case "sarif":
            from kibitz.cli.sarif import sarif

            terminal.write(sarif(report))
        case "github":
            terminal.write("".join(github_annotations(report)))
        case _:
            write_findings(terminal, report, report.findings)


def write_findings(terminal: Terminal, report: Report, findings: Sequence[Finding]) -> None:
    """Write findings as text; on a terminal in colours."""
    lines = [
        line
        for finding in findings
        for line in finding_lines(
            finding,
            report.shown.get(finding.path, finding.path),
            report.texts.get(finding.path, ()),
        )
    ]
    if not terminal.out_is_terminal:
        terminal.write(plain(lines))
        return
    from rich.text import Text

    with terminal.console_to_write() as console:
        for line in lines:
            console.print(Text.assemble(*map(_coloured, line)), soft_wrap=True)


def _coloured(piece: Styled) -> Text:
    from rich.text import Text

    if not piece.code_of:
        return Text(piece.text, style=piece.style)
    from rich.syntax import Syntax

    lexer = Syntax.guess_lexer(piece.code_of, piece.text)
    # The terminal's own colours, which are readable on its background.
    code = Syntax(piece.text, lexer, theme="ansi_dark").highlight(piece.text)
    code.rstrip()
    return code


def github_annotations(report: Report) -> Iterator[str]:
    """Workflow commands, a line each: GitHub shows them beside the lines of a change."""
    for finding in report.findings:
        properties = {
            "file": finding.path,
            "line": str(finding.start_line),
            "endLine": str(finding.end_line),
            "title": finding.title,
        }
        listed = ",".join(f"{name}={_property(text)}" for name, text in properties.items())
        message = finding.message
        if finding.category:
            message += f" [{finding.category}]"
        yield f"::{_COMMANDS[finding.severity]} {listed}::{_data(message)}\n"
    for path, reason in report.failures:
        yield f"::warning title={_property('kibitz')}::{_data(f'{path}: {reason}')}\n"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
