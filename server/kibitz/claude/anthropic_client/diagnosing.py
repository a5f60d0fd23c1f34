"""Asking the endpoint where a prompt differs from the one before it.

The API compares a prompt with an earlier message that the request names, and says where the
first difference is.  Requests about one repository with one model and tier are a line; each names
the message before it in its line.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from kibitz.claude.anthropic_client.opened import ANTHROPIC_HOST
from kibitz.claude.connection import is_loopback
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

    def parameter(self, line: Line | None, host: str) -> Mapping[str, Any]:
        """What is added to the arguments of a request.

        Only Anthropic itself is known to answer; local servers leave out what they do not know,
        and the stand-in is one of them.  Gateways of others may refuse what they do not know.
        """
        if line is None or self._refused or not (host == ANTHROPIC_HOST or is_loopback(host)):
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
