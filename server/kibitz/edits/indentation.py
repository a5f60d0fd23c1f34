"""Gives a reply the indentation of the region that it replaces.

Works on lines without their endings, knows nothing of endings, tags or files.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_INDENT = re.compile(r"[ \t]*")
_LEADING_SPACES = re.compile(r" {2,}")
_USUAL_TAB_WIDTHS = (2, 3, 4, 8)
_DEFAULT_TAB_WIDTH = 4
_OPENS_BLOCK = tuple(":{([,=\\>")


def indent_of(line: str) -> str:
    """The spaces and tabs that `line` begins with."""
    match = _INDENT.match(line)
    return match.group() if match else ""


def common_indent(lines: Sequence[str]) -> str:
    """The indentation that all lines share, blank ones aside."""
    indents = [indent_of(line) for line in lines if line.strip()]
    if not indents:
        return ""
    # All indents between the least and the greatest share what these two share.
    least, greatest = min(indents), max(indents)
    for index, char in enumerate(least):
        if greatest[index] != char:
            return least[:index]
    return least


class Indentation:
    """Re-indents the lines of a reply as they arrive.

    A reply whose first non-blank line has lost the region's common indentation gets it back:
    what the first line lacks goes in front of every line.  One that has it is never touched.
    Sometimes only the first line lost its indentation (it stood right behind a tag); that is
    told from the second line, so a first line that lost it waits for the second.

    Leading spaces become tabs where the region uses tabs, except in lines that stand in the
    region as they are.  Blank lines are left alone.
    """

    def __init__(self, old_lines: Sequence[str]) -> None:
        written = [line for line in old_lines if line.strip()]
        self._old = frozenset(written)
        self._common = common_indent(written)
        self._first_indent = indent_of(written[0]) if written else ""
        self._tabs = _Tabs(written)
        self._decided = not self._common
        self._shift = ""
        self._held: list[str] = []  # the first line, and the blank ones after it

    def feed(self, lines: Sequence[str]) -> list[str]:
        """The lines that are certain after `lines` have come."""
        certain: list[str] = []
        for line in lines:
            certain += self._line(line)
        return certain

    def finish(self) -> list[str]:
        """The line that still waits for a second one, if any."""
        return self._release(self._missing(), self._missing())

    def _line(self, line: str) -> list[str]:
        if not line.strip():
            if not self._held:
                return [line]
            self._held.append(line)
            return []
        if line not in self._old:
            line = self._tabs.convert(line, self._first_indent)
        else:
            self._tabs.seen = True
        if self._decided:
            return [self._shift + line]
        if not self._held:
            self._held.append(line)
            if indent_of(line).startswith(self._common):
                return self._release("", "")
            return []
        shift = self._missing()
        rest = "" if self._only_first_lost(line, shift) else shift
        return [*self._release(shift, rest), rest + line]

    def _missing(self) -> str:
        """What the first line lacks of the indentation that the region's first line has."""
        if not self._held:
            return ""
        has = indent_of(self._held[0])
        wanted = self._first_indent
        return wanted[: len(wanted) - len(has)] if wanted.endswith(has) else ""

    def _only_first_lost(self, second: str, shift: str) -> bool:
        if second not in self._old or shift + second in self._old:
            return False
        # Below the head of a block the second line stands deeper than the first.  If it would
        # not, the first line was not the only one that lost its indentation.
        opens_block = self._held[0].rstrip().endswith(_OPENS_BLOCK)
        return not opens_block or len(indent_of(second)) > len(self._first_indent)

    def _release(self, first_shift: str, rest_shift: str) -> list[str]:
        self._decided = True
        self._shift = rest_shift
        held, self._held = self._held, []
        return [first_shift + held[0], *held[1:]] if held else []


class _Tabs:
    """Turns leading spaces into tabs, where the region uses tabs.

    How many spaces stand for one tab is learnt from the first indented line of the reply: from
    the same line in the region, if there is one, else from its width.
    """

    def __init__(self, written: Sequence[str]) -> None:
        tabs = sum(line.startswith("\t") for line in written)
        spaces = sum(line.startswith("  ") for line in written)
        self._are_used = tabs > spaces
        self._count_by_text: dict[str, int] = {}
        if self._are_used:
            for line in written:
                self._count_by_text.setdefault(line.strip(), indent_of(line).count("\t"))
        self._width: int | None = None
        self.seen = False  # whether a written line of the reply has gone by

    def convert(self, line: str, first_indent: str) -> str:
        is_first, self.seen = not self.seen, True
        if not self._are_used:
            return line
        spaces = _LEADING_SPACES.match(line)
        if spaces is None:
            return line
        if self._width is None:
            count = self._count_by_text.get(line.strip(), 0)
            if not count and is_first:
                count = first_indent.count("\t")
            self._width = _tab_width(spaces.end(), count)
        tabs, rest = divmod(spaces.end(), self._width)
        return "\t" * tabs + " " * rest + line[spaces.end() :]


def _tab_width(spaces: int, tabs: int) -> int:
    """How many spaces stand for one tab, if `spaces` of them stand for `tabs` (0: unknown)."""
    if tabs and spaces % tabs == 0 and spaces // tabs in _USUAL_TAB_WIDTHS:
        return spaces // tabs
    return spaces if spaces in _USUAL_TAB_WIDTHS else _DEFAULT_TAB_WIDTH
