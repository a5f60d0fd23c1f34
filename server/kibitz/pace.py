"""How soon the next edit of a stream may follow the one before, learned from one client.

A client that is slow to tell of an edit, or busy with what its other servers make of each, is
sent fewer.  Pure: seconds in, seconds out.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from kibitz.profiles import Profile

_KEPT: Final = 64  # echoes; fewer would make an outlier the rule
_ECHOES_APART: Final = 3  # the editor is to have twice as much time for everything else
_PERCENTILE: Final = 0.95


class Pace:
    """The times from sending an edit until it stood in the text, in seconds, newest last."""

    def __init__(self) -> None:
        self._echo_seconds: deque[float] = deque(maxlen=_KEPT)

    def took(self, seconds: float) -> None:
        """An edit stood in the text, and was answered, `seconds` after it was sent."""
        self._echo_seconds.append(seconds)

    def interval_seconds(self, profile: Profile) -> float:
        """The least time between the beginnings of two edits, within what the profile allows."""
        slow = 0.0
        if self._echo_seconds:
            in_order = sorted(self._echo_seconds)
            slow = in_order[min(len(in_order) - 1, int(_PERCENTILE * len(in_order)))]
        shortest, longest = profile.shortest_interval_seconds, profile.longest_interval_seconds
        return min(max(_ECHOES_APART * slow, shortest), longest)
