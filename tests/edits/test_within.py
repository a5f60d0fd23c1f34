"""Of lines that are replaced only the words that differ are touched."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz.edits.within import Part, changed_parts


def applied(old: str, parts: list[Part]) -> str:
    for part in reversed(parts):
        old = old[: part.start] + part.text + old[part.end :]
    return old


def shown(old: str, new: str) -> str:
    """`old` with each part that changes as [what goes|what comes]."""
    marked = [
        part._replace(text=f"[{old[part.start : part.end]}|{part.text}]")
        for part in changed_parts(old, new)
    ]
    return applied(old, marked)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("y = x + 1\n", "y = total + 1\n", "y = [x|total] + 1\n"),
        ("a(b)\nc(d)\n", "    a(b)\n    c(d)\n", "[|    ]a(b)\n[|    ]c(d)\n"),
        ("def f(x):\n", "@cache\ndef f(x: int):\n", "[|@cache\n]def f(x[|: int]):\n"),
        ("one(a)\n", "one(b)\ntwo(b)\n", "one([a|b])\n[|two(b)\n]"),
        ("x = 1\r\n", "x = 2\r\n", "x = [1|2]\r\n"),
        ("word\u2028one\fx\n", "word\u2028two\fx\n", "word\u2028[one|two]\fx\n"),
        ("same\n", "same\n", "same\n"),
        ("foo(a, b)\n", "bar[c]\n", "[foo(a, b)\n|bar[c]\n]"),
        ("keep = 1\nfoo\n", "keep = 2\nbar\nbaz\n", "keep = [1|2]\n[foo\n|bar\nbaz\n]"),
        ("", "new\n", "[|new\n]"),
        ("old\n", "", "[old\n|]"),
    ],
)
def test_the_words_that_stay_are_not_touched(old: str, new: str, expected: str) -> None:
    assert shown(old, new) == expected
    assert applied(old, changed_parts(old, new)) == new


def test_a_line_of_thousands_of_words_is_replaced_as_it_is() -> None:
    old = "word " * 5000 + "\n"

    assert changed_parts(old, "x" + old) == [Part(0, len(old), "x" + old)]


_TEXTS = st.lists(
    st.sampled_from(["name", "x", " ", "    ", "(", ")", "\U0001f600", "\u2028", "\f", "\r", "\n"]),
    max_size=30,
).map("".join)


@given(_TEXTS, _TEXTS)
def test_the_parts_make_the_new_text_and_do_not_touch(old: str, new: str) -> None:
    parts = changed_parts(old, new)

    assert applied(old, parts) == new
    for above, below in itertools.pairwise(parts):
        assert above.end < below.start, "editors disagree about two edits at one place"
    for place in (offset for part in parts for offset in (part.start, part.end)):
        assert not re.match("\r\n", old[place - 1 : place + 1] if place else ""), "a split CRLF"


@given(_TEXTS)
def test_the_same_text_has_no_parts(text: str) -> None:
    assert changed_parts(text, text) == []
