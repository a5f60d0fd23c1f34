"""What a tool gives back: text that has passed the gate, between tags, and not too much of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kibitz_context import markup
from kibitz_context.lines import without_ending

# Of one answer.  Higher: a single careless call fills the prompt of all rounds that follow; lower:
# a file of ordinary length takes two calls.
MAX_CHARACTERS = 24_000
# A longer line is data or minified code.
MAX_LINE_CHARACTERS = 600


def numbered(lines: Sequence[str], first_line: int) -> list[str]:
    r"""Lines with their numbers in front, a tab between, each ending with ``\n``; long ones cut."""
    return [
        f"{number}\t{_cut(without_ending(line))}\n" for number, line in enumerate(lines, first_line)
    ]


def quoted_file(path: str, text: str, **attributes: str) -> str:
    """Text of a file between tags that it cannot close."""
    return markup.block("excerpt", text, path=path, **attributes)


def fitting(lines: Iterable[str], most_characters: int = MAX_CHARACTERS) -> tuple[list[str], int]:
    """The first of `lines` that fit, and how many they are."""
    kept: list[str] = []
    for line in lines:
        most_characters -= len(line)
        if most_characters < 0 and kept:
            break
        kept.append(line)
    return kept, len(kept)


def _cut(line: str) -> str:
    if len(line) <= MAX_LINE_CHARACTERS:
        return line
    return f"{line[:MAX_LINE_CHARACTERS]}… ({len(line) - MAX_LINE_CHARACTERS:,} more characters)"
