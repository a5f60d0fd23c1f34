"""What belongs to lines stays with them, and goes when they change."""

from __future__ import annotations

import pytest

from kibitz.findings.track import Tracked, follow
from kibitz_context.lines import LineChange


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (LineChange(0, 0, 2), (7, 9)),
        (LineChange(0, 3, 0), (2, 4)),
        (LineChange(5, 0, 1), (6, 8)),  # directly above
        (LineChange(7, 0, 1), (5, 7)),  # directly below
        (LineChange(7, 2, 0), (5, 7)),
        (LineChange(3, 2, 2), (5, 7)),
        (LineChange(5, 1, 1), None),
        (LineChange(6, 0, 1), None),
        (LineChange(4, 2, 0), None),
        (LineChange(6, 3, 3), None),
        (LineChange(0, 9, 9), None),
    ],
)
def test_it_moves_or_goes(change: LineChange, expected: tuple[int, int] | None) -> None:
    moved = Tracked("explanation", 5, 7).after(change)

    assert moved == (None if expected is None else Tracked("explanation", *expected))


def test_following_keeps_what_still_stands() -> None:
    tracked = [Tracked("a", 0, 1), Tracked("b", 4, 6), Tracked("c", 9, 10)]

    assert follow(tracked, LineChange(5, 1, 3)) == [Tracked("a", 0, 1), Tracked("c", 11, 12)]
