"""Where a growing Markdown text is final: what stands before its last block changes no more."""

from __future__ import annotations

import re
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

# The parser's lines: "\n" alone ends one, `plain_text.visible` has made that of all line ends.
_LINE = re.compile(r"[^\n]*\n|[^\n]+")


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    return MarkdownIt().enable("strikethrough").enable("table")


class MarkdownBlocks:
    """Cuts a text that comes in pieces into blocks that can be rendered one by one.

    A block is a paragraph, a fence, a heading, a table …, or one item of a list: whoever reads
    a list need not wait for its end.  ``"".join`` of all blocks is the text.
    """

    def __init__(self) -> None:
        self._open = ""

    @property
    def open(self) -> str:
        """The text that is not final yet."""
        return self._open

    def feed(self, piece: str) -> list[str]:
        """The blocks that are final after `piece`."""
        self._open += piece
        if "\n" not in piece:
            return []
        *blocks, self._open = _blocks(self._open)
        return blocks

    def finish(self) -> list[str]:
        """What is left."""
        blocks, self._open = _blocks(self._open), ""
        return [block for block in blocks if block.strip()]


def _blocks(text: str) -> list[str]:
    """The blocks of `text`, at least one; the last one may go on."""
    lines = _LINE.findall(text)
    bounds = [0, *_block_starts(text, lines)[1:]]
    return ["".join(lines[start:end]) for start, end in pairwise([*bounds, len(lines)])]


# These begin and end where they do, whatever comes; of others a line right below may still turn
# out to be a part, or not: of a quotation, or of a table for readers that know none.
_CERTAIN = frozenset({"fence", "heading_open", "hr", "list_item_open"})


def _block_starts(text: str, lines: list[str]) -> list[int]:
    """The lines at which blocks certainly start, from 0."""
    starts: list[int] = []
    before = ""
    for token in _parser().parse(text):
        if token.map is None or token.nesting < 0:
            continue
        is_list = token.type in ("bullet_list_open", "ordered_list_open")
        is_item = token.level == 1 and token.type == "list_item_open"
        if not is_item and (token.level or is_list):
            continue
        first = token.map[0]
        is_apart = not first or not lines[first - 1].strip()
        if is_apart or token.type in _CERTAIN or before in _CERTAIN:
            starts.append(first)
        before = "" if is_item else token.type
    return starts
