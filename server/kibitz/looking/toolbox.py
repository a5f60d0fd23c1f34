"""A call of a tool, answered: always with text, whatever was asked and whatever went wrong."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from kibitz.claude.values import Tool
from kibitz.looking.answers import MAX_CHARACTERS
from kibitz.looking.arguments import Arguments, Stopped, Unusable, shape
from kibitz.looking.definitions import (
    GIT_BLAME,
    GIT_DIFF,
    GIT_LOG,
    LOOKING,
    READ_FILE,
    SEARCH,
    SYMBOL,
)
from kibitz.plain_text import one_line

if TYPE_CHECKING:
    from kibitz.looking.sight import Sight

_logger = logging.getLogger(__name__)

# Longer: a user waits for something that Claude can do without.
CALL_SECONDS = 20.0
# What the tags round a text and the notes under it may add to its own limit.
_SPARE_CHARACTERS = 4_000

Outcome = Literal["answered", "refused", "failed"]


@dataclass(frozen=True, slots=True)
class Result:
    """What one call came to: `text` for Claude, and what may be recorded of it.

    `arguments` are names and sizes, nothing of what was asked.  "refused" is a call that cannot be
    answered as it was made, "failed" a fault of ours.
    """

    text: str
    outcome: Outcome
    arguments: tuple[tuple[str, str], ...]
    seconds: float

    @property
    def is_error(self) -> bool:
        return self.outcome != "answered"


def answer(sight: Sight, name: str, input_json: str) -> Result:
    """Answer one call.  Blocking, for a thread; raises Stopped when nobody waits any more."""
    began = time.monotonic()
    outcome: Outcome = "answered"
    try:
        text = _answer(sight.for_seconds(CALL_SECONDS), name, input_json)
    except Unusable as unusable:
        outcome, text = "refused", unusable.sentence
    except Stopped:
        raise
    except Exception:
        # The tool's name is ours; what it was asked stays out of the log.
        _logger.exception("the tool %s failed", one_line(name, 40))
        outcome = "failed"
        text = f"{one_line(name, 40)} failed, by a fault in kibitz; go on without it."
    if len(text) > MAX_CHARACTERS + _SPARE_CHARACTERS:
        text = f"{text[:MAX_CHARACTERS]}\n… the rest does not fit; ask for less.\n"
    seconds = time.monotonic() - began
    return Result(text or "Nothing.", outcome, shape(input_json), seconds)


def _answer(sight: Sight, name: str, input_json: str) -> str:
    tool = next((each for each in LOOKING if each.name == name), None)
    if tool is None:
        known = ", ".join(each.name for each in LOOKING)
        raise Unusable(f"There is no tool {one_line(name, 60)} for this; there are {known}.")
    arguments = Arguments(tool, input_json)
    sight.check()
    return _work_of(tool)(sight, arguments)


def _work_of(tool: Tool) -> Callable[[Sight, Arguments], str]:
    """What a tool does: loaded when it is first called, since most tasks call none."""
    match tool.name:
        case READ_FILE.name:
            from kibitz.looking.read_file import read_file

            return read_file
        case SEARCH.name:
            from kibitz.looking.search import search

            return search
        case SYMBOL.name:
            from kibitz.looking.symbol import symbol

            return symbol
        case GIT_LOG.name:
            from kibitz.looking.git_log import git_log

            return git_log
        case GIT_DIFF.name:
            from kibitz.looking.git_diff import git_diff

            return git_diff
        case GIT_BLAME.name:
            from kibitz.looking.git_blame import git_blame

            return git_blame
        case _:
            raise AssertionError(f"no module does {tool.name}")


def words(name: str, input_json: str) -> str:
    """What a call does, in a few words for somebody who waits: "reading src/a.py"."""
    try:
        given = json.loads(input_json or "{}")
    except (ValueError, RecursionError):
        given = None
    asked = given if isinstance(given, dict) else {}

    def said(key: str) -> str:
        value = asked.get(key)
        return one_line(value, 60) if isinstance(value, str) else ""

    path = said("path")
    match name:
        case READ_FILE.name:
            return f"reading {path or 'a file'}"
        case SEARCH.name:
            where = f" in {said('glob')}" if said("glob") else ""
            return f"searching for {said('pattern') or 'something'}{where}"
        case SYMBOL.name:
            return f"looking up {said('name') or 'a name'}"
        case GIT_LOG.name:
            return f"looking at the history{f' of {path}' if path else ''}"
        case GIT_DIFF.name:
            return f"comparing {path or 'files'} with {said('base') or 'HEAD'}"
        case GIT_BLAME.name:
            return f"looking up who changed {path or 'a file'}"
        case _:
            return f"calling {one_line(name, 40)}"
