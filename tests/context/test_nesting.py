"""What lines stand in, by indentation: the lines that enclose them, and the one that says where."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from kibitz_context.layers.diffs import heading

LINES = st.lists(
    st.builds(
        str.__add__,
        st.text(" \t", max_size=4),
        st.sampled_from(
            ("def f():", "class A {", "if x:", "else", "} else {", ") -> int:", "}", "", "@cached",
             "#define X", "1 + 1", "for", "forever()", "é", "x" * 60, "try {")
        ),
    ).map(lambda line: f"{line}\n"),
    max_size=12,
)  # fmt: skip

CONTROL = ("if", "else", "for", "try")


def width(line: str) -> int:
    return len(line) - len(line.lstrip())


def word_of(line: str) -> str:
    """The word that a line begins with, a sign before it included; "" for none."""
    text = line.strip()
    sign = text[:1] if text[:1] in ("@", "#", "$") else ""
    letters = itertools.takewhile(lambda each: each.isalnum() or each == "_", text[len(sign) :])
    word = "".join(letters)
    return sign + word if word and not word[0].isdigit() else ""


@given(LINES, st.data())
def test_a_heading_is_the_nearest_line_that_encloses_and_is_no_control(
    lines: list[str], data: st.DataObject
) -> None:
    first = data.draw(st.integers(0, len(lines)))
    end = data.draw(st.integers(first, len(lines)))
    depth = min((width(line) for line in lines[first:end] if line.strip()), default=0)
    enclosing = [
        line
        for number, line in enumerate(lines[:first])
        if word_of(line)
        and all(width(line) < width(each) for each in lines[number + 1 : first] if word_of(each))
        and width(line) < depth
    ]
    telling = [line for line in enclosing if word_of(line) not in CONTROL]
    expected = telling[-1].strip()[:40] if telling else ""
    assert heading(lines, first, end) == expected
