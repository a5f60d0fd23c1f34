from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz.plain_text import one_line, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x9b31mred", "red"),
        ("\x1b]0;a title\x07text", "text"),
        ("\x1b]8;;http://evil.example\x1b\\click\x1b]8;;\x1b\\", "click"),
        ("\x1b]never closed", ""),
        ("\x1bcreset", "reset"),
        ("a\u202eb\u200bc\ufeffd", "abcd"),
        ("hidden\U000e0041\U000e0042", "hidden"),
        ("lone \ud800 surrogate", "lone  surrogate"),
        ("a\r\nb\rc\td", "a\nb\nc\td"),
        ("naïve 😋 日本", "naïve 😋 日本"),
    ],
)
def test_visible(text: str, shown: str) -> None:
    assert visible(text) == shown


@pytest.mark.parametrize(
    ("text", "limit", "shown"),
    [
        ("two\n  lines", 20, "two lines"),
        ("two\u2028lines", 20, "two lines"),
        ("exactly ten", 11, "exactly ten"),
        ("exactly ten", 10, "exactly t…"),
        ("x" * 10_000, 5, "xxxx…"),
        ("\x1b[0m" * 1_000, 5, "…"),
        ("", 5, ""),
    ],
)
def test_one_line(text: str, limit: int, shown: str) -> None:
    assert one_line(text, limit) == shown


@given(st.text(), st.integers(2, 50))
def test_a_line_is_one_line_encodable_and_short(text: str, limit: int) -> None:
    line = one_line(text, limit)
    assert len(line) <= limit
    assert line.encode() is not None
    assert all(character.isprintable() for character in line if character.isascii())
    assert visible(line) == line
