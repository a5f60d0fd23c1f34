"""Tokens, estimated."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from kibitz_context.tokens import characters, estimate


def test_an_estimate_is_rounded_up() -> None:
    assert [estimate("x" * length) for length in (0, 1, 2, 3, 5, 6)] == [0, 1, 1, 2, 2, 3]
    assert estimate("x" * 34, 3.4) == 10


@given(st.integers(0, 10_000), st.floats(1.0, 6.0))
@example(60, 1.15)
def test_a_text_that_fits_is_estimated_to_fit(tokens: int, chars_per_token: float) -> None:
    longest = characters(tokens, chars_per_token)
    assert estimate("x" * longest, chars_per_token) <= tokens
    assert estimate("x" * (longest + 2), chars_per_token) >= tokens
