"""Edits of passages: exactly one place, nothing else touched, all or nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz.edits.file_edits import FileEdits, Passage, parse
from kibitz.edits.passages import applied, line_edits, replacements, restored
from kibitz.edits.values import Refusal, apply_line_edits
from kibitz_context.gate.secrets import redact
from kibitz_context.lines import split_lines


def edited(text: str, *passages: tuple[str, str]) -> str:
    changes = replacements(text, [Passage(*each) for each in passages])
    assert not isinstance(changes, Refusal), changes
    new = applied(text, changes)
    lines = apply_line_edits(split_lines(text), line_edits(text, changes))
    assert "".join(lines) == new
    return new


def refused(text: str, *passages: tuple[str, str]) -> str:
    answer = replacements(text, [Passage(*each) for each in passages])
    assert isinstance(answer, Refusal), answer
    return answer.sentence


@pytest.mark.parametrize(
    ("before", "old", "new", "after"),
    [
        ("a\nb\nc\n", "b\n", "B\n", "a\nB\nc\n"),
        ("a\nb\nc\n", "b", "B", "a\nB\nc\n"),
        ("a\nb\nc\n", "b\n", "", "a\nc\n"),
        ("a\nb\nc\n", "b\n", "b\nx\n", "a\nb\nx\nc\n"),
        ("f(1, 2)\n", "1, 2", "2, 1", "f(2, 1)\n"),
        ("a\r\nb\r\nc\r\n", "b\nc\n", "B\nc\n", "a\r\nB\r\nc\r\n"),
        ("a\r\nb\nc\r\nd\r\n", "a\nb\nc\n", "a\nb\nC\nx\n", "a\r\nb\nC\r\nx\r\nd\r\n"),
        ("a\rb\r", "b\n", "c\n", "a\rc\r"),
        ("a\nb", "b\n", "c\n", "a\nc"),
        ("a\nb", "b", "b\nc\n", "a\nb\nc"),
        ("a\nb\n", "b\n", "c", "a\nc\n"),
        ("a b\n", " b\n", "", "a\n"),
        ("\ufeffa\nb\n", "a\n", "c\n", "\ufeffc\nb\n"),
        ("\ufeffa\nb\n", "\ufeffa\n", "\ufeffc\n", "\ufeffc\nb\n"),
        ("x\f\u2028y\nz\n", "\u2028y", "\u2028Y", "x\f\u2028Y\nz\n"),
        ("a 🦀 b\n", "🦀", "crab 🦞", "a crab 🦞 b\n"),
        ("", "", "new\n", "new\n"),
        ("a\n", "a\n", "a\n", "a\n"),
    ],
)
def test_text_before_and_after(before: str, old: str, new: str, after: str) -> None:
    assert edited(before, (old, new)) == after


def test_several_passages_in_any_order() -> None:
    assert edited("a\nb\nc\nd\n", ("d", "D"), ("a\n", "A\nx\n"), ("b\n", "")) == "A\nx\nc\nD\n"


def test_lines_that_are_repeated_are_not_touched() -> None:
    text = "def f():\n    a = 1\n    b = 2\n    return a + b\n"
    changes = replacements(text, [Passage(text, text.replace("b = 2", "b = 3"))])
    assert isinstance(changes, list)
    assert [text[each.span.start : each.span.end] for each in changes] == ["    b = 2\n"]


def test_a_passage_that_is_missing_is_told_with_what_is_most_like_it() -> None:
    text = "import os\n\ndef total(prices):\n    return sum(prices)\n"
    sentence = refused(text, ("def total(price):\n    return sum(price)\n", ""))
    assert "edit 1 is not in the file" in sentence
    assert sentence.endswith(
        "begins at line 3 and reads:\ndef total(prices):\n    return sum(prices)"
    )
    assert "Nothing there is like it" in refused(text, ("class Quite:\n", ""))


def test_indentation_that_is_wrong_is_shown_as_it_is() -> None:
    sentence = refused("if x:\n\treturn total\n", ("    return total\n", ""))
    assert sentence.endswith("line 2 and reads:\n\treturn total")


def test_a_passage_that_is_there_twice_is_told_with_its_lines() -> None:
    assert "at lines 1, 3." in refused("a = 1\nb\na = 1\n", ("a = 1\n", "a = 2\n"))
    assert "at lines 1, 1." in refused("aaa\n", ("aa", "b"))


def test_passages_that_overlap() -> None:
    assert refused("a\nb\nc\n", ("a\nb\n", ""), ("b\nc\n", "")) == (
        "Edits 1 and 2 overlap; make them one edit."
    )
    assert "overlap" in refused("a\nb\n", ("a", "x"), ("a", "y"))


def test_an_empty_passage_is_for_new_files() -> None:
    assert "old_text of edit 1 is empty" in refused("a\n", ("", "b\n"))


SECRET = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"[:36]


def test_secrets_come_back_and_are_never_told() -> None:
    text = f'TOKEN = "{SECRET}"\nretries = 3\n'
    allowed = redact(text)
    ((placeholder, _),) = allowed.secrets
    passages = [Passage(f'TOKEN = "{placeholder[:-3]}"', f'KEY = "{placeholder}"')]
    changes = replacements(allowed.text, passages, [placeholder])
    assert isinstance(changes, list)
    assert applied(text, restored(changes, allowed.secrets)) == text.replace("TOKEN", "KEY")

    missing = replacements(allowed.text, [Passage(f"TOKEN = '{placeholder}'", "")], [placeholder])
    assert isinstance(missing, Refusal)
    assert SECRET not in missing.sentence
    assert placeholder in missing.sentence

    cut = replacements(allowed.text, [Passage('TOKEN = "REDACT', "x")], [placeholder])
    assert isinstance(cut, Refusal)
    assert "placeholder" in cut.sentence


line = st.text("ab \t{}é🦀\f\u2028", max_size=6)
ending = st.sampled_from(["\n", "\n", "\r\n", "\r"])


@st.composite
def texts(draw: st.DrawFn) -> str:
    parts = draw(st.lists(st.tuples(line, ending), min_size=1, max_size=12))
    last = draw(line)
    return "".join(content + end for content, end in parts) + last


def as_lf(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


@given(texts(), st.data())
def test_applying_gives_the_text_with_the_replacements_and_nothing_else(
    text: str, data: st.DataObject
) -> None:
    plain = as_lf(text)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(plain)), max_size=6)))
    pairs = list(zip(cuts[::2], cuts[1::2], strict=False))
    news = [data.draw(st.text("ab \té🦀\n", max_size=12)) for _ in pairs]
    passages = [Passage(plain[a:b], new) for (a, b), new in zip(pairs, news, strict=True)]
    changes = replacements(text, passages)
    unique = all(
        a < b and sum(plain.startswith(plain[a:b], at) for at in range(len(plain))) == 1
        for a, b in pairs
    )
    if isinstance(changes, Refusal):
        # A lone "\r" and a "\n" that come to touch would be one line end, and not two.
        assert not unique or "several ways" in changes.sentence, changes.sentence
        return
    assert unique
    expected, done = "", 0
    for (a, b), new in zip(pairs, news, strict=True):
        expected += plain[done:a] + new
        done = b
    expected += plain[done:]
    result = applied(text, changes)
    # The end of the file is the file's: only line ends may differ there.
    assert as_lf(result).rstrip("\n") == expected.rstrip("\n")
    assert "".join(apply_line_edits(split_lines(text), line_edits(text, changes))) == result
    if pairs:
        head, tail = plain[: pairs[0][0]], plain[pairs[-1][1] :]
        assert as_lf(result).startswith(head)
        first, last = changes[:1], changes[-1:]
        for each in first:
            assert result[: each.span.start] == text[: each.span.start]
            assert len(as_lf(text[: each.span.start])) >= len(head) - 1
        for each in last:
            assert tail.strip("\n") in as_lf(text[each.span.end :])


@pytest.mark.parametrize(
    "given_input",
    [
        "",
        "[]",
        '{"path": "a"}',
        '{"path": "a", "edits": []}',
        '{"path": "", "edits": [{"old_text": "", "new_text": ""}]}',
        '{"path": "a/", "edits": [{"old_text": "", "new_text": ""}]}',
        '{"path": "a\\nb", "edits": [{"old_text": "", "new_text": ""}]}',
        '{"path": "a", "edits": [{"old_text": ""}]}',
        '{"path": "a", "edits": [{"old_text": "", "new_text": 1}]}',
        '{"path": "a", "edits": [{"old_text": "", "new_text": "\\u0000"}]}',
        '{"path": "a", "edits": [{"old_text": "", "new_text": "\\ud800"}]}',
        '{"path": "a", "edits": [{"old_text": "", "new_text": ""}], "mode": "x"}',
        "[" * 100_000,
    ],
)
def test_calls_that_are_not_used(given_input: str) -> None:
    assert isinstance(parse(given_input), Refusal)


def test_a_call() -> None:
    wanted: Any = {"path": "src/a.py", "edits": [{"old_text": "a", "new_text": "b"}]}
    assert parse(json.dumps(wanted)) == FileEdits("src/a.py", (Passage("a", "b"),))
