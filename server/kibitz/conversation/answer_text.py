"""An answer that streams, as lines to be put into a conversation's document.

What has come is let go of as soon as it can be made harmless: a block of Markdown when it is
final, the lines of a code fence one by one.  No line of the answer can be taken for a heading of
the document, and nothing in it is live (see `kibitz.safe_markdown`): an editor that renders the
document loads no picture of a stranger's and runs no command.  Pure, and the same wherever the
pieces break.
"""

from __future__ import annotations

import re

from kibitz.conversation.document import CLAUDE, YOU, escaped
from kibitz.markdown_blocks import MarkdownBlocks
from kibitz.safe_markdown import safe_document, safe_markdown
from kibitz.visible_text import VisibleText

STOPPED = "*Stopped here.*"

# A fence that is not indented is nobody's but the document's: its lines are code until it closes.
_FENCE = re.compile(r"(?:(?P<ticks>`{3,})[^`\n]*|(?P<tildes>~{3,})[^\n]*)(?:\n|\Z)")


class AnswerText:
    """`begin`, then `feed` each piece, then `finish` or `cut_off`; each gives lines to append.

    Lines end with `ending`.  `text` is the answer as the document has it, so far.
    """

    def __init__(self, ending: str = "\n") -> None:
        self._ending = ending
        self._visible = VisibleText()
        self._blocks = MarkdownBlocks()
        self._has_begun = False
        self._let_go = 0  # characters of the open block
        self._blank_lines = 0  # held back: at the end of the answer they are dropped
        self._lines: list[str] = []

    @property
    def text(self) -> str:
        return "\n".join(self._lines)

    def begin(self) -> list[str]:
        """The heading."""
        return self._ended(["", CLAUDE, ""])

    def feed(self, piece: str) -> list[str]:
        """What is certain after `piece`."""
        shown = self._certain(self._visible.feed(piece))
        return self._ended(self._kept(f"{shown}{self._lines_of_open_fence()}"))

    def finish(self) -> list[str]:
        """The rest, and the heading for what the user says next."""
        return self._ended([*self._rest(), "", YOU, ""])

    def cut_off(self, mark: str = STOPPED) -> list[str]:
        """The rest, marked as half an answer, and the heading for what the user says next."""
        rest = self._rest()
        marked = ["", mark] if self._lines else [mark]
        self._lines += marked
        return self._ended([*rest, *marked, "", YOU, ""])

    def _ended(self, lines: list[str]) -> list[str]:
        return [f"{line}{self._ending}" for line in lines]

    def _certain(self, text: str) -> str:
        """The blocks that are final after `text`, without what was let go of before."""
        if not self._has_begun:
            text = text.lstrip("\n")
            self._has_begun = bool(text)
        return "".join(self._final(block) for block in self._blocks.feed(text))

    def _final(self, block: str) -> str:
        let_go, self._let_go = self._let_go, 0
        if _FENCE.match(block):
            return block[let_go:]
        # What a label stands for may come in another block, so labels never stay.
        return safe_markdown(block) if "]:" in block else safe_document(block)

    def _lines_of_open_fence(self) -> str:
        block = self._blocks.open
        end = block.rfind("\n") + 1
        if not end or not _FENCE.match(block):
            return ""
        shown, self._let_go = block[self._let_go : end], max(self._let_go, end)
        return shown

    def _rest(self) -> list[str]:
        """The lines that are left when no more comes, with the end of a fence that has none."""
        shown = self._certain(self._visible.finish())
        blocks = self._blocks.finish()
        lines = self._kept(shown + "".join(map(self._final, blocks)))
        marks = _open_fence(blocks[-1]) if blocks else ""
        if marks:
            self._lines.append(marks)
            lines.append(marks)
        return lines

    def _kept(self, text: str) -> list[str]:
        """The lines of `text`; blank ones wait for one that is not."""
        kept: list[str] = []
        for line in text.removesuffix("\n").split("\n") if text else ():
            if not line.strip():
                self._blank_lines += 1
                continue
            if self._lines or kept:
                kept += [""] * self._blank_lines
            kept.append(escaped(line))
            # Escaped it begins a paragraph, which the line below, code or not, would be part of.
            self._blank_lines = 0 if kept[-1] == line else 1
        self._lines += kept
        return kept


def _open_fence(block: str) -> str:
    """The marks of the fence that `block` is, if it has no end; "" otherwise."""
    opening = _FENCE.match(block)
    if opening is None:
        return ""
    marks = str(opening["ticks"] or opening["tildes"])
    closing = re.compile(rf" {{0,3}}{re.escape(marks[0])}{{{len(marks)},}}[ \t]*")
    is_closed = any(closing.fullmatch(line) for line in block.split("\n")[1:])
    return "" if is_closed else marks
