"""How long to wait before asking: as long as this user's fingers usually do.

Pure but for what it has been told; times are seconds of a monotonic clock that the caller reads.
"""

from __future__ import annotations

from collections import deque

from kibitz.completion.spot import Spot

# What is assumed before anything was typed.
USUAL_INTERVAL_SECONDS = 0.2
# Of so many intervals the mean is taken, and what is longer was a pause.
INTERVALS_KEPT = 30
LONGEST_INTERVAL_SECONDS = 1.0

# How many intervals of silence say that the user has stopped.  Higher: fewer requests that are in
# vain; lower: completions come sooner.
INTERVALS_AT_LINE_START = 0.75
INTERVALS_IN_WORD = 2.0
INTERVALS_OTHERWISE = 1.25

LEAST_SECONDS = 0.075
MOST_SECONDS = 3.0

# A completion that is not taken makes the next ones come later, one that is taken sooner.
PER_REJECTION = 1.5
PER_ACCEPTANCE = 0.6
MOST_PATIENCE = 12.0
# After so long without either the past counts half.
FORGOTTEN_SECONDS = 600.0


class Pace:
    """The pace of one user.  Mutable."""

    def __init__(self) -> None:
        self._typed_at: float | None = None
        self._intervals: deque[float] = deque(maxlen=INTERVALS_KEPT)
        self._patience = 1.0
        self._patience_at = 0.0
        self._accepted = False

    def typed(self, now: float) -> None:
        """A character was typed."""
        if self._typed_at is not None:
            interval = now - self._typed_at
            if 0.0 < interval <= LONGEST_INTERVAL_SECONDS:
                self._intervals.append(interval)
        self._typed_at = now

    def accepted(self, now: float) -> None:
        """A completion was taken: what comes next is wanted at once."""
        self._patience = max(1.0 / MOST_PATIENCE, self.patience(now) * PER_ACCEPTANCE)
        self._patience_at = now
        self._accepted = True

    def rejected(self, now: float) -> None:
        """A completion was shown, and something else was typed."""
        self._patience = min(MOST_PATIENCE, self.patience(now) * PER_REJECTION)
        self._patience_at = now
        self._accepted = False

    def patience(self, now: float) -> float:
        """How many times as long as usual to wait; 1 is usual."""
        halvings = max(0.0, now - self._patience_at) / FORGOTTEN_SECONDS
        return float(self._patience ** (0.5**halvings))

    def delay_seconds(self, spot: Spot, now: float) -> float:
        """How long to wait at `spot` before asking."""
        if spot.was_invoked:
            return 0.0
        interval = (
            sum(self._intervals) / len(self._intervals)
            if self._intervals
            else USUAL_INTERVAL_SECONDS
        )
        if self._accepted:
            self._accepted = False
            return LEAST_SECONDS
        if spot.at_line_start:
            intervals = INTERVALS_AT_LINE_START
        elif spot.line_before[-1:].isalnum():
            intervals = INTERVALS_IN_WORD
        else:
            intervals = INTERVALS_OTHERWISE
        return min(MOST_SECONDS, max(LEAST_SECONDS, interval * intervals * self.patience(now)))
