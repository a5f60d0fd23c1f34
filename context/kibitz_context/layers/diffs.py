r"""What became of one text, in the fewest lines that say it: hunks, and unified diffs of them.

Pure; knows nothing of files.  Texts have ``\n`` line endings.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kibitz_context.lines import LineChange, line_change_between, split_lines
from kibitz_context.nesting import enclosing, first_word, indentation

# `difflib` is quadratic in what differs: beyond this the differing lines are given as one block.
_MAX_COMPARED_LINES = 2_000
# What people are used to.
CONTEXT_LINES = 3

# Lines that others stand in, but that say little about where one is.
_CONTROL = frozenset(
    (
        *("begin", "case", "catch", "default", "do", "elif", "else", "elsif", "except", "finally"),
        *("for", "foreach", "guard", "if", "loop", "match", "rescue", "select", "switch", "try"),
        *("unless", "until", "when", "while", "with"),
    )
)
_MAX_HEADING_CHARACTERS = 40


@dataclass(frozen=True, slots=True)
class Hunk:
    """What became of the lines ``[first, end)`` of the old text, from 0: the lines
    ``[new_first, new_end)`` of the new one.  `text` are its lines as diffs have them, with a few
    before and after that are the same in both."""

    first: int
    end: int
    new_first: int
    new_end: int
    text: str


def unified_diff(old: str, new: str) -> str:
    r"""A unified diff without file names; both texts have ``\n`` line endings."""
    return "".join(f"{_header(hunk)}{hunk.text}" for hunk in hunks(old, new))


def hunks(old: str, new: str, context_lines: int = CONTEXT_LINES) -> list[Hunk]:
    r"""The hunks in order, with so many lines before and after what has changed; between two of
    them there is a line at least that is the same in both texts.

    Both texts have ``\n`` line endings.
    """
    old_lines, new_lines = split_lines(old), split_lines(new)
    change = line_change_between(old_lines, new_lines)
    if max(change.removed, change.added) > _MAX_COMPARED_LINES:
        return [_one_hunk(old_lines, new_lines, change, context_lines)]
    # What is equal at both ends need not be compared, but a few lines of it are shown.
    first = max(0, change.first - context_lines)
    old_end = min(len(old_lines), change.first + change.removed + context_lines)
    new_end = min(len(new_lines), change.first + change.added + context_lines)
    matcher = difflib.SequenceMatcher(
        None, old_lines[first:old_end], new_lines[first:new_end], autojunk=False
    )
    found: list[Hunk] = []
    for group in matcher.get_grouped_opcodes(context_lines):
        _, old_from, _, new_from, _ = group[0]
        _, _, old_to, _, new_to = group[-1]
        parts: list[str] = []
        for tag, old_start, old_stop, new_start, new_stop in group:
            if tag == "equal":
                parts += _marked(" ", old_lines[first + old_start : first + old_stop])
            else:
                parts += _marked("-", old_lines[first + old_start : first + old_stop])
                parts += _marked("+", new_lines[first + new_start : first + new_stop])
        bounds = (first + old_from, first + old_to, first + new_from, first + new_to)
        found.append(Hunk(*bounds, "".join(parts)))
    return found


def _one_hunk(
    old_lines: list[str], new_lines: list[str], change: LineChange, context_lines: int
) -> Hunk:
    start, old_stop = change.first, change.first + change.removed
    new_stop = start + change.added
    first = max(0, start - context_lines)
    after = old_lines[old_stop : old_stop + context_lines]
    parts = (
        *_marked(" ", old_lines[first:start]),
        *_marked("-", old_lines[start:old_stop]),
        *_marked("+", new_lines[start:new_stop]),
        *_marked(" ", after),
    )
    return Hunk(first, old_stop + len(after), first, new_stop + len(after), "".join(parts))


def heading(lines: Sequence[str], first: int, end: int) -> str:
    """The line that says what the lines ``[first, end)`` stand in, as of a function, or ""."""
    depth = min((indentation(line) for line in lines[first:end] if line.strip()), default=0)
    for number in enclosing(lines, first, depth):
        if first_word(lines[number]) not in _CONTROL:
            return lines[number].strip()[:_MAX_HEADING_CHARACTERS]
    return ""


def _header(hunk: Hunk) -> str:
    old, new = _range(hunk.first, hunk.end), _range(hunk.new_first, hunk.new_end)
    return f"@@ -{old} +{new} @@\n"


def _range(start: int, end: int) -> str:
    """A range of lines as diffs write it: from 1, an empty one names the line before it."""
    length = end - start
    return f"{start if length == 0 else start + 1},{length}"


def _marked(mark: str, lines: Sequence[str]) -> Iterator[str]:
    for line in lines:
        yield (
            f"{mark}{line}"
            if line.endswith("\n")
            else f"{mark}{line}\n\\ No newline at end of file\n"
        )
