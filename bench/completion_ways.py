"""Ways of completing while somebody types: the product's own, and the two that are usual.

What is asked, what it costs and what is shown then is judged by `bench.completion`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Protocol

from bench.typing_logs import Stroke, Typing
from kibitz.actions.recent import recent_edits
from kibitz.completion.reader import CompletionReader
from kibitz.completion.recent import RecentEdit, RecentEdits
from kibitz.completion.spot import Spot
from kibitz.completion.worth import why_not
from kibitz.jobs import Jobs
from kibitz.open_documents import ContentChange, DocumentChange, Documents
from kibitz.suggestions import Suggestions
from kibitz_context.gate.gate import Gate
from kibitz_context.lines import LineTable

FILE = "file"
ROOT = Path("/repository")

Ask = Callable[[Spot], AsyncGenerator[str, None]]


class Way(Protocol):
    """A way of answering: the text to show and the text behind the cursor it was made for."""

    def typed(self, before: str, stroke: Stroke) -> None: ...
    async def suggest(self, spot: Spot, ask: Ask) -> tuple[str, str] | None: ...
    def edits(self) -> Sequence[str]: ...


class Kibitz:
    """As the product does it."""

    def __init__(self, typing: Typing) -> None:
        self._suggestions = Suggestions(Jobs(_bug), now=asyncio.get_running_loop().time)
        self._recent = RecentEdits()
        self._documents = Documents()
        self._documents.follow(self._changed)
        self._documents.open(FILE, ROOT / typing.path, typing.language, 0, typing.start)

    def _changed(self, event: DocumentChange) -> None:
        self._suggestions.typed(FILE)
        self._recent.changed(event.before, event.after, event.changes)

    def typed(self, before: str, stroke: Stroke) -> None:
        table = LineTable(before)
        for patch in stroke.patches:
            start = table.position(patch.position, "utf-32")
            end = table.position(patch.position + patch.deleted, "utf-32")
            self._documents.change(FILE, 0, [ContentChange(patch.inserted, start, end)], "utf-32")
            if len(stroke.patches) > 1:
                table = LineTable(patch.applied(table.text))

    async def suggest(self, spot: Spot, ask: Ask) -> tuple[str, str] | None:
        may_ask = why_not(spot) is None
        found = await self._suggestions.suggest(FILE, spot, ask if may_ask else None)
        return (found.text, spot.after) if found is not None else None

    def edits(self) -> Sequence[str]:
        return [text for edit in self._recent.settled for text in _told(edit)]


class Simple:
    """A request after each keystroke, or after a fixed pause; an older one is cancelled.  The
    cache, if there is one, knows the text before the cursor only."""

    def __init__(self, pause_seconds: float, *, has_cache: bool) -> None:
        self._pause_seconds = pause_seconds
        self._cache: dict[str, tuple[str, str]] | None = {} if has_cache else None
        self._running: asyncio.Task[tuple[str, str] | None] | None = None

    def typed(self, before: str, stroke: Stroke) -> None:
        pass

    def edits(self) -> Sequence[str]:
        return ()

    async def suggest(self, spot: Spot, ask: Ask) -> tuple[str, str] | None:
        if self._running is not None:
            self._running.cancel()
        self._running = asyncio.ensure_future(self._answer(spot, ask))
        try:
            return await self._running
        except asyncio.CancelledError:
            return None

    async def _answer(self, spot: Spot, ask: Ask) -> tuple[str, str] | None:
        if self._cache is not None and spot.before in self._cache:
            return self._cache[spot.before]
        await asyncio.sleep(self._pause_seconds)
        reader = CompletionReader(spot)
        async for piece in ask(spot):
            reader.feed(piece)
        reader.finish(closed=True)
        if not reader.text:
            return None
        if self._cache is not None:
            self._cache[spot.before] = (reader.text, spot.after)
        return reader.text, spot.after


WAYS: dict[str, Callable[[Typing], Way]] = {
    "a request at each keystroke": lambda _: Simple(0.0, has_cache=False),
    "350 ms pause, cache by what is before": lambda _: Simple(0.35, has_cache=True),
    "kibitz": Kibitz,
}


@cache
def _told(edit: RecentEdit) -> tuple[str, ...]:
    return recent_edits([edit], Gate(ROOT))


def _bug(_job: object, error: BaseException) -> None:
    raise error
