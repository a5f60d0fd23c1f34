"""The endpoint's list of models, and what is loaded ahead."""

from __future__ import annotations

import pytest

from kibitz.claude.values import (
    ClaudeFailure,
)
from support.anthropic_client import (
    PROMPT,
    PURPOSE,
    claude_at,
)
from support.wire_server import (
    error_response,
    response,
    serving,
)


class TestPreloading:
    async def test_what_is_in_the_way_is_told_later(self) -> None:
        async with claude_at(None, api_key=None) as (claude, _):
            await claude.preload()
            with pytest.raises(ClaudeFailure):
                await anext(claude.stream(PROMPT, PURPOSE))


class TestModels:
    async def test_list(self) -> None:
        body = """{"data": [{"type": "model", "id": "claude-sonnet-5-5",
            "display_name": "Sonnet", "lifecycle": "active", "max_input_tokens": 1000000,
            "max_tokens": 128000, "created_at": "2026-09-28T00:00:00Z"}], "has_more": false}"""
        answer = response(200, body, "application/json")
        async with serving([answer]) as server, claude_at(server.url) as (claude, _):
            (model,) = await claude.models()
        assert (model.id, model.max_output_tokens) == ("claude-sonnet-5-5", 128_000)
        assert server.requests[0].path.startswith("/v1/models")

    async def test_list_of_a_local_server(self) -> None:
        body = '{"object": "list", "data": [{"id": "gemma", "object": "model"}]}'
        answer = response(200, body, "application/json")
        async with serving([answer]) as server, claude_at(server.url) as (claude, _):
            (model,) = await claude.models()
        assert (model.id, model.display_name, model.max_input_tokens) == ("gemma", None, None)

    @pytest.mark.parametrize(
        "answer",
        [
            response(404, "no", "text/plain"),
            error_response(404, "not_found_error"),
            response(200, "<html></html>", "text/html"),
            response(200, "[1, 2]", "application/json"),
            response(200, '{"data": "x"}', "application/json"),
        ],
    )
    async def test_endpoint_without_a_list(self, answer: bytes) -> None:
        async with serving([answer]) as server, claude_at(server.url) as (claude, _):
            with pytest.raises(ClaudeFailure) as caught:
                await claude.models()
        assert caught.value.kind == "not_an_api"
