"""An answer that reached its token limit goes on once, and reads as one."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz.claude.continuing import QUOTED_CHARACTERS, Joint, continued, without_repetition
from kibitz.claude.values import (
    Block,
    ClaudeFailure,
    Event,
    Expectation,
    Finished,
    Message,
    ModelFacts,
    Prompt,
    Purpose,
    Started,
    StopReason,
    TextDelta,
    ToolCall,
    ToolInputDelta,
    Usage,
)

PURPOSE = Purpose("explain")
PROMPT = Prompt(
    "standard",
    "claude-sonnet-5-5",
    (Block("Rules."), Block("Snapshot.", "1h")),
    (Message("user", (Block("What is this?"),)),),
    100,
    tool_choice="auto",
    expectation=Expectation(0, "first"),
)


def ended(stop_reason: StopReason, cost_usd: float | None = 0.25) -> Finished:
    return Finished(
        stop_reason, None, Usage(10, 20, output_tokens=30), "req", PROMPT.model, cost_usd
    )


class Claude:
    """Gives its replies one by one; an exception in a reply is raised."""

    def __init__(self, *replies: Sequence[Event | ClaudeFailure]) -> None:
        self.replies = list(replies)
        self.prompts: list[Prompt] = []

    async def stream(self, prompt: Prompt, purpose: Purpose) -> AsyncGenerator[Event, None]:
        self.prompts.append(prompt)
        for event in self.replies.pop(0):
            if isinstance(event, ClaudeFailure):
                raise event
            yield event

    async def warm(self, prompt: Prompt, purpose: Purpose) -> Usage:
        raise AssertionError

    async def count_tokens(self, prompt: Prompt) -> int | None:
        raise AssertionError

    async def models(self) -> tuple[ModelFacts, ...]:
        raise AssertionError

    async def aclose(self) -> None:
        pass


START = Started("req", PROMPT.model, Usage(10, 20))


async def read(claude: Claude) -> list[Event]:
    return [event async for event in continued(claude, PROMPT, PURPOSE)]


def text_of(events: Sequence[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


async def test_two_halves_read_as_one() -> None:
    claude = Claude(
        [START, TextDelta("It adds the pri"), ended("max_tokens")],
        [START, TextDelta("ces of "), TextDelta("all items."), ended("end_turn")],
    )
    events = await read(claude)

    assert text_of(events) == "It adds the prices of all items."
    assert [event for event in events if not isinstance(event, TextDelta)] == [
        START,
        Finished(
            "end_turn", None, Usage(20, 40, output_tokens=60), "req", PROMPT.model, cost_usd=0.5
        ),
    ]
    last = events[-1]
    assert isinstance(last, Finished)
    assert last.content == (Block("It adds the prices of all items."),)


async def test_the_second_request_only_appends() -> None:
    claude = Claude(
        [START, TextDelta("It adds"), ended("max_tokens")],
        [START, TextDelta(" all."), ended("end_turn")],
    )
    await read(claude)
    first, second = claude.prompts

    assert (second.system, second.tools, second.tier) == (first.system, first.tools, first.tier)
    assert second.messages[: len(first.messages)] == first.messages
    assistant, user = second.messages[len(first.messages) :]
    assert assistant == Message("assistant", (Block("It adds"),))
    (asking,) = user.content
    assert isinstance(asking, Block)
    assert "interrupted" in asking.text
    assert "It adds" in asking.text
    assert user.role == "user", "a prefill is refused by every newer model"
    assert second.tool_choice == "none"
    assert second.expectation == Expectation(2, "keep")


@pytest.mark.parametrize(
    "reply",
    [
        [START, TextDelta("Hm"), ToolInputDelta("t", "search", "{"), ended("max_tokens")],
        [START, TextDelta("Hm"), ToolCall("t", "search", "{}"), ended("max_tokens")],
        [START, ended("max_tokens")],
        [START, TextDelta("\n"), ended("max_tokens")],
        [START, TextDelta("Done."), ended("end_turn")],
        [START, TextDelta("No."), ended("refusal")],
        [START, TextDelta("Full"), ended("model_context_window_exceeded")],
    ],
    ids=["input", "call", "thought only", "blank", "end", "refusal", "window"],
)
async def test_what_is_left_as_it_is(reply: list[Event]) -> None:
    claude = Claude(reply)
    assert await read(claude) == reply
    assert len(claude.prompts) == 1


async def test_once_is_enough() -> None:
    half: list[Event] = [START, TextDelta("word "), ended("max_tokens")]
    claude = Claude(half, half, half)
    events = await read(claude)
    assert len(claude.prompts) == 2
    assert isinstance(events[-1], Finished)
    assert events[-1].stop_reason == "max_tokens"


@pytest.mark.parametrize("kind", ["budget", "overloaded", "network"])
async def test_without_a_second_half_the_first_one_is_cut_off(kind: str) -> None:
    first: list[Event] = [START, TextDelta("It adds"), ended("max_tokens")]
    claude = Claude(first, [ClaudeFailure(kind)])  # type: ignore[arg-type]
    assert await read(claude) == first


async def test_a_second_half_that_breaks_off_is_told() -> None:
    claude = Claude(
        [START, TextDelta("It adds"), ended("max_tokens")],
        [START, TextDelta("x" * 300), ClaudeFailure("dropped")],
    )
    events: list[Event] = []
    with pytest.raises(ClaudeFailure) as caught:
        async for event in continued(claude, PROMPT, PURPOSE):
            events.append(event)  # noqa: PERF401 - what came before a failure counts
    assert caught.value.kind == "dropped"
    assert text_of(events) == "It adds" + "x" * 300


async def test_a_price_that_is_not_known_stays_so() -> None:
    claude = Claude(
        [START, TextDelta("It adds"), ended("max_tokens", None)],
        [START, TextDelta(" all."), ended("end_turn", None)],
    )
    last = (await read(claude))[-1]
    assert isinstance(last, Finished)
    assert last.cost_usd is None


@pytest.mark.parametrize(
    ("end", "following", "joined"),
    [
        ("the sum of all pri", "ces.", "the sum of all prices."),
        ("the sum of all prices", "all prices, twice.", "the sum of all prices, twice."),
        ("the sum of all pri", "the sum of all prices.", "the sum of all prices."),
        ("the sum of all", "\n\nof all prices.", "the sum of all prices."),
        ("a function", "function call", "a function call"),
        ("It is ban", "anas.", "It is bananas."),
        ("if x:\n    }\n", "}\n", "if x:\n    }\n}\n"),
        ("one\n\n", "\n\ntwo", "one\n\n\n\ntwo"),
        ("- - -", "- -", "- - -- -"),
        ("x = 1", "1", "x = 11"),
    ],
)
def test_what_is_said_again_is_left_out(end: str, following: str, joined: str) -> None:
    assert end + without_repetition(end, following) == joined


@given(
    before=st.text(min_size=1, max_size=400),
    following=st.text(max_size=400),
    cuts=st.lists(st.integers(0, 400), max_size=8),
)
def test_pieces_do_not_matter_and_nothing_but_a_repetition_is_lost(
    before: str, following: str, cuts: list[int]
) -> None:
    borders = sorted({0, *(cut for cut in cuts if cut < len(following)), len(following)})
    joint = Joint(before)
    pieces = [following[a:b] for a, b in pairwise(borders)]
    given_out = "".join(joint.feed(piece) for piece in pieces) + joint.finish()

    assert given_out == joint.text
    assert following.endswith(given_out)
    lost = following[: len(following) - len(given_out)].strip()
    assert not lost or lost in before[-QUOTED_CHARACTERS:]
