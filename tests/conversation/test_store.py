"""Turns come back as they were sent; nobody's is lost, and old ones go."""

from __future__ import annotations

import stat
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz.claude.values import (
    Attachment,
    Block,
    Message,
    Thinking,
    ToolResult,
    ToolUse,
)
from kibitz.conversation import store
from kibitz.conversation.document import Exchange
from kibitz.conversation.news import NEWS, Told
from kibitz.conversation.store import Addition, Conversations, Kept
from kibitz.conversation.turns import (
    FIRST_KEY,
    Turn,
    dumped,
    key_after,
    loaded,
)
from kibitz_context.values import Place, Statement

TOLD = Told(
    "s",
    ("a", "b"),
    1,
    "tail",
    "t",
    (Statement(Place("x.py"), "1"), Statement(Place("y.py", (2, 5)), "2")),
)
WORDS = st.text(max_size=20)
NAMES = st.dictionaries(WORDS, st.one_of(WORDS, st.integers(), st.none()), max_size=3)
PARTS = st.one_of(
    st.builds(Block, WORDS),
    st.builds(Attachment, st.sampled_from(["image/png", "application/pdf"]), WORDS, st.integers(0)),
    st.builds(ToolUse, WORDS, WORDS, NAMES),
    st.builds(ToolResult, WORDS, WORDS, st.booleans()),
    st.builds(Thinking, NAMES),
)
MESSAGES = st.lists(
    st.builds(
        Message,
        st.sampled_from(["user", "assistant"]),
        st.lists(PARTS, min_size=1, max_size=4).map(tuple),
    ),
    min_size=1,
    max_size=4,
).map(tuple)


def turn(question: str, answer: str = "Yes.") -> Turn:
    messages = (
        Message("user", (Block(f"{NEWS}…</news>"), Block(question))),
        Message("assistant", (Thinking({"type": "thinking"}), ToolUse("1", "look", {}))),
        Message("user", (ToolResult("1", "seen"),)),
        Message("assistant", (Block(answer),)),
    )
    return Turn(messages, answer, "claude-sonnet-5-5", TOLD)


def addition(after: Kept | None, *questions: str) -> Addition:
    key = after.key if after is not None else FIRST_KEY
    turns = []
    for question in questions:
        key = key_after(key, Exchange(question, "Yes."))
        turns.append((key, turn(question)))
    return Addition(after, tuple(turns))


@pytest.fixture
def kept(tmp_path: Path) -> Conversations:
    return Conversations(tmp_path)


@given(MESSAGES, WORDS)
def test_a_turn_comes_back_as_it_was_sent(messages: tuple[Message, ...], answer: str) -> None:
    sent = Turn(messages, answer, "m", TOLD)
    assert loaded(dumped(sent)) == sent


@given(st.one_of(WORDS, st.sampled_from(["{}", "[]", "null", '{"messages":[]}', "1" * 5000])))
def test_what_is_no_turn_is_told(text: str) -> None:
    with pytest.raises(ValueError):
        loaded(text)


def test_markers_are_not_kept() -> None:
    marked = Message("user", (ToolResult("1", "x", marker="5m"), Block("y", "1h")))
    assert marked.without_markers() == Message("user", (ToolResult("1", "x"), Block("y")))


def test_the_plain_form_has_what_was_said_and_nothing_of_its_time() -> None:
    plain = turn("Why?").plain
    assert plain == (Message("user", (Block("Why?"),)), Message("assistant", (Block("Yes."),)))


def test_keys_name_all_that_was_said() -> None:
    one = key_after(FIRST_KEY, Exchange("a", "b"))
    assert key_after(FIRST_KEY, Exchange("a \n", "b\t")) != one  # a line more
    assert key_after(FIRST_KEY, Exchange("a  ", "b\t")) == one
    assert key_after(FIRST_KEY, Exchange("ab", "")) != one
    assert key_after(one, Exchange("a", "b")) != one


