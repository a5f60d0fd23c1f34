"""Quotes that are not quite what stands in the text: what was meant by them.

Two kinds.  Something was put round the line or done to it as a whole (a number, a fence, escapes):
that can be taken off again.  Or single characters are wrong: then a line is looked for that is
alike, within a stated bound.  Knows texts and lines, nothing of findings.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

# One wrong character in so many that are quoted.  Lower: a line with another name in it counts as
# the one that was meant; higher: a slip of the pen costs a finding.
CHARACTERS_PER_SLIP: Final = 8
# Shorter lines are like too many others: `if header is None:` and `if reader is None:`.  Of them
# only quotation marks may differ.
LEAST_CHARACTERS: Final = 20
LEAST_WITHOUT_SLIP: Final = 12

_FENCE = re.compile(r"\s*(?:`{3,}|~{3,})[\w+-]*\s*\Z")
_NUMBER = re.compile(r"\s*(?:[Ll](?:ine)?\s*)?\d{1,7}[+-]?(?:\s*[:|│]\s?|\s)(?=\s*\S)")
_DIFF_MARK = re.compile(r"\s*[+>-]\s?(?=\s*\S)")
_ELLIPSIS = re.compile(r"\s*(?:\.{3,}|…)\s*\Z")
_NAME = re.compile(r"[^\W\d]\w{3,}")
_BACKSLASHED = re.compile(r"\\([\\\"'])")
_QUOTATION_MARKS = str.maketrans(dict.fromkeys("'‘’“”`", '"'))


def meant_by(quote: str) -> Iterator[str]:
    """Lines that `quote`, of one or more lines, may have been before something was done to it,
    the likeliest first.  What it says as it stands is none of them."""
    written = [line for line in quote.splitlines() if line.strip()]
    code = [line for line in written if not _FENCE.match(line)]
    if not code:
        return
    first = peeled = code[0]
    seen = {written[0]}
    for peel in (str, _without_ticks, _without_number, _without_diff_mark, _cut_short, _unescaped):
        # By itself, and from what those before have left.
        peeled = peel(peeled)
        for candidate in (peel(first), peeled):
            if candidate.strip() and candidate not in seen:
                seen.add(candidate)
                yield candidate


def alike(quote: str, lines: Sequence[str], places: range) -> list[int]:
    """Those of `places` whose line is the most like `quote`, all of the same text; [] where none
    is like enough, or two different ones are equally like.

    Both are to have their blanks collapsed.  Quotation marks of any kind are the same.  A line
    that has another name of the text's in the place of its own is not alike: that name is meant.
    """
    wanted = quote.translate(_QUOTATION_MARKS)
    if len(wanted) < LEAST_WITHOUT_SLIP:
        return []
    best = len(wanted) // CHARACTERS_PER_SLIP if len(wanted) >= LEAST_CHARACTERS else 0
    letters = Counter(wanted)
    found: dict[str, list[int]] = {}
    known: dict[str, int | None] = {}
    for place in places:
        line = lines[place]
        if line not in known:
            slips = _slips(wanted, letters, line.translate(_QUOTATION_MARKS), best)
            if slips is not None and _has_name_of_others(quote, line, lines):
                slips = None
            known[line] = slips
        slips = known[line]
        if slips is None or slips > best:
            continue
        if slips < best:
            best, found = slips, {}
        found.setdefault(line, []).append(place)
    return next(iter(found.values())) if len(found) == 1 else []


def _has_name_of_others(quote: str, line: str, lines: Sequence[str]) -> bool:
    others = set(_NAME.findall(quote)) - set(_NAME.findall(line))
    return bool(others) and any(not others.isdisjoint(_NAME.findall(each)) for each in lines)


def _slips(wanted: str, letters: Counter[str], text: str, most: int) -> int | None:
    """How many characters are more, less, other or swapped; None for more than `most`."""
    if abs(len(wanted) - len(text)) > most:
        return None
    # Cheap, and enough for nearly every line: one slip makes one letter too many at most.
    there = Counter(text)
    if max((letters - there).total(), (there - letters).total()) > most:
        return None
    width = len(text) + 1
    two_above: list[int] = []
    above = list(range(width))
    for row, char in enumerate(wanted, 1):
        now = [row] + [most + 1] * (width - 1)
        # Further from the diagonal there are too many slips in any case.
        for column in range(max(1, row - most), min(width, row + most + 1)):
            other = text[column - 1]
            fewest = min(above[column], now[column - 1]) + 1
            now[column] = min(fewest, above[column - 1] + (char != other))
            is_swap = row > 1 < column and char == text[column - 2] and wanted[row - 2] == other
            if is_swap:
                now[column] = min(now[column], two_above[column - 2] + 1)
        if min(now) > most:
            return None
        two_above, above = above, now
    return above[-1] if above[-1] <= most else None


def _without_ticks(line: str) -> str:
    stripped = line.strip()
    ticks = len(stripped) - len(stripped.lstrip("`"))
    if ticks and len(stripped) > 2 * ticks and stripped.endswith("`" * ticks):
        return stripped[ticks:-ticks]
    return line


def _without_number(line: str) -> str:
    return _NUMBER.sub("", line, count=1)


def _without_diff_mark(line: str) -> str:
    return _DIFF_MARK.sub("", line, count=1)


def _cut_short(line: str) -> str:
    return _ELLIPSIS.sub("", line)


def _unescaped(line: str) -> str:
    return _BACKSLASHED.sub(r"\1", html.unescape(line))
