"""Every request in the ledger, no reservation left behind, whatever becomes of the stream."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kibitz.claude.metered import MeteredClaude
from kibitz.claude.spending.budget import Budget, Limits, Planned, Reservation
from kibitz.claude.spending.ledger import Ledger
from kibitz.claude.values import (
    Block,
    ClaudeFailure,
    Event,
    Finished,
    Message,
    ModelFacts,
    Prompt,
    Purpose,
    Started,
    TextDelta,
    Usage,
)

MODEL = "claude-sonnet-5-5"
PROMPT = Prompt(
    tier="standard",
    model=MODEL,
    system=(Block("Rules.", "1h"),),
    messages=(Message("user", (Block("Question?"),)),),
    max_tokens=1000,
)
PURPOSE = Purpose("explain", "/r", "s")
STARTED = Started("req_1", MODEL, Usage(input_tokens=1000, output_tokens=1))
FINISHED = Finished("end_turn", None, Usage(input_tokens=1000, output_tokens=100), "req_1", MODEL)
UNLIMITED = Limits()
COST_OF_PROMPT = 0.002
COST = COST_OF_PROMPT + 0.001


class ScriptedClaude:
    """Gives out the events of its script; a failure in it is raised, `stall` waits for ever."""

    def __init__(self, *script: Event | BaseException | str) -> None:
        self.script: Sequence[Event | BaseException | str] = script
        self.stalled = asyncio.Event()
        self.sent = 0
        self.running = 0
        self.at_the_end = 0
        self.streams: list[AsyncGenerator[Event, None]] = []
        self.warmed: list[Prompt] = []
        self.warmings: list[Usage | BaseException] = []
        self.counted: list[Prompt] = []
        self.count: int | BaseException | None = None

    def stream(self, prompt: Prompt, purpose: Purpose) -> AsyncGenerator[Event, None]:
        # Kept, so that the garbage collector does not do what the reader must do.
        self.streams.append(self._stream())
        return self.streams[-1]

    async def _stream(self) -> AsyncGenerator[Event, None]:
        self.sent += 1
        self.running += 1
        try:
            for step in self.script:
                if isinstance(step, BaseException):
                    raise step
                if isinstance(step, str):
                    self.stalled.set()
                    await asyncio.Event().wait()
                else:
                    await asyncio.sleep(0)
                    yield step
            self.at_the_end += 1
        finally:
            self.running -= 1

    async def warm(self, prompt: Prompt, purpose: Purpose) -> Usage:
        self.warmed.append(prompt)
        answer = self.warmings.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    async def count_tokens(self, prompt: Prompt) -> int | None:
        self.counted.append(prompt)
        if isinstance(self.count, BaseException):
            raise self.count
        return self.count

    async def models(self) -> tuple[ModelFacts, ...]:
        return (ModelFacts("m"),)

    async def aclose(self) -> None:
        pass


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


@contextlib.asynccontextmanager
async def metered(
    claude: ScriptedClaude, path: Path, limits: Limits = UNLIMITED, **more: Any
) -> AsyncIterator[MeteredClaude]:
    ledger = Ledger(path)
    result = MeteredClaude(claude, ledger, Budget(path, limits), **more)
    try:
        yield result
    finally:
        await result.aclose()
        ledger.close()


async def read(claude: MeteredClaude, prompt: Prompt = PROMPT) -> list[Event]:
    async with contextlib.aclosing(claude.stream(prompt, PURPOSE)) as events:
        return [event async for event in events]


def rows(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    connection = sqlite3.connect(path)
    connection.row_factory = sqlite3.Row
    try:
        return [dict(row) for row in connection.execute("SELECT * FROM requests ORDER BY id")]
    finally:
        connection.close()


def only_row(path: Path) -> dict[str, Any]:
    (row,) = rows(path)
    assert row["reserved_usd"] is None, "a reservation was left behind"
    return row


class TestRecords:
    async def test_a_finished_request(self, path: Path) -> None:
        claude = ScriptedClaude(STARTED, TextDelta("Hello"), FINISHED)
        async with metered(claude, path) as meter:
            events = await read(meter)
        assert events == [STARTED, TextDelta("Hello"), replace(FINISHED, cost_usd=COST)]
        row = only_row(path)
        assert (row["outcome"], row["stop_reason"], row["request_id"]) == (
            "finished",
            "end_turn",
            "req_1",
        )
        assert (row["action"], row["repository"], row["session"]) == ("explain", "/r", "s")
        assert row["cost_usd"] == pytest.approx(COST)
        assert 0 <= row["first_token_seconds"] <= row["total_seconds"]

    async def test_it_is_in_the_ledger_before_the_reader_hears_of_the_end(self, path: Path) -> None:
        async with metered(ScriptedClaude(STARTED, FINISHED), path) as meter:
            async for event in meter.stream(PROMPT, PURPOSE):
                if isinstance(event, Finished):
                    assert only_row(path)["outcome"] == "finished"

    async def test_the_stream_below_is_read_to_its_end(self, path: Path) -> None:
        claude = ScriptedClaude(STARTED, FINISHED)
        async with metered(claude, path) as meter:
            await read(meter)
        assert claude.at_the_end == 1

    async def test_saved_against_no_cache(self, path: Path) -> None:
        warm = Usage(cache_read_tokens=1_000_000)
        async with metered(ScriptedClaude(replace(FINISHED, usage=warm)), path) as meter:
            await read(meter)
        row = only_row(path)
        assert (row["cost_usd"], row["saved_usd"]) == (0.1, pytest.approx(1.9))

    async def test_a_request_that_fails_before_it_begins_costs_nothing(self, path: Path) -> None:
        async with metered(ScriptedClaude(ClaudeFailure("rate_limit")), path) as meter:
            with pytest.raises(ClaudeFailure):
                await read(meter)
        row = only_row(path)
        assert (row["outcome"], row["cost_usd"]) == ("rate_limit", 0.0)

    async def test_a_dropped_one_costs_its_prompt_and_what_was_received(self, path: Path) -> None:
        script = (STARTED, TextDelta("x" * 2500), ClaudeFailure("dropped"))
        async with metered(ScriptedClaude(*script), path) as meter:
            with pytest.raises(ClaudeFailure):
                await read(meter)
        row = only_row(path)
        assert (row["outcome"], row["output_tokens"]) == ("dropped", 1000)
        assert row["cost_usd"] == pytest.approx(COST_OF_PROMPT + 0.01)

    async def test_a_bug_below_is_recorded_and_goes_on(self, path: Path) -> None:
        async with metered(ScriptedClaude(STARTED, ZeroDivisionError()), path) as meter:
            with pytest.raises(ZeroDivisionError):
                await read(meter)
        assert only_row(path)["outcome"] == "failed"

    async def test_cancelled_in_the_middle(self, path: Path) -> None:
        claude = ScriptedClaude(STARTED, TextDelta("x" * 250), "stall")
        async with metered(claude, path) as meter:
            task = asyncio.create_task(read(meter))
            await claude.stalled.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            row = only_row(path)
        assert (row["outcome"], row["output_tokens"]) == ("cancelled", 100)
        assert row["cost_usd"] == pytest.approx(COST)
        assert claude.running == 0

    async def test_closed_in_the_middle(self, path: Path) -> None:
        claude = ScriptedClaude(STARTED, TextDelta("x" * 250), "stall")
        async with metered(claude, path) as meter:
            stream = meter.stream(PROMPT, PURPOSE)
            assert await anext(stream) == STARTED
            await stream.aclose()
            assert only_row(path)["outcome"] == "cancelled"
        assert claude.running == 0

    async def test_while_it_runs_its_cost_so_far_is_known(self, path: Path) -> None:
        claude = ScriptedClaude(STARTED, "stall")
        async with metered(claude, path) as meter:
            task = asyncio.create_task(read(meter))
            await claude.stalled.wait()
            async with asyncio.timeout(5):
                while not (row := rows(path)[0])["cost_usd"]:
                    await asyncio.sleep(0.005)
            assert row["cost_usd"] == pytest.approx(COST_OF_PROMPT + 10e-6)
            assert (row["outcome"], row["reserved_usd"] > row["cost_usd"]) == ("running", True)
            task.cancel()
            await asyncio.wait([task])

    async def test_model_that_answers_under_another_name(self, path: Path) -> None:
        finished = replace(FINISHED, model="gateway/alias")
        async with metered(ScriptedClaude(finished), path) as meter:
            (end,) = await read(meter)
        assert isinstance(end, Finished)
        assert end.cost_usd == pytest.approx(COST)

    async def test_price_that_is_not_known_is_said_once(
        self, path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        prompt = replace(PROMPT, model="gemma")
        finished = replace(FINISHED, model="gemma")
        with caplog.at_level(logging.WARNING):
            async with metered(ScriptedClaude(finished), path, Limits(0.0, 0.0, 0.0)) as meter:
                for _ in range(2):
                    assert (await read(meter, prompt))[0] == finished
        assert [record.getMessage() for record in caplog.records] == [
            "the price of gemma is not known: no budget can limit it"
        ]
        assert [row["output_tokens"] for row in rows(path)] == [100, 100]


class TestBudget:
    async def test_a_request_over_its_limit_is_not_sent(self, path: Path) -> None:
        claude = ScriptedClaude(STARTED, FINISHED)
        async with metered(claude, path, Limits(request_usd=0.001)) as meter:
            with pytest.raises(ClaudeFailure) as caught:
                await read(meter)
        assert caught.value.kind == "budget"
        facts = caught.value.facts
        assert (facts["limit"], facts["limit_usd"]) == ("request", 0.001)
        assert facts["needed_usd"] > 0.01
        assert claude.sent == 0

    async def test_spent_up_is_told_at_once(self, path: Path) -> None:
        claude = ScriptedClaude(STARTED, replace(FINISHED, usage=Usage(output_tokens=90_000)))
        limits = Limits(day_usd=0.9)
        async with metered(claude, path, limits, longest_wait_seconds=3600) as meter:
            await read(meter)
            with pytest.raises(ClaudeFailure) as caught:
                await read(meter)
        assert caught.value.facts["spent_usd"] == pytest.approx(0.9)

    async def test_it_waits_for_others_and_then_goes_on(self, path: Path) -> None:
        claude = ScriptedClaude(STARTED, FINISHED)
        async with metered(claude, path, Limits(day_usd=1.0), longest_wait_seconds=60) as meter:
            other = Budget(path, Limits())
            reservation = other.reserve(Planned(PURPOSE, "fast", MODEL, 1.0))
            assert isinstance(reservation, Reservation)
            task = asyncio.create_task(read(meter))
            await asyncio.sleep(0.1)
            assert claude.sent == 0
            meter._books._take_back(reservation)
            async with asyncio.timeout(10):
                assert isinstance((await task)[-1], Finished)
            other.close()

    async def test_it_waits_for_others_and_then_says_so(self, path: Path) -> None:
        claude = ScriptedClaude(STARTED, FINISHED)
        async with metered(claude, path, Limits(day_usd=1.0), longest_wait_seconds=0.1) as meter:
            other = Budget(path, Limits())
            other.reserve(Planned(PURPOSE, "fast", MODEL, 1.0))
            with pytest.raises(ClaudeFailure) as caught:
                await read(meter)
            other.close()
        assert (caught.value.facts["spent_usd"], caught.value.facts["reserved_usd"]) == (0.0, 1.0)
        assert claude.sent == 0

    @pytest.mark.parametrize("delay", [1, 2, 3, 30])
    async def test_cancelled_while_reserving(self, path: Path, delay: int) -> None:
        # Without a marker, so that none waits for the first one.
        prompt = replace(PROMPT, system=())
        async with metered(ScriptedClaude(STARTED, "stall"), path) as meter:
            await meter.tokens_factor(MODEL)
            tasks = [asyncio.create_task(read(meter, prompt)) for _ in range(20)]
            for _ in range(delay):
                await asyncio.sleep(0)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            assert all(task.cancelled() for task in tasks)
        assert [row for row in rows(path) if row["reserved_usd"] is not None] == []

    async def test_many_at_once_stay_within_the_limit(self, path: Path) -> None:
        """The worst case of each is 1 cent and a bit; each costs 0.3 cents; 10 cents in all."""
        claude = ScriptedClaude(STARTED, TextDelta("Hi"), FINISHED)
        limits = Limits(day_usd=0.1)
        async with metered(claude, path, limits, longest_wait_seconds=0.2) as meter:
            results = await asyncio.gather(
                *(read(meter) for _ in range(200)), return_exceptions=True
            )
        refused = [result for result in results if isinstance(result, ClaudeFailure)]
        assert len(refused) == 200 - claude.sent
        assert {failure.kind for failure in refused} == {"budget"}
        total = Ledger(path).summary().total
        assert total.requests == claude.sent
        # At least as many as fit by their worst cases; how many more depends on the machine.
        assert claude.sent >= 8
        assert total.cost_usd <= 0.1

    async def test_ledger_that_cannot_be_used(self, path: Path) -> None:
        path.write_text("nonsense " * 200)
        claude = ScriptedClaude(STARTED, FINISHED)
        async with metered(claude, path) as meter:
            with pytest.raises(ClaudeFailure) as caught:
                await read(meter)
        assert (caught.value.kind, caught.value.facts["limit"]) == ("budget", "ledger")
        assert claude.sent == 0

    async def test_answer_is_worth_more_than_its_record(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*_: object) -> None:
            raise sqlite3.OperationalError("database or disk is full")

        monkeypatch.setattr(Ledger, "settle", full)
        async with metered(ScriptedClaude(STARTED, FINISHED), path) as meter:
            assert isinstance((await read(meter))[-1], Finished)


class TestClosing:
    async def test_nothing_is_sent_afterwards(self, path: Path) -> None:
        claude = ScriptedClaude(STARTED, FINISHED)
        async with metered(claude, path) as meter:
            await meter.aclose()
            with pytest.raises(ClaudeFailure) as caught:
                await read(meter)
        assert (caught.value.kind, claude.sent) == ("dropped", 0)

    async def test_it_waits_for_open_requests_to_be_settled(self, path: Path) -> None:
        claude = ScriptedClaude(STARTED, "stall")
        async with metered(claude, path) as meter:
            task = asyncio.create_task(read(meter))
            await claude.stalled.wait()
            task.cancel()
            await meter.aclose()
            assert only_row(path)["outcome"] == "cancelled"

    async def test_those_who_wait_for_another_are_let_go(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("kibitz.claude.metered.CLOSING_SECONDS", 0.0)
        claude = ScriptedClaude("stall")
        marked = replace(PROMPT, system=(Block("Rules.", "1h"),))
        async with metered(claude, path) as meter:
            first = asyncio.create_task(read(meter, marked))
            await claude.stalled.wait()
            second = asyncio.create_task(read(meter, marked))
            while not meter._first_alone.n_held:
                await asyncio.sleep(0)
            await meter.aclose()
            async with asyncio.timeout(10):
                with pytest.raises(ClaudeFailure) as caught:
                    await second
            first.cancel()
            await asyncio.wait([first])
        assert (caught.value.kind, claude.sent) == ("dropped", 1)

    async def test_models_pass_through(self, path: Path) -> None:
        async with metered(ScriptedClaude(), path) as meter:
            assert await meter.models() == (ModelFacts("m"),)
