"""Small changes of real code: faults, as people make them, and rewritings that change nothing.

Pure and lexical: lines in, changes out.  Whether the result still parses is for the caller to see.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from kibitz_context.lines import split_lines, without_ending

# Two changes that are nearer to each other could be told of by one finding.
LEAST_DISTANCE_LINES = 6

_STRING_OR_COMMENT = re.compile(
    r'"""[\s\S]*?"""'
    r"|'''[\s\S]*?'''|/\*[\s\S]*?\*/"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'(?:\\.|[^'\\\n])*'"
    r"|`[^`\n]*`"
    r"|(?://|#)[^\n]*"
)
_DECLARES = re.compile(r"\s*(?:def|class|func|fn|import|from|use|package|@|#|//|\*|/\*)")
_PYTHON_IF = re.compile(r"(?P<indent>\s+)if .+:\s*$")
_LEAVES = re.compile(r"\s+(?:return|raise|continue|break)\b")


@dataclass(frozen=True, slots=True)
class Change:
    """`lines` in the place of the lines ``[start, end)``, from 0; `kind` is what it does."""

    start: int
    end: int
    lines: tuple[str, ...]
    kind: str

    @property
    def growth(self) -> int:
        return len(self.lines) - (self.end - self.start)


@dataclass(frozen=True, slots=True)
class _Swap:
    """One piece of code that becomes another."""

    kind: str
    pattern: re.Pattern[str]
    new: str | Callable[[re.Match[str]], str]


def _swaps(kind: str, *pairs: tuple[str, str]) -> tuple[_Swap, ...]:
    return tuple(_Swap(kind, re.compile(old), new) for old, new in pairs)


_FAULTS: tuple[_Swap, ...] = (
    *_swaps(
        "comparison",
        *((r"(?<= )<=(?= )", "<"), (r"(?<= )>=(?= )", ">")),
        *((r"(?<= )<(?= )", "<="), (r"(?<= )>(?= )", ">=")),
        *((r"(?<= )==(?= )", "!="), (r"(?<= )!=(?= )", "==")),
        *((r"\bis not None\b", "is None"), (r"\bis None\b", "is not None")),
    ),
    *_swaps("off by one", (r"\+ 1\b(?!\.)", "- 1"), (r"(?<=[\w)\]]) - 1\b(?!\.)", " + 1")),
    *_swaps(
        "condition",
        *((r"(?<= )and(?= )", "or"), (r"(?<= )or(?= )", "and")),
        *((r"(?<= )&&(?= )", "||"), (r"(?<= )\|\|(?= )", "&&")),
        *((r"\bif not (?=\w)", "if "), (r"(?<=if \()!(?=\w)", "")),
    ),
    *_swaps(
        "constant",
        *((r"\bTrue\b", "False"), (r"\bFalse\b", "True")),
        *((r"\btrue\b", "false"), (r"\bfalse\b", "true")),
    ),
    *_swaps("not awaited", (r"\bawait (?=\w)", "")),
    _Swap(
        "arguments",
        re.compile(r"(?<=\w)\((?P<one>[a-z_]\w*), (?P<two>[a-z_]\w*)\)"),
        lambda match: f"({match['two']}, {match['one']})",
    ),
)
_HARMLESS: tuple[_Swap, ...] = (
    _Swap(
        "parentheses",
        re.compile(r"\breturn (?P<what>[^\s(](?:.*[^\s,;{(\[\\])?)(?=;?$)"),
        lambda match: f"return ({match['what']})",
    ),
    _Swap(
        "assignment",
        re.compile(r"(?<!\S)(?P<name>[a-z_]\w*) (?P<sign>[+*])= (?P<what>\w+)(?=;?$)"),
        lambda match: f"{match['name']} = {match['name']} {match['sign']} {match['what']}",
    ),
)


def faults(lines: Sequence[str]) -> Iterator[Change]:
    """Every fault that can be put into the code of functions, from top to end."""
    code = _code(lines)
    for number in range(len(lines)):
        yield from _swapped(lines, code, number, _FAULTS)
        if _is_guard(lines, number):
            yield Change(number, number + 2, (), "guard removed")


def harmless(lines: Sequence[str]) -> Iterator[Change]:
    """Every rewriting that changes nothing but the looks."""
    code = _code(lines)
    for number in range(len(lines)):
        yield from _swapped(lines, code, number, _HARMLESS)


def applied(lines: Sequence[str], changes: Sequence[Change]) -> list[str]:
    """`lines` after `changes`, none of which overlap."""
    made = list(lines)
    for change in sorted(changes, key=lambda each: each.start, reverse=True):
        made[change.start : change.end] = change.lines
    return made


def place_after(change: Change, changes: Sequence[Change]) -> tuple[int, int]:
    """The lines ``[first, last]``, from 1, at which `change` stands after all of `changes`; of a
    removal those on both sides of the gap."""
    start = change.start + sum(each.growth for each in changes if each.start < change.start)
    if not change.lines:
        return max(1, start), start + 1
    return start + 1, start + len(change.lines)


def are_apart(one: Change, other: Change) -> bool:
    """Whether a finding of the one cannot be taken for one of the other."""
    return (
        other.start - one.end >= LEAST_DISTANCE_LINES
        or one.start - other.end >= LEAST_DISTANCE_LINES
    )


def _code(lines: Sequence[str]) -> list[str]:
    """`lines` with nothing in strings and comments, what is left at the same columns."""
    text = "".join(lines)
    bare = _STRING_OR_COMMENT.sub(lambda match: re.sub(r"[^\r\n]", "\0", match[0]), text)
    return split_lines(bare)


def _swapped(
    lines: Sequence[str], code: Sequence[str], number: int, swaps: Sequence[_Swap]
) -> Iterator[Change]:
    line = without_ending(lines[number])
    if not line.startswith((" ", "\t")) or _DECLARES.match(line):
        return
    for swap in swaps:
        found = swap.pattern.search(without_ending(code[number]))
        if found is None:
            continue
        if not _is_closed(line[found.start() : found.end()]):
            continue
        # The pattern was found in the code; what is written again is the line's own text.
        new = swap.new if isinstance(swap.new, str) else _written(swap, line, found)
        made = line[: found.start()] + new + line[found.end() :]
        ending = lines[number][len(line) :]
        yield Change(number, number + 1, (made + ending,), swap.kind)


def _written(swap: _Swap, line: str, found: re.Match[str]) -> str:
    assert not isinstance(swap.new, str)
    again = swap.pattern.match(line, found.start())
    return swap.new(again if again is not None and again.end() == found.end() else found)


def _is_closed(text: str) -> bool:
    """Whether as many brackets are closed as are opened, one after the other."""
    depth = 0
    for char in text:
        depth += (char in "([{") - (char in ")]}")
        if depth < 0:
            return False
    return depth == 0


def _is_guard(lines: Sequence[str], number: int) -> bool:
    """Whether the line and the next are an ``if`` that only leaves, with no ``else``."""
    if number + 2 >= len(lines):
        return False
    head = _PYTHON_IF.match(without_ending(lines[number]))
    if head is None or not _LEAVES.match(lines[number + 1]):
        return False
    indent, body, after = head["indent"], lines[number + 1], lines[number + 2]
    is_inside = body.startswith(indent) and body[len(indent)] in " \t"
    goes_on = after.strip() and len(after) - len(after.lstrip()) > len(indent)
    has_else = after.lstrip().startswith(("else", "elif", ")", "]", "}"))
    opens = not _is_closed(without_ending(body))
    before = lines[number - 1] if number else ""
    is_only = before.rstrip().endswith(":")
    return is_inside and not goes_on and not has_else and not opens and not is_only
