"""The user's calendar: which day it is, where its limits begin, and what a broken clock may do.

The time comes from Python's `time` alone, so that a test can move it.
"""

from __future__ import annotations

import datetime
import time
from dataclasses import dataclass

# A clock that was set back, or a journey west, leaves rows of days to come: they count, as nobody
# shall spend a day twice.  Rows from further ahead are of a clock that was wrong altogether, and
# shall not use up the limits of all the years until then.
MOST_DAYS_AHEAD = 31


@dataclass(frozen=True, slots=True)
class Day:
    """A calendar day where the user is; days are written YYYY-MM-DD, so their order is theirs."""

    day: str
    month: str
    latest: str

    @classmethod
    def at(cls, now: float) -> Day:
        today = _local(now).date()
        latest = today + datetime.timedelta(days=MOST_DAYS_AHEAD)
        return cls(today.isoformat(), today.replace(day=1).isoformat(), latest.isoformat())

    @classmethod
    def today(cls) -> Day:
        return cls.at(time.time())


def midnight(days_ago: int = 0) -> datetime.datetime:
    """When today began, or an earlier day, by the clock that held then: not that of now, for
    between the two it may have been put forward or back."""
    day = _local(time.time()).date() - datetime.timedelta(days=days_ago)
    return datetime.datetime.combine(day, datetime.time()).astimezone()


def _local(now: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(now, datetime.UTC).astimezone()
