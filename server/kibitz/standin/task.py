"""How kibitz's own prompts look, as far as the default responder has to read them.

The task begins with ``<task action="…">``.  Code stands between ``<region path="…"
first_line="N">`` and ``</region>``, on lines of their own, with or without line numbers in front;
the tag may carry a suffix where the code itself contains it.  What the user wants stands in
``<question>`` or ``<instruction>``.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass

_TASK = re.compile(r'^<task\s+action="([^"]*)"', re.MULTILINE)
_REGION = re.compile(
    r'^<(?P<tag>region(?:-[0-9a-f]+)?) path="(?P<path>[^"]*)"(?: first_line="(?P<line>\d+)")?'
    r"[^>\n]*>\n(?P<text>.*?)^</(?P=tag)>[ \t]*$",
    re.DOTALL | re.MULTILINE,
)
_WISH = re.compile(
    r"^<(?P<tag>(?:question|instruction)(?:-[0-9a-f]+)?)>\n?(?P<text>.*?)\n?</(?P=tag)>",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Region:
    """The code that a task is about.  `first_line` is 1-based; `text` ends with its newline."""

    path: str
    first_line: int
    text: str

    @property
    def lines(self) -> list[str]:
        """The lines without their newlines.  Only "\\n" ends a line."""
        return self.text.removesuffix("\n").split("\n") if self.text else []


@dataclass(frozen=True, slots=True)
class Task:
    """`action` and `wish` are "" where the prompt has none."""

    action: str
    regions: tuple[Region, ...]
    wish: str


def read_task(text: str) -> Task:
    """The task in a user message.  What comes before it may quote anything, so it is skipped."""
    starts = list(_TASK.finditer(text))
    action = starts[-1][1] if starts else ""
    if starts:
        text = text[starts[-1].start() :]
    wish = _WISH.search(text)
    regions = tuple(
        Region(html.unescape(found["path"]), first, _without_numbers(found["text"], first))
        for found in _REGION.finditer(text)
        for first in (int(found["line"] or 1),)
    )
    return Task(action, regions, wish["text"] if wish else "")


def _without_numbers(text: str, first_line: int) -> str:
    lines = text.removesuffix("\n").split("\n")
    bare: list[str] = []
    for number, line in enumerate(lines, first_line):
        # In the review of a change the numbers of changed lines are marked.
        prefix, tab, rest = line.partition("\t")
        if not tab or prefix not in (f"{number}", f"{number}+"):
            return text
        bare.append(rest)
    return "\n".join(bare) + "\n"
