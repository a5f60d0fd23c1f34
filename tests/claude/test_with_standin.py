"""The whole of `kibitz.claude` against the stand-in, which has price list and rules of its own."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kibitz.claude.anthropic_client import AnthropicClaude
from kibitz.claude.connection import Connection
from kibitz.claude.metered import MeteredClaude
from kibitz.claude.models.catalogue import builtin
from kibitz.claude.prompts import wire
from kibitz.claude.prompts.estimate import worst_usage
from kibitz.claude.prompts.prompt import build
from kibitz.claude.spending.budget import Budget, Limits
from kibitz.claude.spending.ledger import Ledger
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
    Tier,
    Tool,
    ToolCall,
)
from kibitz.standin import Fault, Gate, Reply, StandIn, prompt_tokens
from kibitz.standin import ToolCall as ScriptedCall
from kibitz.standin.models import find
from kibitz_context.values import Context, Layer

PURPOSE = Purpose("explain", "/r")
TIERS: tuple[Tier, ...] = get_args(Tier)
FINDINGS = Tool(
    "report_findings",
    "Reports findings.",
    {
        "type": "object",
        "properties": {"findings": {"type": "array", "items": {"type": "string"}}},
        "required": ["findings"],
        "additionalProperties": False,
    },
    strict=True,
    eager_input_streaming=True,
)


@contextlib.asynccontextmanager
async def claude_at(
    standin: StandIn, path: Path, silence_seconds: float = 20.0
) -> AsyncIterator[MeteredClaude]:
    connection = Connection(
        base_url=standin.base_url,
        api_key="any",
        max_retries=0,
        silence_seconds=silence_seconds,
    )
    ledger = Ledger(path / "ledger.sqlite")
    limits = Limits(day_usd=1000.0)
    claude = MeteredClaude(AnthropicClaude(connection), ledger, Budget(ledger.path, limits))
    try:
        yield claude
    finally:
        await claude.aclose()
        ledger.close()


def prompt_of(
    question: str = "Why?",
    *,
    model: str = "claude-sonnet-5-5",
    tier: Tier = "standard",
    snapshot: str = "def f(): ...\n" * 3000,
    changes: str = "+ def g(): ...\n" * 500,
    tools: tuple[Tool, ...] = (),
) -> Prompt:
    context = Context(
        Path("/r"),
        "c",
        Layer("snapshot", snapshot, 1),
        Layer("changes", changes, 1),
        Layer("task", "The selection.", 1),
    )
    return build(
        context,
        rules="Be brief.",
        task_blocks=[question],
        tier=tier,
        model=model,
        max_tokens=1000,
        tools=tools,
    )


async def read(claude: MeteredClaude, prompt: Prompt) -> list[Event]:
    async with contextlib.aclosing(claude.stream(prompt, PURPOSE)) as events:
        return [event async for event in events]


def end_of(events: list[Event]) -> Finished:
    assert isinstance(events[-1], Finished)
    return events[-1]


async def test_second_request_reads_what_the_first_one_wrote(
    standin: StandIn, tmp_path: Path
) -> None:
    standin.enqueue(Reply("One."), Reply("Two."), Reply("Three."))
    async with claude_at(standin, tmp_path) as claude:
        first = end_of(await read(claude, prompt_of()))
        second = end_of(await read(claude, prompt_of("How?")))
        changed = end_of(await read(claude, prompt_of(changes="+ def h(): ...\n" * 500)))
    assert first.usage.cache_read_tokens == 0
    assert first.usage.cache_write_1h_tokens > first.usage.cache_write_5m_tokens > 0
    assert second.usage.cache_read_tokens == first.usage.cache_write_tokens
    assert second.usage.cache_write_tokens == 0
    assert changed.usage.cache_read_tokens == first.usage.cache_write_1h_tokens
    assert changed.usage.cache_write_5m_tokens > 0
    assert first.cost_usd is not None and second.cost_usd is not None
    assert second.cost_usd < first.cost_usd / 10
    summary = Ledger(tmp_path / "ledger.sqlite").summary(by="task")
    expected = sum(exchange.cost_usd or 0 for exchange in standin.journal.messages)
    assert summary.total.cost_usd == pytest.approx(expected)
    assert [key for key, _ in summary.rows] == ["explain"]


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("model", builtin().models)
async def test_every_model_takes_what_every_tier_sends(
    standin: StandIn, tmp_path: Path, model: str, tier: Tier
) -> None:
    known = find(model)
    if known is None:
        pytest.skip("the stand-in does not have it")
    standin.enqueue(Reply("Yes.", thinking="Hm."))
    async with claude_at(standin, tmp_path) as claude:
        prompt = prompt_of(model=model, tier=tier, tools=(FINDINGS,))
        end = end_of(await read(claude, prompt))
    exchange = standin.journal.last
    assert (end.stop_reason, exchange.status) == ("end_turn", 200)
    # Two price lists, made apart from one another.
    assert end.cost_usd == pytest.approx(exchange.cost_usd)
    assert builtin().cache_minimum_tokens(model) == known.minimum_cacheable_tokens
    assert builtin().max_output_tokens(model) == known.max_tokens
    assert builtin().chars_per_token(model) == known.chars_per_token
    sent = exchange.request.body.get("thinking", {}).get("type")
    if known.thinks(sent):
        assert prompt.max_tokens > 1000, "thinking would eat the answer"
    else:
        assert tier != "deep" or not builtin().models[model].adaptive


async def test_tool_call(standin: StandIn, tmp_path: Path) -> None:
    call = ScriptedCall("report_findings", {"findings": ["a", "b"]})
    standin.enqueue(Reply(tool_calls=[call]))
    async with claude_at(standin, tmp_path) as claude:
        events = await read(claude, prompt_of(tools=(FINDINGS,)))
    calls = [event for event in events if isinstance(event, ToolCall)]
    assert [(call.name, call.input_json) for call in calls] == [
        ("report_findings", '{"findings": ["a", "b"]}')
    ]
    assert end_of(events).stop_reason == "tool_use"


async def test_stopping_closes_the_stream_and_bills_what_came(
    standin: StandIn, tmp_path: Path
) -> None:
    standin.enqueue(Reply(["Hello ", "there."]).hold_at("Hello "))
    async with claude_at(standin, tmp_path) as claude:
        stream = claude.stream(prompt_of(), PURPOSE)
        started = await anext(stream)
        assert isinstance(started, Started)
        assert await anext(stream) == TextDelta("Hello ")
        await stream.aclose()
        exchange = await standin.journal.wait_for_disconnect()
        total = Ledger(tmp_path / "ledger.sqlite").summary().total
    assert exchange.sent == "Hello "
    assert total.cache_write_tokens == started.usage.cache_write_tokens
    assert total.output_tokens == 2
    assert total.cost_usd == pytest.approx(exchange.cost_usd, rel=1e-3)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Fault.status_code(401), "wrong_credentials"),
        (Fault.status_code(402), "no_credit"),
        (Fault.status_code(403), "no_permission"),
        (Fault.status_code(413), "too_large"),
        (Fault.rate_limited(60), "rate_limit"),
        (Fault.spend_limit(), "spend_limit"),
        (Fault.status_code(500), "server_error"),
        (Fault.status_code(504), "timeout"),
        (Fault.overloaded(), "overloaded"),
        (Fault.html(), "server_error"),
        (Fault.html(200), "not_an_api"),
        (Fault.empty(), "not_an_api"),
        (Reply("Hello there").failing(Fault.drop()), "network"),
        (Reply("Hello there").failing(Fault.drop("Hello")), "dropped"),
        (Reply("Hello there").failing(Fault.cut("Hello")), "dropped"),
        (Reply("Hello there").failing(Fault.early_end("Hello")), "dropped"),
        (Reply("Hello there").failing(Fault.stall("Hello")), "dropped"),
        (Reply("Hello there").failing(Fault.error_event("Hello")), "overloaded"),
        (Reply("Hello there").failing(Fault.malformed("Hello")), "dropped"),
    ],
)
async def test_faults(standin: StandIn, tmp_path: Path, reply: Reply | Fault, kind: str) -> None:
    standin.enqueue(reply)
    async with claude_at(standin, tmp_path, silence_seconds=0.5) as claude:
        with pytest.raises(ClaudeFailure) as caught:
            await read(claude, prompt_of())
    assert caught.value.kind == kind
    summary = Ledger(tmp_path / "ledger.sqlite").summary()
    assert summary.total.requests == 1
    began = isinstance(reply, Reply) and kind != "network"
    assert (summary.total.cost_usd > 0) == began


@pytest.mark.parametrize(
    "fault", [Fault.ping(count=30), Fault.unknown_event(), Fault.small_chunks(1)]
)
async def test_what_is_no_fault(standin: StandIn, tmp_path: Path, fault: Fault) -> None:
    standin.enqueue(Reply("Hello there").failing(fault))
    async with claude_at(standin, tmp_path) as claude:
        events = await read(claude, prompt_of())
    assert "".join(e.text for e in events if isinstance(e, TextDelta)) == "Hello there"


async def test_unknown_model(standin: StandIn, tmp_path: Path) -> None:
    async with claude_at(standin, tmp_path) as claude:
        with pytest.raises(ClaudeFailure) as caught:
            await read(claude, prompt_of(model="claude-sonet-5-5"))
    assert caught.value.kind == "unknown_model"
    assert caught.value.facts["nearest"][0] == "claude-sonnet-5-5"


async def test_models(standin: StandIn, tmp_path: Path) -> None:
    async with claude_at(standin, tmp_path) as claude:
        models = {model.id: model for model in await claude.models()}
    sonnet = models["claude-sonnet-5-5"]
    assert (sonnet.max_output_tokens, sonnet.lifecycle) == (128_000, "active")
    assert sonnet.capabilities["thinking"]["types"]["between_tools"]["supported"]


async def test_parallel_streams_do_not_mix(standin: StandIn, tmp_path: Path) -> None:
    gate = Gate()
    for number in range(20):
        standin.when(f"<{number}>", Reply(f"Answer {number}.", chunk_size=3).hold_at(4, gate))
    async with claude_at(standin, tmp_path) as claude:
        tasks = [asyncio.create_task(read(claude, prompt_of(f"<{n}>"))) for n in range(20)]
        await gate.reached(20)
        gate.release()
        for number, events in enumerate(await asyncio.gather(*tasks)):
            words = "".join(e.text for e in events if isinstance(e, TextDelta))
            assert words == f"Answer {number}."


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    text=st.text(max_size=400),
    repeats=st.integers(1, 40),
    model=st.sampled_from(sorted(builtin().models)),
)
def test_no_prompt_is_longer_than_its_worst_case(text: str, repeats: int, model: str) -> None:
    """By the stand-in's count; only then is a reservation an upper bound."""
    known = find(model)
    if known is None:
        return
    prompt = Prompt(
        tier="fast",
        model=model,
        system=(Block("Rules."), Block("x" + text * repeats, "1h")),
        messages=(Message("user", (Block("?" + text),)),),
        max_tokens=10,
        tools=(FINDINGS,),
    )
    body = wire.arguments(prompt, builtin().request_options(model, "fast"))
    assert worst_usage(prompt).prompt_tokens >= prompt_tokens(body, known)
