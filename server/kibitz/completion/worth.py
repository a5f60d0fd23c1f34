"""Whether it is worth asking at a place: what can be told from the text alone, in microseconds.

What the settings, the gate and the budget say is asked elsewhere.
"""

from __future__ import annotations

import re
from typing import Literal

from kibitz.completion.spot import Spot

NotWorth = Literal["too little text", "inside a line", "inside a word", "behind a statement"]

# Less than this says nothing about what comes next.  Higher: nothing in a new file; lower: guesses.
LEAST_CHARACTERS = 10

_WORD = re.compile(r"\w")
_ENDS_STATEMENT = re.compile(r"[;}\])]\s*\Z")


def why_not(spot: Spot) -> NotWorth | None:
    """Why nothing is asked at `spot`; None: ask.

    Who asks on purpose is refused only what cannot be done; who types is spared guesses in the
    middle of a line or a word and behind what looks finished.
    """
    if len(spot.before.strip()) + len(spot.after.strip()) < (
        1 if spot.was_invoked else LEAST_CHARACTERS
    ):
        return "too little text"
    if spot.was_invoked:
        return None
    if _WORD.match(spot.after):
        return "inside a word"
    if not spot.only_closing_after:
        return "inside a line"
    if not spot.line_after.strip() and _ENDS_STATEMENT.search(spot.line_before):
        return "behind a statement"
    return None
