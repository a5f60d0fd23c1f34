"""What was computed last, so that it need not be computed again; a bounded memory.

Knows nothing of what it holds.  For values that are a function of their key: what else they may
depend on is the caller's to compare.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Remembered(Generic[Key, Value]):
    """Values by key, the `most` that were used last.  For any thread."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: OrderedDict[Key, Value] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: Key) -> Value | None:
        """What is remembered for `key`, None for nothing."""
        with self._lock:
            known = self._values.get(key)
            if known is not None:
                self._values.move_to_end(key)
            return known

    def put(self, key: Key, value: Value) -> None:
        """Remember `value` for `key`, and forget what has been unused for longest."""
        with self._lock:
            self._values[key] = value
            self._values.move_to_end(key)
            while len(self._values) > self._most:
                self._values.popitem(last=False)

    def get_or_make(self, key: Key, make: Callable[[], Value]) -> Value:
        """What is remembered for `key`, else what `make` gives, which is remembered then.

        Nobody waits meanwhile: two that ask at once may both make it.
        """
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
        made = make()
        self.put(key, made)
        return made

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._values.clear()
