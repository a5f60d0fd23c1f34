"""SARIF: what code scanning would read of a report."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from kibitz import __version__
from kibitz.cli.report import Report
from kibitz.cli.sarif import sarif
from kibitz.findings.values import Finding
from kibitz_context.lines import split_lines
from support.command_line import CommandLine
from support.findings import finding, reported
from support.sarif_schema import check_sarif
from support.workshop import EXAMPLE

KEY = "AKIAQ3EGRYEXT5WMLPZB"


def written(report: Report) -> Any:
    """The document of a report, which holds to the schema: it knows no other properties."""
    document = json.loads(sarif(report))
    check_sarif(document)
    return document


def fixed(lines: list[str], fix: dict[str, Any]) -> str:
    """The text after a fix was applied as the standard says."""
    (change,) = fix["artifactChanges"]
    (replacement,) = change["replacements"]
    region = replacement["deletedRegion"]

    def offset(line: int, column: int) -> int:
        return sum(map(len, lines[: line - 1])) + column - 1

    text = "".join(lines)
    start = offset(region["startLine"], region["startColumn"])
    end = offset(region["endLine"], region["endColumn"])
    return text[:start] + replacement["insertedContent"]["text"] + text[end:]


def test_a_document(commands: CommandLine) -> None:
    commands.standin.enqueue(
        reported(finding(), finding(title="No tests", category="tests", severity="hint"))
    )
    outcome = commands.run("review", "prices.py", "--format", "sarif", "--fail-on", "warning")
    assert outcome.code == 1
    document = json.loads(outcome.out)
    check_sarif(document)
    (run,) = document["runs"]
    assert document["version"] == "2.1.0"
    assert run["tool"]["driver"] == {
        "name": "kibitz",
        "version": __version__,
        "rules": [
            {
                "id": "kibitz/correctness",
                "name": "correctness",
                "shortDescription": {"text": "Review: correctness"},
                "properties": {"tags": ["correctness"]},
            },
            {
                "id": "kibitz/tests",
                "name": "tests",
                "shortDescription": {"text": "Review: tests"},
                "properties": {"tags": ["tests"]},
            },
        ],
    }
    assert run["invocations"] == [{"executionSuccessful": True}]
    first, second = run["results"]
    assert (first["ruleId"], first["ruleIndex"], first["level"]) == (
        "kibitz/correctness",
        0,
        "warning",
    )
    assert first["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "prices.py", "uriBaseId": "SRCROOT"},
        "region": {"startLine": 9, "endLine": 9},
    }
    assert first["partialFingerprints"].keys() == {"kibitz/v1"}
    assert (second["level"], second["properties"]) == ("note", {"severity": "hint"})
    assert fixed(split_lines(EXAMPLE), first["fixes"][0]) == EXAMPLE.replace(
        "result = result + price", "result += price"
    )


def report_of(text: str, line: int, suggestion: str, **more: Any) -> Report:
    lines = split_lines(text)
    found = Finding(
        "a b/ä.py", "error", "c", line, line, lines[line - 1], "t", "m", suggestion, **more
    )
    return Report([found], texts={found.path: lines})


def test_a_fix_of_the_last_line_with_and_without_its_ending() -> None:
    for text in ("one\ntwo\n", "one\ntwo"):
        document = written(report_of(text, 2, "2"))
        (result,) = document["runs"][0]["results"]
        assert fixed(split_lines(text), result["fixes"][0]) == text.replace("two", "2")
        place = result["locations"][0]["physicalLocation"]["artifactLocation"]
        assert place["uri"] == "a%20b/%C3%A4.py"


def test_no_fix_that_does_not_apply_or_holds_a_secret() -> None:
    for suggestion in ("", f'key = "{KEY}"'):
        (result,) = written(report_of("one\ntwo\n", 1, suggestion))["runs"][0]["results"]
        assert "fixes" not in result
        assert KEY not in json.dumps(result)


def test_two_spellings_of_a_category_are_one_rule() -> None:
    report = report_of("one\ntwo\n", 1, "")
    (one,) = report.findings
    report.findings = [replace(one, category=each) for each in ("Data loss", "tests", "data-loss")]
    (run,) = written(report)["runs"]
    assert [each["id"] for each in run["tool"]["driver"]["rules"]] == [
        "kibitz/data-loss",
        "kibitz/tests",
    ]
    assert [each["ruleIndex"] for each in run["results"]] == [0, 1, 0]


def test_what_was_not_reviewed_is_told() -> None:
    document = written(Report(failures=[("a.py", "It was not reviewed.")]))
    (invocation,) = document["runs"][0]["invocations"]
    assert not invocation["executionSuccessful"]
    (told,) = invocation["toolExecutionNotifications"]
    assert told["message"]["text"] == "a.py: It was not reviewed."
