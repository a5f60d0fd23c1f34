"""The arguments of one call, checked: what Claude sends is not to be relied on.

A schema that an endpoint says to enforce is checked all the same: others ignore it.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from typing import Any

from kibitz.claude.values import Tool
from kibitz.plain_text import one_line

MAX_TEXT_CHARACTERS = 2_000


class Unusable(Exception):
    """A call that gets an error for an answer; `sentence` tells Claude what to do about it."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class Stopped(Exception):
    """Nobody waits for the answer any more."""


class Arguments:
    """The arguments of a call of `tool`.  Raises Unusable for what is no object, or not known."""

    def __init__(self, tool: Tool, input_json: str) -> None:
        self._tool = tool
        try:
            given = json.loads(input_json or "{}")
        except (ValueError, RecursionError):
            raise Unusable(
                f"The input of {tool.name} is not valid JSON; call it again with one JSON object."
            ) from None
        if not isinstance(given, dict):
            raise Unusable(f"The input of {tool.name} must be one JSON object.")
        # Some models fill in what they leave out.
        self._given: Mapping[str, Any] = {
            name: value for name, value in given.items() if value is not None
        }
        known = list(tool.input_schema["properties"])
        for name in self._given:
            if name not in known:
                near = difflib.get_close_matches(str(name), known, 1)
                hint = f"; did you mean {near[0]}?" if near else f"; it takes {', '.join(known)}."
                raise Unusable(f"{tool.name} takes no {one_line(str(name), 60)}{hint}")
        for name in tool.input_schema["required"]:
            if name not in self._given:
                raise Unusable(f"{tool.name} needs {name}.")

    def text(self, name: str, default: str = "") -> str:
        """A text of one line."""
        value = self._given.get(name, default)
        if not isinstance(value, str):
            raise Unusable(f"{name} must be a text.")
        if len(value) > MAX_TEXT_CHARACTERS:
            raise Unusable(f"{name} is longer than {MAX_TEXT_CHARACTERS:,} characters.")
        if not value.isprintable() and any(ord(char) < 32 and char != "\t" for char in value):
            raise Unusable(f"{name} holds control characters.")
        try:
            value.encode()
        except UnicodeEncodeError:
            raise Unusable(f"{name} is not valid Unicode.") from None
        return value

    def number(self, name: str, default: int) -> int:
        """A whole number from 1 on."""
        value = self._given.get(name, default)
        if isinstance(value, str) and value.isdecimal() and len(value) < 10:
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value < 10**9:
            raise Unusable(f"{name} must be a whole number from 1 on.")
        return value

    def lines(self, last: int) -> tuple[int, int]:
        """`start_line` and `end_line` within a text of `last` lines; all of it if left out."""
        start, end = self.number("start_line", 1), self.number("end_line", max(last, 1))
        if start > max(last, 1):
            raise Unusable(f"start_line {start} is past the end: there are {last} lines.")
        if end < start:
            raise Unusable(f"end_line {end} comes before start_line {start}.")
        return start, min(end, last)


def shape(input_json: str) -> tuple[tuple[str, str], ...]:
    """What kinds of arguments a call has, and nothing of what is in them: for the record."""
    try:
        given = json.loads(input_json or "{}")
    except (ValueError, RecursionError):
        return (("", f"{len(input_json)} characters that are no JSON"),)
    if not isinstance(given, dict):
        return (("", type(given).__name__),)
    return tuple(
        (one_line(str(name), 40), _kind(value)) for name, value in list(given.items())[:20]
    )


def _kind(value: object) -> str:
    if isinstance(value, str):
        return f"{len(value)} characters"
    if isinstance(value, bool | int | float) or value is None:
        return json.dumps(value)
    return type(value).__name__
