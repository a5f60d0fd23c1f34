"""The rows of the longest-common-subsequence program against the plain definition."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from kibitz.edits.lcs import Occurrences, Table

_KEYS = st.lists(st.sampled_from("abcde"), max_size=20)


def longest(old: list[str], new: list[str]) -> int:
    if not old or not new:
        return 0
    if old[-1] == new[-1]:
        return longest(old[:-1], new[:-1]) + 1
    rows = [[0] * (len(new) + 1) for _ in range(len(old) + 1)]
    for i, key in enumerate(old):
        for j, other in enumerate(new):
            best = rows[i][j] + 1 if key == other else max(rows[i][j + 1], rows[i + 1][j])
            rows[i + 1][j + 1] = best
    return rows[-1][-1]


def table_of(old: list[str], new: list[str], base: int = 0) -> Table:
    occurrences = Occurrences(old)
    table = Table(len(old) - base)
    for key in new:
        table.add(occurrences.bits_from(key, base))
    return table


@given(_KEYS, _KEYS, st.integers(0, 5))
def test_lengths_of_all_beginnings(old: list[str], new: list[str], base: int) -> None:
    base = min(base, len(old))
    table = table_of(old, new, base)
    rest = old[base:]

    assert table.length == longest(rest, new)
    matches = [longest(rest[:end], new) for end in range(len(rest) + 1)]
    assert [table.matches(end) for end in range(len(rest) + 1)] == matches
    assert table.top == matches.index(matches[-1])
    assert table.unbroken == max(end for end, count in enumerate(matches) if count == end)


@given(_KEYS, _KEYS)
def test_a_path_matches_equal_keys_in_order_and_as_many_as_there_are(
    old: list[str], new: list[str]
) -> None:
    table = table_of(old, new)
    for end in range(len(old) + 1):
        pairs = list(table.path(end))

        assert len(pairs) == table.matches(end)
        assert all(old[first] == new[second] for first, second in pairs)
        assert all(a > c and b > d for (a, b), (c, d) in pairwise(pairs))


def test_where_keys_stand() -> None:
    occurrences = Occurrences(list("abca"))

    assert occurrences.bits_from("a", 0) == 0b1001
    assert occurrences.bits_from("a", 1) == 0b100
    assert occurrences.bits_from("b", 2) == 0
    assert occurrences.bits_from("x", 0) == 0
    assert occurrences.any_from("a", 3)
    assert not occurrences.any_from("c", 3)
