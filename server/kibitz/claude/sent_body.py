"""The body of a request as it went out: whoever sends it says so here, whoever keeps it listens.

The sender knows the bytes and not who is interested, and between the two are layers that know
neither.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any


class SentBody:
    """Keeps the last body that was sent while somebody was `listening`: a request that is asked
    again has several.  With `keeps` false it keeps nothing."""

    def __init__(self, *, keeps: bool) -> None:
        self._keeps = keeps
        self._data: bytes | None = None

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Hear of what is sent from within this block."""
        if not self._keeps:
            yield
            return
        before = _listener.set(self)
        try:
            yield
        finally:
            _listener.reset(before)

    def take(self, data: bytes) -> None:
        self._data = data

    def body(self) -> Any:
        """The JSON that was sent; None where nothing was, or nothing is kept."""
        if self._data is None:
            return None
        try:
            return json.loads(self._data)
        except ValueError:
            return None


_listener: ContextVar[SentBody | None] = ContextVar("sent_body", default=None)


def is_heard() -> bool:
    return _listener.get() is not None


def tell(data: bytes) -> None:
    """These bytes are about to be sent as the body of a request."""
    listener = _listener.get()
    if listener is not None:
        listener.take(data)
