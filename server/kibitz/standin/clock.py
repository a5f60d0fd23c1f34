"""The time that the stand-in lives in: it stands still until somebody moves it.

Cache lifetimes, rate limits, batches and dates are all measured on this clock, so that a test
can let an hour pass at once.  Nothing here waits.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime

START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC).timestamp()
"""Where a clock starts unless it is told otherwise, in seconds since 1970."""


class Clock:
    """Seconds since 1970.  With `running` the clock also follows real time from its start on."""

    @classmethod
    def real(cls) -> Clock:
        """The time of day, for a stand-in that people use.  It can be advanced all the same."""
        return cls(time.time(), running=True)

    def __init__(self, start: float = START, *, running: bool = False) -> None:
        self._offset = start
        self._running_since = time.monotonic() if running else None

    def now(self) -> float:
        if self._running_since is None:
            return self._offset
        return self._offset + time.monotonic() - self._running_since

    def advance(self, seconds: float) -> None:
        """Moves the clock.  Time does not go back: negative `seconds` raise ValueError."""
        if seconds < 0:
            raise ValueError(f"a clock cannot be advanced by {seconds} seconds")
        self._offset += seconds


def rfc3339(timestamp: float) -> str:
    """`timestamp` as the API writes times, for example ``2026-11-21T12:00:00Z``."""
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
