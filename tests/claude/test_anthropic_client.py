"""The SDK client against a server of raw bytes: what comes out, and what every fault becomes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from kibitz.claude.anthropic_client import AnthropicClaude, client
from kibitz.claude.connection import Connection, api_key_from_command
from kibitz.claude.values import (
    Block,
    ClaudeFailure,
    Event,
    Finished,
    Message,
    Prompt,
    Purpose,
    Started,
    TextDelta,
    ToolCall,
    ToolInputDelta,
    Usage,
)
from kibitz.errors import sentence_for
from support.wire_server import (
    BEGINNING,
    HEAD,
    MESSAGE_STOP,
    OPEN_ENDED,
    PING,
    WHOLE,
    Step,
    WireServer,
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

PROMPT = Prompt(
    tier="standard",
    model="claude-sonnet-5-5",
    system=(Block("Rules."),),
    messages=(Message("user", (Block("Question?"),)),),
    max_tokens=100,
)
PURPOSE = Purpose(action="explain")


@pytest.fixture(autouse=True)
def no_credentials_of_ours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("ANTHROPIC_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home-without-profiles"))


@contextlib.asynccontextmanager
async def claude_at(
    url: str | None, **settings: object
) -> AsyncIterator[tuple[AnthropicClaude, list[float]]]:
    """A client, and the waits before its retries, which it does not really wait."""
    waits: list[float] = []

    async def no_sleep(seconds: float) -> None:
        waits.append(seconds)

    defaults: dict[str, object] = {"base_url": url, "api_key": "test-key"}
    connection = Connection(**{**defaults, **settings})  # type: ignore[arg-type]
    claude = AnthropicClaude(connection, sleep=no_sleep)
    try:
        yield claude, waits
    finally:
        await claude.aclose()


async def reply_to(
    *scripts: Sequence[Step],
    prompt: Prompt = PROMPT,
    purpose: Purpose = PURPOSE,
    **settings: object,
) -> tuple[list[Event], ClaudeFailure | None, list[float], WireServer]:
    """Everything that one request got: events, failure, waits before retries, the server."""
    events: list[Event] = []
    failure = None
    async with (
        serving(*scripts) as server,
        claude_at(server.url, **settings) as (claude, waits),
    ):
        try:
            async with contextlib.aclosing(claude.stream(prompt, purpose)) as stream:
                async for each in stream:
                    events.append(each)  # noqa: PERF401 - what came before a failure counts
        except ClaudeFailure as error:
            failure = error
    return events, failure, waits, server


async def failure_of(*scripts: Sequence[Step], **settings: object) -> ClaudeFailure:
    _, failure, _, _ = await reply_to(*scripts, **settings)  # type: ignore[arg-type]
    assert failure is not None
    return failure


async def read_all(claude: AnthropicClaude) -> list[Event]:
    return [each async for each in claude.stream(PROMPT, PURPOSE)]


def words(events: Sequence[Event]) -> str:
    return "".join(each.text for each in events if isinstance(each, TextDelta))


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


class TestFaultsOfRequests:
    @pytest.mark.parametrize(
        ("answer", "kind"),
        [
            (error_response(400), "bad_request"),
            (error_response(400, message="Your credit balance is too low to access"), "no_credit"),
            (
                error_response(
                    400, message="You have reached your specified API usage limits. You will"
                ),
                "spend_limit",
            ),
            (
                error_response(400, message="prompt is too long: 210000 tokens > 200000 maximum"),
                "too_large",
            ),
            (error_response(401, "authentication_error"), "wrong_credentials"),
            (error_response(402, "billing_error"), "no_credit"),
            (error_response(403, "permission_error"), "no_permission"),
            (error_response(404, "not_found_error", "model: claude-sonet-5"), "unknown_model"),
            (response(404, "<html>nginx</html>", "text/html"), "not_an_api"),
            (response(404, "404 page not found", "text/plain"), "not_an_api"),
            (error_response(405, "x", "x"), "not_an_api"),
            (response(403, "<html>Blocked</html>", "text/html"), "not_an_api"),
            (
                response(307, "", "text/plain", {"location": "https://other.example/x?k=1"}),
                "not_an_api",
            ),
            (response(407, "", "text/plain"), "network"),
            (error_response(408, "timeout"), "timeout"),
            (response(413, "<html>cloudflare</html>", "text/html"), "too_large"),
            (error_response(422, "x"), "bad_request"),
            (error_response(429, "rate_limit_error"), "rate_limit"),
            (
                error_response(429, "rate_limit_error", error_code="enforced_spend_limit_reached"),
                "spend_limit",
            ),
            (error_response(500, "api_error"), "server_error"),
            (response(502, "<html>Bad gateway</html>", "text/html"), "server_error"),
            (error_response(504, "timeout_error"), "timeout"),
            (error_response(529, "overloaded_error"), "overloaded"),
            (error_response(503, "overloaded_error"), "overloaded"),
            (
                response(404, '{"error":"model \\"x\\" not found"}', "application/json"),
                "unknown_model",
            ),
            (
                response(500, '{"error": {"code": 500, "message": "x"}}', "application/json"),
                "server_error",
            ),
        ],
    )
    async def test_statuses(self, answer: bytes, kind: str) -> None:
        failure = await failure_of([answer], max_retries=0)
        assert failure.kind == kind
        assert failure.model == "claude-sonnet-5-5"
        assert failure.endpoint is not None and failure.endpoint.startswith("http://127.0.0.1:")

    async def test_unknown_model_names_the_nearest(self) -> None:
        prompt = replace(PROMPT, model="claude-sonet-5.5")
        answer = error_response(404, "not_found_error", "model: claude-sonet-5.5")
        failure = await failure_of([answer], prompt=prompt)
        assert failure.facts["nearest"][0] == "claude-sonnet-5-5"

    async def test_a_model_that_is_gone_names_its_successor(self) -> None:
        prompt = replace(PROMPT, model="claude-3-5-haiku-20241022")
        answer = error_response(404, "not_found_error", "model: claude-3-5-haiku-20241022")
        failure = await failure_of([answer], prompt=prompt)
        assert failure.facts["successor"] == "claude-haiku-5-5"

    async def test_too_long_prompt_tells_the_numbers(self) -> None:
        message = "prompt is too long: 210000 tokens > 200000 maximum"
        failure = await failure_of([error_response(400, message=message)])
        assert (failure.facts["tokens"], failure.facts["maximum"]) == (210_000, 200_000)

    async def test_a_message_is_quoted_short_on_one_line_and_without_the_key(self) -> None:
        message = "bad key test-key\n\x1b[31mred\u202e " + "x" * 1000
        failure = await failure_of([error_response(400, message=message)])
        assert failure.message.startswith("bad key … [31mred x")
        assert len(failure.message) == 300

    async def test_request_id_comes_from_the_header_or_the_body(self) -> None:
        with_header = error_response(400, headers={"request-id": "req_header"})
        assert (await failure_of([with_header])).request_id == "req_header"
        assert (await failure_of([error_response(400)])).request_id == "req_body"

    async def test_refused_connection(self) -> None:
        async with serving([WHOLE]) as server:
            url = server.url
        async with claude_at(url, max_retries=0) as (claude, _):
            with pytest.raises(ClaudeFailure) as caught:
                await anext(claude.stream(PROMPT, PURPOSE))
        assert (caught.value.kind, caught.value.facts["cause"]) == ("network", "refused")

    async def test_name_that_does_not_resolve(self) -> None:
        async with claude_at("http://nowhere.invalid") as (claude, waits):
            with pytest.raises(ClaudeFailure) as caught:
                await anext(claude.stream(PROMPT, PURPOSE))
        assert (caught.value.kind, caught.value.facts["cause"]) == ("network", "dns")
        assert waits == [], "asking again at once does not mend a name"

    async def test_tls_to_something_that_does_not_speak_it(self) -> None:
        async with serving([WHOLE], greeting=error_response(400)) as server:
            url = server.url.replace("http:", "https:")
            async with claude_at(url) as (claude, _):
                with pytest.raises(ClaudeFailure) as caught:
                    await anext(claude.stream(PROMPT, PURPOSE))
        assert (caught.value.kind, caught.value.facts["cause"]) == ("network", "tls")

    async def test_server_that_hangs_up_without_an_answer(self) -> None:
        events, failure, waits, _ = await reply_to(["close"], [WHOLE])
        assert failure is None
        assert (words(events), len(waits)) == ("Hello", 1)


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


class TestRetries:
    async def test_bounded_with_growing_waits(self) -> None:
        _, failure, waits, server = await reply_to([error_response(529, "overloaded_error")])
        assert failure is not None and failure.kind == "overloaded"
        assert len(server.requests) == 3
        assert 0.375 <= waits[0] <= 0.5
        assert 0.75 <= waits[1] <= 1.0

    async def test_short_retry_after_is_obeyed(self) -> None:
        busy = error_response(429, "rate_limit_error", headers={"retry-after": "3"})
        events, failure, waits, _ = await reply_to([busy], [WHOLE])
        assert failure is None
        assert (words(events), waits) == ("Hello", [3.0])

    async def test_long_retry_after_is_told_to_a_waiting_user(self) -> None:
        busy = error_response(429, "rate_limit_error", headers={"retry-after": "30"})
        _, failure, waits, server = await reply_to([busy], [WHOLE])
        assert failure is not None
        assert (failure.kind, failure.retry_after_seconds) == ("rate_limit", 30.0)
        assert (len(server.requests), waits) == (1, [])

    async def test_in_the_background_it_is_awaited_up_to_a_limit(self) -> None:
        background = Purpose(action="review", interactive=False)
        busy = error_response(429, "rate_limit_error", headers={"retry-after": "30"})
        _, failure, waits, _ = await reply_to([busy], [WHOLE], purpose=background)
        assert (failure, waits) == (None, [30.0])
        forever = error_response(429, "rate_limit_error", headers={"retry-after": "3600"})
        _, failure, waits, _ = await reply_to([forever], [WHOLE], purpose=background)
        assert failure is not None and waits == []

    async def test_spend_limit_is_never_retried(self) -> None:
        answer = error_response(429, "rate_limit_error", error_code="enforced_spend_limit_reached")
        _, failure, _, server = await reply_to([answer])
        assert failure is not None and failure.kind == "spend_limit"
        assert len(server.requests) == 1

    async def test_an_endpoint_may_forbid_it(self) -> None:
        answer = error_response(500, "api_error", headers={"x-should-retry": "false"})
        _, failure, _, server = await reply_to([answer])
        assert failure is not None
        assert len(server.requests) == 1

    async def test_a_completion_asks_once(self) -> None:
        answer = error_response(529, "overloaded_error")
        _, failure, _, server = await reply_to([answer], purpose=Purpose(action="complete"))
        assert failure is not None
        assert len(server.requests) == 1


class TestLeaving:
    async def test_cancelling_closes_the_connection(self) -> None:
        async with (
            serving([OPEN_ENDED + BEGINNING, "stall"]) as server,
            claude_at(server.url) as (claude, _),
        ):
            got_text = asyncio.Event()

            async def consume() -> None:
                async for each in claude.stream(PROMPT, PURPOSE):
                    if isinstance(each, TextDelta):
                        got_text.set()

            task = asyncio.create_task(consume())
            async with asyncio.timeout(5):
                await got_text.wait()
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                await server.client_left.wait()

    async def test_cancelling_before_the_first_byte_closes_the_connection(self) -> None:
        async with serving(["stall"]) as server, claude_at(server.url) as (claude, _):
            task = asyncio.create_task(anext(claude.stream(PROMPT, PURPOSE)))
            async with asyncio.timeout(5):
                while not server.requests:
                    await asyncio.sleep(0.005)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                await server.client_left.wait()

    async def test_closing_the_iterator_closes_the_connection(self) -> None:
        async with (
            serving([OPEN_ENDED + BEGINNING, "stall"]) as server,
            claude_at(server.url) as (claude, _),
        ):
            stream = claude.stream(PROMPT, PURPOSE)
            assert isinstance(await anext(stream), Started)
            async with asyncio.timeout(5):
                await stream.aclose()
                await server.client_left.wait()

    async def test_shutdown_ends_open_streams_as_dropped(self) -> None:
        async with (
            serving([OPEN_ENDED + BEGINNING, "stall"]) as server,
            claude_at(server.url) as (claude, _),
        ):
            stream = claude.stream(PROMPT, PURPOSE)
            assert isinstance(await anext(stream), Started)
            assert await anext(stream) == TextDelta("Hel")
            waiting = asyncio.create_task(anext(stream))
            await asyncio.sleep(0)
            await claude.aclose()
            async with asyncio.timeout(5):
                with pytest.raises(ClaudeFailure) as caught:
                    await waiting
            assert caught.value.kind == "dropped"
            with pytest.raises(ClaudeFailure):
                await anext(claude.stream(PROMPT, PURPOSE))


class TestCredentials:
    async def test_none_for_anthropic_itself_fails_before_anything_is_sent(self) -> None:
        async with claude_at(None, api_key=None) as (claude, _):
            with pytest.raises(ClaudeFailure) as caught:
                await anext(claude.stream(PROMPT, PURPOSE))
        assert caught.value.kind == "no_credentials"
        assert caught.value.endpoint == "https://api.anthropic.com"

    async def test_none_for_an_endpoint_of_ones_own_is_tried(self) -> None:
        events, failure, _, server = await reply_to([WHOLE], api_key=None)
        assert failure is None
        assert words(events) == "Hello"
        assert not {"authorization", "x-api-key"} & server.requests[0].headers.keys()
        answer = error_response(401, "authentication_error")
        assert (await failure_of([answer], api_key=None)).kind == "no_credentials"

    async def test_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ANTHROPIC_API_KEY", "from-environment")
        async with serving([WHOLE]) as server:
            monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
            async with claude_at(None, api_key=None) as (claude, _):
                assert words(await read_all(claude)) == "Hello"
        headers = server.requests[0].headers
        assert headers["authorization"] == "Bearer from-environment"
        assert headers["x-api-key"] == "from-environment"

    async def test_headers_of_the_user_come_instead_of_ours(self) -> None:
        _, failure, _, server = await reply_to(
            [WHOLE], headers={"Authorization": "Bearer gateway", "X-Team": "a"}
        )
        assert failure is None
        headers = server.requests[0].headers
        assert (headers["authorization"], headers["x-team"]) == ("Bearer gateway", "a")
        assert "x-api-key" not in headers

    async def test_key_with_a_line_break_is_not_sent_and_not_shown(self) -> None:
        failure = await failure_of([WHOLE], api_key="sk-secret\n")
        assert (failure.kind, failure.facts["cause"]) == ("wrong_credentials", "malformed_key")
        assert "secret" not in repr(failure.facts) + str(failure)

    async def test_command_runs_once_and_its_key_is_sent(self, tmp_path: Path) -> None:
        log = tmp_path / "runs"
        command = f"sh -c 'echo run >> {log}; echo key-from-command; echo more'"
        async with (
            serving([WHOLE]) as server,
            claude_at(server.url, api_key=None, api_key_command=command) as (claude, _),
            asyncio.TaskGroup() as tasks,
        ):
            for _ in range(3):
                tasks.create_task(read_all(claude))
        assert log.read_text() == "run\n"
        assert server.requests[0].headers["authorization"] == "Bearer key-from-command"

    async def test_after_a_401_the_command_is_asked_once_more(self, tmp_path: Path) -> None:
        counter = tmp_path / "runs"
        command = f"sh -c 'echo x >> {counter}; wc -l < {counter}'"
        refused = error_response(401, "authentication_error")
        events, failure, _, server = await reply_to(
            [refused], [WHOLE], api_key=None, api_key_command=command
        )
        assert failure is None
        assert words(events) == "Hello"
        sent = [request.headers["authorization"] for request in server.requests]
        assert sent == ["Bearer 1", "Bearer 2"]
        failure = await failure_of([refused], api_key=None, api_key_command=command)
        assert failure.kind == "wrong_credentials"

    async def test_command_does_not_read_our_input(self) -> None:
        """Our standard input is the editor's side of the conversation."""
        read_end, write_end = os.pipe()
        os.write(write_end, b"Content-Length: 1\n")
        ours = os.dup(0)
        os.dup2(read_end, 0)
        try:
            key = await api_key_from_command(["sh", "-c", "read line && echo $line || echo none"])
        finally:
            os.dup2(ours, 0)
            for descriptor in (read_end, write_end, ours):
                os.close(descriptor)
        assert key == "none"

    @pytest.mark.parametrize(
        ("command", "cause"),
        [
            ("false", "command_failed"),
            ("true", "command_no_output"),
            ("/no/such/program --x", "command_not_started"),
            ("unbalanced 'quote", "command_unreadable"),
        ],
    )
    async def test_command_that_gives_no_key(self, command: str, cause: str) -> None:
        failure = await failure_of([WHOLE], api_key=None, api_key_command=command)
        assert (failure.kind, failure.facts["cause"]) == ("no_credentials", cause)

    async def test_redirect_is_not_followed(self) -> None:
        async with serving([WHOLE]) as thief:
            away = response(307, "", "text/plain", {"location": f"{thief.url}/v1/messages"})
            failure = await failure_of([away])
        assert failure.kind == "not_an_api"
        assert failure.facts["redirected_to"] == thief.url
        assert thief.requests == []

    async def test_trailing_version_of_the_base_url_is_left_out(self) -> None:
        async with serving([WHOLE]) as server, claude_at(server.url + "/v1/") as (claude, _):
            assert words(await read_all(claude)) == "Hello"
        assert server.requests[0].path == "/v1/messages"

    async def test_proxy(self) -> None:
        async with (
            serving([WHOLE]) as proxy,
            claude_at("http://far.invalid", proxy=proxy.url) as (claude, _),
        ):
            assert words(await read_all(claude)) == "Hello"
        assert proxy.requests[0].path == "http://far.invalid/v1/messages"

    async def test_secrets_are_not_in_the_representation(self) -> None:
        connection = Connection(
            headers={"X": "s3cret"}, proxy="http://u:s3cret@p", api_key="s3cret"
        )
        assert "s3cret" not in repr(connection)

    async def test_ca_file_that_is_missing(self, tmp_path: Path) -> None:
        failure = await failure_of([WHOLE], ca_file=str(tmp_path / "none.pem"))
        assert (failure.kind, failure.facts["cause"]) == ("network", "ca_file")


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
