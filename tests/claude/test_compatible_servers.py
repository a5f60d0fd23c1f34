"""Each server that speaks the Messages API in its own way is understood, and sent what it takes."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import AsyncIterator
from typing import Any

import pytest

from kibitz.claude.anthropic_client import AnthropicClaude
from kibitz.claude.anthropic_client.refusals import Refusals
from kibitz.claude.connection import Connection
from kibitz.claude.values import (
    Block,
    ClaudeFailure,
    Event,
    Finished,
    Message,
    Prompt,
    Purpose,
    StopReason,
    TextDelta,
    Tool,
)
from kibitz.edits.reader import CLOSING_TAG, ReplacementReader
from kibitz.standin import Reply, StandIn
from support import clouds
from support.compatible_servers import MODEL, PROFILES, CompatibleServer, Profile
from support.standin_fixture import standin

__all__ = ["standin"]

SCHEMA = {
    "type": "object",
    "properties": {"strict": {"type": "string"}},
    "required": ["strict"],
    "additionalProperties": False,
}
EDIT = Prompt(
    tier="standard",
    model=MODEL,
    system=(Block("Rules. " * 20, "1h"), Block("Changes.", "5m")),
    messages=(Message("user", (Block("Make it shorter."),)),),
    max_tokens=400,
    tools=(Tool("report", "Report.", SCHEMA, strict=True, eager_input_streaming=True),),
    tool_choice="none",
    stop_sequences=(CLOSING_TAG,),
)
WRITTEN = "Shorter:\n<replacement>\nreturn sum(prices)\n</replacement>\nDone."
CUT_OFF = "Shorter:\n<replacement>\nreturn sum("

every_profile = pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)


@contextlib.asynccontextmanager
async def claude_at(
    profile: Profile, standin: StandIn
) -> AsyncIterator[tuple[AnthropicClaude, CompatibleServer]]:
    server = CompatibleServer(standin, profile=profile)
    async with clouds.cloud(lambda _: server, standin):
        connection = Connection(platform="compatible", base_url=server.url, api_key="any")
        claude = AnthropicClaude(dataclasses.replace(connection, max_retries=0))
        try:
            yield claude, server
        finally:
            await claude.aclose()


async def read_all(claude: AnthropicClaude, prompt: Prompt = EDIT) -> list[Event]:
    return [event async for event in claude.stream(prompt, Purpose("refactor", "repository"))]


def replacement(events: list[Event]) -> tuple[str, str | None]:
    """The replacement in a reply, and why it cannot be used if it cannot."""
    reader, text = ReplacementReader(), ""
    for event in events:
        if isinstance(event, TextDelta):
            text += reader.feed(event.text)
    end = events[-1]
    assert isinstance(end, Finished)
    text += reader.finish(closed=end.stop_reason == "stop_sequence")
    return text, reader.problem


@every_profile
async def test_an_edit_completes(profile: Profile, standin: StandIn) -> None:
    standin.enqueue(*[Reply(WRITTEN)] * 2)
    async with claude_at(profile, standin) as (claude, server):
        for _ in range(2):
            text, problem = replacement(await read_all(claude))
            assert problem is None
            assert text.strip() == "return sum(prices)"

    sent = [seen for seen in server.requests if seen.path == "/v1/messages"]
    # What it refuses it has refused once: the second edit is sent as it takes it.
    refused = len({part for part, _, _ in profile.refuses})
    assert len(sent) == 2 + refused


@every_profile
@pytest.mark.parametrize("stop_reason", ["end_turn", "max_tokens"])
async def test_half_a_replacement_is_none(
    profile: Profile, stop_reason: StopReason, standin: StandIn
) -> None:
    """Except at the end of a turn of those who never say that they stopped at the tag."""
    standin.enqueue(Reply(CUT_OFF, stop_reason=stop_reason))
    async with claude_at(profile, standin) as (claude, _):
        _, problem = replacement(await read_all(claude))

    is_believed = profile.says_stops == "not" and stop_reason == "end_turn"
    assert problem == (None if is_believed else "it was cut off")


@every_profile
async def test_prose_is_no_edit_for_anybody(profile: Profile, standin: StandIn) -> None:
    standin.enqueue(Reply("I would rather not."))
    async with claude_at(profile, standin) as (claude, _):
        text, problem = replacement(await read_all(claude))

    assert (text, problem) == ("", "it holds no replacement")


@every_profile
async def test_tokens_are_counted_or_not(profile: Profile, standin: StandIn) -> None:
    prompt = dataclasses.replace(EDIT, system=(Block("Rules."),), tools=())
    async with claude_at(profile, standin) as (claude, server):
        counted = [await claude.count_tokens(prompt) for _ in range(2)]

    assert [count is not None for count in counted] == [profile.counts] * 2
    assert len(server.requests) == (2 if profile.counts else 1)


@every_profile
async def test_a_prefix_that_cannot_be_written_ahead_is_noticed(
    profile: Profile, standin: StandIn
) -> None:
    prompt = dataclasses.replace(EDIT, tools=(), stop_sequences=())
    async with claude_at(profile, standin) as (claude, _):
        if profile.generates_at_zero:
            usage = await claude.warm(prompt, Purpose("pre_warm"))
            assert usage.output_tokens <= 1
        else:
            with pytest.raises(ClaudeFailure) as raised:
                await claude.warm(prompt, Purpose("pre_warm"))
            assert raised.value.kind == "bad_request"


@every_profile
async def test_its_list_of_models_is_read(profile: Profile, standin: StandIn) -> None:
    async with claude_at(profile, standin) as (claude, _):
        (facts,) = await claude.models()

    windows = {"llama.cpp": 8192, "LM Studio": 16384, "vLLM": 32768}
    assert (facts.id, facts.max_input_tokens) == (MODEL, windows.get(profile.name))


@every_profile
async def test_who_it_is_is_asked_once_and_only_where_it_matters(
    profile: Profile, standin: StandIn
) -> None:
    standin.enqueue(*[Reply(CUT_OFF, stop_reason="end_turn")] * 3)
    plain = dataclasses.replace(EDIT, stop_sequences=())
    async with claude_at(profile, standin) as (claude, server):
        await read_all(claude, plain)
        assert "/v1/models" not in [seen.path for seen in server.requests]
        for _ in range(2):
            await read_all(claude)

    listed = [seen for seen in server.requests if seen.path == "/v1/models"]
    assert len(listed) == 1


ARGUMENTS: dict[str, Any] = {
    "model": MODEL,
    "system": [{"type": "text", "text": "R", "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
    "messages": [{"role": "user", "content": [{"type": "text", "text": "ttl strict"}]}],
    "tools": [{"name": "t", "input_schema": SCHEMA, "strict": True}],
    "tool_choice": {"type": "none"},
}


def refusal(message: str, status: int = 400) -> ClaudeFailure:
    return ClaudeFailure("bad_request", message, status=status)


def test_the_smaller_part_goes_first() -> None:
    refusals = Refusals()
    assert refusals.fitted(MODEL, ARGUMENTS) == ARGUMENTS
    said = refusal("system.0.cache_control.ttl: Extra inputs are not permitted")
    assert refusals.learns(said, MODEL, "anthropic")
    (block,) = refusals.fitted(MODEL, ARGUMENTS)["system"]
    assert block["cache_control"] == {"type": "ephemeral"}
    assert refusals.learns(said, MODEL, "anthropic"), "it was the marker itself"
    (block,) = refusals.fitted(MODEL, ARGUMENTS)["system"]
    assert "cache_control" not in block
    assert not refusals.learns(said, MODEL, "anthropic"), "nothing of it is sent any more"


def test_schemas_and_texts_keep_what_has_the_same_name() -> None:
    refusals = Refusals()
    refusals.fitted(MODEL, ARGUMENTS)
    assert refusals.learns(refusal("strict: unknown field"), MODEL, "compatible")
    fitted = refusals.fitted(MODEL, ARGUMENTS)
    assert fitted["tools"] == [{"name": "t", "input_schema": SCHEMA}]
    assert fitted["messages"] == ARGUMENTS["messages"]
    assert ARGUMENTS["tools"][0]["strict"], "what was given is left as it is"


def test_where_tools_cannot_be_forbidden_there_are_none() -> None:
    refusals = Refusals()
    refusals.fitted(MODEL, ARGUMENTS)
    assert refusals.learns(refusal("tool_choice is not supported"), MODEL, "compatible")
    assert not {"tools", "tool_choice"} & set(refusals.fitted(MODEL, ARGUMENTS))
    used = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1"}]}
    fitted = refusals.fitted(MODEL, {**ARGUMENTS, "messages": [used]})
    assert "tools" in fitted


@pytest.mark.parametrize(
    ("message", "status", "platform"),
    [
        ("strict: Extra inputs are not permitted", 429, "compatible"),
        ("max_tokens: too large", 400, "compatible"),
        ("stop_sequences: unknown field", 400, "compatible"),  # not sent
        # Of the real API: the value is wrong, not the part.
        ("cache_control is not supported on this block", 400, "anthropic"),
        ("A maximum of 4 blocks with cache_control may be provided. Found 5.", 400, "compatible"),
    ],
)
def test_what_is_no_refusal_of_a_part(message: str, status: int, platform: Any) -> None:
    refusals = Refusals()
    refusals.fitted(MODEL, ARGUMENTS)
    assert not refusals.learns(refusal(message, status), MODEL, platform)
    assert refusals.fitted(MODEL, ARGUMENTS) == ARGUMENTS


def test_another_model_is_another_matter() -> None:
    refusals = Refusals()
    refusals.fitted(MODEL, ARGUMENTS)
    assert refusals.learns(refusal("strict: unknown field"), MODEL, "compatible")
    assert refusals.fitted("large-coder", ARGUMENTS) == ARGUMENTS
