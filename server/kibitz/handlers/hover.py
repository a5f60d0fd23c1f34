"""Hover: findings at the place, and the explanation that was made for the code there.

With `hover.mode` = `ask`, in a trusted repository, the definition there is explained in a few
sentences when nothing is known of it yet; the same code is asked about once.  What a model wrote is
untrusted: it is shown without HTML, images, links to commands or files, and control characters
(`kibitz.safe_markdown`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from lsprotocol import types

from kibitz.actions.glance import glance
from kibitz.actions.scope import definition_around
from kibitz.actions.values import Order
from kibitz.claude.values import ClaudeFailure
from kibitz.errors import UserError
from kibitz.glances import Glances, key_of
from kibitz.handlers.connection import Connection
from kibitz.handlers.preferences import project_root
from kibitz.plain_text import visible
from kibitz.safe_markdown import safe_markdown
from kibitz.session import touches
from kibitz_context.document import Document
from kibitz_context.lines import Span

logger = logging.getLogger(__name__)

# Of less code there is nothing to explain, and more is no definition.
LEAST_CHARACTERS = 12
MOST_CHARACTERS = 20_000

# A pointer that moves within the same code takes its hover back and asks anew.  Higher: what nobody
# waits for is paid for longer; lower: the same code is asked about twice.
LINGER_SECONDS = 0.3


@dataclass(eq=False)
class _Asked:
    """What is being asked about, and how many hovers wait for it."""

    key: bytes
    answer: asyncio.Future[str | None]
    waiting: int = 0
    task: asyncio.Task[None] | None = field(default=None, repr=False)


class Hovers:
    """The hovers of one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._glances: Glances | None = None
        self._asked: _Asked | None = None
        self._last: tuple[bytes, str] | None = None
        self._pointed_at: bytes | None = None

    def answer(
        self, params: types.HoverParams
    ) -> types.Hover | Coroutine[Any, Any, types.Hover | None] | None:
        """What is known of the place; a range as position (rust-analyzer's extension) is
        welcome."""
        connection, uri = self._connection, params.text_document.uri
        place: Any = params.position
        is_range = isinstance(place, types.Range)
        first_line, last_line = (
            (place.start.line, place.end.line) if is_range else (place.line, place.line)
        )
        document = connection.session.documents.get(uri)
        path = document.path if document is not None else None
        mode = connection.preferences.settings_of(path).hover.mode
        self._pointed_at = None
        if mode == "off":
            return None
        known = hover(connection, uri, first_line, last_line)
        if known is not None or mode != "ask" or document is None:
            self._look_away()
            return known
        lines = document.lines.lines
        if is_range:
            first, end = first_line, min(last_line + 1, len(lines))
        else:
            first, end = definition_around(lines, first_line)
        code = "".join(lines[first:end])
        if not LEAST_CHARACTERS <= len(code.strip()) <= MOST_CHARACTERS:
            self._look_away()
            return None
        settings = connection.preferences.settings_of(path)
        model = settings.models.of(settings.route.get("hover", "fast"))
        self._pointed_at = key = key_of(code, document.language, model)
        self._look_away(unless=key)
        return self._explained(key, document, first, end)

    async def _explained(
        self, key: bytes, document: Document, first: int, end: int
    ) -> types.Hover | None:
        connection = self._connection
        markdown = await asyncio.to_thread(self._kept, key)
        if markdown is None:
            root = project_root(connection.session.root_of(document.path))
            if not await asyncio.to_thread(connection.preferences.is_trusted, root):
                return None
            if self._pointed_at != key:
                return None  # the pointer has moved on meanwhile
            markdown = await self._ask(key, document, first, end)
        return None if markdown is None else _shown(connection, markdown)

    async def _ask(self, key: bytes, document: Document, first: int, end: int) -> str | None:
        """Ask, or wait for who is asking; what nobody points at any more is not asked on."""
        if self._last is not None and self._last[0] == key:
            return self._last[1]  # It has come since this was looked for.
        asked = self._asked
        if asked is None or asked.key != key:
            self._look_away()
            asked = self._asked = _Asked(key, asyncio.get_running_loop().create_future())
            asked.task = self._connection.session.jobs.in_background(
                self._fetch(asked, self._order(document, first, end)), "hover"
            )
            asked.task.add_done_callback(lambda _: self._over(asked))
        asked.waiting += 1
        try:
            return await asyncio.shield(asked.answer)
        finally:
            asked.waiting -= 1
            if not asked.waiting:
                asyncio.get_running_loop().call_later(LINGER_SECONDS, self._end_unwanted, asked)

    def _look_away(self, unless: bytes | None = None) -> None:
        """The pointer is elsewhere: what is being asked about other code is not wanted."""
        asked = self._asked
        if asked is not None and asked.key != unless:
            self._end(asked)

    def _end_unwanted(self, asked: _Asked) -> None:
        if not asked.waiting:
            self._end(asked)

    def _end(self, asked: _Asked) -> None:
        """End a request; whoever points there again asks anew."""
        if self._asked is asked:
            self._asked = None
        if asked.task is not None:
            asked.task.cancel()

    def _over(self, asked: _Asked) -> None:
        """Nothing more comes, also where the request was cancelled before it began."""
        if self._asked is asked:
            self._asked = None
        if not asked.answer.done():
            asked.answer.set_result(None)

    async def _fetch(self, asked: _Asked, order: Order) -> None:
        try:
            markdown = await glance(order, self._connection.desk)
            self._last = (asked.key, markdown)
            await asyncio.to_thread(self._keep, asked.key, markdown)
            asked.answer.set_result(markdown)
        except (UserError, ClaudeFailure) as error:
            # Nobody has asked for it, so nobody is told.
            logger.info("nothing to hover: %s", type(error).__name__)

    def _order(self, document: Document, first: int, end: int) -> Order:
        connection, table = self._connection, document.lines
        stop = table.starts[end] if end < table.line_count else len(document.text)
        return Order(
            "hover",
            connection.session.start_of(document.path),
            document,
            Span(table.starts[first], stop),
            overlays=connection.session.documents.overlays(),
            folders=tuple(connection.session.folders),
            is_automatic=True,
        )

    def _store(self) -> Glances:
        if self._glances is None:
            folder = self._connection.backend.context_folder()
            self._glances = Glances(folder / "glances.sqlite" if folder is not None else None)
        return self._glances

    def _kept(self, key: bytes) -> str | None:
        return self._store().find(key)

    def _keep(self, key: bytes, markdown: str) -> None:
        self._store().keep(key, markdown)


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
    return _shown(connection, "\n\n---\n\n".join(sections)) if sections else None


def _shown(connection: Connection, markdown: str) -> types.Hover:
    if connection.session.client.markdown_hover:
        content = types.MarkupContent(types.MarkupKind.Markdown, safe_markdown(markdown))
    else:
        # Nothing is live there, and a backslash would be read as one.
        content = types.MarkupContent(types.MarkupKind.PlainText, visible(markdown))
    return types.Hover(content)
