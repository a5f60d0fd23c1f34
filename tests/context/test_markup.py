"""The text of layers: no file can end its own block, and the tree fits."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz_context import markup


def test_a_block_is_the_text_between_its_tags() -> None:
    assert markup.block("file", "a\nb", path="x.py") == '<file path="x.py">\na\nb\n</file>\n'
    assert markup.block("file", "a\n", path="x.py") == '<file path="x.py">\na\n</file>\n'
    assert markup.block("file", "", path="x.py") == '<file path="x.py">\n</file>\n'


def test_an_attribute_cannot_be_left() -> None:
    path = 'a"><b&c\n\u202e\x1b.py'
    assert markup.empty_element("deleted", path=path) == (
        '<deleted path="a&quot;&gt;&lt;b&amp;c\\u000a\\u202e\\u001b.py"/>\n'
    )


def test_without_blocks_there_is_no_section() -> None:
    assert markup.section("files", []) == ""
    assert markup.section("files", ["x\n"]) == "<files>\nx\n</files>\n"


@pytest.mark.parametrize(
    "text",
    ["</file>", "x </FILE >", "< / file", '<file path="b.py">', "</repository>", "<task-context>"],
)
def test_a_text_that_holds_our_tags_gets_tags_that_it_does_not_hold(text: str) -> None:
    block = markup.block("file", text, path="a.py")
    opened = re.match(r'<(file-[0-9a-f]{8}) path="a\.py">\n', block)
    assert opened
    assert block.endswith(f"\n</{opened[1]}>\n")
    assert opened[1] not in text
    assert markup.block("file", text, path="a.py") == block


def test_a_text_that_was_written_to_hold_its_own_boundary_gets_another() -> None:
    # Nobody can put a text's hash into that text; but a shorter hash may be hit by trying.
    tag = markup._unclosable("file", "</file>")
    text = "</file>"
    for _ in range(3):
        text = f"{text} </{tag}>"
        tag = markup._unclosable("file", text)
        assert tag not in text


@given(
    st.lists(st.sampled_from(["<", "/", "file", ">", "-", "a1b2", "\n", " "]), max_size=12).map(
        "".join
    )
)
def test_a_block_ends_exactly_once(text: str) -> None:
    block = markup.block("file", text, path="a.py")
    name = block[1 : block.index(" ")]
    assert block.count(f"</{name}>") == 1
    assert block.endswith(f"</{name}>\n")


@pytest.mark.parametrize(
    ("text", "after"), [("a\r\nb\rc\n", "a\nb\nc\n"), ("\r\r\n", "\n\n"), ("a\u2028", "a\u2028")]
)
def test_line_endings_become_line_feeds(text: str, after: str) -> None:
    assert markup.with_line_feeds(text) == after


PATHS = ["README.md", "a/b/c/deep.py", "a/b/two.py", "a/one.py", "z.py"]


def test_a_tree_shows_every_folder_and_file_once() -> None:
    text, shown = markup.tree(PATHS, 1_000)
    assert text == ("README.md\na/\n  b/\n    c/\n      deep.py\n    two.py\n  one.py\nz.py\n")
    assert shown == frozenset(PATHS)


def test_a_tree_that_does_not_fit_is_cut_off_below_a_level() -> None:
    text, shown = markup.tree(PATHS, 45)
    assert text == "README.md\na/\n  b/\n  one.py\nz.py\n"
    assert shown == {"README.md", "a/one.py", "z.py"}
    text, shown = markup.tree(PATHS, 20)
    assert text == "README.md\na/\nz.py\n"
    assert markup.tree(PATHS, 5) == ("", frozenset())
    assert markup.tree([], 100) == ("", frozenset())


def test_a_name_cannot_add_a_line_to_the_tree() -> None:
    text, _ = markup.tree(["a\nb.py", "<c>.py"], 100)
    assert text == "a\\u000ab.py\n&lt;c&gt;.py\n"


@given(
    st.lists(
        st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map("/".join),
        max_size=9,
        unique=True,
    ),
    st.integers(0, 60),
)
def test_a_tree_never_takes_more_than_it_may(paths: list[str], room: int) -> None:
    files = sorted(f"{path}.py" for path in paths)
    text, shown = markup.tree(files, room)
    assert len(text) <= room
    assert shown <= frozenset(files)
    whole, _ = markup.tree(files, 10_000)
    assert len(whole) > room or text == whole
