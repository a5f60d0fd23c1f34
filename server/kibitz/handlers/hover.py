"""Hover: findings at the place, and the explanation that was made for the code there.

It never asks Claude.  What a model wrote is untrusted: it is shown without HTML, images, links
to commands or files, and control characters (`kibitz.safe_markdown`).
"""

from __future__ import annotations

from lsprotocol import types

from kibitz.findings.values import Finding
from kibitz.handlers.connection import Connection
from kibitz.safe_markdown import safe_markdown
from kibitz.session import Explanation


def hover(connection: Connection, uri: str, first_line: int, last_line: int) -> types.Hover | None:
    """What is known of the lines `first_line` to `last_line` (zero-based, both included)."""
    shelf = connection.session.shelf
    sections: list[str] = []
    for kept in shelf.findings.get(uri, []):
        if isinstance(kept.value, Finding) and kept.touches(first_line, last_line):
            finding = kept.value
            sections.append(
                f"**{finding.severity}: {finding.title}** ({finding.category})\n\n"
                f"{finding.message}"
            )
    for kept in reversed(shelf.explanations.get(uri, [])):
        if isinstance(kept.value, Explanation) and kept.touches(first_line, last_line):
            sections.append(f"**{kept.value.title}**\n\n{kept.value.markdown.strip()}")
    if not sections:
        return None
    text = safe_markdown("\n\n---\n\n".join(sections))
    kind = (
        types.MarkupKind.Markdown
        if connection.session.client.markdown_hover
        else types.MarkupKind.PlainText
    )
    return types.Hover(types.MarkupContent(kind, text))
