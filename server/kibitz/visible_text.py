"""A stream of a model's text, made harmless to show while it arrives."""

from __future__ import annotations

import re

from kibitz.plain_text import visible

# What may go on in the next piece: half a line ending, or an escape sequence without its end.
_UNFINISHED = re.compile(
    r"(?:\r|(?:\x1b\]|\x9d)[^\x07\x1b\x9c\r\n]*\x1b?|(?:\x1b\[|\x9b)[0-?]*[ -/]*|\x1b[ -/]*)\Z"
)


class VisibleText:
    """`plain_text.visible` of a text that comes in pieces; the result is that of the whole."""

    def __init__(self) -> None:
        self._held = ""

    def feed(self, piece: str) -> str:
        """What of the text is certain after `piece`."""
        text = self._held + piece
        unfinished = _UNFINISHED.search(text)
        cut = unfinished.start() if unfinished else len(text)
        self._held = text[cut:]
        return visible(text[:cut])

    def finish(self) -> str:
        """The rest."""
        held, self._held = self._held, ""
        return visible(held)
