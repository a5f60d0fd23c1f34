r"""The texts of a pretended editor, and how it takes edits from a server.

Written independently of kibitz on purpose: a fault that both ends share would not show.  Columns
are counted by encoding the line; lines end at ``\n``, ``\r\n`` and ``\r``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal

#: Bytes for one unit of a column.
_CODECS = {"utf-8": ("utf-8", 1), "utf-16": ("utf-16-le", 2), "utf-32": ("utf-32-le", 4)}


@dataclass(frozen=True)
class ApplyPolicy:
    """What an editor does with `workspace/applyEdit`, as measured in real ones.

    `stale`: an edit for another version than the current one is refused (``applied: false``),
    dropped though the answer is true (if the version is an older one, and not 0), applied as it
    stands, or moved along with what happened since.  `echo`: its `didChange` leaves before the
    answer, right after it, or only after a while (or in front of the next message).  `applies`
    False: it says yes and does nothing.  `first_version` is that of a text when it is opened.
    """

    stale: Literal["refuse", "drop", "apply", "transform"] = "refuse"
    echo: Literal["before", "after", "late"] = "before"
    applies: bool = True
    first_version: int = 1


POLICIES = {
    "honest": ApplyPolicy(),
    "vscode": ApplyPolicy(echo="after"),
    "neovim": ApplyPolicy(stale="drop", echo="late", first_version=0),
    "helix": ApplyPolicy(),
    "eglot": ApplyPolicy(),
    "zed": ApplyPolicy(stale="transform"),
    "kakoune": ApplyPolicy(stale="apply"),
    "coc": ApplyPolicy(stale="apply"),
    "lying": ApplyPolicy(stale="drop", applies=False),
}


@dataclass
class EditorText:
    """One open text.  `version` counts every change; `sent_version` is what the server knows."""

    uri: str
    text: str
    language: str
    encoding: str = "utf-16"
    version: int = 1
    sent_version: int = field(init=False)
    sent_text: str = field(init=False)
    #: Every change: the version it made, where it began, what it removed and what it put there.
    history: list[tuple[int, int, str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sent_text, self.sent_version = self.text, self.version

    @property
    def is_echo_due(self) -> bool:
        return self.version != self.sent_version

    def offset(self, position: dict[str, int], text: str | None = None) -> int:
        """The offset of an LSP position, clamped into `text` (the current one)."""
        lines = re.split(r"(?<=\n)|(?<=\r)(?!\n)", self.text if text is None else text)
        before = lines[: position["line"]]
        if len(before) == len(lines):
            return sum(map(len, lines))
        codec, width = _CODECS[self.encoding]
        line = lines[position["line"]].rstrip("\r\n").encode(codec)
        head = line[: position["character"] * width].decode(codec)
        return sum(map(len, before)) + len(head)

    def position(self, offset: int, text: str | None = None) -> dict[str, int]:
        """The LSP position of an offset in `text` (the current one)."""
        head = (self.text if text is None else text)[:offset]
        lines = re.split(r"\r\n|\n|\r", head)
        codec, width = _CODECS[self.encoding]
        return {"line": len(lines) - 1, "character": len(lines[-1].encode(codec)) // width}

    def range(self, start: int, end: int) -> dict[str, Any]:
        return {"start": self.position(start), "end": self.position(end)}

    def range_of(self, part: str) -> dict[str, Any]:
        """The range of `part`, which occurs exactly once."""
        assert self.text.count(part) == 1, f"{part!r} occurs {self.text.count(part)} times"
        start = self.text.index(part)
        return self.range(start, start + len(part))

    def replace(self, start: int, end: int, new: str) -> dict[str, Any]:
        """Replace a span; returns the content change that tells a server so."""
        change = {"range": self.range(start, end), "text": new}
        removed = self.text[start:end]
        self.text = self.text[:start] + new + self.text[end:]
        # Neovim: 0 when it is opened, then `changedtick`, which begins at 2.
        self.version = self.version + 1 if self.version else 3
        self.history.append((self.version, start, removed, new))
        return change

    def apply(self, edits: list[dict[str, Any]], version: int | None) -> None:
        """Apply the edits of a server, all made for the text of `version` (None: the current)."""
        then = self.text if version is None else self._text_at(version)
        spans = []
        for edit in edits:
            start = self.offset(edit["range"]["start"], then)
            end = self.offset(edit["range"]["end"], then)
            assert start <= end, f"an edit whose range is upside down: {edit}"
            spans.append((start, end, edit["newText"]))
        ordered = sorted(spans, key=lambda span: span[:2])
        for (_, end, _), (start, _, _) in pairwise(ordered):
            assert end <= start, f"edits that overlap: {edits}"
        current = self.version
        for start, end, new in reversed(ordered):
            if version is not None:
                start, end = (
                    self._moved(start, version, current),
                    self._moved(end, version, current),
                )
            self.replace(start, max(start, end), new)

    def _text_at(self, version: int) -> str:
        text = self.text
        for made, start, removed, new in reversed(self.history):
            if made > version:
                text = text[:start] + removed + text[start + len(new) :]
        return text

    def _moved(self, offset: int, since: int, until: int) -> int:
        for made, start, removed, new in self.history:
            if since < made <= until and start < offset:
                offset = max(start, offset - len(removed)) + len(new)
        return offset

    def echo(self) -> dict[str, Any]:
        """The params of one `didChange` that brings the server from what it knows to now."""
        old, new = self.sent_text, self.text
        head = 0
        while head < min(len(old), len(new)) and old[head] == new[head]:
            head += 1
        tail = 0
        while tail < min(len(old), len(new)) - head and old[-1 - tail] == new[-1 - tail]:
            tail += 1
        # A "\r\n" is never cut in two: its halves have no position of their own.
        if head and old[head - 1 : head] == "\r":
            head -= 1
        if tail and old[len(old) - tail :][:1] == "\n":
            tail -= 1
        change = {
            "range": {
                "start": self.position(head, old),
                "end": self.position(len(old) - tail, old),
            },
            "text": new[head : len(new) - tail],
        }
        self.sent_text, self.sent_version = new, self.version
        identifier = {"uri": self.uri, "version": self.version}
        return {"textDocument": identifier, "contentChanges": [change]}
