"""Markdown that a model wrote, made harmless to render in an editor.

An editor may run `command:` links, load images (which tells a stranger's server that somebody
read this) and render HTML.  None of that survives here; code stays as it is written.  A real
CommonMark parser decides what is code, and the result is parsed once more: where anything live
is left, look-alikes take the place of the special characters.
"""

from __future__ import annotations

import html
import re
from functools import cache
from typing import TYPE_CHECKING

from kibitz.plain_text import visible

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_CODE_SPAN = re.compile(r"(?<![\\`])(`+)(?!`)(?:.+?)(?<!`)\1(?!`)")
# What begins something live, with the backslashes in front: an odd number escapes it already.
_LIVE = re.compile(r"(?<!\\)(\\*)(<|!\[|(?<=\])[(\[:])")
# An entity may stand for a character that nobody sees.
_ENTITY = re.compile(r"(?<!\\)(\\*)(&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]*);)")
_LIVE_TOKENS = {"link_open", "image", "html_inline", "html_block"}


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt  # only when something is shown

    return MarkdownIt("commonmark")


def safe_markdown(markdown: str) -> str:
    """`markdown` without HTML, images, links and control characters; its code is unchanged."""
    text = visible(markdown)
    lines = text.split("\n")
    in_code = [False] * len(lines)
    for token in _parser().parse(text):
        if token.type in ("fence", "code_block") and token.map is not None:
            for number in range(token.map[0], min(token.map[1], len(lines))):
                in_code[number] = True
    escaped = "\n".join(
        line if code else _escape_outside_code(line)
        for line, code in zip(lines, in_code, strict=True)
    )
    return escaped if not _is_live(escaped) else _defused(text)


def safe_document(markdown: str) -> str:
    """`markdown` for a document, which is read as plain text as often as it is rendered: as it
    was written, where nothing in it is live."""
    text = visible(markdown)
    return safe_markdown(text) if _is_live(text) else text


def _escape_outside_code(line: str) -> str:
    parts: list[str] = []
    done = 0
    for span in _CODE_SPAN.finditer(line):
        parts += [_escape(line[done : span.start()]), span.group()]
        done = span.end()
    return "".join([*parts, _escape(line[done:])])


def _escape(text: str) -> str:
    text = _ENTITY.sub(_shown_entity, text)
    return _LIVE.sub(
        lambda match: match[0] if len(match[1]) % 2 else f"{match[1]}\\{match[2]}", text
    )


def _shown_entity(match: re.Match[str]) -> str:
    """The entity, escaped where it stands for a character that is taken out elsewhere."""
    backslashes, entity = match.groups()
    character = html.unescape(entity)
    if len(backslashes) % 2 or visible(character) == character != entity:
        return match[0]
    return f"{backslashes}\\{entity}"


def _defused(text: str) -> str:
    """`text` with look-alikes in the place of what could be live: ugly, and certain."""
    text = text.replace("&", "＆")
    return text.replace("<", "‹").replace("](", "] (").replace("][", "] [").replace("]:", "] :")


def _is_live(markdown: str) -> bool:
    return any(
        _is_live_token(each)
        for token in _parser().parse(markdown)
        for each in (token, *(token.children or ()))
    )


def _is_live_token(token: Token) -> bool:
    if token.type in _LIVE_TOKENS:
        return True
    # Text that was decoded from entities; a container holds its children's source.
    return token.type != "inline" and visible(token.content) != token.content
