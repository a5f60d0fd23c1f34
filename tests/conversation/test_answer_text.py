"""An answer on its way into a document: the same wherever it breaks, and nothing live in it."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kibitz.conversation.answer_text import STOPPED, AnswerText
from kibitz.conversation.document import Exchange, parse
from kibitz.safe_markdown import safe_document

PIECES = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        [
            "\n", "\n\n", "```\n", "```py\n", "~~~~\n", "   ```\n", "- item\n", "1. one\n", "> ",
            "## You\n", "## Claude", "\\## You\n", "<img src=x>", "![a](http://e/?x)", "![a][b]",
            "[b]: http://e/\n", "[c](command:x)", "    code <b>\n", "a | b\n---|---\n", "<!--",
            "`<b>` ", "\r\n", "\x1b[31m", "text\n",
        ]
    ),
)  # fmt: skip
ANSWERS = st.lists(PIECES, max_size=14).map("".join)


def streamed(pieces: list[str], *, cut_off: bool = False) -> tuple[str, AnswerText]:
    """The lines of an answer that comes in these pieces, and what wrote them."""
    answer = AnswerText()
    lines = answer.begin()
    for piece in pieces:
        lines += answer.feed(piece)
    lines += answer.cut_off() if cut_off else answer.finish()
    assert all(line.endswith("\n") and line.count("\n") == 1 for line in lines)
    return "".join(lines), answer


@given(ANSWERS, st.data(), st.booleans())
def test_it_does_not_matter_where_it_breaks(text: str, data: st.DataObject, cut_off: bool) -> None:
    whole, _ = streamed([text], cut_off=cut_off)
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=6).map(sorted))
    bounds = [0, *cuts, len(text)]
    pieces = [text[start:end] for start, end in pairwise(bounds)]
    assert streamed(pieces, cut_off=cut_off)[0] == whole
    assert streamed(list(text), cut_off=cut_off)[0] == whole


@given(ANSWERS, st.booleans())
def test_the_document_stays_one(text: str, cut_off: bool) -> None:
    written, answer = streamed([text], cut_off=cut_off)
    found = parse(f"## You\n\nHow?\n{written}")
    if answer.text:
        assert found.exchanges == (Exchange("How?", _unescaped(answer.text)),)
        assert found.question == ""
    assert written.endswith("\n## You\n\n")


@given(ANSWERS, st.booleans())
@example("## YOU\n    code <b>\n", False)
@example("a | b\n---|---\n    code <b>\n", False)
def test_nothing_in_it_is_live(text: str, cut_off: bool) -> None:
    written, _ = streamed([text], cut_off=cut_off)
    assert safe_document(written) == written


@pytest.mark.parametrize("paragraph", ["![a][b]", "[a][b]", "![b]", "See [b]."])
def test_a_label_means_nothing_in_another_block(paragraph: str) -> None:
    written, _ = streamed([f"{paragraph}\n\nText.\n\n[b]: http://example.invalid/?x\n\nEnd."])
    assert safe_document(written) == written
    assert paragraph in written


def _unescaped(text: str) -> str:
    return parse(f"## You\n\nHow?\n\n## Claude\n\n{text}\n").exchanges[0].answer


def test_what_an_answer_becomes() -> None:
    written, answer = streamed(["\n\nIt adds ", "them up.\n\n\n", "So:\n\n```py\nx[i](y)\n```\n\n"])
    assert written == (
        "\n## Claude\n\nIt adds them up.\n\n\nSo:\n\n```py\nx[i](y)\n```\n\n## You\n\n"
    )
    assert answer.text == "It adds them up.\n\n\nSo:\n\n```py\nx[i](y)\n```"


def test_the_lines_of_a_fence_come_one_by_one() -> None:
    answer = AnswerText()
    assert answer.feed("```py\n") == ["```py\n"]
    assert answer.feed("one\ntw") == ["one\n"]
    assert answer.feed("o\n") == ["two\n"]
    assert answer.feed("```\nthen") == ["```\n"]
    assert answer.finish() == ["then\n", "\n", "## You\n", "\n"]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("Half a sen", "Half a sen\n\n*Stopped here.*"),
        ("```py\nx = 1\ny =", "```py\nx = 1\ny =\n```\n\n*Stopped here.*"),
        ("~~~~\n```\n", "~~~~\n```\n~~~~\n\n*Stopped here.*"),
        ("", "*Stopped here.*"),
    ],
)
def test_half_an_answer_is_closed_and_marked(text: str, written: str) -> None:
    assert STOPPED in written
    document, answer = streamed([text], cut_off=True)
    assert document == f"\n## Claude\n\n{written}\n\n## You\n\n"
    assert answer.text == written


def test_line_ends_are_those_of_the_document() -> None:
    answer = AnswerText("\r\n")
    assert answer.begin() == ["\r\n", "## Claude\r\n", "\r\n"]
    assert answer.feed("one\r\n\r\ntwo") == ["one\r\n"]
