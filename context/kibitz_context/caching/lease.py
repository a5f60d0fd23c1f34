"""How long the API keeps what it has cached, and what is believed to be there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kibitz_context.values import CacheLifetime, Prices

TtlSetting = Literal["auto", "5m", "1h"]

LIFETIME_SECONDS: dict[CacheLifetime, float] = {"5m": 300.0, "1h": 3_600.0}

# A ping goes out this much before its entry would expire: the clock is looked at every few
# seconds, and a request takes its time.  Higher: more pings; lower: one that comes too late.
PING_MARGIN_SECONDS: dict[CacheLifetime, float] = {"5m": 20.0, "1h": 90.0}

# In units of the input price, for models whose prices nobody has told us.
USUAL_PROPORTIONS = Prices(input=1.0, write_5m=1.25, write_1h=2.0, read=0.1)


@dataclass(frozen=True, slots=True)
class Lease:
    """A cache entry that is to be readable until `expires_at`, if the endpoint keeps its word.

    An entry lives from the start of the last request that wrote or read it.
    """

    lifetime: CacheLifetime
    expires_at: float

    def alive(self, now: float) -> bool:
        return now < self.expires_at


def ping_interval_seconds(lifetime: CacheLifetime) -> float:
    """How long after what kept an entry alive the next ping goes out."""
    return LIFETIME_SECONDS[lifetime] - PING_MARGIN_SECONDS[lifetime]
