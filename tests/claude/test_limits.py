"""What cannot fit is refused before anything is sent or reserved, with what to do about it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from kibitz.claude.anthropic_client import AnthropicClaude
from kibitz.claude.connection import Connection
from kibitz.claude.metered import MeteredClaude
from kibitz.claude.models.catalogue import Catalogue, builtin
from kibitz.claude.prompts.estimate import prompt_tokens
from kibitz.claude.prompts.limits import PromptLimit, prompt_limit
from kibitz.claude.spending.budget import Budget, Limits
from kibitz.claude.spending.ledger import Ledger
from kibitz.claude.values import Block, ClaudeFailure, Message, Prompt, Purpose, Tier
from kibitz.errors import sentence_for
from kibitz.standin import StandIn
from support.wire_server import WHOLE, response, serving

PURPOSE = Purpose("complete", "/r")
HAIKU = "claude-haiku-5-5"


def prompt_of(
    n_tokens: int,
    *,
    model: str = HAIKU,
    tier: Tier = "fast",
    task_tokens: int = 100,
    max_tokens: int = 500,
) -> Prompt:
    """About `n_tokens` by the catalogue's estimate, most of them in the snapshot."""
    return Prompt(
        tier=tier,
        model=model,
        system=(Block("x" * int((n_tokens - task_tokens) * 2.5), "1h"),),
        messages=(Message("user", (Block("y" * int(task_tokens * 2.5)),)),),
        max_tokens=max_tokens,
    )


@contextlib.asynccontextmanager
async def claude_at(url: str, path: Path, **more: Any) -> AsyncIterator[MeteredClaude]:
    ledger = Ledger(path / "ledger.sqlite")
    connection = Connection(base_url=url, api_key="any", max_retries=0)
    known: Catalogue = more.get("known_models") or builtin()
    inner = AnthropicClaude(connection, known_models=known)
    claude = MeteredClaude(inner, ledger, Budget(ledger.path, Limits()), known_models=known)
    try:
        yield claude
    finally:
        await claude.aclose()
        ledger.close()


async def send(claude: MeteredClaude, prompt: Prompt) -> ClaudeFailure | None:
    try:
        async with contextlib.aclosing(claude.stream(prompt, PURPOSE)) as events:
            async for _ in events:
                pass
    except ClaudeFailure as failure:
        return failure
    return None


def paths(standin: StandIn) -> list[str]:
    return [exchange.request.path for exchange in standin.journal.exchanges]


class TestWhichLimit:
    @pytest.mark.parametrize(
        ("model", "tier", "limit"),
        [
            (HAIKU, "fast", PromptLimit(100_000, "price_band")),
            (HAIKU, "standard", PromptLimit(999_500, "window")),
            ("claude-haiku-4-5", "fast", PromptLimit(199_500, "window")),
            ("claude-sonnet-5-5", "fast", PromptLimit(999_500, "window")),
            ("gemma", "fast", None),
        ],
    )
    def test_is_the_catalogues(self, model: str, tier: Tier, limit: PromptLimit | None) -> None:
        assert prompt_limit(prompt_of(100, model=model, tier=tier), builtin()) == limit

    def test_a_user_may_say_how_much_a_local_model_reads(self) -> None:
        known = builtin().overridden({"model": [{"id": "gemma", "context": 8_192}]})
        long = prompt_of(100, model="gemma", max_tokens=50_000)
        assert prompt_limit(long, known) == PromptLimit(8_192 - 1_024, "window")

    def test_the_band_is_of_no_concern_without_a_price(self) -> None:
        limit = prompt_limit(prompt_of(100), builtin().without_prices())
        assert limit == PromptLimit(999_500, "window")


