"""Whose edit of a document is in flight: one at a time, however many jobs edit it.

Two at once are made for the same version.  An editor that compares versions refuses the second;
one that does not puts it where its lines were before the first.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable


class Turns:
    """Hands out the turn to edit a document.  Touched on the event loop only."""

    def __init__(self) -> None:
        self._holders: dict[str, object] = {}
        self._waiting: dict[str, dict[object, Callable[[], None]]] = {}
        self._last: dict[str, weakref.ref[object]] = {}

    def take(self, uri: str, who: object, again: Callable[[], None]) -> bool:
        """Whether it is the turn of `who`; if not, `again` is called when it is worth asking.

        Who has the turn keeps it until it is given back.
        """
        if self._holders.setdefault(uri, who) is who:
            return True
        self._waiting.setdefault(uri, {})[who] = again
        return False

    def give_back(self, uri: str, who: object) -> None:
        """`who` has no edit in flight any more, nor waits to send one."""
        self._waiting.get(uri, {}).pop(who, None)
        if self._holders.get(uri) is who:
            del self._holders[uri]
            # All of them ask again, in order: the first gets the turn, unless it has changed its
            # mind.  Not now: it may be a change of the text that ended the edit in flight, and
            # they have yet to hear of it.
            for again in self._waiting.pop(uri, {}).values():
                asyncio.get_running_loop().call_soon(again)

    def edited(self, uri: str, who: object) -> None:
        """An edit of `who` stands in the document."""
        self._last[uri] = weakref.ref(who)

    def edited_last(self, uri: str, who: object) -> bool:
        """Whether the newest edit that stands in the document is one of `who`."""
        last = self._last.get(uri)
        return last is not None and last() is who
