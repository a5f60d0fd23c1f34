"""Whether an edit has left a file in order, as far as that can be told without running anything.

Pure, but for the parser, which is given: it may sit in another process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from kibitz.edits.splices import refined, splice_between
from kibitz_context.lines import split_lines

# How many places of a text (path, text) do not parse; None where that cannot be told.
Faults = Callable[[str, str], int | None]

# Below so many indented lines a file has no style of its own yet.
_LEAST_INDENTED_LINES = 3
# A width is one only where many lines keep to it: two blocks may be 4 deep by chance.
_LEAST_LINES_OF_A_WIDTH = 8
_WIDTHS = (8, 4)


@dataclass(frozen=True, slots=True)
class Checked:
    """What is known of a file after an edit.

    `parses` is whether no more places of it fail to parse than did before, None where that cannot
    be told.  `complaints` are what has become worse, each as the end of a sentence "PATH ...".
    """

    parses: bool | None
    complaints: tuple[str, ...] = ()


UNCHECKED: Final = Checked(None)


def checked(path: str, before: str, after: str, faults: Faults) -> Checked:
    """Compare the file `path` as it was with what it has become; `before` is "" for a new one.

    Blocking, by the size of the texts.
    """
    parses = _parses(path, before, after, faults)
    found: list[str] = []
    if parses is False:
        # Where a grammar gives up says little of where the mistake is: no line is named.
        found.append("does not parse any more" if before else "does not parse")
    style = _other_indentation(before, after)
    if style is not None:
        found.append(style)
    return Checked(parses, tuple(found))


def _parses(path: str, before: str, after: str, faults: Faults) -> bool | None:
    now = faults(path, after)
    if not now:
        return None if now is None else True
    then = faults(path, before)
    return None if then is None else now <= then


def _other_indentation(before: str, after: str) -> str | None:
    """What is said of new lines that are indented otherwise than all others are."""
    old, new = split_lines(before), split_lines(after)
    style = _indents(old)
    kinds = {indent[0] for indent in style}
    if len(style) < _LEAST_INDENTED_LINES or len(kinds) != 1:
        return None
    splices = refined(splice_between(old, new))
    added = _indents(line for splice in splices for line in splice.added)
    names = {" ": "spaces", "\t": "tabs"}
    (kind,) = kinds
    other = next((indent[0] for indent in added if indent[0] != kind), None)
    if other is not None:
        return f"is indented with {names[kind]}, and new lines are with {names[other]}"
    width = _width(style) if kind == " " else None
    if width is not None and len(added) >= _LEAST_INDENTED_LINES:
        narrow = [indent for indent in added if len(indent) % width]
        # A few may be lined up with something above them; most are not.
        if 2 * len(narrow) > len(added):
            return f"is indented by {width} spaces, and new lines are not"
    return None


def _width(indents: Sequence[str]) -> int | None:
    """The widest step that all `indents` of spaces keep to; None for one that says nothing."""
    if len(indents) < _LEAST_LINES_OF_A_WIDTH:
        return None
    return next((w for w in _WIDTHS if not any(len(indent) % w for indent in indents)), None)


def _indents(lines: Iterable[str]) -> list[str]:
    """What each line that is indented begins with: its blanks and tabs."""
    return [
        line[: len(line) - len(line.lstrip(" \t"))]
        for line in lines
        if line[:1] in (" ", "\t") and line.strip()
    ]
