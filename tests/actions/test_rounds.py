"""The conversation of a task: what is appended, and where the marker is."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz.actions import rounds
from kibitz.actions.rounds import NO_MORE, REPORT_NOW, going_on
from kibitz.claude.values import (
    Block,
    Message,
    Part,
    Prompt,
    Thinking,
    ToolResult,
    ToolUse,
)

THOUGHT = Thinking({"type": "thinking", "thinking": "", "signature": "c2ln"})


def prompt_of(answer_tool: str | None = None) -> Prompt:
    return Prompt(
        "standard",
        "claude-sonnet-5-5",
        (Block("rules"), Block("snapshot", "1h"), Block("log", "5m"), Block("tail", "5m")),
        (Message("user", (Block("task", "5m"),)),),
        1_000,
        answer_tool=answer_tool,
    )


def replied(*ids: str) -> tuple[Part, ...]:
    return (THOUGHT, Block("I look."), *(ToolUse(id_, "read_file", {}) for id_ in ids))


def markers(prompt: Prompt) -> int:
    parts = [*prompt.system, *(part for each in prompt.messages for part in each.content)]
    return sum(getattr(part, "marker", None) is not None for part in parts)


def test_rounds_only_append_and_one_marker_moves_along() -> None:
    prompt = prompt_of()
    for number in range(1, 7):
        before = prompt.messages
        prompt = going_on(prompt, replied(f"a{number}", f"b{number}"), [("x", False), ("y", True)])

        assert markers(prompt) == 4
        bare = Message.without_markers
        assert tuple(map(bare, prompt.messages))[: len(before)] == tuple(map(bare, before))
        call, result = prompt.messages[-2:]
        assert call.content == replied(f"a{number}", f"b{number}")
        assert result.content == (
            ToolResult(f"a{number}", "x"),
            ToolResult(f"b{number}", "y", is_error=True, marker="5m"),
        )
        assert prompt.tool_choice == "auto"


def test_the_last_round_has_no_tools_and_leaves_no_entry() -> None:
    prompt = going_on(prompt_of(), replied("a"), [("x", False)])
    last = going_on(prompt, replied("b"), [("y", False)], is_last=True)

    assert last.tool_choice == "none"
    assert markers(last) == 3
    assert last.messages[-1].content == (ToolResult("b", f"y\n\n{NO_MORE}"),)


def test_the_last_round_of_a_review_reads_what_the_one_before_left() -> None:
    prompt = going_on(prompt_of("report_findings"), replied("a"), [("x", False)])
    last = going_on(prompt, replied("b"), [("y", False)], is_last=True)

    assert last.tool_choice == "auto"
    assert last.messages[-3].content == (ToolResult("a", "x", marker="5m"),)
    assert last.messages[-1].content == (ToolResult("b", f"y\n\n{REPORT_NOW}"),)


@pytest.mark.parametrize("ids", [("", ""), ("same", "same"), ("", "same")])
def test_every_call_has_an_id_of_its_own(ids: tuple[str, ...]) -> None:
    prompt = going_on(prompt_of(), replied(*ids), [("x", False), ("y", False)])
    calls = [part.id for part in prompt.messages[-2].content if isinstance(part, ToolUse)]
    results = [
        part.tool_use_id for part in prompt.messages[-1].content if isinstance(part, ToolResult)
    ]

    assert calls == results
    assert len(set(calls)) == 2
    assert all(calls)


@given(st.lists(st.integers(0, 40_000), min_size=1, max_size=12), st.integers(0, 100_000))
def test_results_share_the_room(lengths: list[int], room: int) -> None:
    texts = ["x" * length for length in lengths]
    fitted = rounds._fitted(texts, room)

    assert len(fitted) == len(texts)
    notes = len(texts) * (len(rounds.NO_ROOM) + 5)
    assert sum(map(len, fitted)) <= max(room, 0) + notes
    if sum(lengths) <= room:
        # Nobody is cut while there is room for everybody's share.
        share = room // len(texts)
        assert all(a == b for a, b in zip(fitted, texts, strict=True) if len(b) <= share)


def test_a_short_result_leaves_its_share_to_the_next() -> None:
    chance = random.Random(1)
    long = "y" * 9_000
    for _ in range(5):
        short = "x" * chance.randint(0, 900)
        assert rounds._fitted([short, long], 10_000) == [short, long]
