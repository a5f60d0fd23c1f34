"""A finding's suggestion applied: text before → text after, or why not."""

from __future__ import annotations

import pytest

from kibitz.edits.values import LineEdit, Refusal, apply_line_edits
from kibitz.findings.suggestion import edit_for, why_not_offered
from kibitz.findings.values import Finding
from kibitz_context.lines import split_lines
from kibitz_context.texts.syntax_faults import syntax_faults


def finding(quote: str, suggestion: str, start: int, end: int) -> Finding:
    return Finding("a.py", "error", "bug", start, end, quote, "Title", "Message", suggestion)


def apply(before: str, start: int, end: int, suggestion: str) -> tuple[str, LineEdit]:
    lines = split_lines(before)
    edit = edit_for(finding(lines[start - 1], suggestion, start, end), lines)
    assert isinstance(edit, LineEdit)
    return "".join(apply_line_edits(lines, [edit])), edit


@pytest.mark.parametrize(
    ("before", "start", "end", "suggestion", "after"),
    [
        ("a\nb\nc\n", 2, 2, "x", "a\nx\nc\n"),
        ("a\nb\nc\n", 2, 3, "x\ny\nz\n", "a\nx\ny\nz\n"),
        ("a\nb\nc\n", 1, 3, "a\nc", "a\nc\n"),
        ("a\r\nb\r\n", 2, 2, "x\ny\n", "a\r\nx\r\ny\r\n"),
        ("a\nb", 2, 2, "x\n", "a\nx"),
        ("a\r\nb", 2, 2, "x\ny", "a\r\nx\r\ny"),
        ("if a:\n    b\n", 2, 2, "c", "if a:\n    c\n"),
        ("if a:\n\tb\n", 2, 2, "    c", "if a:\n\tc\n"),
        ("a\nb\n", 2, 2, "```py\nx\n```", "a\nx\n"),
        ("\ufeffa\nb\n", 1, 1, "x", "\ufeffx\nb\n"),
    ],
)
def test_the_suggested_lines(
    before: str, start: int, end: int, suggestion: str, after: str
) -> None:
    assert apply(before, start, end, suggestion)[0] == after


@pytest.mark.parametrize(
    ("quote", "suggestion", "why"),
    [
        ("x = f(1)", "x = f(2)", None),
        ("x = f(1)", "x = f(2", "the code would not parse with it"),
        ("x = f(2)", "x = f(3)", "it does not fit the code"),
        ("x = f(1)", "x = f(1)", "it does not fit the code"),
    ],
)
def test_a_suggestion_that_cannot_be_applied_is_not_offered(
    quote: str, suggestion: str, why: str | None
) -> None:
    lines = split_lines("a = 1\nx = f(1)\n")
    assert why_not_offered(finding(quote, suggestion, 2, 2), lines, "a.py", syntax_faults) == why


def test_what_does_not_parse_anyway_may_be_mended() -> None:
    lines = split_lines("def (:\nx = f(1)\n")
    one = finding("x = f(1)", "x = f(2)", 2, 2)
    assert why_not_offered(one, lines, "a.py", syntax_faults) is None
    assert why_not_offered(one, lines, "a.unknown", syntax_faults) is None


def test_lines_that_stay_are_not_in_the_edit() -> None:
    _, edit = apply("a\nb\nc\nd\n", 1, 4, "a\nx\nc\nd")

    assert edit == LineEdit(1, 2, ("x\n",))


@pytest.mark.parametrize(
    ("suggestion", "quote", "start", "end"),
    [
        ("", "b", 2, 2),
        ("b", "b", 2, 2),
        ("x", "other", 2, 2),
        ("x", "a", 2, 2),
        ("x", "c", 3, 4),
        ("x", "d", 9, 9),
    ],
)
def test_a_suggestion_that_does_not_fit_is_refused(
    suggestion: str, quote: str, start: int, end: int
) -> None:
    result = edit_for(finding(quote, suggestion, start, end), ["a\n", "b\n", "c\n"])

    assert isinstance(result, Refusal)
    assert result.sentence.endswith(".")
