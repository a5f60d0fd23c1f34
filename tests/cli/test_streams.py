"""Texts that arrive in pieces: what is shown does not depend on where the pieces break."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz.markdown_blocks import MarkdownBlocks
from kibitz.plain_text import visible
from kibitz.visible_text import VisibleText

HOSTILE = st.lists(
    st.sampled_from(
        ["a", "b\n", "\r\n", "\r", "\x1b", "[31", "m", "]0;t", "\x07", "\x1b\\", "\x9b", "2J",
         "\u202e", "\u200b", " ", "ü", "(", "\x9d", "0"]
    ),
    max_size=16,
)  # fmt: skip


@given(pieces=HOSTILE)
def test_visible_text_is_that_of_the_whole(pieces: list[str]) -> None:
    stream = VisibleText()
    shown = "".join([stream.feed(piece) for piece in pieces]) + stream.finish()
    assert shown == visible("".join(pieces))


def test_visible_text_is_not_held_back_without_need() -> None:
    stream = VisibleText()
    assert stream.feed("Hello\nwor") == "Hello\nwor"
    assert stream.feed("ld\x1b[3") == "ld"
    assert stream.feed("1mred") == "red"


ANSWER = """\
# Total

Adds *all* prices,
one by one.

- first
- second

  still second
- third

1. one
2. two

```python
def f():

    return 1
```

| a | b |
|---|---|
| 1 | 2 |

Last words"""


def blocks_of(text: str, size: int) -> list[str]:
    blocks = MarkdownBlocks()
    found = []
    for start in range(0, len(text), size):
        found += blocks.feed(text[start : start + size])
    return found + blocks.finish()


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50, 1000])
def test_blocks(size: int) -> None:
    assert blocks_of(ANSWER, size) == [
        "# Total\n\n",
        "Adds *all* prices,\none by one.\n\n",
        "- first\n",
        "- second\n\n  still second\n",
        "- third\n\n",
        "1. one\n",
        "2. two\n\n",
        "```python\ndef f():\n\n    return 1\n```\n\n",
        "| a | b |\n|---|---|\n| 1 | 2 |\n\n",
        "Last words",
    ]


@given(
    lines=st.lists(
        st.sampled_from(
            ["a\n", "\n", "- b\n", "  c\n", "```\n", "# d\n", "---\n", "> e\n", "1) f"]
        ),
        max_size=14,
    ),
    size=st.integers(1, 9),
)
def test_no_text_is_lost(lines: list[str], size: int) -> None:
    text = "".join(lines)
    assert "".join(blocks_of(text, size)).rstrip() == text.rstrip()


def test_a_block_is_final_before_the_next_one_ends() -> None:
    blocks = MarkdownBlocks()
    assert blocks.feed("One.\n") == []
    assert blocks.feed("\nTwo,\n") == ["One.\n\n"]
    assert blocks.open == "Two,\n"
