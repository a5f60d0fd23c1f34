"""The stand-in as the real SDK sees it: messages, cache, thinking, tools, models, batches."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Literal

import anthropic
import pydantic
import pytest
import pytest_asyncio

from kibitz.standin import Fault, Gate, RateLimits, Reply, StandIn, ToolCall

ASK: Any = {"max_tokens": 200, "messages": [{"role": "user", "content": "task"}]}
SONNET, OPUS, HAIKU = "claude-sonnet-5-5", "claude-opus-5-5", "claude-haiku-5-5"


@pytest_asyncio.fixture
async def client(standin: StandIn) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(
        base_url=standin.base_url, api_key="key", max_retries=0
    ) as sdk:
        yield sdk


def cached(*texts: str, ttl: Literal["5m", "1h"] = "5m") -> list[Any]:
    """System blocks, each with a marker."""
    control = {"type": "ephemeral", "ttl": ttl}
    return [{"type": "text", "text": text, "cache_control": control} for text in texts]


def counts(message: anthropic.types.Message) -> tuple[int | None, int | None, int]:
    """Tokens read, written, and neither."""
    usage = message.usage
    return (
        usage.cache_read_input_tokens,
        usage.cache_creation_input_tokens,
        usage.input_tokens,
    )


async def test_a_stream(standin: StandIn, client: anthropic.AsyncAnthropic) -> None:
    standin.enqueue(Reply("Hello, world", chunk_size=5))
    async with client.messages.stream(model=SONNET, **ASK) as stream:
        pieces = [text async for text in stream.text_stream]
        message = await stream.get_final_message()
    assert pieces == ["Hello", ", wor", "ld"]
    assert (message.stop_reason, message.usage.output_tokens) == ("end_turn", 5)
    assert stream.request_id == standin.journal.last.request_id


async def test_a_message_in_one_piece_is_the_same(
    standin: StandIn, client: anthropic.AsyncAnthropic
) -> None:
    reply = Reply("so", thinking="hm", tool_calls=[ToolCall("look", {"at": [1, 2]}, "toolu_1")])
    standin.enqueue(reply, reply)
    async with client.messages.stream(model=OPUS, **ASK) as stream:
        streamed = await stream.get_final_message()
    whole = await client.messages.create(model=OPUS, **ASK)
    ignored = {"id": True, "content": {0: {"signature"}}}
    left = streamed.model_dump(exclude={**ignored, "parsed_output": True})
    for block in left["content"]:
        block.pop("parsed_output", None)
    assert left == whole.model_dump(exclude=ignored)
    assert [block.type for block in whole.content] == ["thinking", "text", "tool_use"]


@pytest.mark.parametrize("seed", range(5))
async def test_stop_sequences_across_chunk_borders(
    standin: StandIn, client: anthropic.AsyncAnthropic, seed: int
) -> None:
    text = "<replacement>\nx = 1\n</replacement>\nThat is all."
    standin.enqueue(Reply(text, chunk_size=3, chunk_seed=seed))
    async with client.messages.stream(
        model=SONNET, stop_sequences=["</replacement>"], **ASK
    ) as stream:
        message = await stream.get_final_message()
    assert stream.current_message_snapshot.content[0].type == "text"
    assert await stream.get_final_text() == "<replacement>\nx = 1\n"
    assert (message.stop_reason, message.stop_sequence) == ("stop_sequence", "</replacement>")


async def test_tool_input_streams_as_json(
    standin: StandIn, client: anthropic.AsyncAnthropic
) -> None:
    findings = {"findings": [{"title": "a"}, {"title": "b"}]}
    standin.enqueue(Reply(tool_calls=[ToolCall("report", findings)], chunk_size=7))
    tool: Any = {
        "name": "report",
        "eager_input_streaming": True,
        "input_schema": {"type": "object"},
    }
    async with client.messages.stream(model=SONNET, tools=[tool], **ASK) as stream:
        snapshots = [event.snapshot async for event in stream if event.type == "input_json"]
        message = await stream.get_final_message()
    assert len(snapshots) > 3
    assert snapshots[-1] == findings
    assert message.stop_reason == "tool_use"


async def test_the_cache_is_written_then_read(
    standin: StandIn, client: anthropic.AsyncAnthropic
) -> None:
    repository = cached("x" * 10_000, ttl="1h")
    first = await client.messages.create(model=SONNET, system=repository, **ASK)
    assert counts(first) == (0, 4_000, 2)
    assert first.usage.cache_creation is not None
    assert first.usage.cache_creation.ephemeral_1h_input_tokens == 4_000
    async with client.messages.stream(model=SONNET, system=repository, **ASK) as stream:
        second = await stream.get_final_message()
    assert counts(second) == (4_000, 0, 2)
    standin.clock.advance(3_600)
    third = await client.messages.create(model=SONNET, system=repository, **ASK)
    assert counts(third) == (0, 4_000, 2)


async def test_snapshot_and_changes_age_separately(
    standin: StandIn, client: anthropic.AsyncAnthropic
) -> None:
    def prompt(changes: str) -> list[Any]:
        return [*cached("x" * 5_000, ttl="1h"), *cached(changes * 2_500)]

    await client.messages.create(model=SONNET, system=prompt("a"), **ASK)
    edited = await client.messages.create(model=SONNET, system=prompt("b"), **ASK)
    assert counts(edited) == (2_000, 1_000, 2)
    standin.clock.advance(300)
    later = await client.messages.create(model=SONNET, system=prompt("b"), **ASK)
    assert counts(later) == (2_000, 1_000, 2)


async def test_models_and_keys_have_caches_of_their_own(
    standin: StandIn, client: anthropic.AsyncAnthropic
) -> None:
    repository = cached("x" * 10_000)
    other = client.with_options(api_key="another")
    await client.messages.create(model=SONNET, system=repository, **ASK)
    for sdk, model in ((client, OPUS), (other, SONNET)):
        message = await sdk.messages.create(model=model, system=repository, **ASK)
        assert message.usage.cache_read_input_tokens == 0


async def test_an_entry_can_be_read_from_the_first_byte_on(
    standin: StandIn, client: anthropic.AsyncAnthropic
) -> None:
    async def read_tokens() -> int | None:
        message = await client.messages.create(model=SONNET, system=cached("x" * 10_000), **ASK)
        return message.usage.cache_read_input_tokens

    standin.enqueue(Reply("held").hold_at(1))
    async with client.messages.stream(model=SONNET, system=cached("x" * 10_000), **ASK) as stream:
        await standin.reached(1)
        assert await read_tokens() == 4_000
        standin.release()
        await stream.until_done()


async def test_parallel_requests_all_pay(
    standin: StandIn, client: anthropic.AsyncAnthropic
) -> None:
    gate = Gate()
    standin.when(lambda _: True, Reply("held").hold_at(0, gate))
    async with asyncio.TaskGroup() as group:
        asked = [
            group.create_task(
                client.messages.create(model=SONNET, system=cached("x" * 10_000), **ASK)
            )
            for _ in range(2)
        ]
        await gate.reached(2)
        gate.release()
    assert [counts(await task) for task in asked] == [(0, 4_000, 2), (0, 4_000, 2)]


async def test_prewarming(standin: StandIn, client: anthropic.AsyncAnthropic) -> None:
    repository = cached("x" * 10_000)
    warm = await client.messages.create(
        model=SONNET,
        system=repository,
        max_tokens=0,
        messages=[{"role": "user", "content": "warm up"}],
    )
    assert (warm.content, warm.stop_reason, warm.usage.output_tokens) == ([], "max_tokens", 0)
    assert warm.usage.cache_creation_input_tokens == 4_000
    message = await client.messages.create(model=SONNET, system=repository, **ASK)
    assert message.usage.cache_read_input_tokens == 4_000


async def test_the_automatic_marker(standin: StandIn, client: anthropic.AsyncAnthropic) -> None:
    turn: Any = {"role": "user", "content": "x" * 2_500}
    first = await client.messages.create(
        model=SONNET, max_tokens=9, messages=[turn], cache_control={"type": "ephemeral"}
    )
    assert counts(first) == (0, 1_000, 0)
    more: Any = [turn, {"role": "assistant", "content": "so"}, turn]
    second = await client.messages.create(
        model=SONNET, max_tokens=9, messages=more, cache_control={"type": "ephemeral"}
    )
    assert counts(second) == (1_000, 1_001, 0)


async def test_diagnostics(standin: StandIn, client: anthropic.AsyncAnthropic) -> None:
    async def ask(system: str, previous: str | None, model: str = SONNET, **more: Any) -> Any:
        return await client.messages.create(
            model=model,
            system=system,
            diagnostics={"previous_message_id": previous},
            **ASK,
            **more,
        )

    first = await ask("a" * 100, None)
    assert first.diagnostics is None
    same = await ask("a" * 100, first.id)
    assert same.diagnostics is None
    for changes, kind, missed in (
        ({"system": "b" * 100}, "system_changed", 42),
        ({"system": "a" * 100, "model": OPUS}, "model_changed", 42),
        ({"system": "a" * 100, "thinking": {"type": "between_tools"}}, "unavailable", None),
    ):
        reason = (await ask(previous=first.id, **changes)).diagnostics.cache_miss_reason
        assert (reason.type, getattr(reason, "cache_missed_input_tokens", None)) == (kind, missed)
    unknown = await ask("a" * 100, "msg_unknown")
    assert unknown.diagnostics.cache_miss_reason.type == "previous_message_not_found"
    standin.enqueue(Reply("x", diagnosis_pending=True))
    pending = await ask("a" * 100, first.id)
    assert pending.diagnostics.cache_miss_reason is None


async def test_counting_tokens(client: anthropic.AsyncAnthropic) -> None:
    count = await client.messages.count_tokens(
        model=SONNET, system="x" * 25, messages=[{"role": "user", "content": "y" * 25}]
    )
    assert count.input_tokens == 20


async def test_the_models(client: anthropic.AsyncAnthropic) -> None:
    listed = [model.id async for model in client.models.list(limit=5)]
    assert listed[:5] == [
        "claude-fable-5-2",
        "claude-mythos-5-2",
        "claude-haiku-5-5",
        "claude-sonnet-5-5",
        "claude-opus-5-5",
    ]
    assert len(listed) == len(set(listed)) == 18
    retired = [model.id async for model in client.models.list(lifecycle=["retired"])]
    assert retired == ["claude-3-7-sonnet-20250219"]


async def test_a_page_of_models_before_another(client: anthropic.AsyncAnthropic) -> None:
    page = await client.models.list(before_id="claude-opus-5-5", limit=2)
    assert [model.id for model in page.data] == ["claude-haiku-5-5", "claude-sonnet-5-5"]
    assert page.has_more
    first = await client.models.list(before_id=page.data[0].id, limit=9)
    assert ([model.line for model in first.data], first.has_more) == (["fable", "mythos"], False)


async def test_one_model(client: anthropic.AsyncAnthropic) -> None:
    model = await client.models.retrieve(SONNET)
    assert (model.line, model.lifecycle, model.retires_at) == ("sonnet", "active", None)
    assert (model.max_input_tokens, model.max_tokens) == (1_000_000, 128_000)
    assert model.capabilities is not None
    types = model.capabilities.thinking.types
    assert types.between_tools.supported
    assert not types.disabled.supported
    alias = await client.models.retrieve("claude-sonnet-4-5")
    assert alias.id == "claude-sonnet-4-5-20250929"
    assert alias.retires_at is not None
    with pytest.raises(anthropic.NotFoundError):
        await client.models.retrieve("claude-unheard-of")


async def test_an_alias_answers_with_the_name_of_its_model(
    client: anthropic.AsyncAnthropic,
) -> None:
    message = await client.messages.create(model="claude-haiku-4-5", **ASK)
    assert message.model == "claude-haiku-4-5-20251001"


async def test_a_schema_that_is_kept(standin: StandIn, client: anthropic.AsyncAnthropic) -> None:
    class Size(pydantic.BaseModel):
        width: int

    standin.enqueue(Reply('{"width": 3}'))
    message = await client.messages.parse(model=SONNET, output_format=Size, **ASK)
    assert message.parsed_output == Size(width=3)


async def test_both_headers_at_once(standin: StandIn) -> None:
    async with anthropic.AsyncAnthropic(
        base_url=standin.base_url, api_key="key", default_headers={"X-Api-Key": "key"}
    ) as client:
        await client.messages.create(model=SONNET, **ASK)
    request = standin.journal.last.request
    assert request.headers["user-agent"].startswith("AsyncAnthropic/Python")
    assert not {"authorization", "x-api-key"} & set(request.headers)


async def test_a_batch(client: anthropic.AsyncAnthropic) -> None:
    async with StandIn(batch_seconds=60) as standin:
        sdk = client.with_options(base_url=standin.base_url)
        standin.enqueue(Reply("one"), Fault.overloaded())
        requests: Any = [
            {"custom_id": "a", "params": {"model": SONNET, **ASK}},
            {"custom_id": "b", "params": {"model": SONNET, **ASK}},
            {"custom_id": "c", "params": {"model": SONNET, **ASK, "max_tokens": 0}},
        ]
        batch = await sdk.messages.batches.create(requests=requests)
        assert (batch.processing_status, batch.request_counts.processing) == ("in_progress", 3)
        standin.clock.advance(60)
        batch = await sdk.messages.batches.retrieve(batch.id)
        assert batch.processing_status == "ended"
        assert (batch.request_counts.succeeded, batch.request_counts.errored) == (1, 2)
        results = {
            r.custom_id: r.result async for r in await sdk.messages.batches.results(batch.id)
        }
        assert [results[name].type for name in "abc"] == ["succeeded", "errored", "errored"]
        succeeded = results["a"]
        assert succeeded.type == "succeeded"
        assert succeeded.message.usage.service_tier == "batch"
        listed = [found.id async for found in sdk.messages.batches.list()]
        assert listed == [batch.id]
        another = sdk.with_options(api_key="another")
        assert [found.id async for found in another.messages.batches.list()] == []
        with pytest.raises(anthropic.NotFoundError):
            await another.messages.batches.retrieve(batch.id)
        await sdk.messages.batches.delete(batch.id)
        with pytest.raises(anthropic.NotFoundError):
            await sdk.messages.batches.retrieve(batch.id)


async def test_a_batch_that_is_cancelled(client: anthropic.AsyncAnthropic) -> None:
    async with StandIn(batch_seconds=60) as standin:
        sdk = client.with_options(base_url=standin.base_url)
        params: Any = {"model": SONNET, **ASK}
        batch = await sdk.messages.batches.create(requests=[{"custom_id": "a", "params": params}])
        batch = await sdk.messages.batches.cancel(batch.id)
        assert batch.processing_status == "canceling"
        batch = await sdk.messages.batches.retrieve(batch.id)
        assert (batch.processing_status, batch.request_counts.canceled) == ("ended", 1)
        assert standin.journal.messages == []


async def test_batches_that_are_refused(client: anthropic.AsyncAnthropic) -> None:
    params: Any = {"model": SONNET, **ASK}
    for identifiers in (["a", "a"], ["not an id"], []):
        with pytest.raises(anthropic.BadRequestError):
            await client.messages.batches.create(
                requests=[{"custom_id": name, "params": params} for name in identifiers]
            )


async def test_the_bill(standin: StandIn, client: anthropic.AsyncAnthropic) -> None:
    """80,000 tokens of repository, as in the documented examples."""
    standin.when(lambda _: True, Reply(""))
    for model, written, read in (
        (SONNET, 0.20, 0.008),
        (OPUS, 0.40, 0.016),
        (HAIKU, 0.010, 0.0008),
    ):
        repository = cached("x" * 200_000)
        for expected in (written, read):
            await client.messages.create(model=model, system=repository, **ASK)
            assert standin.journal.last.cost_usd == pytest.approx(expected, abs=5e-5)


async def test_haiku_is_dearer_above_its_band(
    standin: StandIn, client: anthropic.AsyncAnthropic
) -> None:
    standin.when(lambda _: True, Reply("", output_tokens=0))
    for tokens, price in ((99_998, 0.10), (99_999, 0.50)):
        await client.messages.create(model=HAIKU, system="x" * (tokens * 5 // 2), **ASK)
        use = standin.journal.last.cache_use
        assert standin.journal.last.cost_usd == pytest.approx(use.input_tokens * price / 1e6)


async def test_limits_count_what_is_not_read_from_the_cache() -> None:
    limits = RateLimits(input_tokens=6_000, enforced=True)
    async with (
        StandIn(rate_limits=limits) as standin,
        anthropic.AsyncAnthropic(base_url=standin.base_url, api_key="key", max_retries=0) as client,
    ):
        for _ in range(20):
            await client.messages.create(model=SONNET, system=cached("x" * 10_000), **ASK)
        await client.messages.create(model=SONNET, system="y" * 10_000, **ASK)
        with pytest.raises(anthropic.RateLimitError):
            await client.messages.create(model=SONNET, **ASK)
