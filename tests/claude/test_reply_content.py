"""A reply as it is sent back: what Claude thought, said and called, in order and to the byte."""

from __future__ import annotations

import dataclasses
import json
import random

import pytest

from kibitz.claude.anthropic_client import AnthropicClaude
from kibitz.claude.connection import Connection
from kibitz.claude.models import catalogue
from kibitz.claude.prompts import wire
from kibitz.claude.prompts.estimate import prompt_tokens
from kibitz.claude.prompts.prefixes import prefixes
from kibitz.claude.prompts.tool_text import NOTHING_TO_LOOK_WITH, without_tools
from kibitz.claude.values import (
    Block,
    ClaudeFailure,
    Finished,
    Message,
    Part,
    Prompt,
    Purpose,
    Thinking,
    Tool,
    ToolResult,
    ToolUse,
)
from kibitz.standin import Reply, StandIn, ToolCall

OPTIONS = catalogue.builtin().request_options("claude-opus-5-5", "deep")
LOOK = Tool("look", "Look.", {"type": "object", "properties": {}}, is_answered=True)
REPORT = Tool("report", "Report.", {"type": "object", "properties": {}})


def prompt_of(*messages: Message, model: str = "claude-opus-5-5") -> Prompt:
    question = Message("user", (Block("Question?"),))
    return Prompt("deep", model, (Block("Rules."),), (question, *messages), 1_000, tools=(LOOK,))


async def content_of(standin: StandIn, prompt: Prompt) -> tuple[Part, ...]:
    claude = AnthropicClaude(Connection(api_key="sk-test", base_url=standin.base_url))
    try:
        events = [event async for event in claude.stream(prompt, Purpose("ask"))]
    finally:
        await claude.aclose()
    end = events[-1]
    assert isinstance(end, Finished)
    return end.content


@pytest.mark.parametrize("seed", range(5))
async def test_thinking_text_and_calls_come_back_as_they_were(standin: StandIn, seed: int) -> None:
    calls = [ToolCall("look", {"path": "ä.py", "n": [1, {"x": None}]}), ToolCall("look", {})]
    size = random.Random(seed).randint(1, 9)
    standin.enqueue(
        Reply("I look.", thinking="Hm.", tool_calls=calls, chunk_size=size, chunk_seed=seed)
    )
    thought, said, *called = await content_of(standin, prompt_of())

    assert isinstance(thought, Thinking)
    assert thought.block["type"] == "thinking"
    assert thought.block["signature"]
    assert said == Block("I look.")
    assert [(each.name, each.input) for each in called if isinstance(each, ToolUse)] == [
        ("look", calls[0].input),
        ("look", {}),
    ]


async def test_the_conversation_goes_on_with_what_came(standin: StandIn) -> None:
    standin.enqueue(Reply(thinking="Hm.", tool_calls=[ToolCall("look", {})]), Reply("So it is."))
    content = await content_of(standin, prompt_of())
    call = content[-1]
    assert isinstance(call, ToolUse)
    results = Message("user", (ToolResult(call.id, "It is there.", marker="5m"),))

    answered = await content_of(standin, prompt_of(Message("assistant", content), results))

    assert answered == (Block("So it is."),)
    sent = standin.journal.last.request.body["messages"]
    assert [block["type"] for block in sent[1]["content"]] == ["thinking", "tool_use"]
    assert sent[2]["content"][0]["cache_control"] == {"type": "ephemeral"}


@pytest.mark.parametrize("change", ["signature", "thinking"])
async def test_the_stand_in_refuses_thinking_that_was_changed(
    standin: StandIn, change: str
) -> None:
    standin.enqueue(Reply(thinking="Hm.", tool_calls=[ToolCall("look", {})]), Reply("No."))
    thought, call = await content_of(standin, prompt_of())
    assert isinstance(thought, Thinking)
    assert isinstance(call, ToolUse)
    other = Thinking({**thought.block, change: "bm8="})
    messages = (
        Message("assistant", (other, call)),
        Message("user", (ToolResult(call.id, "It is there."),)),
    )

    with pytest.raises(ClaudeFailure) as raised:
        await content_of(standin, prompt_of(*messages))

    assert "thinking" in raised.value.message


async def test_input_that_is_no_object_is_sent_back_as_one(standin: StandIn) -> None:
    for given in ('{"path": "a', "[1]", "[" * 100_000):
        standin.enqueue(Reply(tool_calls=[ToolCall("look", given)], output_tokens=1))
        prompt = dataclasses.replace(prompt_of(), max_tokens=100_000)
        (call,) = await content_of(standin, prompt)

        assert isinstance(call, ToolUse)
        assert call.input == {"INVALID_JSON": given}


def test_a_marker_on_a_result_is_counted_as_one_on_a_text() -> None:
    call = Message("assistant", (Thinking({"type": "thinking"}), ToolUse("id", "look", {})))
    plain = prompt_of(call, Message("user", (ToolResult("id", "there"),)))
    marked = prompt_of(call, Message("user", (ToolResult("id", "there", marker="5m"),)))

    assert prefixes(plain, OPTIONS) == ()
    found = prefixes(marked, OPTIONS)
    assert [prefix.marker for prefix in found] == [None, None, None, None, "5m"]
    assert prompt_tokens(plain) == prompt_tokens(marked) > prompt_tokens(prompt_of())


def test_thinking_is_part_of_a_prefix() -> None:
    def name(signature: str) -> bytes:
        thought = Thinking({"type": "thinking", "thinking": "", "signature": signature})
        result = ToolResult("id", "there", marker="5m")
        call = Message("assistant", (thought, ToolUse("id", "look", {})))
        return prefixes(prompt_of(call, Message("user", (result,))), OPTIONS)[-1].name

    assert name("one") == name("one") != name("other")


@pytest.mark.parametrize("answer_tool", [None, "report"])
def test_where_no_tool_can_be_called_only_the_answer_is_put_into_words(
    answer_tool: str | None,
) -> None:
    prompt = dataclasses.replace(prompt_of(), tools=(LOOK, REPORT), answer_tool=answer_tool)

    sent = json.dumps(wire.arguments(without_tools(prompt), OPTIONS))

    assert NOTHING_TO_LOOK_WITH in sent
    assert "`look`" not in sent, "nobody would answer its calls"
    assert ("`report` cannot be called" in sent) == (answer_tool is not None)
