"""Misquotes: the quote, and the line of the text that was meant, if any."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz.findings.anchor import PART_MAX_LINES, QuoteIndex, collapse
from kibitz.findings.likeness import CHARACTERS_PER_SLIP, LEAST_CHARACTERS, alike, meant_by
from kibitz.findings.values import Dropped, Finding
from kibitz_context.lines import split_lines

TEXT = """\
def total(prices, rate=0.2):
    result = sum(prices) * (1 + rate)
    message = "the total is " + str(result)
    if result < 0 and not prices:
        raise ValueError(message)
    return result
name = "a b c"
"""


def anchored(quote: str, start: int, text: str = TEXT) -> Finding | Dropped:
    finding = Finding("a.py", "error", "bug", start, start, quote, "Title", "Message", "other")
    return QuoteIndex(split_lines(text)).anchor(finding)


@pytest.mark.parametrize(
    ("quote", "line"),
    [
        ("2\t    result = sum(prices) * (1 + rate)", 2),
        ("2+\tresult = sum(prices) * (1 + rate)", 2),
        ("line 2: result = sum(prices) * (1 + rate)", 2),
        ("+    result = sum(prices) * (1 + rate)", 2),
        ("`result = sum(prices) * (1 + rate)`", 2),
        ("```python\n    result = sum(prices) * (1 + rate)\n```", 2),
        ("    result = sum(prices) * ...", 2),
        ("    if result &lt; 0 and not prices:", 4),
        ('    message = \\"the total is \\" + str(result)', 3),
        ("`4\tif result &lt; 0 and not …`", 4),
    ],
)
def test_what_was_done_to_a_line_is_undone(quote: str, line: int) -> None:
    found = anchored(quote, 1)
    assert isinstance(found, Finding)
    assert found.start_line == line
    assert found.quote == TEXT.splitlines()[line - 1]
    assert found.suggestion == "other"


@pytest.mark.parametrize(
    ("quote", "line"),
    [
        ("result = sum(price) * (1 + rate)", 2),
        ("result = sum(prices) * (1 + rats)", 2),
        ("reslut = sum(prices) * (1 + rate);", 2),
        ("message = 'the total is ' + str(result)", 3),
        ("name = 'a b c'", 7),
    ],
)
def test_a_line_that_is_like_its_quote_is_meant_but_not_to_be_replaced(
    quote: str, line: int
) -> None:
    found = anchored(quote, 6)
    assert isinstance(found, Finding)
    assert found.start_line == line
    assert found.quote == TEXT.splitlines()[line - 1]
    assert found.suggestion == ""


@pytest.mark.parametrize(
    "quote",
    [
        "result = max(costs) * (1 + rate)",  # others' names
        "raise ValueErorr(m)",  # too short to tell
        "```\n```",
        "...",
        "2\t",
    ],
)
def test_what_is_not_like_any_line_is_dropped(quote: str) -> None:
    assert isinstance(anchored(quote, 2), Dropped)


def test_only_near_lines_are_like_a_quote() -> None:
    far = "\n" * (PART_MAX_LINES + 3) + TEXT
    assert isinstance(anchored("result = sum(price) * (1 + rate)", 1, far), Dropped)
    assert isinstance(anchored("result = sum(price) * (1 + rate)", 10, far), Finding)


def test_two_lines_that_are_equally_like_it_are_neither() -> None:
    text = "self.left = compute(one, two)\nself.lift = compute(one, two)\n"
    assert isinstance(anchored("self.loft = compute(one, two)", 1, text), Dropped)
    assert isinstance(anchored("self.left = compute(one, twos)", 1, text), Finding)
    # A name that stands elsewhere is no slip.
    assert isinstance(anchored("self.left = computed(one, two)", 1, text), Finding)
    assert isinstance(
        anchored("self.left = computed(one, two)", 1, text + "computed = 2\n"), Dropped
    )
    # The same line twice is the same: the nearer one.
    twice = text.splitlines()[0] + "\nother\n" + text.splitlines()[0] + "\n"
    found = anchored("self.lxft = compute(one, two)", 3, twice)
    assert isinstance(found, Finding)
    assert found.start_line == 3


_LINE = st.text("abc =(_)", min_size=LEAST_CHARACTERS, max_size=60).map(collapse)


@given(_LINE, st.data())
def test_as_many_slips_as_are_allowed(line: str, data: st.DataObject) -> None:
    if len(line) < LEAST_CHARACTERS + 3:
        return
    quote = line
    for _ in range(data.draw(st.integers(0, (len(line) - 3) // CHARACTERS_PER_SLIP))):
        at = data.draw(st.integers(0, len(quote) - 2))
        middle = data.draw(st.sampled_from(("X", "X" + quote[at], quote[at + 1] + quote[at], "")))
        swallowed = 2 if len(middle) == 2 and middle[0] != "X" else 1
        quote = quote[:at] + middle + quote[at + swallowed :]
    if len(quote) < LEAST_CHARACTERS:
        return
    most = len(quote) // CHARACTERS_PER_SLIP
    found = alike(quote, [line], range(1))
    assert found == [0] or len(line) // CHARACTERS_PER_SLIP > most
    assert alike("Y" * (most + 1) + quote[most + 1 :], ["Z" * len(quote)], range(1)) == []


@given(st.text("`~12+-:|. …\n\t\\\"'&lt;ab", max_size=30))
def test_any_quote_can_be_read(quote: str) -> None:
    meant = list(meant_by(quote))
    assert len(set(meant)) == len(meant)
    assert all(line.strip() and "\n" not in line for line in meant)
