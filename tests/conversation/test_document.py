"""A conversation as a Markdown document: any text survives the way there and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz.conversation.document import (
    Exchange,
    is_conversation,
    new_document,
    normalized,
    parse,
    render,
)

LINES = st.one_of(
    st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=12),
    st.sampled_from(
        ["## You", "## Claude", "\\## You", "\\\\##  claude\t", "", "  ", "---", "```", "# You"]
    ),
)
SAID = st.lists(LINES, min_size=1, max_size=6).map("\n".join).map(normalized).filter(bool)
EXCHANGES = st.lists(st.builds(Exchange, SAID, SAID), max_size=4)


@given(EXCHANGES, st.one_of(st.just(""), SAID))
def test_any_conversation_can_be_read_back(exchanges: list[Exchange], question: str) -> None:
    found = parse(render(exchanges, question))
    assert (found.exchanges, found.question) == (tuple(exchanges), question)


@given(EXCHANGES, SAID, st.sampled_from(["\n", "\r\n", "\r"]))
def test_the_kind_of_line_ends_does_not_matter(
    exchanges: list[Exchange], question: str, ending: str
) -> None:
    found = parse(render(exchanges, question).replace("\n", ending))
    assert (found.exchanges, found.question) == (tuple(exchanges), question)


@given(st.text(max_size=200))
def test_any_text_is_a_document(text: str) -> None:
    found = parse(text)
    assert 0 <= found.end_line <= len(text) + 1
    assert found.question == normalized(found.question)


@pytest.mark.parametrize(
    ("text", "exchanges", "question"),
    [
        ("", [], ""),
        ("How?", [], "How?"),
        ("# Notes\n\nNobody's.\n\n## You\n\nHow?\n", [], "How?"),
        ("How?\n\n## Claude\n\nSo.\n\n## You\nWhy?", [("How?", "So.")], "Why?"),
        ("## You\nHow?\n## Claude\nSo.\n", [("How?", "So.")], ""),
        ("## You\nHow?\n## Claude\nSo.\n## You\n\n\n", [("How?", "So.")], ""),
        ("## You\nHow?\n## You\nAnd why?\n", [], "How?\n\nAnd why?"),
        ("## You\nHow?\n## Claude\n\n## You\nAnd why?\n", [], "How?\n\nAnd why?"),
        ("## Claude\nHello.\n## You\nHow?", [], "How?"),
        ("## You\n\\## You\n", [], "## You"),
        ("## You\n# You\n### Claude\n## You too\n", [], "# You\n### Claude\n## You too"),
        ("## YOU\nHow?\n##  claude \nSo.\n", [("How?", "So.")], ""),
        ("## You\nHow?\n## Claude\n```\ncut\n## You\nGo on\n", [("How?", "```\ncut")], "Go on"),
    ],
)  # fmt: skip
def test_what_a_document_says(text: str, exchanges: list[tuple[str, str]], question: str) -> None:
    found = parse(text)
    assert [(each.question, each.answer) for each in found.exchanges] == exchanges
    assert found.question == question


def test_where_the_answer_goes() -> None:
    assert parse("## You\n\nHow?\n\n\n").end_line == 3
    assert parse("## You\n\nHow?").end_line == 3
    assert parse("").end_line == 0


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("talk.kibitz.md", "", True),
        ("/a/b/Talk.KIBITZ.md", "", True),
        ("talk.md", "---\nkibitz: conversation\n---\n", True),
        ("Untitled-1", "---\r\ntitle: x\r\nkibitz: 'conversation'\r\n---\r\n", True),
        ("talk.md", "---\nkibitz: conversation\n", False),
        ("talk.md", "\n---\nkibitz: conversation\n---\n", False),
        ("talk.md", "## You\n\nHow?\n", False),
        ("kibitz.md", "", False),
    ],
)
def test_which_documents_are_conversations(name: str, text: str, expected: bool) -> None:
    assert is_conversation(name, text) is expected


def test_the_header() -> None:
    found = parse(
        "---\nkibitz: conversation\nrepository: /a b\ntier: deep\n---\n\n## You\n\nHow?\n"
    )
    assert (found.repository, found.tier, found.question) == ("/a b", "deep", "How?")
    assert found.problem is None
    found = parse("---\ntier: best\n---\nHow?")
    assert (found.tier, found.question) == (None, "How?")
    assert found.problem == "tier is 'best', not fast, standard or deep"


def test_a_new_document() -> None:
    text = new_document("/srv/shop", "About `prices.py:6-10`:")
    assert is_conversation("x.md", text)
    found = parse(text)
    assert (found.repository, found.question) == ("/srv/shop", "About `prices.py:6-10`:")
    assert parse(new_document("/a\nb", "")).repository is None
