"""What comes out of whole replies."""

from __future__ import annotations

import contextlib
import random

import pytest

from kibitz.claude.values import (
    Finished,
    Started,
    TextDelta,
    ToolCall,
    ToolInputDelta,
    Usage,
)
from support.anthropic_client import (
    PROMPT,
    PURPOSE,
    claude_at,
    read_all,
    reply_to,
    words,
)
from support.wire_server import (
    BEGINNING,
    MESSAGE_STOP,
    PING,
    WHOLE,
    block_stop,
    chunked,
    event,
    message_delta,
    message_start,
    serving,
    text,
)


class TestReplies:
    async def test_a_whole_reply(self) -> None:
        events, failure, _, _ = await reply_to([WHOLE])
        assert failure is None
        assert events == [
            Started("req_1", "claude-sonnet-5-5", Usage(input_tokens=10, output_tokens=1)),
            TextDelta("Hel"),
            TextDelta("lo"),
            Finished(
                stop_reason="end_turn",
                stop_sequence=None,
                usage=Usage(input_tokens=10, output_tokens=7),
                request_id="req_1",
                model="claude-sonnet-5-5",
            ),
        ]

    @pytest.mark.parametrize("seed", range(8))
    async def test_chunk_borders_do_not_matter(self, seed: int) -> None:
        chance = random.Random(seed)
        body = (
            PING + BEGINNING + text("łö 🦊") + PING + block_stop() + message_delta() + MESSAGE_STOP
        )
        if seed % 2:
            body = body.replace(b"\n", b"\r\n")
        cuts = sorted(chance.sample(range(1, len(body)), k=40))
        pieces = [body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True)]
        events, failure, _, _ = await reply_to([chunked(*pieces)])
        assert failure is None
        assert words(events) == "Helłö 🦊"

    async def test_the_connection_is_used_again(self) -> None:
        async with serving([WHOLE]) as server, claude_at(server.url) as (claude, _):
            for _ in range(3):
                assert words(await read_all(claude)) == "Hello"
        assert (len(server.requests), server.connections) == (3, 1)

    async def test_a_reader_that_stops_at_the_end_also_leaves_the_connection_whole(self) -> None:
        async with serving([WHOLE]) as server, claude_at(server.url) as (claude, _):
            for _ in range(3):
                async with contextlib.aclosing(claude.stream(PROMPT, PURPOSE)) as stream:
                    async for each in stream:
                        if isinstance(each, Finished):
                            break
        assert server.connections == 1

    async def test_tool_input_streams_and_thinking_does_not(self) -> None:
        body = (
            message_start()
            + event(
                {
                    "type": "content_block_start",
                    "index": 0,
                    "content_block": {"type": "thinking", "thinking": "", "signature": ""},
                }
            )
            + event(
                {
                    "type": "content_block_delta",
                    "index": 0,
                    "delta": {"type": "thinking_delta", "thinking": "hmm"},
                }
            )
            + block_stop(0)
            + event(
                {
                    "type": "content_block_start",
                    "index": 1,
                    "content_block": {
                        "type": "tool_use",
                        "id": "toolu_1",
                        "name": "search",
                        "input": {},
                    },
                }
            )
            + b"".join(
                event(
                    {
                        "type": "content_block_delta",
                        "index": 1,
                        "delta": {"type": "input_json_delta", "partial_json": part},
                    }
                )
                for part in ("", '{"a', '": 1}')
            )
            + block_stop(1)
            + event({"type": "something_new", "index": "?"})
            + message_delta("tool_use")
            + MESSAGE_STOP
            + MESSAGE_STOP
        )
        events, failure, _, _ = await reply_to([chunked(body)])
        assert failure is None
        assert events[1:-1] == [
            ToolInputDelta("toolu_1", "search", ""),
            ToolInputDelta("toolu_1", "search", '{"a'),
            ToolInputDelta("toolu_1", "search", '": 1}'),
            ToolCall("toolu_1", "search", '{"a": 1}'),
        ]
        assert isinstance(events[-1], Finished) and events[-1].stop_reason == "tool_use"

    async def test_cache_classes_of_usage(self) -> None:
        start = event(
            {
                "type": "message_start",
                "message": {
                    "model": "claude-sonnet-5-5",
                    "usage": {
                        "input_tokens": 5,
                        "cache_read_input_tokens": 1000,
                        "cache_creation_input_tokens": 70,
                        "cache_creation": {
                            "ephemeral_5m_input_tokens": 30,
                            "ephemeral_1h_input_tokens": 40,
                        },
                        "output_tokens": 1,
                    },
                },
            }
        )
        events, _, _, _ = await reply_to([chunked(start + message_delta() + MESSAGE_STOP)])
        assert isinstance(events[-1], Finished)
        assert events[-1].usage == Usage(5, 1000, 30, 40, 7)

    async def test_a_refusal_is_an_end_with_its_reason(self) -> None:
        details = {"type": "refusal", "category": "cyber", "explanation": "no"}
        body = message_start() + message_delta("refusal", stop_details=details) + MESSAGE_STOP
        events, failure, _, _ = await reply_to([chunked(body)])
        assert failure is None
        assert isinstance(events[-1], Finished)
        assert (events[-1].stop_reason, events[-1].stop_detail) == ("refusal", "cyber: no")
