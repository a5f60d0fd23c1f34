"""What lines stand in, told by indentation and words alone, and therefore for most languages alike.

No grammar: it works in a text that does not parse, and takes next to no time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

_FIRST_WORD = re.compile(r"[@#$]?[^\W\d]\w*")


def first_word(line: str) -> str | None:
    """The word that a line begins with, None where it begins with none, as a bracket does."""
    found = _FIRST_WORD.match(line.strip())
    return found[0] if found is not None else None


def indentation(line: str) -> int:
    """By how many characters a line is indented."""
    return len(line) - len(line.lstrip())


def enclosing(
    lines: Sequence[str],
    first: int,
    depth: int,
    *,
    indented: Callable[[str], int] = indentation,
    may_enclose: Callable[[str], object] = first_word,
) -> Iterator[int]:
    """The lines above the line `first` that something stands in which is indented by `depth`: each
    is indented less than what it encloses.  From the innermost to the outermost.

    What begins with no word encloses nothing: `{` and `) -> int:` go on with a line above them.
    """
    for number in range(first - 1, -1, -1):
        if depth == 0:
            return
        line = lines[number]
        if line.strip() and indented(line) < depth and may_enclose(line):
            depth = indented(line)
            yield number
