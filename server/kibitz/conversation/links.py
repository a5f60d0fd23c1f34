"""What a question points at: places in files, pictures and documents, in the order of the text.

``src/a.py:10-20`` in a code span, ``[the parser](src/a.py#L10-L20)`` and ``![](shot.png)``.
A real CommonMark parser says what is a link and what is code.  Whether there is such a file, and
whether it may be sent, is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

#: "attached" is to be sent as it is, "quoted" as text, and "mentioned" as text if there is such a
#: file: code may look like a place.
Kind = Literal["attached", "quoted", "mentioned"]

_LINES = re.compile(
    r"(?P<path>.+?)(?:(?::|#L)(?P<first>[0-9]{1,9})(?:-L?(?P<last>[0-9]{1,9}))?|#[^#]*)?"
)
_ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*://|//|(?:mailto|data|command|javascript|vscode):", re.I)
_ATTACHED = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".pdf")


@dataclass(frozen=True, slots=True)
class Link:
    """A place that is pointed at.  Lines count from 1, both included; None for the whole file."""

    kind: Kind
    path: str
    first_line: int | None = None
    last_line: int | None = None


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt  # only when a question is sent

    return MarkdownIt("commonmark")


def links(text: str) -> list[Link]:
    """The places that `text` points at, each once.  Addresses elsewhere are not among them."""
    return list(dict.fromkeys(_links(_parser().parse(text))))


def _links(tokens: Sequence[Token]) -> Iterator[Link]:
    for token in tokens:
        if token.type == "link_open":
            yield from _of_target(str(token.attrGet("href") or ""), is_picture=False)
        elif token.type == "image":
            yield from _of_target(str(token.attrGet("src") or ""), is_picture=True)
        elif token.type == "code_inline":
            yield from _of_code(token.content)
        if token.children and token.type != "image":
            yield from _links(token.children)


def _of_target(target: str, *, is_picture: bool) -> Iterator[Link]:
    if not target or target.startswith("#") or _ELSEWHERE.match(target):
        return
    found = _LINES.fullmatch(unquote(target))
    if found is None:
        return
    path = found["path"]
    if is_picture or path.lower().endswith(_ATTACHED):
        yield Link("attached", path)
    else:
        yield Link("quoted", path, *_lines(found))


def _of_code(code: str) -> Iterator[Link]:
    found = _LINES.fullmatch(code.strip())
    if found is not None and found["first"] and not _ELSEWHERE.match(code):
        yield Link("mentioned", found["path"], *_lines(found))


def _lines(found: re.Match[str]) -> tuple[int | None, int | None]:
    if not found["first"]:
        return None, None
    first = int(found["first"])
    last = int(found["last"] or first)
    return (first, last) if 1 <= first <= last else (None, None)
