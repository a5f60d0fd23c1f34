"""What a question points at."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz.conversation.links import Link, links


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("See `src/a.py:10-20`.", [Link("mentioned", "src/a.py", 10, 20)]),
        ("See `a.py:10`.", [Link("mentioned", "a.py", 10, 10)]),
        ("See `a.py`, `x = 1` and `a[1:2]`.", []),
        ("[x](src/a.py)", [Link("quoted", "src/a.py")]),
        ("[x](src/a.py#L10-L20)", [Link("quoted", "src/a.py", 10, 20)]),
        ("[x](src/a.py#L3)", [Link("quoted", "src/a.py", 3, 3)]),
        ("[x](src/a.py:3-4 'title')", [Link("quoted", "src/a.py", 3, 4)]),
        ("[x](README.md#use)", [Link("quoted", "README.md")]),
        ("[x](<a b.md>)", [Link("quoted", "a b.md")]),
        ("[x](a%20b.md)", [Link("quoted", "a b.md")]),
        ("![](shot.png)", [Link("attached", "shot.png")]),
        ("![x](shot)", [Link("attached", "shot")]),
        ("[paper](docs/Paper.PDF)", [Link("attached", "docs/Paper.PDF")]),
        ("[x][1]\n\n[1]: a.md", [Link("quoted", "a.md")]),
        ("[x](#here) [y](https://e.invalid/a.png) ![](//e/a.png) <mailto:a@b.c>", []),
        ("[x](command:run) [y](javascript:run)", []),
        ("```\n[x](a.md) `a.py:1`\n```", []),
        ("`[x](a.md)`", []),
        ("**[x](a.md)** and [x](a.md)", [Link("quoted", "a.md")]),
        ("- ![](a.png)\n- ![](b.png)", [Link("attached", "a.png"), Link("attached", "b.png")]),
        ("`a.py:20-10`", [Link("mentioned", "a.py")]),
    ],
)
def test_what_is_pointed_at(text: str, found: list[Link]) -> None:
    assert links(text) == found


@given(st.text(alphabet="[]()!`#L:-0123456789a./\n <>%", max_size=60))
def test_any_text_can_be_asked(text: str) -> None:
    for link in links(text):
        assert link.path
        assert (link.first_line is None) == (link.last_line is None)
