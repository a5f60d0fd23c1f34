"""Markdown of a model is harmless to render, and its code is shown as it was written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from kibitz.plain_text import visible
from kibitz.safe_markdown import safe_document, safe_markdown

LIVE = {"link_open", "image", "html_inline", "html_block", "hidden"}


def live_tokens(markdown: str) -> set[str]:
    found: set[str] = set()
    for token in MarkdownIt("commonmark").parse(markdown):
        for each in (token, *(token.children or ())):
            found.add(each.type)
            if each.type != "inline" and visible(each.content) != each.content:
                found.add("hidden")
    return found & LIVE


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("a `List<int>` is fine", "a `List<int>` is fine"),
        ("```py\nif a < b:\n    c[d](e)\n```\n", "```py\nif a < b:\n    c[d](e)\n```\n"),
        ("- item\n  ```\n  <b>\n  ```\n", "- item\n  ```\n  <b>\n  ```\n"),
        ("a < b", "a \\< b"),
        ("**bold** and *soft*", "**bold** and *soft*"),
        ("[run](command:evil)", "[run]\\(command:evil)"),
        ("![see](http://spy/x.png)", "\\![see]\\(http://spy/x.png)"),
        ("a &lt; b &amp;&amp; c", "a &lt; b &amp;&amp; c"),
        ("&#x202e;gnp", "\\&#x202e;gnp"),
        ("tabs\tstay\x1b[31m, escapes go\u202e", "tabs\tstay, escapes go"),
    ],
)
def test_what_is_shown(written: str, shown: str) -> None:
    assert safe_markdown(written) == shown


@pytest.mark.parametrize(
    "attack",
    [
        "[x](command:foo)",
        "\\`[x](command:y)`",
        "[a]: command:x\n\nsee [a]",
        "[a]: <command:x>\n\nsee [a][] and [b][a]",
        "<https://spy.example>",
        "<img src=x onerror=alert(1)>",
        "\\<img src=x>",
        "\\\\<img src=x>",
        "``` `<b>` ```` <i>",
        "<!-- hidden -->",
        "![a][b]\n\n[b]: http://spy/",
        "[![a](b)](c)",
        "&#x202e;gnp.exe",
        "a&#8203;b &rlm;c &ZeroWidthSpace;",
        "\\\\&#x1b;[31m",
        "[&#x202e;](command:x)",
    ],
)
def test_nothing_live_is_left(attack: str) -> None:
    assert live_tokens(attack) or "\\" in attack
    assert not live_tokens(safe_markdown(attack))


PIECES = st.sampled_from(
    (
        *("[x](command:kibitz.revert)", "<command:x>", "](command:y", "[a]: command:z\n", "[a][]"),
        *("![i](http://spy/x.png)", "<img src=x onerror=y>", "<a href='command:x'>", "</", "<!--"),
        *("&lt;img&gt;", "&#60;b&#62;", "&#x202e;", "&#8238;", "&rlm;", "&zwj;", "&amp;"),
        *("\u202e", "\u2066", "\u200b", "\x1b[31m", "\x9b1m", "\x00", "\x07", "\U000e0041"),
        *("`", "``", "```\n", "\\", "\n", "\n\n", "- ", "> ", "    ", "a", " ", "*", "#"),
    )
)


@given(st.lists(PIECES, max_size=12).map("".join))
def test_of_no_attack_on_a_hover_anything_is_left(text: str) -> None:
    """Neither a command, an image or HTML nor a character that nobody sees, also as an entity."""
    shown = safe_markdown(text)
    assert not live_tokens(shown)
    assert visible(shown) == shown


@given(st.text(alphabet="[]()<>!:`\\ab \n-~#", max_size=60))
def test_nothing_live_is_left_of_any_text(text: str) -> None:
    assert not live_tokens(safe_markdown(text))


def test_a_wall_of_backslashes_takes_no_time() -> None:
    wall = "\\" * 50_000
    assert safe_markdown(f"{wall}<b") == f"{wall}\\<b"


@pytest.mark.parametrize("text", ["plain", "a < b and `c[d](e)`", "**so** it is\n"])
def test_a_document_without_anything_live_stays_as_it_is(text: str) -> None:
    assert safe_document(text) == text


def test_a_document_with_something_live_is_made_harmless() -> None:
    assert safe_document("see [it](command:evil) \x1b[1mnow") == "see [it]\\(command:evil) now"
