"""What travels over the connection, byte for byte: HTTP, headers, event stream, errors."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import pytest

from kibitz.standin import Clock, Fault, RateLimits, Reply, StandIn, ToolCall
from support.raw_http import HEADERS, RawClient

BODY: dict[str, Any] = {
    "model": "claude-opus-5-5",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "hi"}],
}


async def test_the_stream_of_a_text_is_exactly_this(standin: StandIn) -> None:
    standin.enqueue(Reply(["Hel", "lo “ü”"]))
    async with RawClient(standin.base_url) as client:
        response = await client.ask("POST", "/v1/messages", BODY | {"stream": True})
    assert response.status == 200
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    message_id = standin.journal.last.message_id
    assert response.body.decode() == (
        "event: message_start\n"
        f'data: {{"type":"message_start","message":{{"id":"{message_id}","type":"message",'
        '"role":"assistant","model":"claude-opus-5-5","content":[],"stop_reason":null,'
        '"stop_sequence":null,"stop_details":null,"usage":{"input_tokens":1,'
        '"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"cache_creation":'
        '{"ephemeral_5m_input_tokens":0,"ephemeral_1h_input_tokens":0},"output_tokens":1,'
        '"service_tier":"standard","inference_geo":"global"}}}\n\n'
        "event: content_block_start\n"
        'data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}'
        "\n\n"
        'event: ping\ndata: {"type":"ping"}\n\n'
        "event: content_block_delta\n"
        'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hel"}}'
        "\n\n"
        "event: content_block_delta\n"
        'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta",'
        '"text":"lo “ü”"}}\n\n'
        'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n'
        "event: message_delta\n"
        'data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null,'
        '"stop_details":null},"usage":{"input_tokens":1,"cache_creation_input_tokens":0,'
        '"cache_read_input_tokens":0,"output_tokens":4,"output_tokens_details":'
        '{"thinking_tokens":0}}}\n\n'
        'event: message_stop\ndata: {"type":"message_stop"}\n\n'
    )


async def test_the_blocks_of_a_stream_with_thinking_and_a_call(standin: StandIn) -> None:
    standin.enqueue(Reply("so", thinking="hm", tool_calls=[ToolCall("look", {"a": 1}, "toolu_1")]))
    async with RawClient(standin.base_url) as client:
        response = await client.ask("POST", "/v1/messages", BODY | {"stream": True})
    data = [
        json.loads(line[6:]) for line in response.body.decode().split("\n") if line[:5] == "data:"
    ]
    blocks = [d.get("content_block", d.get("delta")) for d in data if d.get("index") is not None]
    signature = blocks[1]["signature"]
    assert re.fullmatch(r"[A-Za-z0-9+/=]+", signature)
    assert [block for block in blocks if block] == [
        {"type": "thinking", "thinking": "", "signature": ""},
        {"type": "signature_delta", "signature": signature},
        {"type": "text", "text": ""},
        {"type": "text_delta", "text": "so"},
        {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}},
        {"type": "input_json_delta", "partial_json": ""},
        {"type": "input_json_delta", "partial_json": '{"a": 1}'},
    ]


async def test_each_event_is_one_chunk(standin: StandIn) -> None:
    standin.enqueue(Reply("Hello"))
    async with RawClient(standin.base_url) as client:
        response = await client.ask("POST", "/v1/messages", BODY | {"stream": True})
    assert all(re.fullmatch(rb"event: \w+\ndata: .*\n\n", chunk) for chunk in response.chunks)


async def test_small_chunks_may_go_through_a_character(standin: StandIn) -> None:
    standin.enqueue(Reply("ü", faults=[Fault.small_chunks()]))
    async with RawClient(standin.base_url) as client:
        response = await client.ask("POST", "/v1/messages", BODY | {"stream": True})
    assert {len(chunk) for chunk in response.chunks} == {1}
    assert '"text":"ü"' in response.body.decode()


async def test_a_connection_serves_many_requests(standin: StandIn) -> None:
    async with RawClient(standin.base_url) as client:
        for stream in (False, True, False):
            response = await client.ask("POST", "/v1/messages", BODY | {"stream": stream})
            assert response.status == 200
        assert (await client.ask("GET", "/v1/models")).status == 200
        assert (await client.ask("GET", "/v1/nothing")).status == 404
    assert len(standin.journal.exchanges) == 5


async def test_requests_that_come_early_are_answered_in_turn(standin: StandIn) -> None:
    standin.enqueue(Reply("first").hold_at(0), Reply("second"))
    async with RawClient(standin.base_url) as client:
        await client.send("POST", "/v1/messages", BODY)
        await standin.reached()
        await client.send("POST", "/v1/messages", BODY)
        standin.release()
        texts = [(await client.receive()).json["content"][0]["text"] for _ in range(2)]
    assert texts == ["first", "second"]


async def test_connections_are_served_side_by_side(standin: StandIn) -> None:
    standin.when("slow", Reply("slow").hold_at(0))
    standin.when("quick", Reply("quick"))
    slow = BODY | {"messages": [{"role": "user", "content": "slow"}]}
    quick = BODY | {"messages": [{"role": "user", "content": "quick"}]}
    async with RawClient(standin.base_url) as one, RawClient(standin.base_url) as two:
        await one.send("POST", "/v1/messages", slow)
        await standin.reached()
        assert (await two.ask("POST", "/v1/messages", quick)).json["content"][0]["text"] == "quick"
        standin.release()
        assert (await one.receive()).json["content"][0]["text"] == "slow"


async def test_a_client_that_waits_for_leave_to_send_gets_it(standin: StandIn) -> None:
    async with RawClient(standin.base_url) as client:
        await client.send("POST", "/v1/messages", b"", HEADERS | {"expect": "100-continue"})
        # h11 asks for it only when a body is to come.
        assert (await client.receive()).status == 400
        data = json.dumps(BODY).encode()
        head = "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items())
        client.writer.write(
            f"POST /v1/messages HTTP/1.1\r\nhost: x\r\n{head}expect: 100-continue\r\n"
            f"content-length: {len(data)}\r\n\r\n".encode()
        )
        assert (await client.receive_head())[0] == 100
        client.writer.write(data)
        assert (await client.receive()).status == 200


@pytest.mark.parametrize(
    ("headers", "status", "kind", "message"),
    [
        (
            {"anthropic-version": "2026-10-21"},
            401,
            "authentication_error",
            "x-api-key header is required",
        ),
        (
            HEADERS | {"authorization": "Bearer wrong"},
            401,
            "authentication_error",
            "Invalid bearer token",
        ),
        (
            {"x-api-key": "wrong", "anthropic-version": "2026-10-21"},
            401,
            "authentication_error",
            "invalid x-api-key",
        ),
        (
            {"authorization": "Bearer key"},
            400,
            "invalid_request_error",
            "anthropic-version: header is required",
        ),
        (
            HEADERS | {"anthropic-version": "2020-01-01"},
            400,
            "invalid_request_error",
            'anthropic-version: "2020-01-01" is not a valid version.',
        ),
    ],
)
async def test_who_may_ask(headers: dict[str, str], status: int, kind: str, message: str) -> None:
    async with StandIn(accepted_keys={"key"}) as standin, RawClient(standin.base_url) as client:
        response = await client.ask("POST", "/v1/messages", BODY, headers)
    assert response.status == status
    assert response.json == {
        "type": "error",
        "error": {"type": kind, "message": message},
        "request_id": response.headers["request-id"],
    }


@pytest.mark.parametrize("version", ["2023-06-01", "2026-10-21"])
@pytest.mark.parametrize("credential", [{"authorization": "Bearer key"}, {"x-api-key": "key"}])
async def test_both_credentials_and_both_versions(
    standin: StandIn, version: str, credential: dict[str, str]
) -> None:
    async with RawClient(standin.base_url) as client:
        headers = credential | {"anthropic-version": version}
        response = await client.ask("POST", "/v1/messages?beta=true", BODY, headers)
    assert response.status == 200
    request = standin.journal.last.request
    assert request.credential == ("bearer" if "authorization" in credential else "x-api-key")
    assert "key" not in str(request.headers.values())


async def test_a_body_that_is_no_json(standin: StandIn) -> None:
    async with RawClient(standin.base_url) as client:
        response = await client.ask("POST", "/v1/messages", b'{"model": ')
    assert response.status == 400
    assert response.json["error"]["message"].startswith("The request body is not valid JSON: ")


async def test_a_body_that_is_too_large_is_read_and_refused() -> None:
    async with (
        StandIn(max_request_bytes=1_000) as standin,
        RawClient(standin.base_url) as client,
    ):
        large = BODY | {"system": "x" * 500_000}
        response = await client.ask("POST", "/v1/messages", large)
        assert (response.status, response.json["error"]["type"]) == (413, "request_too_large")
        assert (await client.ask("POST", "/v1/messages", BODY)).status == 200


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", "/v1/messages", 405),
        ("DELETE", "/v1/models", 405),
        ("GET", "/v1/messages/batches/msgbatch_1", 404),
        ("GET", "/", 404),
        ("GET", "/standin/journal", 404),
    ],
)
async def test_other_routes(standin: StandIn, method: str, target: str, status: int) -> None:
    async with RawClient(standin.base_url) as client:
        assert (await client.ask(method, target)).status == status


async def test_something_that_is_no_http_is_hung_up_on(standin: StandIn) -> None:
    async with RawClient(standin.base_url) as client:
        client.writer.write(b"\x16\x03\x01 hello\r\n\r\n")
        assert await client.reader.read() == b""


async def test_rate_limit_headers_tell_what_is_left() -> None:
    limits = RateLimits(requests=10, input_tokens=50_000, output_tokens=8_000)
    async with (
        StandIn(rate_limits=limits, clock=Clock(0)) as standin,
        RawClient(standin.base_url) as client,
    ):
        big = BODY | {"system": "x" * 25_000}
        await client.ask("POST", "/v1/messages", big)
        headers = (await client.ask("POST", "/v1/messages", big)).headers
    assert {name: value for name, value in headers.items() if "ratelimit-" in name} == {
        "anthropic-ratelimit-requests-limit": "10",
        "anthropic-ratelimit-requests-remaining": "9",
        "anthropic-ratelimit-requests-reset": "1970-01-01T00:00:06Z",
        "anthropic-ratelimit-input-tokens-limit": "50000",
        "anthropic-ratelimit-input-tokens-remaining": "39000",
        "anthropic-ratelimit-input-tokens-reset": "1970-01-01T00:00:12Z",
        "anthropic-ratelimit-output-tokens-limit": "8000",
        "anthropic-ratelimit-output-tokens-remaining": "7000",
        "anthropic-ratelimit-output-tokens-reset": "1970-01-01T00:00:00Z",
        "anthropic-ratelimit-tokens-limit": "58000",
        "anthropic-ratelimit-tokens-remaining": "47000",
        "anthropic-ratelimit-tokens-reset": "1970-01-01T00:00:12Z",
    }


async def test_a_limit_does_not_grow_while_nobody_asks() -> None:
    async with StandIn(clock=Clock(0)) as standin, RawClient(standin.base_url) as client:
        for _ in range(2):
            headers = (await client.ask("GET", "/v1/models")).headers
            standin.clock.advance(3_600)
    assert headers["anthropic-ratelimit-requests-remaining"] == "1000"


async def test_enforced_limits_say_how_long_to_wait_and_keep_their_word() -> None:
    limits = RateLimits(requests=2, enforced=True)
    async with (
        StandIn(rate_limits=limits, clock=Clock(0)) as standin,
        RawClient(standin.base_url) as client,
    ):
        statuses = [(await client.ask("POST", "/v1/messages", BODY)).status for _ in range(2)]
        refused = await client.ask("POST", "/v1/messages", BODY)
        standin.clock.advance(int(refused.headers["retry-after"]))
        statuses += [refused.status, (await client.ask("POST", "/v1/messages", BODY)).status]
    assert statuses == [200, 200, 429, 200]


async def test_requests_after_the_stop_are_refused(standin: StandIn) -> None:
    url = standin.base_url
    async with RawClient(url) as client:
        await client.ask("GET", "/v1/models")
        await standin.stop_listening()
        assert await client.reader.read() == b""
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        await standin.listen_again()
    assert standin.base_url == url
    async with RawClient(url) as client:
        assert (await client.ask("GET", "/v1/models")).status == 200


async def test_a_question_for_the_head_alone_gets_no_body(standin: StandIn) -> None:
    async with RawClient(standin.base_url) as client:
        await client.send("HEAD", "/")
        status, headers = await client.receive_head()
        assert (status, headers["content-type"]) == (404, "application/json")
        assert (await client.ask("GET", "/v1/models")).status == 200
