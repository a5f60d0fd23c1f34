"""The replacement in a reply, whatever stands round it and wherever the chunks break."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz.edits.reader import CLOSING_TAG, OPENING_TAG, ReplacementReader, contains_tag
from support.chunks import chunkings, cut


def read(
    pieces: Sequence[str], *, closed: bool = False, region: Sequence[str] = (), language: str = ""
) -> tuple[str, str | None]:
    """The replacement in the reply, and what is wrong with it."""
    reader = ReplacementReader(region, language)
    text = "".join(reader.feed(piece) for piece in pieces) + reader.finish(closed=closed)
    return text, reader.problem


def check_read(
    reply: str,
    expected: str,
    *,
    problem: str | None = None,
    closed: bool = False,
    region: Sequence[str] = (),
    language: str = "",
) -> None:
    """`reply` gives `expected` for every chunking; `problem` is a part of what is wrong."""
    for pieces in chunkings(reply):
        text, found = read(pieces, closed=closed, region=region, language=language)

        assert text == expected
        assert (found is None) == (problem is None)
        assert (problem or "") in (found or "")


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("<replacement>\nx = 1\n</replacement>", "x = 1\n"),
        ("<replacement>x = 1</replacement>", "x = 1"),
        ("<replacement>\r\nx = 1\r\n</replacement>", "x = 1\r\n"),
        ("<replacement>\rx = 1\r</replacement>", "x = 1\r"),
        ("<replacement>  \n    x = 1\n</replacement>", "    x = 1\n"),
        ("<replacement>    x = 1\n</replacement>", "    x = 1\n"),
        ("<replacement>\n\n\nx\n\n\n</replacement>", "\n\nx\n\n\n"),
        ("<replacement></replacement>", ""),
        ("<replacement>\n</replacement>", ""),
        ("<replacement>\n\n</replacement>", "\n"),
        ("<replacement>\na < b\n<repl\n</rep\n</replacement>", "a < b\n<repl\n</rep\n"),
        ("<replacement>\na\f\u2028b\x85\n</replacement>", "a\f\u2028b\x85\n"),
        ("<replacement>\n\ufeffx 😀\n</replacement>", "\ufeffx 😀\n"),
    ],
)
def test_what_stands_between_the_tags(reply: str, expected: str) -> None:
    check_read(reply, expected)


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("Sure, here it is: <replacement>\nx\n</replacement>", "x\n"),
        ("I renamed it.\n\n<replacement>\nx\n</replacement>\nAnything else?", "x\n"),
        ("The `<replacement>` you asked for:\n<replacement>\nx\n</replacement>", "x\n"),
        ("```xml\n<replacement>\nx\n</replacement>\n```", "x\n"),
        ("<<replacement>\nx\n<</replacement>", "x\n<"),
        ("</replacement> <replacement>\nx\n</replacement>", "x\n"),
    ],
)
def test_prose_round_the_tags_is_ignored(reply: str, expected: str) -> None:
    check_read(reply, expected)


def test_a_stop_sequence_closes_the_replacement() -> None:
    check_read("<replacement>\nx = 1\n", "x = 1\n", closed=True)
    check_read("<replacement>\nx = 1\n</repl", "x = 1\n</repl", closed=True)
    check_read("<replacement>", "", closed=True)


def test_a_reply_that_was_cut_off_is_not_complete() -> None:
    check_read("<replacement>\nx = 1\n", "x = 1\n", problem="cut off")
    check_read("<replacement>\nx = 1\n</replacemen", "x = 1\n</replacemen", problem="cut off")
    check_read("<replacement>\n```py\nx\n```\n", "x\n", problem="cut off")


def test_a_reply_without_the_tag_is_told_apart() -> None:
    for reply in ("", "I cannot do that.", "```py\nx = 1\n```", "use `<replacement>`", "<replac"):
        check_read(reply, "", problem="no replacement")
        check_read(reply, "", problem="no replacement", closed=True)
        reader = ReplacementReader()
        reader.feed(reply)
        assert not reader.opened


def test_tags_in_pairs_are_text() -> None:
    code = "f'<replacement>{x}</replacement>'\n"
    check_read(f"<replacement>\n{code}</replacement>", code)


@pytest.mark.parametrize(
    ("reply", "closed"),
    [
        # The API stops at the first closing tag, which here stands in the code.
        ("<replacement>\nf'<replacement>{x}", True),
        # Without a stop sequence, code with a lone closing tag goes on behind it.
        ("<replacement>\nEND = '</replacement>'\nx = 1\n</replacement>", False),
        ("<replacement>\na\n</replacement>\nor\n<replacement>\nb\n</replacement>", False),
        ("<replacement>\na\n</replacement>", True),
        ("<replacement>\nSTART = '<replacement>'\n</replacement>", False),
    ],
)
def test_tags_that_do_not_match_are_never_applied(reply: str, closed: bool) -> None:
    for pieces in chunkings(reply):
        _, problem = read(pieces, closed=closed)

        assert problem is not None


def test_a_lone_closing_tag_in_the_region_is_the_callers_to_find() -> None:
    # Today's limit: cut at a stop sequence inside the code, the reply looks complete.
    assert read(["<replacement>\nEND = '"], closed=True) == ("END = '", None)
    assert contains_tag(f"END = '{CLOSING_TAG}'\n")
    assert contains_tag(f"START = '{OPENING_TAG}'\n")
    assert not contains_tag("replacement = '<replacements>'\n")


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("```python\nx = 1\n```\n", "x = 1\n"),
        ("```\nx = 1\n```", "x = 1\n"),
        ("\n\n```py\nx = 1\n```\n\n", "x = 1\n"),
        ("    ```py\n    x = 1\n    ```\n", "    x = 1\n"),
        ("```py\r\nx = 1\r\n```\r\n", "x = 1\r\n"),
        ("~~~py\nx = 1\n~~~", "x = 1\n"),
        ("````md\n```\nx\n```\n````", "```\nx\n```\n"),
        ("```md\na\n```\nb\n```\nc\n```", "a\n```\nb\n```\nc\n"),
        ("```html\n```js\nx\n```\n```", "```js\nx\n```\n"),
        ("```py\nx = 1\n", "x = 1\n"),
        ("```py\n```", ""),
        ("```py\nx = '```'\n```", "x = '```'\n"),
        ("```py\nx\n````", "x\n"),
    ],
)
def test_an_outer_fence_is_taken_off(reply: str, expected: str) -> None:
    check_read(f"<replacement>\n{reply}</replacement>", expected)


@pytest.mark.parametrize(
    "code",
    [
        "``x``\n",
        "```x``` = 1\n",
        "x\n```\ny\n```\n",
        "# `x`\n",
        "~~x~~\n",
        "```" + "a" * 100 + "\nx\n```\n",
    ],
)
def test_what_is_no_outer_fence_stays(code: str) -> None:
    check_read(f"<replacement>\n{code}</replacement>", code)


def test_a_region_that_begins_with_a_fence_keeps_its_own() -> None:
    code = "```py\nx = 2\n```\n"
    check_read(f"<replacement>\n{code}</replacement>", code, region=["\n", "```py\n", "x\n"])


def test_in_markdown_a_code_block_is_content() -> None:
    code = "```py\nx = 2\n```\n"
    check_read(f"<replacement>\n{code}</replacement>", code, language="markdown")
    check_read(
        "<replacement>\n```markdown\n# Title\n```\n</replacement>", "# Title\n", language="markdown"
    )


_PARTS = st.lists(
    st.sampled_from(
        [OPENING_TAG, CLOSING_TAG, "<", "</", "rep", "`", "```", "```py\n", "~~~", *"\n\r\f \tx😀"]
    ),
    max_size=24,
).map("".join)


@given(cut(_PARTS), st.booleans(), st.booleans())
def test_the_result_does_not_depend_on_the_chunks(
    pieces: list[str], closed: bool, is_fenced: bool
) -> None:
    region = ["```\n"] if is_fenced else []
    whole = read(["".join(pieces)], closed=closed, region=region)

    assert read(pieces, closed=closed, region=region) == whole
    assert read(list("".join(pieces)), closed=closed, region=region) == whole


@given(cut(st.text(alphabet="ab <>/`\n\r\t~😀", max_size=60)))
def test_what_has_no_fence_and_no_tag_arrives_as_it_is(pieces: list[str]) -> None:
    text = "".join(pieces)
    if "```" in text or "~~~" in text:
        return
    reply = [f"{OPENING_TAG}\n", *pieces, CLOSING_TAG]

    assert read(reply) == (text, None)


def test_text_is_given_as_soon_as_it_is_certain() -> None:
    reader = ReplacementReader()

    assert reader.feed("<replacement>\n") == ""
    assert reader.feed("x = ") == "x = "
    assert reader.feed("a <") == "a "
    assert reader.feed(" b\n</") == "< b\n"
    assert reader.feed("replacement>") == ""
    assert reader.complete
