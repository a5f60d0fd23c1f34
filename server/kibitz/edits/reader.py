"""The replacement in a reply: what stands between ``<replacement>`` and ``</replacement>``.

Knows the tags and nothing of lines, regions or files.  The result does not depend on where the
chunks of the reply break.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from kibitz.edits.fence import OuterFence, begins_with_fence

OPENING_TAG: Final = "<replacement>"
CLOSING_TAG: Final = "</replacement>"  # also the stop sequence of the request

_TAG = re.compile(r"</?replacement>")


def contains_tag(text: str) -> bool:
    """Whether `text` holds one of the tags itself.

    A region that does cannot be edited through them: the API stops at the first closing tag,
    whether or not it is meant, and a replacement that is cut there looks complete.  The caller
    must ask this of the old text before the request is made.
    """
    return _TAG.search(text) is not None


class ReplacementReader:
    """Reads the replacement out of a reply that arrives in chunks.

    The first opening tag counts (unless a backtick stands before it: then the prose only
    mentions it).  Tags inside the replacement are text as long as they come in pairs.  Where
    they do not, or where another tag follows the end, nobody can know which one was meant, and
    the reply is not `complete`: no replacement is better than half of one.

    `region` is the old text's lines: if it begins with a code fence, the replacement keeps its
    own.  `language` is the LSP language id; "markdown" keeps fences that do not hold Markdown.
    """

    def __init__(self, region: Sequence[str] = (), language: str = "") -> None:
        self._fence = OuterFence(keep=begins_with_fence(region), is_markdown=language == "markdown")
        self._pending = ""
        self._before = ""  # the character before `_pending`
        self._depth = 0
        self._opened = False
        self._contradicted = False
        self._finished = False

    @property
    def opened(self) -> bool:
        """Whether an opening tag has come."""
        return self._opened

    @property
    def complete(self) -> bool:
        """Whether the replacement has ended and there is no doubt about where."""
        return self.problem is None

    @property
    def problem(self) -> str | None:
        """Why the reply cannot be applied, as the end of a sentence; None when it can."""
        if not self._opened:
            return "it holds no replacement"
        if self._contradicted:
            return "it holds more than one replacement, or tags that do not match"
        if self._depth > 1 and self._finished:
            return "the tags in it do not match, so its end cannot be known"
        if self._depth > 0:
            return "it was cut off"
        return None

    def feed(self, chunk: str) -> str:
        """What of the replacement is certain after `chunk`."""
        self._pending += chunk
        if "<" not in self._pending:  # neither a tag nor the beginning of one: nearly always
            text, self._pending = self._pending, ""
            return self._text(text)
        certain: list[str] = []
        while (tag := _TAG.search(self._pending)) is not None:
            certain.append(self._text(self._pending[: tag.start()]))
            is_mention = self._before == "`"
            certain.append(self._tag(tag.group(), is_mention=is_mention))
            self._before = ">"
            self._pending = self._pending[tag.end() :]
        hold = _held_back(self._pending)
        certain.append(self._text(self._pending[: len(self._pending) - hold]))
        self._pending = self._pending[len(self._pending) - hold :]
        return "".join(certain)

    def finish(self, *, closed: bool = False) -> str:
        """The rest.  `closed` says that the reply stopped at the closing tag as stop sequence."""
        certain = self.feed(CLOSING_TAG) if closed else ""
        certain += self._text(self._pending)
        self._pending = ""
        self._finished = True
        if self._depth > 0:
            certain += self._fence.finish()
        return certain

    def _text(self, text: str) -> str:
        if text:
            self._before = text[-1]
        return self._fence.feed(text) if self._depth > 0 else ""

    def _tag(self, tag: str, *, is_mention: bool) -> str:
        if self._depth > 0:
            self._depth += 1 if tag == OPENING_TAG else -1
            return self._fence.feed(tag) if self._depth > 0 else self._fence.finish()
        if is_mention:
            return ""
        if self._opened:
            self._contradicted = True
        elif tag == OPENING_TAG:
            self._opened = True
            self._depth = 1
        return ""


def _held_back(text: str) -> int:
    """The length of the longest suffix of `text` that may still become a tag."""
    start = text.rfind("<", max(0, len(text) - len(CLOSING_TAG) + 1))
    if start < 0:
        return 0
    suffix = text[start:]
    return len(suffix) if OPENING_TAG.startswith(suffix) or CLOSING_TAG.startswith(suffix) else 0
