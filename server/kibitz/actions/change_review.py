"""A set of changes as orders for reviews: each file with its whole text, a large one in parts.

Knows what a review is to look at; what a change is, and which files may be sent, is known below.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from kibitz.actions.scope import definition_around
from kibitz.actions.values import Hunks, Order
from kibitz.edits.secrets import restore
from kibitz_context.document import Document
from kibitz_context.lines import Span

if TYPE_CHECKING:
    from kibitz_context.layers.change_set import ChangedFile, ChangeSet

# A file up to this is reviewed in one go, whatever was changed in it.  Larger: findings get fewer
# the more there is to read at once; smaller: what belongs together is torn apart.
WHOLE_CHARACTERS = 100_000
# What of a larger file is reviewed at once.
PART_CHARACTERS = 40_000

_HUNK = re.compile(r"^@@ -[0-9,]+ \+(\d+),(\d+) @@\n", re.MULTILINE)


def orders_for(
    changes: ChangeSet,
    root: Path,
    *,
    model: str | None = None,
    all_lines: bool = False,
    is_on_disk: bool = True,
) -> list[Order]:
    """An order for every file of `changes`, several for a large one; in the order of the files.

    `root` is the repository's.  With `all_lines` findings anywhere in the files are kept.  Unless
    it `is_on_disk`, what the changes come to is shown in the place of the work tree.
    """
    # The gate will see them again; what it replaced is needed to mend what Claude suggests.
    texts = {root / each.path: restore(each.text.text, each.text.secrets) for each in changes.files}
    orders: list[Order] = []
    for file in changes.files:
        path = root / file.path
        document = Document(path.as_uri(), path, texts[path])
        overlays = {} if is_on_disk else texts
        order = Order("review", root, document, overlays=overlays, model=model)
        orders += _in_parts(order, file, all_lines)
    return orders


def _in_parts(order: Order, file: ChangedFile, all_lines: bool) -> Iterator[Order]:
    assert order.document is not None
    if len(file.text.text) <= WHOLE_CHARACTERS:
        yield replace(order, hunks=Hunks(file.lines, file.diff, all_lines))
        return
    starts, lines = order.document.lines.starts, order.document.lines.lines
    for first, end in parts_of(lines, file.lines):
        stop = starts[end] if end < len(starts) else len(order.document.text)
        clipped = tuple(
            (max(start, first), min(last, end))
            for start, last in file.lines
            if start < end and first < last
        )
        hunks = Hunks(clipped, hunks_within(file.diff, first, end), all_lines)
        yield replace(order, span=Span(starts[first], stop), hunks=hunks)


def parts_of(lines: Sequence[str], changed: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The lines ``[first, end)`` to look at: definitions that hold changed lines, neighbours
    together as far as they fit; one after the other and apart from each other."""
    part: tuple[int, int] | None = None
    for first, end in _definitions_with(lines, changed):
        if part is not None and _size(lines, part[0], end) <= PART_CHARACTERS:
            part = (part[0], end)
            continue
        if part is not None:
            yield part
        *pieces, part = _pieces(lines, first, end)
        yield from pieces
    if part is not None:
        yield part


def _definitions_with(
    lines: Sequence[str], changed: Sequence[tuple[int, int]]
) -> Iterator[tuple[int, int]]:
    """The changed lines, each run widened to the definitions that it begins and ends in; none of
    them overlap."""
    done = 0
    for start, last in changed:
        end = max(last, definition_around(lines, last - 1)[1])
        if end > done:
            yield max(done, min(start, definition_around(lines, start)[0])), end
            done = end


def _pieces(lines: Sequence[str], first: int, end: int) -> Iterator[tuple[int, int]]:
    """The lines ``[first, end)`` in pieces that are not too large, cut before a definition unless
    that is too large by itself."""
    start, size = first, 0
    for number in range(first, end):
        size += len(lines[number])
        if size > PART_CHARACTERS and number > start:
            begin, after = definition_around(lines, number)
            cut = begin if start < begin and number < after else number
            yield start, cut
            start, size = cut, _size(lines, cut, number + 1)
    if start < end:
        yield start, end


def _size(lines: Sequence[str], first: int, end: int) -> int:
    return sum(map(len, lines[first:end]))


def hunks_within(diff: str, first: int, end: int) -> str:
    """Those hunks of a diff that touch the lines ``[first, end)``, from 0, of the new text."""
    heads = list(_HUNK.finditer(diff))
    ends = [head.start() for head in heads[1:]] + [len(diff)] * bool(heads)
    return "".join(
        diff[head.start() : stop]
        for head, stop in zip(heads, ends, strict=True)
        if int(head[1]) - 1 < end and first < int(head[1]) - 1 + max(int(head[2]), 1)
    )
