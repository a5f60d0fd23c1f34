"""What every fault of a stream becomes, and of one that drips."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from kibitz.claude.anthropic_client import client
from kibitz.claude.values import (
    Block,
    ClaudeFailure,
    Finished,
    Purpose,
    Usage,
)
from kibitz.errors import sentence_for
from support.anthropic_client import (
    PROMPT,
    PURPOSE,
    claude_at,
    failure_of,
    reply_to,
    words,
)
from support.wire_server import (
    BEGINNING,
    HEAD,
    MESSAGE_STOP,
    OPEN_ENDED,
    PING,
    WHOLE,
    Step,
    block_stop,
    chunked,
    error_response,
    event,
    message_delta,
    message_start,
    response,
    serving,
    text,
)


class TestFaultsOfStreams:
    async def test_error_event_in_the_middle(self) -> None:
        error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
        events, failure, waits, server = await reply_to([chunked(BEGINNING + event(error))])
        assert words(events) == "Hel"
        assert failure is not None
        assert (failure.kind, failure.message, failure.status) == ("overloaded", "Overloaded", 200)
        assert failure.request_id == "req_1"
        assert (len(server.requests), waits) == (1, []), "nothing is retried after the start"

    async def test_error_event_before_anything_is_retried(self) -> None:
        error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
        events, failure, waits, _ = await reply_to([chunked(event(error))], [WHOLE])
        assert failure is None
        assert words(events) == "Hello"
        assert len(waits) == 1

    async def test_error_event_that_is_not_json(self) -> None:
        failure = await failure_of([chunked(BEGINNING + b"event: error\ndata: oh no\n\n")])
        assert (failure.kind, failure.message) == ("server_error", "oh no")

    @pytest.mark.parametrize(
        "rest",
        [
            b"",
            text("lo") + block_stop(),
            text("lo") + block_stop() + message_delta(),
            text("lo") + block_stop() + message_delta(None) + MESSAGE_STOP,
            text("lo") + block_stop() + message_delta("a_new_reason") + MESSAGE_STOP,
            text("lo") + block_stop() + MESSAGE_STOP,
            text("lo")[:-30],
        ],
        ids=["text", "block", "no-stop", "null-reason", "new-reason", "no-delta", "half-event"],
    )
    async def test_a_stream_that_ends_too_early(self, rest: bytes) -> None:
        events, failure, _, _ = await reply_to([chunked(BEGINNING + rest)])
        assert words(events).startswith("Hel")
        assert failure is not None
        assert failure.kind == "dropped"
        assert not any(isinstance(each, Finished) for each in events)

    async def test_reset_in_the_middle(self) -> None:
        events, failure, _, _ = await reply_to([OPEN_ENDED + BEGINNING, "reset"])
        assert failure is not None
        assert failure.kind == "dropped"
        assert len(events) > 0

    async def test_chunked_body_that_breaks_off(self) -> None:
        half = HEAD + b"transfer-encoding: chunked\r\n\r\nffff\r\n" + BEGINNING
        assert (await failure_of([half, "close"])).kind == "dropped"

    async def test_silence_is_a_drop_even_when_pings_come(self) -> None:
        pings: list[Step] = [0.05, PING] * 20
        end = block_stop() + message_delta() + MESSAGE_STOP
        events, failure, _, server = await reply_to(
            [OPEN_ENDED + BEGINNING, *pings, end], silence_seconds=0.2
        )
        assert words(events) == "Hel"
        assert failure is not None
        assert (failure.kind, failure.facts["cause"]) == ("dropped", "silence")
        async with asyncio.timeout(5):
            await server.client_left.wait()

    async def test_silence_after_thinking_is_a_drop_again(self) -> None:
        thinking = event(
            {
                "type": "content_block_start",
                "index": 0,
                "content_block": {"type": "thinking", "thinking": "", "signature": ""},
            }
        )
        script: list[Step] = [OPEN_ENDED + message_start() + thinking + block_stop(), "stall"]
        async with asyncio.timeout(10):
            assert (await failure_of(script, silence_seconds=0.2)).kind == "dropped"

    async def test_silence_while_thinking_is_withheld_is_allowed_longer(self) -> None:
        thinking = event(
            {
                "type": "content_block_start",
                "index": 0,
                "content_block": {"type": "thinking", "thinking": "", "signature": ""},
            }
        )
        # The pause is ten times the silence that is allowed elsewhere.
        script: list[Step] = [
            OPEN_ENDED + message_start() + thinking,
            0.5,
            block_stop() + message_delta() + MESSAGE_STOP,
            "close",
        ]
        events, failure, _, _ = await reply_to(script, silence_seconds=0.05)
        assert failure is None
        assert isinstance(events[-1], Finished)

    @pytest.mark.parametrize(
        "script", [["stall"], [OPEN_ENDED, "stall"], [OPEN_ENDED + PING, "stall"]]
    )
    async def test_no_first_event(self, script: list[Step]) -> None:
        failure = await failure_of(script, first_event_seconds=0.2)
        assert failure.kind == "timeout"

    async def test_a_slow_reader_is_not_a_silent_stream(self) -> None:
        async with (
            serving([WHOLE]) as server,
            claude_at(server.url, silence_seconds=0.05) as (claude, _),
        ):
            events = []
            async for each in claude.stream(PROMPT, PURPOSE):
                await asyncio.sleep(0.1)
                events.append(each)
        assert isinstance(events[-1], Finished)

    @pytest.mark.parametrize(
        "answer",
        [
            response(200, "<html>Log in to our network</html>", "text/html"),
            response(200, "<html>Log in to our network</html>", "text/event-stream"),
            response(200, "", "text/event-stream"),
            response(200, '{"choices": []}', "application/json"),
            chunked(message_start() + b"event: x\ndata: [1]\n\n"),
            chunked(message_start() + b'event: x\ndata: {"type": "content_block_stop"}\n\n'),
            response(200, "not gzip", "text/event-stream", {"content-encoding": "gzip"}),
        ],
        ids=["html", "html-as-sse", "empty", "json", "array", "shape", "gzip"],
    )
    async def test_something_that_is_not_the_api(self, answer: bytes) -> None:
        assert (await failure_of([answer])).kind == "not_an_api"

    @pytest.mark.parametrize(
        "rest",
        [
            b"event: content_block_delta\ndata: {nonsense\n\n",
            b'event: x\ndata: {"a": "\xff"}\n\n',
        ],
        ids=["half-json", "utf8"],
    )
    async def test_damage_on_the_way(self, rest: bytes) -> None:
        failure = await failure_of([chunked(BEGINNING + rest)])
        assert (failure.kind, failure.facts["cause"]) == ("dropped", "damaged")
        assert "damaged" in sentence_for(failure)

    async def test_pings_and_nothing_else_count_as_no_connection(self) -> None:
        events, failure, waits, _ = await reply_to([chunked(PING + PING)], [WHOLE])
        assert (failure, words(events), len(waits)) == (None, "Hello", 1)

    async def test_a_reason_of_the_future_is_named(self) -> None:
        end = block_stop() + message_delta("a_new_reason") + MESSAGE_STOP
        failure = await failure_of([chunked(BEGINNING + end)])
        assert (failure.kind, failure.facts["cause"]) == ("dropped", "unknown_stop")
        assert "“a_new_reason”" in sentence_for(failure)

    async def test_events_of_the_future_are_no_progress(self) -> None:
        unknown = event({"type": "heartbeat"})
        steps: list[Step] = [0.05, unknown] * 20
        failure = await failure_of([OPEN_ENDED + BEGINNING, *steps], silence_seconds=0.2)
        assert (failure.kind, failure.facts["cause"]) == ("dropped", "silence")

    @pytest.mark.parametrize(
        "script",
        [
            [chunked(BEGINNING + block_stop() + message_delta("end_turn", 70))],
            [OPEN_ENDED + BEGINNING + block_stop() + message_delta("end_turn", 70), "reset"],
            [chunked(BEGINNING + message_delta("end_turn", 70) + b"event: x\ndata: {\n\n")],
        ],
        ids=["end", "reset", "damage"],
    )
    async def test_what_a_broken_reply_has_cost_is_known(self, script: list[Step]) -> None:
        failure = await failure_of(script)
        assert failure.usage == Usage(input_tokens=10, output_tokens=70)

    async def test_what_has_not_begun_has_cost_nothing(self) -> None:
        assert (await failure_of([error_response(500, "api_error")])).usage is None

    async def test_a_refused_answer_is_not_left_open(self) -> None:
        endless = HEAD.replace(b"text/event-stream", b"text/html") + b"\r\n<html>"
        async with serving([endless, "stall"]) as server, claude_at(server.url) as (claude, _):
            stream = claude.stream(PROMPT, PURPOSE)
            with pytest.raises(ClaudeFailure) as caught:
                await anext(stream)
            async with asyncio.timeout(5):
                await server.client_left.wait()
        assert caught.value.kind == "not_an_api"


class TestDripping:
    """Bytes that drip in keep a connection alive for ever; what is asked has a deadline."""

    DRIPS: Sequence[Step] = (
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n",
        *((b" ", 0.02) * 200),
    )

    async def test_a_request_that_only_writes_the_cache(self) -> None:
        prompt = replace(PROMPT, system=(Block("Rules.", "1h"),))
        async with (
            asyncio.timeout(10),
            serving(self.DRIPS) as server,
            claude_at(server.url, first_event_seconds=0.3) as (claude, _),
        ):
            with pytest.raises(ClaudeFailure) as caught:
                await claude.warm(prompt, Purpose("keep_warm", interactive=False))
        assert caught.value.kind == "timeout"

    async def test_counting_and_the_list_of_models(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(client, "COUNTING_SECONDS", 0.3)
        monkeypatch.setattr(client, "MODELS_SECONDS", 0.3)
        async with (
            asyncio.timeout(10),
            serving(self.DRIPS) as server,
            claude_at(server.url) as (claude, _),
        ):
            for asked in (claude.count_tokens(PROMPT), claude.models()):
                with pytest.raises(ClaudeFailure) as caught:
                    await asked
                assert caught.value.kind == "timeout"

    async def test_a_stream_without_the_end_of_an_event(self) -> None:
        drips: list[Step] = [OPEN_ENDED + BEGINNING + b"event: x\ndata: ", *((b"x", 0.02) * 200)]
        async with asyncio.timeout(10):
            failure = await failure_of(drips, silence_seconds=0.3)
        assert (failure.kind, failure.facts["cause"]) == ("dropped", "silence")
