"""A finding as Claude reports it, and what becomes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "info", "hint"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info", "hint")  # worst first

CATEGORIES = (
    "correctness",
    "security",
    "concurrency",
    "performance",
    "error handling",
    "API",
    "tests",
    "readability",
)

DropReason = Literal[
    "malformed",
    "unknown_file",
    "quote_not_found",
    "duplicate",
    "unchanged_lines",
    "refuted",
    "dismissed",
]


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding, validated.  Lines are 1-based and inclusive, as in the contract.

    `path` is relative to the repository root with forward slashes.  `quote` is the first
    offending line, verbatim.  `suggestion` replaces lines start..end; ``""`` means none.
    After `anchor` the lines are those of the text at hand, not those that Claude gave.
    """

    path: str
    severity: Severity
    category: str
    start_line: int
    end_line: int
    quote: str
    title: str
    message: str
    suggestion: str = ""


@dataclass(frozen=True, slots=True)
class Dropped:
    """A finding that does not hold, and why.  It is counted and never shown as a finding."""

    reason: DropReason
    title: str
    detail: str = ""
