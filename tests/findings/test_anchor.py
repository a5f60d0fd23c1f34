"""Findings go where their quotes stand: the text, the finding, the lines it ends on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz.findings.anchor import PART_MAX_LINES, QuoteIndex, anchor
from kibitz.findings.values import Dropped, Finding
from kibitz_context.lines import split_lines


def finding(quote: str, start: int, end: int | None = None) -> Finding:
    return Finding(
        "a.py", "error", "bug", start, end or start, quote, "Title", "Message", "suggested"
    )


def place(text: str, quote: str, start: int, end: int | None = None) -> tuple[int, int] | None:
    """The lines where a finding ends up; None when it is dropped."""
    result = anchor(finding(quote, start, end), split_lines(text))
    if isinstance(result, Dropped):
        assert result.reason == "quote_not_found"
        return None
    assert result.quote == quote
    assert result.suggestion == "suggested"
    return result.start_line, result.end_line


TEXT = "alpha\nbeta\n    gamma(x,  y)\nbeta\n}\n\ndelta\n"


@pytest.mark.parametrize(
    ("quote", "start", "expected"),
    [
        ("alpha", 1, 1),
        ("alpha", 7, 1),
        ("beta", 2, 2),
        ("beta", 4, 4),
        ("beta", 1, 2),
        ("beta", 3, 2),  # equally near: the earlier one
        ("beta", 100, 4),
        ("    gamma(x,  y)", 3, 3),
        ("gamma(x, y)", 3, 3),
        ("gamma(x, y)", 7, 3),
        ("\tgamma(x,\ty)  ", 6, 3),
        ("alpha\n", 1, 1),
        ("\nalpha\nbeta\n", 5, 1),
        ("alpha\r\n", 2, 1),
        ("omega", 1, None),
        ("Alpha", 1, None),
        ("bet", 2, None),
    ],
)
def test_the_nearest_line_of_the_quote(quote: str, start: int, expected: int | None) -> None:
    assert place(TEXT, quote, start) == (None if expected is None else (expected, expected))


@pytest.mark.parametrize(
    ("quote", "start", "is_kept"),
    [
        ("}", 5, True),
        ("  }  ", 5, True),
        ("}", 4, False),
        ("}", 99, False),
        ("", 6, True),
        ("   ", 6, True),
        ("", 5, False),
        ("", 99, False),
    ],
)
def test_a_quote_that_says_nothing_counts_at_its_line_only(
    quote: str, start: int, is_kept: bool
) -> None:
    assert place(TEXT, quote, start) == ((start, start) if is_kept else None)


def test_an_exact_line_is_better_than_a_near_one_with_other_blanks() -> None:
    text = "    return x\nother\nother\nother\nreturn x\n"

    assert place(text, "return x", 2) == (5, 5)
    assert place(text, "    return x", 4) == (1, 1)


def test_at_the_stated_line_blanks_do_not_matter() -> None:
    assert place("    return x\nreturn x\n", "return x", 1) == (1, 1)


def test_a_part_of_a_near_line_is_the_last_resort() -> None:
    text = "def f():\n    value = compute(one, two)  # slow\n"

    assert place(text, "compute(one, two)", 1) == (2, 2)
    assert place(text[len("def f():\n") :], "compute(one, two)", 5) == (1, 1)
    assert place(text, "value", 1) is None
    assert place("\n" * (PART_MAX_LINES + 1) + text, "compute(one, two)", 1) is None
    assert place("x = compute(one, two)\n" + text, "compute(one,  two)", 3) == (3, 3)


def test_the_length_is_kept_and_clamped() -> None:
    assert place("x\na\nb\nc\n", "a", 1, 2) == (2, 3)
    assert place("a\nb\n", "a", 8, 10) == (1, 2)
    assert place("a\nb", "b", 2, 9) == (2, 2)


def test_a_text_without_lines() -> None:
    assert place("", "a", 1) is None
    assert place("", "", 1) is None


def test_only_line_breaks_of_the_protocol_count() -> None:
    assert place("a\fb\u2028c\nd\n", "d", 2) == (2, 2)


_LINES = st.lists(st.sampled_from(["a\n", " a\n", "b\n", "a  b\n", "}\n", "\n"]), max_size=12)


@given(_LINES, st.sampled_from(["a", " a", "b", "a b", "}", "", "c"]), st.integers(1, 15))
def test_a_placed_finding_stands_on_a_line_of_its_quote(
    lines: list[str], quote: str, start: int
) -> None:
    result = QuoteIndex(lines).anchor(finding(quote, start, start + 2))

    if isinstance(result, Finding):
        assert lines[result.start_line - 1].split() == quote.split()
        assert result.start_line <= result.end_line <= len(lines)
        assert QuoteIndex(lines).anchor(result) == result
    elif quote.strip(" }"):
        assert all(line.split() != quote.split() for line in lines)
