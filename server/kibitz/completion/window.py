"""The part of a file that a completion is asked with.

It begins and ends at whole lines.  Its beginning moves in steps, so that one request after the
other begins with the same bytes while somebody types.
"""

from __future__ import annotations

from dataclasses import dataclass

from kibitz.completion.spot import Spot

# How far the window reaches up and down from the cursor.  Higher: more is paid for at each
# request; lower: Claude does not see the function that it is in.
LINES_ABOVE = 160
LINES_BELOW = 50
CHARACTERS_ABOVE = 12_000
CHARACTERS_BELOW = 4_000
# Its beginning moves by so many lines at once.  Higher: the window varies more in size; lower:
# its beginning changes more often.
STEP_LINES = 40
# The part of it that is expected to stay as it is ends so far above the cursor, at a multiple of
# as many lines.  Higher: less of it can be read from the cache; lower: it is edited more often.
LIVELY_LINES = 20


@dataclass(frozen=True, slots=True)
class Window:
    """`head` is expected to stay as it is, `before` follows it up to the cursor, `after` comes
    behind the cursor.  `first_line` is zero-based."""

    first_line: int
    head: str
    before: str
    after: str


def window(spot: Spot) -> Window:
    """The window round `spot`."""
    lines = spot.before.splitlines(keepends=True)
    if not lines or lines[-1].endswith("\n"):
        lines.append("")
    cursor = len(lines) - 1
    first = max(0, cursor - LINES_ABOVE)
    first += -first % STEP_LINES
    while first < cursor and sum(map(len, lines[first:cursor])) > CHARACTERS_ABOVE:
        first = min(cursor, first + STEP_LINES)
    still = max(first, (cursor - LIVELY_LINES) // LIVELY_LINES * LIVELY_LINES)
    head, before = "".join(lines[first:still]), "".join(lines[still:])
    # One line may be longer than everything else.
    before = before[-CHARACTERS_ABOVE:]
    below = "".join(spot.after.splitlines(keepends=True)[: LINES_BELOW + 1])[:CHARACTERS_BELOW]
    return Window(first, head, before, below)