class TestBeforehand:
    async def test_far_below_it_nothing_is_counted(self, standin: StandIn, tmp_path: Path) -> None:
        async with claude_at(standin.base_url, tmp_path) as claude:
            assert await send(claude, prompt_of(60_000)) is None
        assert paths(standin) == ["/v1/messages"]

    async def test_far_above_it_nothing_is_sent(self, standin: StandIn, tmp_path: Path) -> None:
        async with claude_at(standin.base_url, tmp_path) as claude:
            failure = await send(claude, prompt_of(150_000))
        assert failure is not None
        assert (failure.kind, failure.facts["maximum"]) == ("too_large", 100_000)
        assert failure.facts["tokens"] == pytest.approx(150_000, rel=0.01)
        assert paths(standin) == []
        assert Ledger(tmp_path / "ledger.sqlite").summary().total.requests == 0

    async def test_near_it_the_snapshot_is_counted_once(
        self, standin: StandIn, tmp_path: Path
    ) -> None:
        async with claude_at(standin.base_url, tmp_path) as claude:
            assert await send(claude, prompt_of(95_000)) is None
            assert await send(claude, prompt_of(95_100, task_tokens=200)) is None
        assert paths(standin) == ["/v1/messages/count_tokens", "/v1/messages", "/v1/messages"]
        counted = standin.journal.exchanges[0].request.body
        assert "max_tokens" not in counted and "stream" not in counted
        assert counted["thinking"] == {"type": "disabled"}

    async def test_the_count_decides(self, standin: StandIn, tmp_path: Path) -> None:
        async with claude_at(standin.base_url, tmp_path) as claude:
            failure = await send(claude, prompt_of(101_000))
            assert failure is not None and failure.kind == "too_large"
            # What is in front of the marker is known by now.
            assert await send(claude, prompt_of(101_000)) is not None
        assert paths(standin) == ["/v1/messages/count_tokens"]

    async def test_what_is_behind_the_snapshot_is_counted_where_it_decides(
        self, standin: StandIn, tmp_path: Path
    ) -> None:
        async with claude_at(standin.base_url, tmp_path) as claude:
            assert await send(claude, prompt_of(97_000, task_tokens=30_000)) is None
            failure = await send(claude, prompt_of(101_500, task_tokens=34_500))
        assert failure is not None
        assert failure.facts["tokens"] > failure.facts["maximum"], "the sentence says both"
        counts = "/v1/messages/count_tokens"
        assert paths(standin) == [counts, counts, "/v1/messages", counts]

    async def test_without_a_count_the_price_is_sure_not_to_be_exceeded(
        self, tmp_path: Path
    ) -> None:
        missing = response(404, "404 page not found", "text/plain")
        async with serving([missing], [WHOLE]) as server, claude_at(server.url, tmp_path) as claude:
            failure = await send(claude, prompt_of(90_000))
            assert failure is not None and failure.facts["limit"] == "price_band"
            assert await send(claude, prompt_of(85_000)) is not None
            assert await send(claude, prompt_of(79_000)) is None
        assert [request.path for request in server.requests] == [
            "/v1/messages/count_tokens",
            "/v1/messages",
        ], "it is asked once whether it counts"

    async def test_without_a_count_the_window_is_the_endpoints_business(
        self, tmp_path: Path
    ) -> None:
        known = builtin().overridden({"model": [{"id": "gemma", "context": 10_000}]})
        missing = response(404, "404 page not found", "text/plain")
        async with (
            serving([missing], [WHOLE]) as server,
            claude_at(server.url, tmp_path, known_models=known) as claude,
        ):
            assert await send(claude, prompt_of(9_000, model="gemma")) is None
            failure = await send(claude, prompt_of(10_500, model="gemma"))
            assert failure is not None and failure.facts["limit"] == "window"

    async def test_what_was_learnt_counts(self, standin: StandIn, tmp_path: Path) -> None:
        """Text that has fewer tokens than we think fits after all."""
        prompt = prompt_of(110_000)
        async with claude_at(standin.base_url, tmp_path) as claude:
            claude._books._learnt_factors[HAIKU] = 0.6
            assert await send(claude, prompt) is not None, "the stand-in has counted"
            claude._books._learnt_factors[HAIKU] = 2.0
            failure = await send(claude, prompt_of(80_000, task_tokens=70_000))
            assert failure is not None
            assert failure.facts["tokens"] > 140_000

    async def test_of_warming_too(self, standin: StandIn, tmp_path: Path) -> None:
        async with claude_at(standin.base_url, tmp_path) as claude:
            with pytest.raises(ClaudeFailure) as caught:
                await claude.warm(prompt_of(150_000), Purpose("pre_warm"))
        assert caught.value.kind == "too_large"
        assert paths(standin) == []


class TestSentences:
    def test_of_a_price_band(self) -> None:
        facts = {"tokens": 123_456, "maximum": 100_000, "limit": "price_band", "tier": "fast"}
        failure = ClaudeFailure("too_large", model=HAIKU, facts=facts)
        assert sentence_for(failure) == (
            'The request has about 123,456 tokens; above 100,000 "claude-haiku-5-5" costs several '
            "times as much, and the fast tier does not go there: select less, lower "
            "`context.max_tokens`, or send the action to another tier with `route`."
        )

    def test_of_a_window(self) -> None:
        facts = {"tokens": 1_200_000, "maximum": 999_000, "limit": "window", "tier": "deep"}
        failure = ClaudeFailure("too_large", model="claude-opus-5-5", facts=facts)
        assert sentence_for(failure).endswith("lower `context.max_tokens`, or select less.")


def test_the_estimate_is_not_far_off() -> None:
    assert prompt_tokens(prompt_of(50_000)) == pytest.approx(50_000, rel=0.001)
