r"""A regular expression that Claude wrote: compiled by an engine that is linear in the text.

RE2 has no pattern that takes for ever.  For ripgrep the pattern is put into the words of its own
engine, which are nearly the same, so that it finds at least what RE2 does.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import re2  # type: ignore[import-untyped]

from kibitz.looking.arguments import Unusable
from kibitz.plain_text import one_line

MAX_PATTERN_CHARACTERS = 1_000
# What compiled automata may take.  Lower: some patterns fall back to a slower engine.
MAX_ENGINE_BYTES = 16 * 1024 * 1024

# RE2's classes are of ASCII, ripgrep's of all letters: they are spelt out.  Within a class
# ripgrep takes a nested one for a union.
_CLASSES = {
    "d": "[0-9]",
    "D": "[^0-9]",
    "w": "[0-9A-Za-z_]",
    "W": "[^0-9A-Za-z_]",
    "s": r"[\t\n\f\r ]",
    "S": r"[^\t\n\f\r ]",
}
_BOUNDARIES = {"b": r"(?-u:\b)", "B": r"(?-u:\B)"}
# What the two read differently, so that ripgrep might leave out what RE2 finds: set operations and
# nested classes, octal and literal escapes, ends of the whole text.
_UNCOMMON = re.compile(r"&&|--|~~|\\[QECAzZpP0-7]|\[:|\(\?[^:iP)]|\(\?P[^<]")


class Pattern:
    """`text` compiled.  Raises Unusable with what is wrong with it."""

    def __init__(self, text: str) -> None:
        if not text:
            raise Unusable("pattern is empty.")
        if len(text) > MAX_PATTERN_CHARACTERS:
            raise Unusable(f"pattern is longer than {MAX_PATTERN_CHARACTERS:,} characters.")
        self.text = text
        self._line = _compiled(text)
        # Whether any line may match is asked of the whole text first.
        self._whole = None if r"\A" in text or r"\z" in text else _compiled(f"(?m:{text})")

    def lines(self, lines: Sequence[str], text: str) -> list[tuple[int, int]]:
        """Index and column of the first match in each of `lines` that match; `text` is all of
        them together, with line feeds."""
        if self._whole is not None and self._whole.search(text) is None:
            return []
        found: list[tuple[int, int]] = []
        for index, line in enumerate(lines):
            match = self._line.search(line)
            if match is not None:
                found.append((index, match.start()))
        return found


def for_ripgrep(text: str) -> str | None:
    """A pattern by which ripgrep finds every line that RE2 does by `text`; None: there is no
    saying."""
    if _UNCOMMON.search(text):
        return None
    parts: list[str] = []
    in_class = False
    at = 0
    while at < len(text):
        char = text[at]
        if char == "\\" and at + 1 < len(text):
            letter = text[at + 1]
            if letter in _CLASSES:
                parts.append(_CLASSES[letter])
            elif letter in _BOUNDARIES and not in_class:
                parts.append(_BOUNDARIES[letter])
            else:
                parts.append(text[at : at + 2])
            at += 2
            continue
        if char == "[":
            if in_class:
                return None
            in_class = True
            # A bracket that comes first stands for itself.
            first = at + (2 if text[at + 1 : at + 2] == "^" else 1)
            parts.append(text[at:first])
            if text[first : first + 1] == "]":
                parts.append(r"\]")
                first += 1
            at = first
            continue
        if char == "]":
            in_class = False
        parts.append(char)
        at += 1
    return "".join(parts)


def _compiled(text: str) -> Any:
    options = re2.Options()
    options.max_mem = MAX_ENGINE_BYTES
    options.log_errors = False
    try:
        return re2.compile(text, options=options)
    except re2.error as error:
        said = error.args[0] if error.args else ""
        if isinstance(said, bytes):
            said = said.decode("utf-8", "replace")
        raise Unusable(
            f"pattern is not a regular expression that RE2 takes: {one_line(str(said), 120)}."
        ) from None
