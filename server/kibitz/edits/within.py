"""What really changes where lines are replaced: the words, so that those that stay are untouched.

A cursor, a mark or a breakpoint in a line that is changed stays where it was.  Knows text and
offsets in it, nothing of documents.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from kibitz.edits.lcs import Occurrences, Table
from kibitz_context.lines import split_lines

_TOKEN: Final = re.compile(r"\r\n|[\r\n]|\w+|[^\S\r\n]+|[^\w\s]")
_LEAST_KEPT: Final = 0.5  # of a line; below that it is another line, not a changed one
_MOST_TOKENS: Final = 400  # of a line; above that its parts are not looked at


class Part(NamedTuple):
    """``old[start:end]`` becomes `text`."""

    start: int
    end: int
    text: str


def changed_parts(old: str, new: str) -> list[Part]:
    """The parts whose change turns the lines `old` into the lines `new`, in order; none touch.

    Lines that have little in common are replaced as they are.
    """
    old_lines, new_lines = split_lines(old), split_lines(new)
    found: list[Part] = []
    at = done = new_done = 0

    def put(start: int, end: int, text: str) -> None:
        if found and found[-1].end == start:
            start, text = found[-1].start, found.pop().text + text
        if old[start:end] != text:
            found.append(Part(start, end, text))

    for old_index, new_index, parts in _pairs(old_lines, new_lines):
        begin = at + len("".join(old_lines[done:old_index]))
        if begin > at or new_index > new_done:
            put(at, begin, "".join(new_lines[new_done:new_index]))
        for part in parts:
            put(begin + part.start, begin + part.end, part.text)
        at = begin + len(old_lines[old_index])
        done, new_done = old_index + 1, new_index + 1
    if at < len(old) or new_done < len(new_lines):
        put(at, len(old), "".join(new_lines[new_done:]))
    return found


def _pairs(
    old_lines: Sequence[str], new_lines: Sequence[str]
) -> Iterator[tuple[int, int, list[Part]]]:
    """Lines that are versions of each other, top to bottom, with what differs between them.

    From the top as far as they go in pairs, then from the bottom; all of them where there are as
    many old lines as new ones.
    """
    many = min(len(old_lines), len(new_lines))
    in_step = len(old_lines) == len(new_lines)
    top = 0
    while top < many:
        parts = _changed_line(old_lines[top], new_lines[top])
        if parts is not None:
            yield top, top, parts
        elif not in_step:
            break
        top += 1
    below: list[tuple[int, int, list[Part]]] = []
    for back in range(1, many - top + 1):
        old_index, new_index = len(old_lines) - back, len(new_lines) - back
        parts = _changed_line(old_lines[old_index], new_lines[new_index])
        if parts is None:
            break
        below.append((old_index, new_index, parts))
    yield from reversed(below)


def _changed_line(old: str, new: str) -> list[Part] | None:
    """What differs between two versions of a line; None where they are no versions of one."""
    old_tokens, new_tokens = _TOKEN.findall(old), _TOKEN.findall(new)
    if max(len(old_tokens), len(new_tokens)) > _MOST_TOKENS:
        return None
    found: list[Part] = []
    at = old_done = new_done = kept = 0
    for old_index, new_index in [
        *_common(old_tokens, new_tokens),
        (len(old_tokens), len(new_tokens)),
    ]:
        end = at + len("".join(old_tokens[old_done:old_index]))
        text = "".join(new_tokens[new_done:new_index])
        if end > at or text:
            found.append(Part(at, end, text))
        if old_index < len(old_tokens):
            kept += len(old_tokens[old_index].strip())
            at = end + len(old_tokens[old_index])
        old_done, new_done = old_index + 1, new_index + 1
    if kept < _LEAST_KEPT * len("".join(old.split())) or not kept:
        return None
    return _joined(old, found)


def _common(old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[int, int]]:
    """The tokens that both have, as pairs of their places, in order."""
    fewest = min(len(old), len(new))
    head = tail = 0
    while head < fewest and old[head] == new[head]:
        head += 1
    while tail < fewest - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    yield from zip(range(head), range(head), strict=True)
    middle, added = old[head : len(old) - tail], new[head : len(new) - tail]
    if middle and added:
        occurrences, table = Occurrences(middle), Table(len(middle))
        for token in added:
            table.add(occurrences.bits_from(token, 0))
        for old_index, new_index in list(table.path(len(middle)))[::-1]:
            yield head + old_index, head + new_index
    yield from zip(range(len(old) - tail, len(old)), range(len(new) - tail, len(new)), strict=True)


def _joined(old: str, parts: list[Part]) -> list[Part]:
    """`parts` of the line `old`, one where no word stands between two: nobody reads confetti."""
    joined: list[Part] = []
    for part in parts:
        between = old[joined[-1].end : part.start] if joined else ""
        if joined and not re.search(r"\w", between):
            last = joined[-1]
            joined[-1] = Part(last.start, part.end, last.text + between + part.text)
        else:
            joined.append(part)
    return joined
