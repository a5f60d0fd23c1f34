"""`read_file`: lines of a file as it is now."""

from __future__ import annotations

from kibitz.looking.answers import fitting, numbered, quoted_file
from kibitz.looking.arguments import Arguments
from kibitz.looking.sight import Sight
from kibitz_context.lines import split_lines


def read_file(sight: Sight, arguments: Arguments) -> str:
    path, allowed = sight.text(arguments.text("path"))
    lines = split_lines(allowed.text)
    start, end = arguments.lines(len(lines))
    if not lines:
        return f"{path} is empty."
    shown, count = fitting(numbered(lines[start - 1 : end], start))
    last = start + count - 1
    text = quoted_file(path, "".join(shown), lines=f"{start}-{last} of {len(lines)}")
    if last < end:
        text += f"The answer ends at line {last}; ask for the lines from {last + 1} on.\n"
    return text
