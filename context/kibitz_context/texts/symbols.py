"""What a text defines, uses and imports.

A pure function of path and text: no clock decides anything, so that the same text has the same
symbols on a slow machine.  Read by a parser of its language; where there is none, or it gives up,
lines that look like definitions are taken (`outline`).  The texts have passed the gate; nothing
in here opens a file of a repository.
"""

from __future__ import annotations

import re
from collections import Counter

from kibitz_context.texts import outline, parsing
from kibitz_context.texts.definitions import CONTAINERS, EXTENSION, LEXICAL, Definition, Symbols
from kibitz_context.texts.languages import language_of

__all__ = [
    "CONTAINERS",
    "EXTENSION",
    "LEXICAL",
    "VERSION",
    "Definition",
    "Symbols",
    "language",
    "lexical",
    "symbols",
]

# A part of the index's key and of the snapshot's version: raise it when an answer changes.
VERSION = 1

# Larger: somebody's data.
MAX_PARSED_BYTES = 1024 * 1024
# Larger: not even its lines are looked at.
MAX_LEXICAL_CHARACTERS = 4 * 1024 * 1024
# How far the end of a definition is looked for without a parser.
MAX_LEXICAL_LINES = 200
# More definitions than this are a table that a program wrote.
MAX_DEFINITIONS = parsing.MAX_DEFINITIONS


def language(path: str) -> str | None:
    """The name of the language that `path` is parsed as, or None."""
    found = language_of(path)
    return found.name if found is not None else None


def symbols(path: str, text: str) -> Symbols:
    """The symbols of `text`, which is the content of `path`.  Never raises for any text."""
    found = language_of(path)
    if found is not None:
        source = text.encode("utf-8", "surrogatepass")
        if (
            len(source) <= MAX_PARSED_BYTES
            and (parsed := parsing.parsed(found, source)) is not None
        ):
            return parsed
    return lexical(text)


def lexical(text: str) -> Symbols:
    """The symbols of a text that no parser reads: by the look of its lines."""
    if len(text) > MAX_LEXICAL_CHARACTERS:
        return Symbols(LEXICAL)
    lines = text.split("\n")
    found = outline.definitions(lines)[:MAX_DEFINITIONS]
    ends = [outline.block_end(lines, each.line, MAX_LEXICAL_LINES) for each in found]
    depths: list[int] = []
    around: list[int] = []
    for each in found:
        while around and around[-1] >= each.indent:
            around.pop()
        depths.append(len(around))
        around.append(each.indent)
    definitions = tuple(
        Definition(each.name, "function", each.line, end, each.line + 1, depth)
        for each, end, depth in zip(found, ends, depths, strict=True)
    )
    defined = {each.name for each in found}
    names = (match[1] for match in _CALLED.finditer(text))
    uses = Counter(name for name in names if name not in defined)
    return Symbols(LEXICAL, definitions, tuple(sorted(uses.items())))


_CALLED = re.compile(r"\b([A-Za-z_][A-Za-z0-9_]{2,80})\(")
