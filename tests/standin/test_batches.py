"""Batches of the stand-in: their order, their end, and what is lost on the way."""

from __future__ import annotations

from typing import Any

import anthropic
import pytest

from kibitz.standin import Fault, Reply, StandIn

KEY = "sk-ant-api03-test-key-0123456789"


def requests(count: int) -> Any:
    params = {
        "model": "claude-sonnet-5-5",
        "max_tokens": 99,
        "messages": [{"role": "user", "content": "task"}],
    }
    return [{"custom_id": f"item-{number}", "params": params} for number in range(count)]


def client_of(standin: StandIn) -> anthropic.AsyncAnthropic:
    return anthropic.AsyncAnthropic(base_url=standin.base_url, api_key=KEY, max_retries=0)


async def test_results_are_in_an_order_of_their_own() -> None:
    async with StandIn() as standin, client_of(standin) as client:
        batch = await client.messages.batches.create(requests=requests(20))
        found = [r.custom_id async for r in await client.messages.batches.results(batch.id)]
    assert found != [f"item-{number}" for number in range(20)]
    assert sorted(found) == sorted(f"item-{number}" for number in range(20))


async def test_what_was_done_before_a_batch_is_cancelled_is_kept() -> None:
    async with StandIn(batch_seconds=100) as standin, client_of(standin) as client:
        batch = await client.messages.batches.create(requests=requests(4))
        standin.clock.advance(50)
        await client.messages.batches.cancel(batch.id)
        batch = await client.messages.batches.retrieve(batch.id)
        assert (batch.request_counts.succeeded, batch.request_counts.canceled) == (2, 2)


async def test_a_day_is_all_that_a_batch_has() -> None:
    async with StandIn(batch_seconds=2 * 86_400) as standin, client_of(standin) as client:
        batch = await client.messages.batches.create(requests=requests(4))
        standin.clock.advance(86_400)
        batch = await client.messages.batches.retrieve(batch.id)
        counts = batch.request_counts
        assert (counts.succeeded, counts.expired, counts.processing) == (2, 2, 0)


async def test_a_single_request_may_expire() -> None:
    async with StandIn() as standin, client_of(standin) as client:
        standin.enqueue(Reply("Yes."), Fault.expired(), Fault.overloaded())
        batch = await client.messages.batches.create(requests=requests(3))
        batch = await client.messages.batches.retrieve(batch.id)
        counts = batch.request_counts
        assert (counts.succeeded, counts.expired, counts.errored) == (1, 1, 1)


async def test_an_answer_that_gets_lost_leaves_its_batch() -> None:
    async with StandIn() as standin, client_of(standin) as client:
        path = "/v1/messages/batches"
        standin.when(lambda request: request.method == "POST", Fault.drop(), times=1, path=path)
        with pytest.raises(anthropic.APIConnectionError):
            await client.messages.batches.create(requests=requests(3))
        assert len([each async for each in client.messages.batches.list()]) == 1


async def test_a_batch_may_be_larger_than_a_message() -> None:
    large = requests(2)
    large[0]["params"] = {
        **large[0]["params"],
        "messages": [{"role": "user", "content": "x" * 2_000}],
    }
    async with StandIn(max_request_bytes=1_000) as standin, client_of(standin) as client:
        with pytest.raises(anthropic.RequestTooLargeError):
            await client.messages.create(**large[0]["params"])
        assert (await client.messages.batches.create(requests=large)).id
