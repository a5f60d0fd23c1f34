"""Where it is worth asking."""

from __future__ import annotations

import pytest

from kibitz.completion.worth import why_not
from support.completion_pictures import spot


@pytest.mark.parametrize(
    ("picture", "reason"),
    [
        ("def total(prices):\n    ▮", None),
        ("total = sum(▮)", None),
        ("print(len(names)▮)", None),
        ("names = ['anna', ▮]", None),
        ("total = price▮s + 1", "inside a word"),
        ("total = ▮ + tax + 1", "inside a line"),
        ("x = ▮", "too little text"),
        ("x = (123, ▮", "too little text"),
        ("x = (1234, ▮", None),
        ("call(first, second)▮", "behind a statement"),
        ("return total;  ▮", "behind a statement"),
    ],
)
def test_as_one_types(picture: str, reason: str | None) -> None:
    assert why_not(spot(picture, was_invoked=False)) == reason


@pytest.mark.parametrize("picture", ["x = ▮", "total = price▮s + 1", "call(first, second)▮"])
def test_who_asks_is_answered(picture: str) -> None:
    assert why_not(spot(picture)) is None


def test_in_an_empty_file_there_is_nothing_to_go_by() -> None:
    assert why_not(spot("▮")) == "too little text"
