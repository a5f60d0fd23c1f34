"""The code fence that a reply sometimes wraps round code that was asked for without one.

Knows Markdown fences and nothing of tags, regions or indentation.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_LINE_BREAK = re.compile(r"\r\n|\n|\r")
_INDENT_AND_BREAK = re.compile(r"[ \t]*(?:\r\n|\n|\r)")
_BLANK_LINES_AND_INDENT = re.compile(r"(?:[ \t]*(?:\r\n|\n|\r))*[ \t]*")
_BLANKS = re.compile(r"[ \t\r\n]*")
# An info string that is longer than this is prose or code, not the name of a language.
_OPENING_MAX_CHARS = 80
_OPENING = re.compile(r"(?P<marks>`{3,}|~{3,})(?P<info>[^`\r\n]*)")
_MAY_BECOME_OPENING = re.compile(r"(?:`{0,2}|~{1,2}|(?:`{3,}|~{3,})[^`\r\n]*)\Z")
_MARKDOWN_NAMES = frozenset({"markdown", "md"})


def begins_with_fence(lines: Iterable[str]) -> bool:
    """Whether the first non-blank line of `lines` opens a fence of its own."""
    for line in lines:
        if line.strip():
            return _OPENING.match(line.strip()) is not None
    return False


class OuterFence:
    """Takes the outer fence off a text that arrives in chunks; nested fences stay.

    Only a fence that opens on the first non-blank line is an outer one, and only a fence on the
    last non-blank line closes it.  One line break before the text is dropped in any case: it
    belongs to the tag in front of it.

    `keep` leaves all fences where they are (the old text has one of its own there).
    `is_markdown` keeps a fence unless it says that it holds Markdown: in a Markdown document
    a code block is content.
    """

    def __init__(self, *, keep: bool, is_markdown: bool = False) -> None:
        self._keep = keep
        self._is_markdown = is_markdown
        self._carriage_return = ""  # held back: it may be the first half of "\r\n"
        self._held = ""
        self._break_dropped = False
        self._started = False
        self._closing: re.Pattern[str] | None = None
        self._may_become_closing: re.Pattern[str] | None = None
        self._at_line_start = True

    def feed(self, text: str) -> str:
        """What of the text is certain after `text` has come."""
        if self._started and self._closing is None and not self._carriage_return:
            return text  # there is no fence
        text = self._carriage_return + text
        self._carriage_return = "\r" if text.endswith("\r") else ""
        self._held += text.removesuffix("\r")
        return self._advance(ended=False)

    def finish(self) -> str:
        """The rest, without the closing fence."""
        self._held += self._carriage_return
        self._carriage_return = ""
        return self._advance(ended=True)

    def _advance(self, *, ended: bool) -> str:
        if not self._break_dropped:
            if not ended and not self._held.strip(" \t"):
                return ""
            if dropped := _INDENT_AND_BREAK.match(self._held):
                self._held = self._held[dropped.end() :]
            self._break_dropped = True
        if not self._started:
            self._started = self._keep or self._decide_on_opening(ended=ended)
            if not self._started:
                return ""
        if self._closing is None:
            text, self._held = self._held, ""
            return text
        return self._inside(ended=ended)

    def _decide_on_opening(self, *, ended: bool) -> bool:
        """Take the opening fence off, if there is one; False while that is not known."""
        blank = _BLANK_LINES_AND_INDENT.match(self._held)
        line_start = blank.end() if blank else 0
        if len(self._held) - line_start <= _OPENING_MAX_CHARS and (
            _MAY_BECOME_OPENING.match(self._held, line_start)
        ):
            return ended
        opening = _OPENING.match(self._held, line_start)
        if opening is None or opening.end() - line_start > _OPENING_MAX_CHARS:
            return True
        line_break = _LINE_BREAK.match(self._held, opening.end())
        is_content = self._is_markdown and opening["info"].strip().lower() not in _MARKDOWN_NAMES
        if line_break is None or is_content:
            return True
        self._held = self._held[line_break.end() :]
        mark, count = opening["marks"][0], len(opening["marks"])
        self._closing = re.compile(rf"[ \t]*{mark}{{{count},}}[ \t]*(?=[\r\n]|\Z)")
        self._may_become_closing = re.compile(rf"[ \t]*{mark}*[ \t]*\Z")
        return True

    def _inside(self, *, ended: bool) -> str:
        """Let go of everything but a closing fence, or what may become one, at the end."""
        assert self._closing is not None
        assert self._may_become_closing is not None
        text, scan = self._held, 0
        while scan < len(text):
            if self._at_line_start:
                closing = self._closing.match(text, scan)
                if closing is not None and self._is_last(text, closing.end()):
                    break
                if not ended and self._may_become_closing.match(text, scan):
                    break
            line_break = _LINE_BREAK.search(text, scan)
            self._at_line_start = line_break is not None
            scan = line_break.end() if line_break is not None else len(text)
        self._held = "" if ended else text[scan:]
        return text[:scan]

    @staticmethod
    def _is_last(text: str, position: int) -> bool:
        """Whether only blanks follow `position`, as far as the text has come."""
        blanks = _BLANKS.match(text, position)
        return blanks is not None and blanks.end() == len(text)
