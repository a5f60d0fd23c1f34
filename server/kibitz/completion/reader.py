"""The completion in a reply: what stands between ``<completion>`` and ``</completion>``.

Knows the tags, and how much of what comes is wanted.  The result does not depend on where the
chunks of the reply break.
"""

from __future__ import annotations

from typing import Final

from kibitz.completion.spot import OPENS_BLOCK, Spot, width_of

OPENING_TAG: Final = "<completion>"
CLOSING_TAG: Final = "</completion>"  # also the stop sequence of the request

# More lines than this nobody reads before accepting them.  Higher: more output is paid for;
# lower: whole functions that were asked for are cut.
MOST_LINES_INVOKED = 60
MOST_LINES_TYPED = 12


class CutOffError(Exception):
    """The reply ended at its token limit: its last line is not whole."""


class CompletionReader:
    """Reads a completion that arrives in chunks, and says when enough of it has come.

    A reply without an opening tag holds no completion: prose is never shown as code.
    """

    def __init__(self, spot: Spot) -> None:
        self._spot = spot
        self._most_lines = MOST_LINES_INVOKED if spot.was_invoked else MOST_LINES_TYPED
        self._held = ""
        self._text = ""
        self._opened = False
        self._closed = False

    @property
    def text(self) -> str:
        """What has come of the completion, without what may yet turn out to be its end."""
        return self._text

    @property
    def opened(self) -> bool:
        return self._opened

    @property
    def whole_lines(self) -> str:
        """The same without a last line that may still go on."""
        if self._closed:
            return self._text
        return self._text[: self._text.rfind("\n") + 1]

    @property
    def has_enough(self) -> bool:
        """Whether nothing of what still comes would be shown: the stream can be closed."""
        if self._closed:
            return True
        lines = self._text.split("\n")[:-1]  # the last one may still go on
        first = next((number for number, line in enumerate(lines) if line.strip()), None)
        if first is None:
            return False
        if not self._spot.wants_block:
            return True
        return len(lines) >= self._most_lines or self._is_past_block(lines, first)

    def feed(self, chunk: str) -> None:
        """Take a piece of the reply."""
        if self._closed:
            return
        self._held += chunk
        if not self._opened:
            start = self._held.find(OPENING_TAG)
            if start < 0:
                self._held = self._held[-len(OPENING_TAG) + 1 :]
                return
            self._opened = True
            self._held = self._held[start + len(OPENING_TAG) :]
        end = self._held.find(CLOSING_TAG)
        if end >= 0:
            self._text += self._held[:end]
            self._held = ""
            self._closed = True
            return
        keep = _may_begin(CLOSING_TAG, self._held)
        self._text += self._held[: len(self._held) - keep]
        self._held = self._held[len(self._held) - keep :]

    def finish(self, *, closed: bool) -> None:
        """The reply is over; `closed`: it stopped at the closing tag as stop sequence."""
        if self._opened and not self._closed:
            self._text += self._held
            self._closed = closed
        self._held = ""

    def _is_past_block(self, lines: list[str], first: int) -> bool:
        """Whether a line has come that stands further out than where the completion began.

        A reply that has lost its indentation altogether is not told by that.
        """
        base = width_of(self._spot.indent)
        has_indentation = not lines[first].rstrip().endswith(OPENS_BLOCK)
        for line in lines[first + 1 :]:
            if not line.strip():
                continue
            if width_of(line) < base:
                return has_indentation
            has_indentation = True
        return False


def _may_begin(tag: str, text: str) -> int:
    """How many of the last characters of `text` may be the beginning of `tag`."""
    for length in range(min(len(tag) - 1, len(text)), 0, -1):
        if tag.startswith(text[-length:]):
            return length
    return 0
