"""How brackets stand in a piece of code, strings and comments roughly left out.

Enough to tell whether a completion closes more than it opens; no parser of any language.
"""

from __future__ import annotations

import re

_STRINGS_AND_COMMENTS = re.compile(
    r'"(?:\\.|[^"\\\n])*"' r"|'(?:\\.|[^'\\\n])*'" r"|`(?:\\.|[^`\\])*`" r"|(?://|#)[^\n]*"
)
_OPENING, _CLOSING = "([{", ")]}"


def closed_too_often(text: str) -> int:
    """How many brackets of `text` close what was opened before it."""
    return _count(text)[0]


def unclosed(text: str) -> int:
    """How many brackets that `text` opens it leaves open."""
    return _count(text)[1]


def _count(text: str) -> tuple[int, int]:
    depth = closed = 0
    for char in _STRINGS_AND_COMMENTS.sub("", text):
        if char in _OPENING:
            depth += 1
        elif char in _CLOSING:
            if depth:
                depth -= 1
            else:
                closed += 1
    return closed, depth
