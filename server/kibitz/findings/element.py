"""One reported finding, from JSON text to a validated value.

The text was written by a model that has read a repository of unknown origin: nothing of it is
taken on trust.  Knows the contract of the tool and nothing of files or editors.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import PureWindowsPath
from typing import Final

from kibitz import plain_text
from kibitz.findings.values import CATEGORIES, SEVERITIES, Dropped, Finding, Severity

TITLE_MAX_CHARS: Final = 200
MESSAGE_MAX_CHARS: Final = 8_000
CATEGORY_MAX_CHARS: Final = 40
DEFAULT_CATEGORY: Final = "general"

_CATEGORIES: Final = {category.lower(): category for category in CATEGORIES}
# Dismissals and the rules of SARIF go by the category, and models do not keep to one word.
_OTHER_NAMES: Final = {
    "bug": "correctness",
    "logic": "correctness",
    "vulnerability": "security",
    "race condition": "concurrency",
    "thread safety": "concurrency",
    "error": "error handling",
    "errors": "error handling",
    "exception handling": "error handling",
    "interface": "api",
    "api design": "api",
    "test": "tests",
    "testing": "tests",
    "style": "readability",
    "naming": "readability",
    "maintainability": "readability",
}

_LINE_MAX: Final = 10_000_000  # past any file that can be read here
_BREAKS = re.compile(r"\r\n?|[\x85\u2028\u2029]")
# Control characters could drive a terminal; the bidirectional ones show text in a false order.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_SURROGATES = re.compile("[\ud800-\udfff]")


class _MalformedError(Exception):
    """A field does not hold what the contract says; the message names it."""


def read_element(text: str, default_path: str) -> Finding | Dropped:
    """The finding in the JSON `text`; `default_path` is the file under review, or ``""``."""
    try:
        # Raw line breaks in strings are no JSON, but what they mean is never in doubt.
        value = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return Dropped("malformed", "", "not valid JSON")
    if not isinstance(value, dict):
        return Dropped("malformed", "", "not an object")
    return check(value, default_path)


def check(value: Mapping[str, object], default_path: str) -> Finding | Dropped:
    """The finding in `value`, a parsed JSON object."""
    title = value.get("title")
    try:
        start_line = _line(value, "start_line")
        return Finding(
            path=_path(value, default_path),
            severity=_severity(value),
            category=_category(_text(value, "category", DEFAULT_CATEGORY)),
            start_line=start_line,
            end_line=max(start_line, _line(value, "end_line", start_line)),
            quote=_SURROGATES.sub("\ufffd", _text(value, "quote")),
            title=_required(one_line(_text(value, "title"), TITLE_MAX_CHARS), "title"),
            message=_required(_message(_text(value, "message")), "message"),
            suggestion=_suggestion(value),
        )
    except _MalformedError as error:
        shown = one_line(title, TITLE_MAX_CHARS) if isinstance(title, str) else ""
        return Dropped("malformed", shown, str(error))


def one_line(text: str, max_chars: int) -> str:
    """`text` on one line, safe to print, at most `max_chars` long."""
    return plain_text.one_line(_SURROGATES.sub("\ufffd", text), max_chars)


def _message(text: str) -> str:
    text = plain_text.visible(_SURROGATES.sub("\ufffd", _BREAKS.sub("\n", text))).strip()
    return text if len(text) <= MESSAGE_MAX_CHARS else text[: MESSAGE_MAX_CHARS - 1] + "…"


def _category(given: str) -> str:
    """The category as the contract writes it; one that it does not know is kept as it is, so that
    nothing is told under a wrong name."""
    category = one_line(given, CATEGORY_MAX_CHARS) or DEFAULT_CATEGORY
    plain = re.sub(r"[\s_-]+", " ", category).strip().lower()
    return _CATEGORIES.get(_OTHER_NAMES.get(plain, plain), category)


def _text(value: Mapping[str, object], field: str, default: str | None = None) -> str:
    text = value.get(field)
    if text is None and default is not None:
        return default
    if not isinstance(text, str):
        raise _MalformedError(f"{field} is not a text")
    return text


def _required(text: str, field: str) -> str:
    if not text:
        raise _MalformedError(f"{field} is empty")
    return text


def _suggestion(value: Mapping[str, object]) -> str:
    text = _text(value, "suggestion", "")
    if _SURROGATES.search(text):
        raise _MalformedError("suggestion is not valid text")
    return text


def _severity(value: Mapping[str, object]) -> Severity:
    given = _text(value, "severity").strip().lower()
    for severity in SEVERITIES:
        if given == severity:
            return severity
    raise _MalformedError("severity is not one of " + ", ".join(SEVERITIES))


def _line(value: Mapping[str, object], field: str, default: int | None = None) -> int:
    """A 1-based line.  "12" and 12.0 are read as 12: the quote decides about the place."""
    given = value.get(field)
    if given is None and default is not None:
        return default
    match given:
        case bool():
            line = 0
        case int():
            line = given
        case float() if given.is_integer():
            line = int(given)
        case str() if re.fullmatch(r"\s*[0-9]{1,9}\s*", given):
            line = int(given)
        case _:
            line = 0
    if not 1 <= line <= _LINE_MAX:
        raise _MalformedError(f"{field} is not a line number")
    return line


def _path(value: Mapping[str, object], default_path: str) -> str:
    """The path, relative to the repository root, with forward slashes."""
    given = _text(value, "path", "").strip() or default_path
    if not given:
        raise _MalformedError("path is missing")
    if given == default_path:
        return given
    if _UNSAFE.search(given) or _SURROGATES.search(given) or "\n" in given:
        raise _MalformedError("path holds control characters")
    path = PureWindowsPath(given)  # reads both kinds of slash, and drives
    if path.drive or path.root:
        raise _MalformedError("path is absolute")
    if ".." in path.parts:
        raise _MalformedError("path leads out of the repository")
    if not path.parts:
        raise _MalformedError("path is missing")
    return path.as_posix()
