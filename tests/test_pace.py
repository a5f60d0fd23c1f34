"""How soon edits may follow each other, by what the client has needed so far."""

from __future__ import annotations

import pytest

from kibitz.pace import Pace
from kibitz.profiles import PLAIN, with_plugin

PLUGIN = with_plugin(PLAIN)


@pytest.mark.parametrize(
    ("echoes", "expected"),
    [
        ([], 0.15),
        ([0.010] * 20, 0.15),
        ([0.010] * 19 + [0.100], 0.3),
        ([0.010] * 63 + [9.0], 0.15),  # one outlier among many is no rule
        ([0.100], 0.3),
        ([2.0], 0.5),
        ([2.0] * 64 + [0.050] * 64, 0.15),  # what was slow once is forgotten
    ],
)
def test_the_interval_is_three_times_the_95th_percentile_within_bounds(
    echoes: list[float], expected: float
) -> None:
    pace = Pace()
    for seconds in echoes:
        pace.took(seconds)

    assert pace.interval_seconds(PLUGIN) == pytest.approx(expected)


def test_a_client_without_our_plugin_gets_two_edits_a_second_at_most() -> None:
    pace = Pace()
    assert pace.interval_seconds(PLAIN) == 0.5
    pace.took(0.001)
    assert pace.interval_seconds(PLAIN) == 0.5
