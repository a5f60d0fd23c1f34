"""Places: what is told from the text round the cursor."""

from __future__ import annotations

import pytest

from kibitz.completion.spot import Spot, width_of
from support.completion_pictures import spot


def test_whatever_the_document_ends_its_lines_with() -> None:
    text = "a = 1\r\nb = \r\nc\r"
    assert Spot.at(text, text.index("b = ") + 4) == Spot("a = 1\nb = ", "\nc\n")


def test_a_tab_is_as_wide_as_four_spaces() -> None:
    assert [width_of(line) for line in ("\tx", "  \tx", "    x", "x")] == [4, 4, 4, 0]


@pytest.mark.parametrize(
    ("picture", "typed", "invoked"),
    [
        ("def f():\n    ▮", True, True),
        ("def f(x):▮", True, True),
        ("total = ▮", False, True),
        ("total = sum(▮)", False, False),
    ],
)
def test_where_several_lines_fit(picture: str, typed: bool, invoked: bool) -> None:
    assert spot(picture, was_invoked=False).wants_block is typed
    assert spot(picture, was_invoked=True).wants_block is invoked
