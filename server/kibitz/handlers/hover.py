"""Hover: findings at the place, and the explanation that was made for the code there.

It never asks Claude.  What a model wrote is untrusted: it is shown without HTML, images, links
to commands or files, and control characters (`kibitz.safe_markdown`).
"""

from __future__ import annotations

from typing import Any

from lsprotocol import types

from kibitz.handlers.connection import Connection
from kibitz.safe_markdown import safe_markdown
from kibitz.session import touches


def answer(connection: Connection, params: types.HoverParams) -> types.Hover | None:
    """What is known of the place; a range as position (rust-analyzer's extension) is welcome."""
    place: Any = params.position
    if isinstance(place, types.Range):
        return hover(connection, params.text_document.uri, place.start.line, place.end.line)
    return hover(connection, params.text_document.uri, place.line, place.line)


def hover(connection: Connection, uri: str, first_line: int, last_line: int) -> types.Hover | None:
    """What is known of the lines `first_line` to `last_line` (zero-based, both included)."""
    shelf = connection.session.shelf
    sections = [
        f"**{kept.value.severity}: {kept.value.title}** ({kept.value.category})\n\n"
        f"{kept.value.message}"
        for kept in shelf.findings.get(uri, [])
        if touches(kept, first_line, last_line)
    ]
    sections += [
        f"**{kept.value.title}**\n\n{kept.value.markdown.strip()}"
        for kept in reversed(shelf.explanations.get(uri, []))
        if touches(kept, first_line, last_line)
    ]
    if not sections:
        return None
    text = safe_markdown("\n\n---\n\n".join(sections))
    kind = (
        types.MarkupKind.Markdown
        if connection.session.client.markdown_hover
        else types.MarkupKind.PlainText
    )
    return types.Hover(types.MarkupContent(kind, text))
