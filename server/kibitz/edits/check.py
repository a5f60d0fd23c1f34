"""Whether an edit has left a file in order, as far as that can be told without running anything."""

from __future__ import annotations

from collections.abc import Iterable

from kibitz.edits.splices import refined, splice_between
from kibitz_context.lines import split_lines
from kibitz_context.syntax_faults import syntax_faults

# Below so many indented lines a file has no style of its own yet.
_LEAST_INDENTED_LINES = 3


def complaints(path: str, before: str, after: str) -> tuple[str, ...]:
    """What has become worse in the file `path`, each as the end of a sentence "PATH ..."; empty
    when nothing has.  Blocking, by the size of the texts."""
    found: list[str] = []
    if _parses_worse(path, before, after):
        # Where a grammar gives up says little of where the mistake is: no line is named.
        found.append("does not parse any more")
    style = _other_indentation(before, after)
    if style is not None:
        found.append(style)
    return tuple(found)


def _parses_worse(path: str, before: str, after: str) -> bool:
    """Whether more places do not parse than did before; False where that cannot be told."""
    now = syntax_faults(path, after)
    if not now:
        return False
    then = syntax_faults(path, before)
    return then is not None and now > then


def _other_indentation(before: str, after: str) -> str | None:
    """What is said of new lines that are indented otherwise than all others are."""
    old, new = split_lines(before), split_lines(after)
    style = _indentations(old)
    if len(style) < _LEAST_INDENTED_LINES or len(set(style)) != 1:
        return None
    splices = refined(splice_between(old, new))
    added = _indentations(line for splice in splices for line in splice.added)
    if set(added) <= set(style):
        return None
    names = {" ": "spaces", "\t": "tabs"}
    other = next(each for each in added if each != style[0])
    return f"is indented with {names[style[0]]}, and new lines are with {names[other]}"


def _indentations(lines: Iterable[str]) -> list[str]:
    """The first character of each line that is indented: a blank or a tab."""
    return [line[0] for line in lines if line[:1] in (" ", "\t") and line.strip()]
