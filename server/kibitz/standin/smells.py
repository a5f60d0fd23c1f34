"""A handful of real, deterministic checks, so that a scripted review has something to report.

Not a linter: what it finds is there, what it misses does not matter.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

MOST_SMELLS = 5
NO_FAULT = "Nothing stands out"
_PYTHON = frozenset({".py", ".pyi"})
_SCRIPTS = frozenset({".js", ".jsx", ".ts", ".tsx", ".mjs"})


@dataclass(frozen=True, slots=True)
class Smell:
    """One line that smells.  `quote` is the line as it is; `suggestion` replaces it, or is ""."""

    line_index: int
    quote: str
    severity: str
    category: str
    title: str
    message: str
    suggestion: str


@dataclass(frozen=True, slots=True)
class _Check:
    pattern: re.Pattern[str]
    suffixes: frozenset[str]
    severity: str
    category: str
    title: str
    message: str
    replacement: str = ""


_CHECKS = (
    _Check(
        re.compile(r"\bexcept\s*:"),
        _PYTHON,
        "warning",
        "correctness",
        "Bare except",
        "A bare `except` also catches KeyboardInterrupt and SystemExit.",
        "except Exception:",
    ),
    _Check(
        re.compile(r"\bdef \w+\([^)]*=\s*(?:\[\]|\{\})"),
        _PYTHON,
        "error",
        "correctness",
        "Mutable default argument",
        "The default is made once and shared by all calls.",
    ),
    _Check(
        re.compile(r"([!=])= None\b"),
        _PYTHON,
        "hint",
        "readability",
        "Comparison with None",
        "None is a single object; compare with `is`.",
    ),
    _Check(
        re.compile(r"\beval\("),
        _PYTHON | _SCRIPTS,
        "error",
        "security",
        "eval runs whatever it is given",
        "Text that reaches `eval` is code. Parse it instead.",
    ),
    _Check(
        re.compile(r"\bshell=True"),
        _PYTHON,
        "warning",
        "security",
        "A shell reads this command",
        "Pass a list of arguments, without a shell.",
    ),
    _Check(
        re.compile(r"\bopen\([^)]*\)\.(?:read|write)"),
        _PYTHON,
        "warning",
        "correctness",
        "The file is never closed",
        "Use `with open(…)`, so that the file is closed when an error comes.",
    ),
    _Check(
        re.compile(r"[^=!]==[^=]"),
        _SCRIPTS,
        "hint",
        "readability",
        "Loose equality",
        "`==` converts types before it compares; `===` does not.",
    ),
    _Check(
        re.compile(r"\bTODO\b|\bFIXME\b"),
        frozenset(),
        "info",
        "readability",
        "Something was left to do",
        "A note in the code says that this is not finished.",
    ),
)


def smells(lines: Sequence[str], path: str) -> list[Smell]:
    """What is wrong with the code, in the order of its lines.

    There is always at least one remark, so that a review of clean code shows something too.
    """
    suffix = PurePosixPath(path).suffix
    found = [
        _smell(check, index, line)
        for index, line in enumerate(lines)
        for check in _CHECKS
        if (not check.suffixes or suffix in check.suffixes) and check.pattern.search(line)
    ]
    first = next((index for index, line in enumerate(lines) if line.strip()), None)
    if not found and first is not None:
        return [
            Smell(
                first,
                lines[first],
                "hint",
                "readability",
                NO_FAULT,
                "The stand-in's few checks found nothing here. This remark is scripted.",
                "",
            )
        ]
    return found[:MOST_SMELLS]


def _smell(check: _Check, index: int, line: str) -> Smell:
    suggestion = ""
    if check.replacement:
        suggestion = check.pattern.sub(check.replacement, line)
    elif check.title == "Comparison with None":
        suggestion = check.pattern.sub(
            lambda found: "is None" if found[1] == "=" else "is not None", line
        )
    message = f"{check.message} (Scripted finding of the stand-in.)"
    return Smell(index, line, check.severity, check.category, check.title, message, suggestion)
