"""Lines round the region that a reply repeats although only the region was asked for.

Works on lines without their endings, knows nothing of endings, tags or files.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from kibitz.edits.indentation import common_indent, indent_of
from kibitz_context.lines import is_telling

_MOST_LINES: Final = 12  # of an echo; more is no slip any more
_TELLING_LINES: Final = 2  # so many of them do not stand twice in a row by chance


class Echoes:
    """Takes off what a reply repeats of the lines `above` and `below` its region.

    An echo are the last lines above, at the reply's beginning, or the first lines below, at its
    end, exactly as they stand.  They must say enough to be no coincidence, or lie less deep than
    anything in the region: the head of a function whose body was to be rewritten, or its closing
    bracket.  What the region itself begins or ends with is never an echo.
    """

    def __init__(self, above: Sequence[str], region: Sequence[str], below: Sequence[str]) -> None:
        common = common_indent(region)
        lengths = range(1, _MOST_LINES + 1)
        heads = [list(above[-length:]) for length in lengths if length <= len(above)]
        tails = [list(below[:length]) for length in lengths if length <= len(below)]
        self._heads = [
            head
            for head in heads
            if list(region[: len(head)]) != head and _is_distinct(head, common)
        ]
        self._tails = [
            tail
            for tail in tails
            if list(region[-len(tail) :]) != tail and _is_distinct(tail, common)
        ]
        self._at_start = bool(self._heads)
        self._held: list[str] = []

    def feed(self, lines: Sequence[str]) -> list[str]:
        """The lines that are certain to be no echo after `lines` have come."""
        certain: list[str] = []
        for line in lines:
            self._held.append(line)
            if self._at_start:
                if _may_become(self._held, self._heads):
                    continue
                self._drop_head()
            certain += self._release()
        return certain

    def finish(self) -> list[str]:
        """The lines that waited, without an echo at the end."""
        if self._at_start:
            self._drop_head()
        held, self._held = self._held, []
        for start in range(len(held)):
            if held[start:] in self._tails:
                return held[:start]
        return held

    def _drop_head(self) -> None:
        self._at_start = False
        for head in reversed(self._heads):
            if self._held[: len(head)] == head:
                del self._held[: len(head)]
                return

    def _release(self) -> list[str]:
        """Let go of the held lines that do not begin an echo at the end."""
        first = 0
        while first < len(self._held) and not _may_become(self._held[first:], self._tails):
            first += 1
        certain, self._held = self._held[:first], self._held[first:]
        return certain


def _may_become(held: list[str], echoes: Sequence[list[str]]) -> bool:
    return any(echo[: len(held)] == held for echo in echoes)


def _is_distinct(lines: Sequence[str], common: str) -> bool:
    """Whether these lines cannot belong into a region with that common indentation by chance."""
    written = [line for line in lines if line.strip()]
    if sum(map(is_telling, written)) >= _TELLING_LINES:
        return True
    return bool(written) and all(len(indent_of(line)) < len(common) for line in written)
