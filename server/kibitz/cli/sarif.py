"""Findings as SARIF 2.1.0, the format in which code scanning takes results.

Pure: a report in, a document out.  A fix is offered only where the suggestion applies to the text,
and never one that holds a secret: such files are uploaded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from kibitz import __version__
from kibitz.cli.report import Report
from kibitz.edits.values import LineEdit
from kibitz.findings.fingerprint import fingerprint
from kibitz.findings.suggestion import edit_for
from kibitz.findings.values import Finding, Severity
from kibitz_context.gate.secrets import redact
from kibitz_context.lines import without_ending

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
ROOT = "SRCROOT"
# The name says how it is made: another way of making it is to get another one.
FINGERPRINT = "kibitz/v1"

_LEVELS: dict[Severity, str] = {
    "error": "error",
    "warning": "warning",
    "info": "note",
    "hint": "note",
}


def sarif(report: Report) -> str:
    """The document, as ASCII; the same report gives the same bytes."""
    # Two spellings of a category are one rule.
    categories = sorted({finding.category for finding in report.findings})
    names = {_rule_id(category): category for category in categories}
    rules = {rule_id: number for number, rule_id in enumerate(sorted(names))}
    driver = {
        "name": "kibitz",
        "version": __version__,
        "rules": [
            {
                "id": rule_id,
                "name": names[rule_id],
                "shortDescription": {"text": f"Review: {names[rule_id]}"},
                # Code scanning shows what is tagged `security` apart from the rest.
                "properties": {"tags": [_slug(names[rule_id])]},
            }
            for rule_id in rules
        ],
    }
    document = {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "automationDetails": {"id": "kibitz/review/"},
                "columnKind": "unicodeCodePoints",
                "originalUriBaseIds": {
                    ROOT: {"description": {"text": "The root of the repository."}}
                },
                "invocations": [_invocation(report)],
                "results": [
                    _result(finding, rules, report.texts.get(finding.path, ()))
                    for finding in report.findings
                ],
            }
        ],
    }
    return json.dumps(document, indent=2) + "\n"


def _invocation(report: Report) -> dict[str, Any]:
    told = [
        {"level": "error", "message": {"text": f"{path}: {reason}"}}
        for path, reason in report.failures
    ]
    return {
        "executionSuccessful": not told,
        **({"toolExecutionNotifications": told} if told else {}),
    }


def _result(finding: Finding, rules: Mapping[str, int], lines: Sequence[str]) -> dict[str, Any]:
    rule_id = _rule_id(finding.category)
    place = {"uri": quote(finding.path), "uriBaseId": ROOT}
    region = {"startLine": finding.start_line, "endLine": finding.end_line}
    fix = _fix(finding, lines, place)
    return {
        "ruleId": rule_id,
        "ruleIndex": rules[rule_id],
        "level": _LEVELS[finding.severity],
        "message": {"text": f"{finding.title}\n\n{finding.message}"},
        "locations": [{"physicalLocation": {"artifactLocation": place, "region": region}}],
        "partialFingerprints": {FINGERPRINT: fingerprint(finding, lines)},
        **({"fixes": [fix]} if fix is not None else {}),
        "properties": {"severity": finding.severity},
    }


def _fix(finding: Finding, lines: Sequence[str], place: dict[str, str]) -> dict[str, Any] | None:
    if not finding.suggestion or not lines or redact(finding.suggestion).secrets:
        return None
    edit = edit_for(finding, lines)
    if not isinstance(edit, LineEdit):
        return None
    return {
        "description": {"text": finding.title},
        "artifactChanges": [{"artifactLocation": place, "replacements": [_replaced(edit, lines)]}],
    }


def _replaced(edit: LineEdit, lines: Sequence[str]) -> dict[str, Any]:
    """The edit as a region: up to the beginning of the next line, or to the end of the last."""
    region = {"startLine": edit.start + 1, "startColumn": 1}
    if edit.end < len(lines):
        region |= {"endLine": edit.end + 1, "endColumn": 1}
    elif edit.end:
        last = lines[edit.end - 1]
        ends_line = last != without_ending(last)
        region |= (
            {"endLine": edit.end + 1, "endColumn": 1}
            if ends_line
            else {"endLine": edit.end, "endColumn": len(last) + 1}
        )
    return {"deletedRegion": region, "insertedContent": {"text": "".join(edit.lines)}}


def _rule_id(category: str) -> str:
    """The category as an identifier: "error handling" is ``kibitz/error-handling``."""
    return f"kibitz/{_slug(category)}"


def _slug(category: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", category.lower()).strip("-") or "general"
