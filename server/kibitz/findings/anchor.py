"""Puts findings where their quotes stand: models miscount lines, and now and then misquote one.

Knows quotes and lines, nothing of editors.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Final

from kibitz.findings import likeness
from kibitz.findings.values import Dropped, Finding
from kibitz_context.lines import is_telling, split_lines, without_ending

# A quote that is only a part of its line must be this long and this near: shorter or farther
# would put the finding on any line that happens to hold these characters.  As near must be a line
# that is only like its quote.
PART_MIN_CHARS: Final = 12
PART_MAX_LINES: Final = 100


class QuoteIndex:
    """The lines of one text, made ready to look quotes up in."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = [without_ending(line) for line in lines]

    def anchor(self, finding: Finding) -> Finding | Dropped:
        """`finding` at the line of its quote; Dropped if the text does not hold it."""
        stated = finding.start_line - 1
        found = self._find(first_line(finding.quote), stated)
        if found is None:
            finding, found = self._misquoted(finding, stated)
        if found is None:
            return Dropped("quote_not_found", finding.title, f"line {finding.start_line}")
        length = finding.end_line - finding.start_line
        return replace(
            finding,
            start_line=found + 1,
            end_line=min(found + 1 + length, len(self._lines)),
        )

    def _misquoted(self, finding: Finding, stated: int) -> tuple[Finding, int | None]:
        """`finding` with the line that its quote is meant to be, and where that stands."""
        for meant in likeness.meant_by(finding.quote):
            found = self._find(meant, stated)
            if found is not None:
                return replace(finding, quote=self._lines[found]), found
        for meant in (first_line(finding.quote), *likeness.meant_by(finding.quote)):
            places = likeness.alike(collapse(meant), self._collapsed, self._near(stated))
            found = _nearest(places, stated)
            if found is not None:
                # Who misreads a line is not to write another one in its place.
                return replace(finding, quote=self._lines[found], suggestion=""), found
        return finding, None

    def _find(self, quote: str, stated: int) -> int | None:
        """The line of `quote`, from 0; the first rule that finds it decides."""
        collapsed = collapse(quote)
        if 0 <= stated < len(self._lines) and self._collapsed[stated] == collapsed:
            return stated
        if not is_telling(quote):
            return None
        found = _nearest(self._exact_places.get(quote), stated)
        if found is None:
            found = _nearest(self._collapsed_places.get(collapsed), stated)
        if found is None and len(collapsed) >= PART_MIN_CHARS:
            found = self._part(collapsed, stated)
        return found

    def _part(self, collapsed: str, stated: int) -> int | None:
        places = [place for place in self._near(stated) if collapsed in self._collapsed[place]]
        return _nearest(places, stated)

    def _near(self, stated: int) -> range:
        end = min(stated + PART_MAX_LINES + 1, len(self._lines))
        return range(max(0, stated - PART_MAX_LINES), max(0, end))

    @cached_property
    def _collapsed(self) -> list[str]:
        return [collapse(line) for line in self._lines]

    @cached_property
    def _exact_places(self) -> dict[str, list[int]]:
        return _places(self._lines)

    @cached_property
    def _collapsed_places(self) -> dict[str, list[int]]:
        return _places(self._collapsed)


def anchor(finding: Finding, lines: Sequence[str]) -> Finding | Dropped:
    """`finding` at the line of its quote in `lines`, its length kept, or Dropped.

    The stated line wins if the quote stands there, blanks aside.  Else the nearest line that
    equals the quote, then the nearest that equals it with blanks collapsed, then a near line
    that holds it; the earlier one of two equally near.  A quote without a letter or digit
    says nothing, so it counts at the stated line only.  Then the same for what a misquote may have
    been, and last a near line that is like it (`likeness`): the finding gets that line as its
    quote, and keeps no suggestion if it is only alike.  For many findings of one text use
    `QuoteIndex`.
    """
    return QuoteIndex(lines).anchor(finding)


def first_line(quote: str) -> str:
    """The line that `quote` stands for: the first one that is not blank, without its ending."""
    for line in split_lines(quote):
        if line.strip():
            return without_ending(line)
    return ""


def collapse(line: str) -> str:
    """`line` without blanks at its ends and with single ones inside."""
    return " ".join(line.split())


def _places(lines: Sequence[str]) -> dict[str, list[int]]:
    places: dict[str, list[int]] = {}
    for index, line in enumerate(lines):
        places.setdefault(line, []).append(index)
    return places


def _nearest(places: Sequence[int] | None, stated: int) -> int | None:
    """The place nearest to `stated` in ascending `places`; the earlier of two equally near."""
    if not places:
        return None
    after = bisect_left(places, stated)
    if after == len(places):
        return places[-1]
    if after == 0 or places[after] - stated < stated - places[after - 1]:
        return places[after]
    return places[after - 1]
