r"""Unified diffs: what became of one text, in the fewest lines that say it.

Pure; knows nothing of files.  Texts have ``\n`` line endings.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence

from kibitz_context.lines import line_change_between, split_lines

# `difflib` is quadratic in what differs: beyond this the differing lines are given as one block.
_MAX_COMPARED_LINES = 2_000
_CONTEXT_LINES = 3


def unified_diff(old: str, new: str) -> str:
    r"""A unified diff without file names; both texts have ``\n`` line endings."""
    old_lines, new_lines = split_lines(old), split_lines(new)
    change = line_change_between(old_lines, new_lines)
    if max(change.removed, change.added) > _MAX_COMPARED_LINES:
        return _one_hunk(old_lines, new_lines, change.first, change.removed, change.added)
    # What is equal at both ends need not be compared, but a few lines of it are shown.
    first = max(0, change.first - _CONTEXT_LINES)
    old_end = min(len(old_lines), change.first + change.removed + _CONTEXT_LINES)
    new_end = min(len(new_lines), change.first + change.added + _CONTEXT_LINES)
    matcher = difflib.SequenceMatcher(
        None, old_lines[first:old_end], new_lines[first:new_end], autojunk=False
    )
    parts: list[str] = []
    for group in matcher.get_grouped_opcodes(_CONTEXT_LINES):
        _, old_from, _, new_from, _ = group[0]
        _, _, old_to, _, new_to = group[-1]
        parts.append(_header(first + old_from, first + old_to, first + new_from, first + new_to))
        for tag, old_start, old_stop, new_start, new_stop in group:
            if tag == "equal":
                parts += _marked(" ", old_lines[first + old_start : first + old_stop])
            else:
                parts += _marked("-", old_lines[first + old_start : first + old_stop])
                parts += _marked("+", new_lines[first + new_start : first + new_stop])
    return "".join(parts)


def _one_hunk(
    old_lines: list[str], new_lines: list[str], first: int, removed: int, added: int
) -> str:
    return "".join(
        [
            _header(first, first + removed, first, first + added),
            *_marked("-", old_lines[first : first + removed]),
            *_marked("+", new_lines[first : first + added]),
        ]
    )


def _header(old_start: int, old_end: int, new_start: int, new_end: int) -> str:
    return f"@@ -{_range(old_start, old_end)} +{_range(new_start, new_end)} @@\n"


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
