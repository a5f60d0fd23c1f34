"""Definitions in a text, found by the look of its lines in any common language.

No parser: a line that begins like a definition is one.  Good enough to show what a file offers
and to find where a name is defined; wrong now and then, and fast.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kibitz_context.texts.definitions import Definition as SymbolDefinition
    from kibitz_context.texts.definitions import Symbols

_MODIFIERS = (
    "abstract|async|const|data|declare|default|export|extern|final|fileprivate|inline|internal|"
    "native|open|override|partial|private|protected|pub|public|readonly|sealed|static|"
    "synchronized|unsafe|virtual"
)
_KEYWORDS = (
    "actor|class|contract|def|defmodule|defp|defmacro|enum|extension|fn|fun|func|function|impl|"
    "interface|macro|message|mixin|mod|module|namespace|object|package|proc|protocol|record|"
    "service|struct|sub|trait|type|typealias|union"
)
# Indented, these are local variables.
_TOP_KEYWORDS = "const|let|val|var"

_NAME = r"[A-Za-z_$][A-Za-z0-9_$]{0,100}"
_DEFINITION = re.compile(
    rf"(?P<indent>[ \t]{{0,40}})(?:(?:{_MODIFIERS})(?:\([a-z]{{1,20}}\))?[ \t]{{1,4}}){{0,6}}"
    # Type parameters (Rust's impl, Kotlin's fun) or a receiver (Go) may stand before the name.
    rf"(?:(?:{_KEYWORDS})\b\*?[ \t]{{0,4}}(?:<[^<>\n]{{0,80}}>)?[ \t]{{1,4}}"
    r"(?:\([^()\n]{0,80}\)[ \t]{0,4})?"
    rf"(?P<name>{_NAME})|(?:{_TOP_KEYWORDS})[ \t]{{1,4}}(?P<variable>{_NAME}))"
)
# A function of the C family: a type, a name, parameters, and no semicolon.
_C_FUNCTION = re.compile(
    r"(?P<indent>[ \t]{0,40})(?:[A-Za-z_][A-Za-z0-9_:<>,\[\]]{0,80}[ \t*&]{1,8}){1,6}"
    r"(?P<name>[A-Za-z_~][A-Za-z0-9_:~]{0,100})[ \t]{0,4}"
    r"\([^;=]{0,400}\)[^;=(]{0,80}\{?[ \t]{0,4}\Z"
)
_STATEMENTS = frozenset(
    (
        "case",
        "catch",
        "do",
        "else",
        "for",
        "if",
        "new",
        "return",
        "sizeof",
        "switch",
        "throw",
        "using",
        "while",
        "with",
        "await",
        "yield",
        "elif",
        "assert",
        "delete",
        "goto",
        "typedef",
    )
)
_CONSTANT = re.compile(
    r"(?P<name>[A-Z][A-Z0-9_]{2,100})(?:[ \t]{0,4}:[^=\n]{1,80})?[ \t]{0,4}=(?!=)"
)

_LONGEST_LINE = 300

# Kinds whose inner definitions are nobody else's business.
_CALLABLES = frozenset({"function", "method"})


def posix_patterns(names: Sequence[str]) -> tuple[str, ...]:
    """Extended regular expressions for git that find lines which may define one of `names`.

    They find more than `definition` accepts, and nearly all that it does.
    """
    if not names:
        return ()
    name = f"({'|'.join(names)})"
    end = "([^A-Za-z0-9_]|$)"
    keyword = f"(^|[^A-Za-z0-9_])({_KEYWORDS}|{_TOP_KEYWORDS})[*]?(<[^<>]*>)?"
    return (
        f"{keyword}[[:space:]]+([(][^()]*[)][[:space:]]*)?{name}{end}",
        f"^{name}([[:space:]]*:[^=]+)?[[:space:]]*=",
        f"^[[:space:]]*[A-Za-z_][A-Za-z0-9_:<>,*& ]*[*&[:space:]]([A-Za-z0-9_]+::)?{name}"
        "[[:space:]]*[(]",
    )


@dataclass(frozen=True, slots=True)
class Definition:
    """A line that defines `name`; `line` counts from 0, `indent` is its width in columns."""

    name: str
    line: int
    indent: int


def definition(line: str) -> tuple[str, int] | None:
    """The name that `line` defines and the width of its indentation, or None."""
    if len(line) > _LONGEST_LINE:
        line = line[:_LONGEST_LINE]
    match = _DEFINITION.match(line)
    if match and match["name"]:
        return match["name"], _width(match["indent"])
    if match and not match["indent"]:
        return match["variable"], 0
    if match := _CONSTANT.match(line):
        return match["name"], 0
    if "(" in line and (match := _C_FUNCTION.match(line)):
        first = match[0].split(None, 1)[0]
        if first not in _STATEMENTS:
            return match["name"].rpartition("::")[2], _width(match["indent"])
    return None


def definitions(lines: list[str]) -> list[Definition]:
    """All definitions in `lines`, in order."""
    found: list[Definition] = []
    for number, line in enumerate(lines):
        if answer := definition(line):
            found.append(Definition(answer[0], number, answer[1]))
    return found


def outline(text: str) -> str:
    """The lines of `text` that define something, each with its indentation."""
    lines = text.split("\n")
    return "\n".join(lines[each.line][:_LONGEST_LINE].rstrip() for each in definitions(lines))


def outline_of(symbols: Symbols, lines: Sequence[str]) -> str:
    """The signatures of `symbols` as they stand in `lines`, bodies left out.

    What is defined within a function is its own affair, and left out as well.
    """
    shown: list[str] = []
    done = 0
    for each in visible(symbols.definitions):
        first = max(each.line, done)
        shown += (line[:_LONGEST_LINE].rstrip() for line in lines[first : each.signature_end])
        done = max(done, each.signature_end)
    return "\n".join(shown)


def visible(definitions: Iterable[SymbolDefinition]) -> Iterator[SymbolDefinition]:
    """Those of `definitions`, in the order of the text, that do not stand within a function."""
    hidden_to = 0
    for each in definitions:
        if each.line >= hidden_to:
            yield each
            if each.kind in _CALLABLES:
                hidden_to = each.end_line


def block_end(lines: list[str], start: int, limit: int) -> int:
    """Where the block that `lines[start]` begins ends, exclusive, at most `limit` lines on.

    The block goes on while lines are blank, deeper than its first line, or begin with a bracket.
    """
    indent = _width(lines[start])
    end = start + 1
    while end < len(lines) and end - start < limit:
        line = lines[end]
        is_outside = bool(line.strip()) and _width(line) <= indent
        if is_outside and line.lstrip()[0] not in "{)]}":
            break
        end += 1
        if is_outside and line.lstrip()[0] == "}":
            break
    while end > start + 1 and not lines[end - 1].strip():
        end -= 1
    return end


def _width(text: str) -> int:
    """The width of the white space that `text` begins with, tabs counted as four columns."""
    head = text[: len(text) - len(text.lstrip(" \t"))]
    return len(head.expandtabs(4))