def test_a_conversation_is_found_by_its_words(kept: Conversations) -> None:
    kept.add("/r", addition(None, "One?", "Two?"))
    said = [Exchange("One?", "Yes."), Exchange("Two?", "Yes."), Exchange("Three?", "Yes.")]
    assert [each.turn for each in kept.known("/r", said)] == [turn("One?"), turn("Two?")]
    assert kept.known("/other", said) == []
    assert kept.known("/r", said[1:]) == []
    assert kept.known("/r", []) == []
    edited = [said[0], Exchange("Two, please?", "Yes.")]
    assert [each.turn for each in kept.known("/r", edited)] == [turn("One?")]


def test_two_go_on_from_one_turn(kept: Conversations) -> None:
    kept.add("/r", addition(None, "One?"))
    (one,) = kept.known("/r", [Exchange("One?", "Yes.")])
    for question in ("Left?", "Right?"):
        kept.add("/r", addition(one, question))
    for question in ("Left?", "Right?"):
        said = [Exchange("One?", "Yes."), Exchange(question, "Yes.")]
        assert [each.turn for each in kept.known("/r", said)] == [turn("One?"), turn(question)]


def test_threads(kept: Conversations) -> None:
    begun = kept.go_on(None, "/r", addition(None, "One?"), "One?")
    other = kept.go_on(None, "/r", addition(None, "Else?"), "Else?")
    after = kept.turns(begun.head)[-1]
    further = kept.go_on(begun, "/r", addition(after, "Two?"), "unused")
    assert (further.id, further.title, further.n_turns) == (begun.id, "One?", 2)
    assert [each.id for each in kept.threads("/r")] == [begun.id, other.id]
    assert [each.turn for each in kept.turns(further.head)] == [turn("One?"), turn("Two?")]

    forked = kept.go_on(begun, "/r", addition(after, "Late?"), "unused")
    assert forked.id != begun.id
    assert [each.turn for each in kept.turns(forked.head)] == [turn("One?"), turn("Late?")]
    assert [each.turn for each in kept.turns(further.head)] == [turn("One?"), turn("Two?")]


def test_what_nobody_goes_on_with_goes(
    kept: Conversations, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time()
    old = kept.go_on(None, "/r", addition(None, "Old?"), "Old?")
    used = kept.go_on(None, "/r", addition(None, "Used?"), "Used?")
    monkeypatch.setattr(time, "time", lambda: now + store.KEPT_SECONDS * 0.8)
    used = kept.go_on(used, "/r", addition(kept.turns(used.head)[-1], "More?"), "")
    monkeypatch.setattr(time, "time", lambda: now + store.KEPT_SECONDS * 1.2)
    kept.add("/r", addition(None, "New?"))
    assert [each.id for each in kept.threads("/r")] == [used.id]
    assert len(kept.turns(used.head)) == 2
    assert kept.turns(old.head) == []


def test_there_are_not_too_many(kept: Conversations, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MOST_TURNS", 3)
    for number in range(5):
        kept.go_on(None, "/r", addition(None, f"{number}?"), f"{number}?")
    assert {each.title for each in kept.threads("/r")} == {"4?", "3?", "2?"}


def test_the_file_is_the_users_alone(kept: Conversations, tmp_path: Path) -> None:
    kept.add("/r", addition(None, "One?"))
    file = tmp_path / store.FILE_NAME
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_damaged_turn_ends_what_is_known(kept: Conversations, tmp_path: Path) -> None:
    import sqlite3

    kept.add("/r", addition(None, "One?", "Two?"))
    with sqlite3.connect(tmp_path / store.FILE_NAME) as connection:
        connection.execute("UPDATE turns SET said = '{' WHERE id = 2")
    connection.close()
    said = [Exchange("One?", "Yes."), Exchange("Two?", "Yes.")]
    assert [each.turn for each in kept.known("/r", said)] == [turn("One?")]
