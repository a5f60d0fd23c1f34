"""Findings about `workshop.EXAMPLE`, as Claude reports them."""

from __future__ import annotations

from typing import Any

from kibitz.standin import Reply, ToolCall


def finding(**changed: Any) -> dict[str, Any]:
    """One finding; name what is to be different."""
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
    """A reply that reports them by its tool."""
    call = ToolCall("report_findings", {"findings": list(findings)})
    return Reply(tool_calls=[call], **options)
