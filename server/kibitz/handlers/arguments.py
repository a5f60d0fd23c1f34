"""The argument object of a command: what may stand in it, checked before anything is done.

Every command takes one object, `{uri, range?, instruction?, version?, …}`.  A fault in it is told
in one sentence that names the key, so that whoever wrote a key binding can mend it.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from pygls.exceptions import JsonRpcException, JsonRpcInvalidParams

from kibitz.claude.values import Tier
from kibitz_context.document import Document
from kibitz_context.lines import Encoding, Position, Span

_KEYS: Mapping[str, tuple[type, ...]] = {
    "uri": (str,),
    "uris": (list,),
    "range": (dict,),
    "instruction": (str,),
    "version": (int,),
    "job": (str,),
    "hunk": (int,),
    "offer": (int,),
    "finding": (str,),
    "reason": (str,),
    "prompt": (str,),
    "diagnostics": (list,),
    "tier": (str,),
    "model": (str,),
    "revoke": (bool,),
    "files": (bool,),
    "staged": (bool,),
    "revisions": (str,),
    "suggestion": (str,),
    "language": (str,),
}
_TYPE_NAMES = {str: "a string", dict: "an object", int: "a number", list: "a list", bool: "a flag"}


class ContentModified(JsonRpcException):
    """The document is newer than what the client was looking at."""

    CODE = -32801
    MESSAGE = "Content Modified"


@dataclass(frozen=True, slots=True)
class Arguments:
    """A command's argument object, checked.  What is absent is None or empty."""

    uri: str | None = None
    uris: tuple[str, ...] = ()
    range: tuple[Position, Position] | None = None
    instruction: str = ""
    version: int | None = None
    job: str | None = None
    hunk: int | None = None
    offer: int | None = None
    finding: str | None = None
    reason: str = ""
    prompt: str | None = None
    diagnostics: tuple[str, ...] = ()
    tier: Tier | None = None
    model: str | None = None
    revoke: bool = False
    files: bool = False
    staged: bool = False
    revisions: str = ""
    suggestion: str | None = None
    language: str = ""


def parse(arguments: list[Any]) -> Arguments:
    """Check the arguments of a command.  Raises JsonRpcInvalidParams with a sentence."""
    if not arguments:
        return Arguments()
    if len(arguments) != 1 or not isinstance(arguments[0], dict):
        raise JsonRpcInvalidParams(
            "A kibitz command takes one argument object, such as "
            '{"uri": "file:///…", "range": {…}, "instruction": "…"}'
        )
    given: dict[str, Any] = arguments[0]
    values: dict[str, Any] = {}
    for key, value in given.items():
        if key not in _KEYS:
            nearest = difflib.get_close_matches(str(key), _KEYS, 1)
            hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
            raise JsonRpcInvalidParams(f"Unknown argument {str(key)[:40]!r}{hint}")
        if value is None:
            continue
        expected = _KEYS[key]
        if not isinstance(value, expected) or (isinstance(value, bool) and bool not in expected):
            raise JsonRpcInvalidParams(f"The argument {key!r} must be {_TYPE_NAMES[expected[0]]}")
        values[key] = value
    if "range" in values:
        values["range"] = _range(values["range"])
    if "diagnostics" in values:
        values["diagnostics"] = tuple(str(item)[:2000] for item in values["diagnostics"][:20])
    if "uris" in values:
        values["uris"] = tuple(str(item) for item in values["uris"])
    if "tier" in values and values["tier"] not in get_args(Tier):
        raise JsonRpcInvalidParams("The argument 'tier' must be fast, standard or deep")
    return Arguments(**values)


def _range(value: dict[str, Any]) -> tuple[Position, Position]:
    try:
        start, end = (
            Position(int(value[side]["line"]), int(value[side]["character"]))
            for side in ("start", "end")
        )
    except (KeyError, TypeError, ValueError, OverflowError):
        raise JsonRpcInvalidParams(
            "The argument 'range' must be an LSP range: {start: {line, character}, end: {…}}"
        ) from None
    return start, end


def span_in(document: Document, arguments: Arguments, encoding: Encoding) -> Span | None:
    """The span that a command is about, None for the whole document.

    Raises JsonRpcInvalidParams for a range that lies outside the document, and ContentModified
    when the document is newer than the client's `version`.
    """
    if arguments.version is not None and arguments.version != document.version:
        raise ContentModified("The document has changed since; try again")
    if arguments.range is None:
        return None
    start, end = arguments.range
    count = len(document.lines.lines)
    if min(start.line, end.line) >= document.lines.line_count or min(start, end) < Position(0, 0):
        raise JsonRpcInvalidParams(
            f"The range starts at line {min(start.line, end.line) + 1}; "
            f"the document has {count} line{'' if count == 1 else 's'}"
        )
    return document.lines.span(start, end, encoding)
