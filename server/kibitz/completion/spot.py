"""The place at which a completion is wanted.

Knows text round a cursor, with `\\n` between lines whatever the document has; knows nothing of
versions, encodings or files.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

_BREAKS = re.compile(r"\r\n|\r")
_INDENT = re.compile(r"[ \t]*")
# What an editor puts behind the cursor of its own accord, and a statement may end with.
_CLOSING_ONLY = re.compile(r"[\s)\]}>\"'`;,:]*\Z")
# What a line ends with whose sense goes on below.
OPENS_BLOCK = tuple(":{([=,\\")

# How much text counts as near the cursor: files may be long, and this is done at each keystroke.
NEAR_CHARACTERS = 6_000
# How far a tab goes where only depths are compared.
TAB_WIDTH = 4


def width_of(line: str) -> int:
    """How far `line` is indented, in columns."""
    blank = line[: len(line) - len(line.lstrip(" \t"))]
    return len(blank.expandtabs(TAB_WIDTH))


@dataclass(frozen=True)
class Spot:
    """The text before and after the cursor.

    `was_invoked` is whether the user has asked for a completion here, instead of just typing.
    """

    before: str
    after: str
    language: str = ""
    was_invoked: bool = False

    @classmethod
    def at(cls, text: str, offset: int, language: str = "", *, was_invoked: bool = False) -> Spot:
        """The place `offset` of a document's text."""
        before, after = text[:offset], text[offset:]
        if "\r" in text:
            before, after = _BREAKS.sub("\n", before), _BREAKS.sub("\n", after)
        return cls(before, after, language, was_invoked=was_invoked)

    @cached_property
    def line_before(self) -> str:
        """The cursor's line up to the cursor."""
        return self.before[self.before.rfind("\n") + 1 :]

    @cached_property
    def line_after(self) -> str:
        """The cursor's line from the cursor on, without its line break."""
        return self.after.partition("\n")[0]

    @cached_property
    def near_before(self) -> str:
        """As much of the text before the cursor as matters to what is shown."""
        return self.before[-NEAR_CHARACTERS:]

    @cached_property
    def near_after(self) -> str:
        return self.after[:NEAR_CHARACTERS]

    @cached_property
    def following(self) -> list[str]:
        """The lines below the cursor's that are near."""
        return self.near_after.split("\n")[1:]

    @cached_property
    def indent(self) -> str:
        """What the cursor's line is indented by; on an empty line what the cursor stands behind."""
        match = _INDENT.match(self.line_before)
        return match.group() if match else ""

    @property
    def at_line_start(self) -> bool:
        """Whether nothing but indentation stands before the cursor."""
        return not self.line_before.strip()

    @property
    def only_closing_after(self) -> bool:
        """Whether the rest of the line is such as an editor puts there by itself."""
        return _CLOSING_ONLY.match(self.line_after) is not None

    @property
    def wants_block(self) -> bool:
        """Whether several lines fit here.

        In the middle of a line they would tear it apart, and behind a finished beginning one
        line is what is read at a glance.
        """
        if self.line_after.strip():
            return False
        return self.was_invoked or self.at_line_start or self.line_before.endswith(OPENS_BLOCK)

    def lines_before(self, count: int) -> list[str]:
        """The last `count` whole lines above the cursor's."""
        lines = self.near_before.split("\n")[:-1]
        return lines[-count:] if count else []
