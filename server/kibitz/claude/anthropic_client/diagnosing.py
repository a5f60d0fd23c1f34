"""Asking the endpoint where a prompt differs from the one before it.

The API compares a prompt with an earlier message that the request names, and says where the
first difference is.  Requests about one repository with one model and tier are a line; each names
the message before it in its line.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from kibitz.claude.values import ClaudeFailure, Prompt, Purpose

MOST_LINES = 256

Line = tuple[str, str, str]


def line_of(prompt: Prompt, purpose: Purpose) -> Line | None:
    """The line of a request; None for one that asks for no cache entry."""
    if all(block.marker is None for block in prompt.system):
        return None
    return purpose.repository, prompt.tier, prompt.model


class Diagnosing:
    """The last message of each line, for as long as the endpoint takes the question."""

    def __init__(self) -> None:
        self._last: OrderedDict[Line, str] = OrderedDict()
        self._refused = False

    def parameter(self, line: Line | None, takes_diagnostics: bool) -> Mapping[str, Any]:
        """What is added to the arguments of a request, if the endpoint takes the question."""
        if line is None or self._refused or not takes_diagnostics:
            return {}
        return {"diagnostics": {"previous_message_id": self._last.get(line)}}

    def begun(self, line: Line | None, message_id: str | None) -> None:
        """The request has its message."""
        if line is None or message_id is None:
            return
        self._last[line] = message_id
        self._last.move_to_end(line)
        if len(self._last) > MOST_LINES:
            self._last.popitem(last=False)

    def is_refusal(self, failure: ClaudeFailure) -> bool:
        """Whether the endpoint does not take the question; if so, it is not asked again."""
        if self._refused or failure.facts.get("reason") != "diagnostics":
            return False
        self._refused = True
        return True
