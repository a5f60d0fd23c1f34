"""What reviews have come to beside what was told of them before: the user's own, and no one else's.

How often a model looks around and how much it writes is no constant of ours.  A record is two
amounts; nothing of the code or of the findings is in it.
"""

from __future__ import annotations

import hashlib
import json
import math
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kibitz.actions.brief import Brief
from kibitz.kept_files import KeptFiles

# Higher: another way of working is noticed late; lower: one odd review is believed.
MOST_REVIEWS = 20
LEAST_REVIEWS = 3
# Of amounts below that the ratio says nothing.
LEAST_USD = 0.001


@dataclass(frozen=True, slots=True)
class Experience:
    """Of the last `n_reviews`: how many times what was foreseen they have come to, `usual` in the
    middle and `most` at the worst."""

    n_reviews: int
    usual: float
    most: float


class Experiences:
    """Those with the model of a brief, at one endpoint, kept in `folder`.  Each call reads or
    writes a file: not for the event loop."""

    def __init__(self, folder: Path, brief: Brief) -> None:
        settings = brief.settings
        about = [settings.provider, settings.base_url, brief.tier, brief.model]
        self._name = hashlib.sha256(json.dumps(about).encode()).hexdigest()[:24]
        self._files = KeptFiles(folder)

    def known(self) -> Experience | None:
        """None where too little is known."""
        ratios = self._ratios()
        if len(ratios) < LEAST_REVIEWS:
            return None
        return Experience(len(ratios), statistics.median(ratios), max(ratios))

    def add(self, foreseen_usd: float, spent_usd: float) -> None:
        """A review, or several at once, has come to its end."""
        if min(foreseen_usd, spent_usd) >= LEAST_USD:
            ratios = [*self._ratios(), round(spent_usd / foreseen_usd, 4)]
            self._files.write(self._name, ratios[-MOST_REVIEWS:])

    def _ratios(self) -> list[float]:
        kept: Any = self._files.read(self._name)
        if not isinstance(kept, list):
            return []
        numbers = (each for each in kept if isinstance(each, int | float))
        return [float(each) for each in numbers if math.isfinite(each) and each > 0]
