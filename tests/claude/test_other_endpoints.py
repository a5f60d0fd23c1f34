"""Endpoints that speak the Messages API in their own way: what they say is understood."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import AsyncIterator

import pytest

from kibitz.claude.anthropic_client import AnthropicClaude
from kibitz.claude.connection import Connection
from kibitz.claude.prompts.tool_text import without_tools
from kibitz.claude.values import (
    Block,
    ClaudeFailure,
    Event,
    Finished,
    Message,
    Prompt,
    Purpose,
    Tool,
    ToolUse,
)
from kibitz.errors import sentence_for
from support.wire_server import (
    BEGINNING,
    MESSAGE_STOP,
    WHOLE,
    WireServer,
    block_stop,
    chunked,
    message_delta,
    response,
    serving,
)

SCHEMA = {"type": "object", "properties": {"findings": {"type": "array"}}}
TOOL = Tool("report_findings", "Report them.", SCHEMA)
PROMPT = Prompt(
    tier="standard",
    model="small",
    system=(Block("Rules."),),
    messages=(Message("user", (Block("Question?"),)),),
    max_tokens=100,
    tools=(TOOL,),
    answer_tool=TOOL.name,
)


@contextlib.asynccontextmanager
async def claude_at(server: WireServer) -> AsyncIterator[AnthropicClaude]:
    claude = AnthropicClaude(Connection(base_url=server.url, api_key="any", max_retries=0))
    try:
        yield claude
    finally:
        await claude.aclose()


async def read_all(claude: AnthropicClaude, prompt: Prompt = PROMPT) -> list[Event]:
    return [event async for event in claude.stream(prompt, Purpose("review"))]


def said(status: int, message: str, **more: object) -> bytes:
    """An error in the shape of llama.cpp's server."""
    error = {"code": status, "message": message, "type": "server_error", **more}
    return response(status, json.dumps({"error": error}), "application/json")


async def test_an_end_of_turn_at_a_stop_sequence_is_one() -> None:
    body = BEGINNING + block_stop() + message_delta("end_turn", stop_sequence="</replacement>")
    async with serving([chunked(body + MESSAGE_STOP)]) as server, claude_at(server) as claude:
        *_, end = await read_all(claude)

    assert isinstance(end, Finished)
    assert (end.stop_reason, end.stop_sequence) == ("stop_sequence", "</replacement>")


async def test_an_end_of_turn_stays_one() -> None:
    async with serving([WHOLE]) as server, claude_at(server) as claude:
        *_, end = await read_all(claude)

    assert isinstance(end, Finished)
    assert end.stop_reason == "end_turn"


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (500, "tools param requires --jinja flag"),
        (400, "registry.ollama.ai/library/small:latest does not support tools"),
        (400, '"auto" tool choice requires --enable-auto-tool-choice to be set'),
        (404, "No endpoints found that support tool use"),
    ],
)
async def test_an_endpoint_without_tools_is_told_of_them_in_words(
    status: int, message: str
) -> None:
    async with serving([said(status, message)], [WHOLE]) as server, claude_at(server) as claude:
        for _ in range(2):
            assert isinstance((await read_all(claude))[-1], Finished)
        quiet = dataclasses.replace(PROMPT, tool_choice="none")
        assert isinstance((await read_all(claude, quiet))[-1], Finished)

    refused, worded, again, without = [request.body for request in server.requests]
    assert refused["tools"][0]["name"] == "report_findings"
    assert "tools" not in worded
    question, words = worded["messages"][0]["content"]
    assert question["text"] == "Question?"
    assert "`report_findings` cannot be called" in words["text"]
    assert json.dumps(SCHEMA, separators=(",", ":")) in words["text"]
    assert again == worded, "it is known from the first time on"
    assert without["messages"][0]["content"] == [question]
    assert "tool_choice" not in without


async def test_a_refusal_of_tools_is_told_when_there_is_no_other_way() -> None:
    called = Message("assistant", (ToolUse("toolu_1", "report_findings", {}),))
    prompt = dataclasses.replace(PROMPT, messages=(*PROMPT.messages, called))
    refusal = said(400, "small does not support tools")
    async with serving([refusal]) as server, claude_at(server) as claude:
        with pytest.raises(ClaudeFailure) as raised:
            await read_all(claude, prompt)

    assert without_tools(prompt) == prompt
    assert len(server.requests) == 1
    assert "small does not support tools" in sentence_for(raised.value)


async def test_a_prompt_that_does_not_fit_is_told_with_its_size() -> None:
    refusal = said(
        400,
        "request (18930 tokens) exceeds the available context size (8192 tokens), try increasing",
        n_prompt_tokens=18930,
        n_ctx=8192,
    )
    async with serving([refusal]) as server, claude_at(server) as claude:
        with pytest.raises(ClaudeFailure) as raised:
            await read_all(claude)

    assert raised.value.kind == "too_large"
    assert "18,930 tokens, and 8,192 are allowed" in sentence_for(raised.value)
