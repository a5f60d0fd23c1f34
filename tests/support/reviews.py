"""What Claude's stand-in reports of `prices.py`."""

from __future__ import annotations

from typing import Any

from kibitz.standin import Reply, ToolCall


def finding(**changed: Any) -> dict[str, Any]:
    return {
        "path": "prices.py",
        "severity": "warning",
        "category": "correctness",
        "start_line": 9,
        "end_line": 9,
        "quote": "        result = result + price",
        "title": "Sums floats",
        "message": "Cents are lost.",
        "suggestion": "        result += price",
        **changed,
    }


def reported(*findings: dict[str, Any], **options: Any) -> Reply:
    return Reply(tool_calls=[ToolCall("report_findings", {"findings": list(findings)})], **options)
