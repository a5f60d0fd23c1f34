"""Keeping entries warm: no reply, the prefix of real traffic, and a cap that is kept."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kibitz.claude.anthropic_client import AnthropicClaude
from kibitz.claude.connection import Connection
from kibitz.claude.metered import MeteredClaude
from kibitz.claude.prompts.prompt import build
from kibitz.claude.spending.budget import Budget, Exceeded, Limits, Planned, Reservation
from kibitz.claude.spending.ledger import Ledger, Settlement, SoFar
from kibitz.claude.values import (
    ClaudeFailure,
    Finished,
    Prompt,
    Purpose,
    Tier,
    Tool,
    Usage,
    cannot_warm,
)
from kibitz.errors import sentence_for
from kibitz.standin import Fault, StandIn
from kibitz_context.values import Context, Layer, Plan
from support.wire_server import WireServer, error_response, response, serving

KEEP_WARM = Purpose("keep_warm", "/r", interactive=False)
PRE_WARM = Purpose("pre_warm", "/r", interactive=False)
EXPLAIN = Purpose("explain", "/r")
SNAPSHOT = "def f(): ...\n" * 3_000


def prompt_of(
    plan: Plan | None = None,
    *,
    model: str = "claude-sonnet-5-5",
    tier: Tier = "standard",
    snapshot: str = SNAPSHOT,
) -> Prompt:
    context = Context(
        Path("/r"),
        "c",
        Layer("snapshot", snapshot, 1),
        Layer("changes", "", 0),
        Layer("task", "The selection.", 1),
        plan=plan,
    )
    return build(
        context,
        rules="Be brief.",
        task_blocks=["Why?"],
        tier=tier,
        model=model,
        max_tokens=1000,
        tools=(Tool("report_findings", "Reports.", {"type": "object", "properties": {}}),),
        tool_choice="none",
        stop_sequences=("</x>",),
    )


@contextlib.asynccontextmanager
async def claude_at(
    url: str, path: Path, limits: Limits | None = None
) -> AsyncIterator[MeteredClaude]:
    connection = Connection(base_url=url, api_key="any", max_retries=0)
    ledger = Ledger(path / "ledger.sqlite")
    budget = Budget(ledger.path, limits or Limits(day_usd=100.0))
    claude = MeteredClaude(AnthropicClaude(connection), ledger, budget)
    try:
        yield claude
    finally:
        await claude.aclose()
        ledger.close()


async def end_of(claude: MeteredClaude, prompt: Prompt) -> Finished:
    async with contextlib.aclosing(claude.stream(prompt, EXPLAIN)) as events:
        *_, end = [event async for event in events]
    assert isinstance(end, Finished)
    return end


class TestRequest:
    @pytest.mark.parametrize("model", ["claude-haiku-5-5", "claude-sonnet-5-5", "claude-opus-5-5"])
    @pytest.mark.parametrize("tier", ["fast", "standard", "deep"])
    async def test_what_it_writes_real_traffic_reads(
        self, standin: StandIn, tmp_path: Path, model: str, tier: Tier
    ) -> None:
        async with claude_at(standin.base_url, tmp_path) as claude:
            prompt = prompt_of(model=model, tier=tier)
            written = await claude.warm(prompt, PRE_WARM)
            assert standin.journal.last.status == 200
            end = await end_of(claude, prompt)
        assert written.cache_write_1h_tokens > 10_000
        assert (written.output_tokens, end.usage.cache_write_tokens) == (0, 0)
        assert end.usage.cache_read_tokens == written.cache_write_1h_tokens

    async def test_it_keeps_an_entry_alive(self, standin: StandIn, tmp_path: Path) -> None:
        async with claude_at(standin.base_url, tmp_path) as claude:
            prompt = prompt_of(Plan(snapshot_lifetime="5m"))
            await end_of(claude, prompt)
            for _ in range(3):
                standin.clock.advance(290)
                assert (await claude.warm(prompt, KEEP_WARM)).cache_read_tokens > 10_000
            standin.clock.advance(290)
            assert (await end_of(claude, prompt)).usage.cache_write_tokens == 0

    async def test_its_bytes(self, standin: StandIn, tmp_path: Path) -> None:
        async with claude_at(standin.base_url, tmp_path) as claude:
            await claude.warm(prompt_of(), KEEP_WARM)
        body = dict(standin.journal.last.request.body)
        assert body["max_tokens"] == 0
        assert "stream" not in body
        assert not body.keys() & {"stop_sequences", "tool_choice"}
        assert body["messages"] == [{"role": "user", "content": [{"type": "text", "text": "."}]}]
        assert body["system"][-1]["cache_control"] == {"type": "ephemeral", "ttl": "1h"}

    async def test_nothing_is_sent_without_a_marker(self, standin: StandIn, tmp_path: Path) -> None:
        async with claude_at(standin.base_url, tmp_path) as claude:
            assert await claude.warm(prompt_of(snapshot="Small."), KEEP_WARM) == Usage()
        assert len(standin.journal.exchanges) == 0
        assert Ledger(tmp_path / "ledger.sqlite").summary().total.requests == 0

    async def test_it_is_a_task_of_its_own_in_the_ledger(
        self, standin: StandIn, tmp_path: Path
    ) -> None:
        async with claude_at(standin.base_url, tmp_path) as claude:
            await claude.warm(prompt_of(), PRE_WARM)
            await claude.warm(prompt_of(), KEEP_WARM)
        ledger = Ledger(tmp_path / "ledger.sqlite")
        rows = dict(ledger.summary(by="task").rows)
        costs = [exchange.cost_usd for exchange in standin.journal.messages]
        assert rows["pre_warm"].cost_usd == pytest.approx(costs[0])
        assert rows["keep_warm"].cost_usd == pytest.approx(costs[1])
        assert rows["keep_warm"].cache_read_tokens == rows["pre_warm"].cache_write_tokens

    async def test_a_request_that_comes_meanwhile_waits_for_it(
        self, standin: StandIn, tmp_path: Path
    ) -> None:
        async with (
            claude_at(standin.base_url, tmp_path) as claude,
            asyncio.TaskGroup() as tasks,
        ):
            tasks.create_task(claude.warm(prompt_of(), PRE_WARM))
            end = tasks.create_task(end_of(claude, prompt_of()))
        assert end.result().usage.cache_write_tokens == 0


class TestCap:
    def test_is_one_for_all_processes(self, tmp_path: Path) -> None:
        path = tmp_path / "ledger.sqlite"
        budgets = [Budget(path, Limits(keep_warm_day_usd=0.01)) for _ in range(2)]

        def ask(budget: Budget, purpose: Purpose = KEEP_WARM) -> Reservation | Exceeded:
            planned = Planned(purpose, "standard", "m", 0.2, warming_usd=0.006)
            return budget.reserve(planned)

        first = ask(budgets[0])
        assert isinstance(first, Reservation)
        refused = ask(budgets[1], PRE_WARM)
        assert isinstance(refused, Exceeded)
        assert (refused.limit, refused.reserved_usd) == ("keep_warm", 0.006)
        assert refused.waiting_may_help
        assert isinstance(ask(budgets[1], EXPLAIN), Reservation), "it is for nothing else"
        ledger = Ledger(path)
        ledger.settle(first.request, Settlement("finished", SoFar(Usage(), 0.001, 0.0)))
        assert isinstance(ask(budgets[1]), Reservation)

    def test_a_project_may_lower_it(self, tmp_path: Path) -> None:
        budget = Budget(tmp_path / "ledger.sqlite", Limits(keep_warm_day_usd=1.0))
        purpose = Purpose("keep_warm", "/r", limits=Limits(keep_warm_day_usd=0.0))
        answer = budget.reserve(Planned(purpose, "standard", "m", 0.2, warming_usd=0.006))
        assert isinstance(answer, Exceeded)

    def test_is_for_a_day(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        budget = Budget(tmp_path / "ledger.sqlite", Limits(keep_warm_day_usd=0.01))
        planned = Planned(KEEP_WARM, "standard", "m", 0.2, warming_usd=0.006)
        now = time.time()
        assert isinstance(budget.reserve(planned), Reservation)
        assert isinstance(budget.reserve(planned), Exceeded)
        monkeypatch.setattr(time, "time", lambda: now + 86_400)
        assert isinstance(budget.reserve(planned), Reservation)

    async def test_reading_takes_what_reading_costs(self, standin: StandIn, tmp_path: Path) -> None:
        """A worst case of each ping, all written again, would leave room for no ping at all."""
        limits = Limits(keep_warm_day_usd=0.02)
        async with claude_at(standin.base_url, tmp_path, limits) as claude:
            await end_of(claude, prompt_of())
            n_pings = 0
            with pytest.raises(ClaudeFailure) as caught:
                for _ in range(100):
                    await claude.warm(prompt_of(), KEEP_WARM)
                    n_pings += 1
        ledger = Ledger(tmp_path / "ledger.sqlite")
        spent_usd = dict(ledger.summary(by="task").rows)["keep_warm"].cost_usd
        assert spent_usd <= 0.02 < spent_usd * (n_pings + 1.5) / n_pings
        assert (caught.value.kind, caught.value.facts["limit"]) == ("budget", "keep_warm")
        assert "context.keep_warm_day_usd" in sentence_for(caught.value)

    async def test_writing_must_fit_as_a_whole(self, standin: StandIn, tmp_path: Path) -> None:
        limits = Limits(keep_warm_day_usd=0.02)
        async with claude_at(standin.base_url, tmp_path, limits) as claude:
            with pytest.raises(ClaudeFailure) as caught:
                await claude.warm(prompt_of(), PRE_WARM)
        assert caught.value.facts["needed_usd"] > 0.075, (
            "of dense text, as long as nobody has counted"
        )
        assert len(standin.journal.exchanges) == 0

    async def test_writing_takes_what_was_learnt_of_the_model(
        self, standin: StandIn, tmp_path: Path
    ) -> None:
        """Who opens the editor finds nothing counted in this process, but a ledger of requests."""
        limits = Limits(keep_warm_day_usd=0.07)
        for _ in range(3):
            async with claude_at(standin.base_url, tmp_path, limits) as claude:
                with pytest.raises(ClaudeFailure):
                    await claude.warm(prompt_of(), PRE_WARM)
                await end_of(claude, prompt_of())
                standin.clock.advance(3 * 3_600)
        async with claude_at(standin.base_url, tmp_path, limits) as claude:
            assert (await claude.warm(prompt_of(), PRE_WARM)).cache_write_1h_tokens
        spent = Ledger(tmp_path / "ledger.sqlite").summary(by="task")
        assert 0.04 < (dict(spent.rows)["pre_warm"].cost_usd or 0.0) <= 0.07

    async def test_an_entry_that_was_gone_is_the_last_one_of_that_day(
        self, standin: StandIn, tmp_path: Path
    ) -> None:
        limits = Limits(keep_warm_day_usd=0.02)
        async with claude_at(standin.base_url, tmp_path, limits) as claude:
            await end_of(claude, prompt_of())
            standin.clock.advance(3 * 3_600)  # of which we know nothing
            assert (await claude.warm(prompt_of(), KEEP_WARM)).cache_write_tokens
            with pytest.raises(ClaudeFailure):
                await claude.warm(prompt_of(), KEEP_WARM)
            await end_of(claude, prompt_of())


def whole(**usage: int) -> bytes:
    body = {"id": "msg_1", "type": "message", "content": [], "usage": usage}
    return response(200, json.dumps(body), "application/json")


class TestOtherEndpoints:
    @pytest.fixture
    def said(self, caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
        caplog.set_level(logging.INFO, "kibitz.claude.metered")
        return caplog

    @staticmethod
    def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
        return [r.getMessage() for r in caplog.records if "kept warm" in r.getMessage()]

    async def warm_twice(self, server: WireServer, path: Path) -> list[Usage | ClaudeFailure]:
        answers: list[Usage | ClaudeFailure] = []
        async with claude_at(server.url, path) as claude:
            for _ in range(3):
                try:
                    answers.append(await claude.warm(prompt_of(), KEEP_WARM))
                except ClaudeFailure as failure:
                    answers.append(failure)
        return answers

    async def test_one_that_generates_a_token(
        self, tmp_path: Path, said: pytest.LogCaptureFixture
    ) -> None:
        answer = whole(input_tokens=16, cache_read_input_tokens=15_000, output_tokens=1)
        async with serving([answer]) as server:
            first, *rest = await self.warm_twice(server, tmp_path)
        assert isinstance(first, Usage)
        assert all(isinstance(each, ClaudeFailure) and cannot_warm(each) for each in rest)
        assert len(server.requests) == 1
        assert self.lines(said) == [
            "the cache of this endpoint is not kept warm: it generates a reply all the same"
        ]

    @pytest.mark.parametrize("status", [400, 422])
    async def test_one_that_refuses(
        self, tmp_path: Path, said: pytest.LogCaptureFixture, status: int
    ) -> None:
        answer = error_response(status, message="max_tokens must be at least 1")
        async with serving([answer]) as server:
            failures = await self.warm_twice(server, tmp_path)
        assert all(isinstance(each, ClaudeFailure) and cannot_warm(each) for each in failures)
        assert len(server.requests) == 1
        assert len(self.lines(said)) == 1
        row = Ledger(tmp_path / "ledger.sqlite").summary(by="task").rows
        assert [(key, figures.cost_usd) for key, figures in row] == [("keep_warm", 0.0)]

    async def test_one_without_a_cache(
        self, tmp_path: Path, said: pytest.LogCaptureFixture
    ) -> None:
        async with serving([whole(input_tokens=15_000, output_tokens=0)]) as server:
            first, *rest = await self.warm_twice(server, tmp_path)
        assert isinstance(first, Usage)
        assert all(isinstance(each, ClaudeFailure) and cannot_warm(each) for each in rest)
        assert len(self.lines(said)) == 1

    async def test_one_that_is_only_busy_is_asked_again(
        self, tmp_path: Path, said: pytest.LogCaptureFixture
    ) -> None:
        busy = error_response(529, "overloaded_error")
        good = whole(input_tokens=5, cache_read_input_tokens=15_000, output_tokens=0)
        async with serving([busy], [good]) as server:
            first, second, third = await self.warm_twice(server, tmp_path)
        assert isinstance(first, ClaudeFailure) and not cannot_warm(first)
        assert second == third == Usage(input_tokens=5, cache_read_tokens=15_000)
        assert self.lines(said) == []

    async def test_cancelling_it_leaves_no_reservation(
        self, standin: StandIn, tmp_path: Path
    ) -> None:
        standin.enqueue(Fault.stall())
        async with claude_at(standin.base_url, tmp_path) as claude:
            task = asyncio.create_task(claude.warm(prompt_of(), KEEP_WARM))
            await standin.journal.wait_for_request()
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            assert (await claude.warm(prompt_of(), KEEP_WARM)).cache_write_tokens
