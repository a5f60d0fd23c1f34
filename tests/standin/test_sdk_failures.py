"""Everything that can go wrong, as the SDK reports it: the tables of documented failures."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import anthropic
import httpx2
import pytest
import pytest_asyncio

from kibitz.standin import Fault, Gate, Reply, StandIn, ToolCall

ASK: Any = {
    "model": "claude-sonnet-5-5",
    "max_tokens": 200,
    "messages": [{"role": "user", "content": "task"}],
}
REPLY = Reply("Hello, world", chunk_size=5)


@pytest_asyncio.fixture
async def client(standin: StandIn) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(
        base_url=standin.base_url, api_key="key", max_retries=0
    ) as sdk:
        yield sdk


async def streamed(client: anthropic.AsyncAnthropic, heard: list[str]) -> anthropic.types.Message:
    """Streams one message and writes down each piece of text as it comes."""
    async with client.messages.stream(**ASK) as stream:
        async for text in stream.text_stream:
            # One by one: what was heard before a failure must be there after it.
            heard += [text]
        return await stream.get_final_message()


STATUSES = [
    (400, "invalid_request_error", anthropic.BadRequestError),
    (401, "authentication_error", anthropic.AuthenticationError),
    (402, "billing_error", anthropic.PaymentRequiredError),
    (403, "permission_error", anthropic.PermissionDeniedError),
    (404, "not_found_error", anthropic.NotFoundError),
    (409, "conflict_error", anthropic.ConflictError),
    (413, "request_too_large", anthropic.RequestTooLargeError),
    (429, "rate_limit_error", anthropic.RateLimitError),
    (500, "api_error", anthropic.InternalServerError),
    (504, "timeout_error", anthropic.DeadlineExceededError),
    (529, "overloaded_error", anthropic.OverloadedError),
]


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize(("status", "kind", "error"), STATUSES)
async def test_statuses(
    standin: StandIn,
    client: anthropic.AsyncAnthropic,
    status: int,
    kind: str,
    error: type[anthropic.APIStatusError],
    streams: bool,
) -> None:
    standin.enqueue(Fault.status_code(status))
    with pytest.raises(error) as caught:
        await (streamed(client, []) if streams else client.messages.create(**ASK))
    assert (caught.value.status_code, caught.value.type) == (status, kind)
    assert caught.value.request_id == standin.journal.last.request_id
    assert (standin.journal.last.status, standin.journal.last.outcome) == (status, "broken")


async def test_the_waiting_time_of_a_rate_limit(
    standin: StandIn, client: anthropic.AsyncAnthropic
) -> None:
    standin.enqueue(Fault.rate_limited(30), Fault.rate_limited())
    waits = []
    for _ in range(2):
        with pytest.raises(anthropic.RateLimitError) as caught:
            await client.messages.create(**ASK)
        waits.append(caught.value.response.headers.get("retry-after"))
    assert waits == ["30", None]


async def test_the_sdk_retries_what_can_be_retried(standin: StandIn) -> None:
    async with anthropic.AsyncAnthropic(base_url=standin.base_url, api_key="key") as client:
        standin.enqueue(Fault.rate_limited(0.01), Fault.drop(), REPLY)
        message = await client.messages.create(**ASK)
    assert message.stop_reason == "end_turn"
    retries = [e.request.headers["x-stainless-retry-count"] for e in standin.journal.messages]
    assert retries == ["0", "1", "2"]


async def test_the_spend_limit(standin: StandIn, client: anthropic.AsyncAnthropic) -> None:
    standin.enqueue(Fault.spend_limit())
    with pytest.raises(anthropic.RateLimitError) as caught:
        await client.messages.create(**ASK)
    assert caught.value.error_code == "enforced_spend_limit_reached"
    assert type(caught.value).__name__ == "EnforcedSpendLimitReachedError"


async def test_a_proxy_that_answers_in_html(
    standin: StandIn, client: anthropic.AsyncAnthropic
) -> None:
    standin.enqueue(Fault.html())
    with pytest.raises(anthropic.InternalServerError) as caught:
        await client.messages.create(**ASK)
    assert caught.value.status_code == 502
    assert "<html>" in str(caught.value.body)


async def test_an_error_within_the_stream(
    standin: StandIn, client: anthropic.AsyncAnthropic
) -> None:
    standin.enqueue(REPLY.failing(Fault.error_event("Hello")))
    heard: list[str] = []
    with pytest.raises(anthropic.APIStatusError) as caught:
        await streamed(client, heard)
    assert heard == ["Hello"]
    assert (caught.value.status_code, caught.value.type) == (200, "overloaded_error")
    assert standin.journal.last.events[-1] == "error"


@pytest.mark.parametrize(
    ("fault", "error"),
    [(Fault.drop("Hello"), httpx2.ReadError), (Fault.cut("Hello"), httpx2.RemoteProtocolError)],
)
async def test_a_connection_that_breaks_in_the_stream(
    standin: StandIn, client: anthropic.AsyncAnthropic, fault: Fault, error: type[Exception]
) -> None:
    standin.enqueue(REPLY.failing(fault))
    heard: list[str] = []
    with pytest.raises(error):
        await streamed(client, heard)
    assert heard == ["Hello"]
    assert standin.journal.last.outcome == "broken"


async def test_a_stream_that_falls_silent(
    standin: StandIn, client: anthropic.AsyncAnthropic
) -> None:
    standin.enqueue(REPLY.failing(Fault.stall("Hello")))
    heard: list[str] = []
    with pytest.raises(httpx2.ReadTimeout):
        await streamed(client.with_options(timeout=httpx2.Timeout(5, read=1.5)), heard)
    assert heard == ["Hello"]
    exchange = await standin.journal.wait_for_disconnect()
    assert exchange.sent == "Hello"


async def test_a_stream_that_ends_early_and_cleanly(
    standin: StandIn, client: anthropic.AsyncAnthropic
) -> None:
    """The SDK raises nothing here: whoever does not look at `stop_reason` is fooled."""
    standin.enqueue(REPLY.failing(Fault.early_end("Hello")))
    heard: list[str] = []
    message = await streamed(client, heard)
    assert (heard, message.stop_reason) == (["Hello"], None)


@pytest.mark.parametrize("fault", [Fault.empty(), Fault.early_end(0)])
async def test_a_stream_that_ends_before_it_begins(
    standin: StandIn, client: anthropic.AsyncAnthropic, fault: Fault
) -> None:
    standin.enqueue(REPLY.failing(fault))
    with pytest.raises(AssertionError):
        await streamed(client, [])


async def test_a_malformed_event(standin: StandIn, client: anthropic.AsyncAnthropic) -> None:
    standin.enqueue(REPLY.failing(Fault.malformed("Hello")))
    heard: list[str] = []
    with pytest.raises(ValueError, match=r"Unterminated string|Expecting|JSON"):
        await streamed(client, heard)
    assert heard == ["Hello"]


async def test_a_refused_connection(standin: StandIn, client: anthropic.AsyncAnthropic) -> None:
    await client.messages.create(**ASK)
    await standin.stop_listening()
    with pytest.raises(anthropic.APIConnectionError):
        await client.messages.create(**ASK)
    await standin.listen_again()
    await client.messages.create(**ASK)


async def test_nothing_comes_at_all(standin: StandIn, client: anthropic.AsyncAnthropic) -> None:
    standin.enqueue(Fault.stall())
    with pytest.raises(anthropic.APITimeoutError):
        await client.with_options(timeout=1.5).messages.create(**ASK)
    assert (await standin.journal.wait_for_disconnect()).events == []


async def test_what_is_harmless(standin: StandIn, client: anthropic.AsyncAnthropic) -> None:
    standin.enqueue(
        REPLY.failing(
            Fault.ping("He", 3), Fault.unknown_event("Hello"), Fault.small_chunks(), Fault.ping(0)
        )
    )
    heard: list[str] = []
    message = await streamed(client, heard)
    assert ("".join(heard), message.stop_reason) == ("Hello, world", "end_turn")
    assert standin.journal.last.events.count("ping") == 5


async def test_a_refusal(standin: StandIn, client: anthropic.AsyncAnthropic) -> None:
    standin.enqueue(Reply.refusal("I will", category="bio", explanation="no"))
    message = await streamed(client, [])
    assert message.stop_reason == "refusal"
    assert message.stop_details is not None
    assert (message.stop_details.category, message.stop_details.explanation) == ("bio", "no")


async def test_truncation(standin: StandIn, client: anthropic.AsyncAnthropic) -> None:
    call = ToolCall("report", {"findings": ["x" * 600]})
    standin.enqueue(Reply("x" * 600), Reply(tool_calls=[call]))
    assert (await streamed(client, [])).stop_reason == "max_tokens"
    assert (await client.messages.create(**ASK)).stop_reason == "max_tokens"


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.drop(2), anthropic.APIConnectionError),
        (Fault.cut(2), anthropic.APIConnectionError),
        (Fault.error_event(2), anthropic.OverloadedError),
        (Fault.early_end(2), ValueError),
        (Fault.malformed(2), ValueError),
    ],
)
async def test_faults_of_a_response_that_does_not_stream(
    standin: StandIn, client: anthropic.AsyncAnthropic, fault: Fault, error: type[Exception]
) -> None:
    standin.enqueue(REPLY.failing(fault))
    with pytest.raises(error):
        await client.messages.create(**ASK)


async def test_other_routes_fail_by_rule(
    standin: StandIn, client: anthropic.AsyncAnthropic
) -> None:
    standin.when(lambda _: True, Fault.overloaded(), path="/v1/models", times=1)
    with pytest.raises(anthropic.OverloadedError):
        await client.models.list()
    assert (await client.models.list()).data


async def test_cancelling_closes_the_connection(
    standin: StandIn, client: anthropic.AsyncAnthropic
) -> None:
    standin.enqueue(REPLY.hold_at("Hello"))
    task = asyncio.create_task(streamed(client, []))
    held = await standin.reached("Hello")
    task.cancel()
    exchange = await standin.journal.wait_for_disconnect()
    assert exchange is held
    assert (exchange.sent, exchange.outcome, exchange.held_at) == ("Hello", "client_closed", None)
    assert exchange.output_tokens == 2
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_gate_holds_until_it_is_released(
    standin: StandIn, client: anthropic.AsyncAnthropic
) -> None:
    gate = Gate()
    standin.enqueue(REPLY.hold_at("Hello", gate))
    heard: list[str] = []
    async with client.messages.stream(**ASK) as stream:
        texts = aiter(stream.text_stream)
        heard.append(await anext(texts))
        await gate.reached()
        assert standin.journal.last.outcome == "open"
        gate.release()
        heard += [text async for text in texts]
    assert heard == ["Hello", ", wor", "ld"]
    assert standin.journal.last.outcome == "complete"
