"""What is expected of the cache beside what comes, through the whole of `kibitz.claude`."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import sqlite3
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from kibitz.claude.anthropic_client import AnthropicClaude
from kibitz.claude.connection import Connection
from kibitz.claude.metered import MeteredClaude
from kibitz.claude.prompts.prompt import build
from kibitz.claude.spending.budget import Budget, Limits
from kibitz.claude.spending.ledger import Ledger
from kibitz.claude.values import ClaudeFailure, Finished, Prompt, Purpose
from kibitz.standin import Fault, Reply, StandIn
from kibitz_context.values import Context, Layer, Plan
from support.wire_server import (
    MESSAGE_STOP,
    WHOLE,
    block_stop,
    chunked,
    error_response,
    message_delta,
    message_start,
    serving,
    text_start,
)

PURPOSE = Purpose("explain", "/r")
SNAPSHOT = "def f(): ...\n" * 3_000
LOG = ("+ one\n" * 400, "+ two\n" * 400, "+ three\n" * 400)
NEW = Plan()


def prompt_of(
    plan: Plan | None = NEW,
    *,
    snapshot: str = SNAPSHOT,
    rules: str = "Be brief.",
    question: str = "Why?",
    provisional: bool = False,
) -> Prompt:
    changes = "" if plan is None else "".join(plan.changes_log) + plan.changes_tail
    context = Context(
        Path("/r"),
        "c",
        Layer("snapshot", snapshot, 1),
        Layer("changes", changes, 1),
        Layer("task", "The selection.", 1),
        plan=plan,
        provisional=provisional,
    )
    return build(
        context,
        rules=rules,
        task_blocks=[question],
        tier="standard",
        model="claude-sonnet-5-5",
        max_tokens=1000,
    )


KEPT = dataclasses.replace(NEW, step="keep", snapshot_alive=True)


@contextlib.asynccontextmanager
async def claude_at(url: str, path: Path) -> AsyncIterator[MeteredClaude]:
    ledger = Ledger(path / "ledger.sqlite")
    connection = Connection(base_url=url, api_key="any", max_retries=0)
    claude = MeteredClaude(AnthropicClaude(connection), ledger, Budget(ledger.path, Limits()))
    try:
        yield claude
    finally:
        await claude.aclose()
        ledger.close()


async def ask(claude: MeteredClaude, prompt: Prompt, purpose: Purpose = PURPOSE) -> Finished:
    async with contextlib.aclosing(claude.stream(prompt, purpose)) as events:
        *_, end = [event async for event in events]
    assert isinstance(end, Finished)
    return end


def rows(path: Path) -> list[dict[str, Any]]:
    connection = sqlite3.connect(path / "ledger.sqlite")
    connection.row_factory = sqlite3.Row
    try:
        return [dict(row) for row in connection.execute("SELECT * FROM requests ORDER BY id")]
    finally:
        connection.close()


def misses(path: Path) -> list[str | None]:
    return [row["cache_miss"] for row in rows(path)]


class TestFirstAlone:
    async def test_many_first_requests_write_once(self, standin: StandIn, tmp_path: Path) -> None:
        prompts = [prompt_of(question=f"Why {number}?") for number in range(8)]
        async with claude_at(standin.base_url, tmp_path) as claude:
            ends = await asyncio.gather(*(ask(claude, prompt) for prompt in prompts))
        written = [end.usage.cache_write_tokens for end in ends]
        assert sorted(written)[:-1] == [0] * 7
        assert max(written) > 10_000
        assert misses(tmp_path) == [None] * 8

    async def test_a_common_snapshot_is_written_once_under_different_logs(
        self, standin: StandIn, tmp_path: Path
    ) -> None:
        plans = [dataclasses.replace(NEW, changes_log=LOG[:n]) for n in (1, 2, 3)]
        async with claude_at(standin.base_url, tmp_path) as claude:
            ends = await asyncio.gather(*(ask(claude, prompt_of(plan)) for plan in plans))
        assert sum(end.usage.cache_write_1h_tokens > 0 for end in ends) == 1

    async def test_they_go_when_the_first_one_has_begun(
        self, standin: StandIn, tmp_path: Path
    ) -> None:
        standin.enqueue(Reply(["One ", "two."]).hold_at("One "), Reply("Yes."))
        async with claude_at(standin.base_url, tmp_path) as claude:
            first = asyncio.create_task(ask(claude, prompt_of()))
            await standin.reached("One ")
            assert (await ask(claude, prompt_of())).usage.cache_write_tokens == 0
            standin.release()
            await first

    async def test_when_the_first_one_fails_the_next_goes(
        self, standin: StandIn, tmp_path: Path
    ) -> None:
        standin.enqueue(Fault.overloaded())
        async with claude_at(standin.base_url, tmp_path) as claude, asyncio.timeout(20):
            ends = await asyncio.gather(
                *(ask(claude, prompt_of()) for _ in range(4)), return_exceptions=True
            )
        written = [e.usage.cache_write_tokens > 0 for e in ends if isinstance(e, Finished)]
        assert sorted(written) == [False, False, True]
        assert sum(isinstance(end, ClaudeFailure) for end in ends) == 1

    async def test_a_held_request_is_cancelled_at_once_and_was_never_sent(
        self, standin: StandIn, tmp_path: Path
    ) -> None:
        standin.enqueue(Reply("Yes.").hold_at(0))
        async with claude_at(standin.base_url, tmp_path) as claude:
            first = asyncio.create_task(ask(claude, prompt_of()))
            await standin.reached(0)
            second = asyncio.create_task(ask(claude, prompt_of()))
            while not claude._first_alone.n_held:
                await asyncio.sleep(0)
            second.cancel()
            await asyncio.wait([second])
            assert second.cancelled()
            standin.release()
            await first
        assert len(standin.journal.messages) == 1
        assert len(rows(tmp_path)) == 1, "nothing was reserved for it"

    async def test_what_another_process_has_written_holds_nobody(
        self, standin: StandIn, tmp_path: Path
    ) -> None:
        standin.enqueue(Reply("Yes.").hold_at(0), Reply("Yes."))
        async with claude_at(standin.base_url, tmp_path) as claude:
            first = asyncio.create_task(ask(claude, prompt_of(KEPT)))
            await standin.reached(0)
            await ask(claude, prompt_of(KEPT))
            standin.release()
            await first

    async def test_closing_lets_held_requests_end(self, standin: StandIn, tmp_path: Path) -> None:
        standin.enqueue(Reply("Yes.").hold_at(0))
        async with claude_at(standin.base_url, tmp_path) as claude:
            tasks = [asyncio.create_task(ask(claude, prompt_of())) for _ in range(3)]
            await standin.reached(0)
            await claude.aclose()
            async with asyncio.timeout(5):
                ends = await asyncio.gather(*tasks, return_exceptions=True)
        assert {getattr(end, "kind", None) for end in ends[1:]} == {"dropped"}
        assert len(rows(tmp_path)) == 1

    @pytest.mark.parametrize("input_tokens", [10, 16_000])
    async def test_where_nothing_is_cached_nobody_waits(
        self, tmp_path: Path, input_tokens: int
    ) -> None:
        """The prefix turns out to be too short for an entry, or the endpoint has no cache."""
        body = message_start(input_tokens=input_tokens) + text_start() + block_stop()
        whole = chunked(body + message_delta() + MESSAGE_STOP)
        async with (
            serving([whole], ["stall"], [whole]) as server,
            claude_at(server.url, tmp_path) as claude,
        ):
            await ask(claude, prompt_of())
            stalled = asyncio.create_task(ask(claude, prompt_of()))
            while len(server.requests) < 2:
                await asyncio.sleep(0)
            async with asyncio.timeout(20):
                await ask(claude, prompt_of())
            stalled.cancel()
            await asyncio.wait([stalled])


class TestFigures:
    async def test_stand_in_the_ledger(self, standin: StandIn, tmp_path: Path) -> None:
        async with claude_at(standin.base_url, tmp_path) as claude:
            end = await ask(claude, prompt_of(dataclasses.replace(NEW, changes_log=LOG[:1])))
            await ask(
                claude,
                prompt_of(
                    dataclasses.replace(KEPT, changes_log=LOG[:2], log_blocks_alive=1), question="Q"
                ),
            )
        first, second = rows(tmp_path)
        assert (first["expected_read_tokens"], first["cache_miss"]) == (0, None)
        written = first["cache_write_1h_tokens"] + first["cache_write_5m_tokens"]
        assert written == end.usage.cache_write_tokens
        assert first["expected_write_tokens"] == pytest.approx(written, rel=0.1)
        assert second["expected_read_tokens"] == written, "learnt from the first response"
        assert second["cache_read_tokens"] == written
        assert second["expected_write_tokens"] == pytest.approx(
            second["cache_write_5m_tokens"], rel=0.1
        )

    async def test_estimates_are_learnt_from(self, standin: StandIn, tmp_path: Path) -> None:
        async with claude_at(standin.base_url, tmp_path) as claude:
            assert await claude.tokens_factor("claude-sonnet-5-5") == 1.0
            for _ in range(3):
                await ask(claude, prompt_of())
            learnt = await claude.tokens_factor("claude-sonnet-5-5")
        (row, *_) = rows(tmp_path)
        real = row["cache_write_1h_tokens"] + row["input_tokens"]
        assert learnt == pytest.approx(real / row["estimated_tokens"], rel=1e-3)
        assert learnt != 1.0


class TestMisses:
    async def test_a_prefix_that_goes_on_misses_nothing(
        self, standin: StandIn, tmp_path: Path
    ) -> None:
        async with claude_at(standin.base_url, tmp_path) as claude:
            await ask(claude, prompt_of(dataclasses.replace(NEW, changes_log=LOG[:1])))
            for n in (1, 2, 3):
                plan = dataclasses.replace(
                    KEPT, changes_log=LOG[:n], log_blocks_alive=max(1, n - 1)
                )
                await ask(claude, prompt_of(plan, question=f"Why {n}?"))
        assert misses(tmp_path) == [None] * 4

    @pytest.mark.parametrize(
        ("plan", "more", "reason"),
        [
            (dataclasses.replace(NEW, step="keep"), {}, "expired"),
            (dataclasses.replace(NEW, step="rebuild"), {"snapshot": SNAPSHOT[13:]}, "rebuilt"),
            (NEW, {"provisional": True}, "provisional"),
        ],
    )
    async def test_what_was_known_beforehand(
        self, standin: StandIn, tmp_path: Path, plan: Plan, more: Any, reason: str
    ) -> None:
        async with claude_at(standin.base_url, tmp_path) as claude:
            await ask(claude, prompt_of(plan, **more))
        (row,) = rows(tmp_path)
        assert row["cache_miss"] == reason
        assert row["cache_missed_tokens"] == pytest.approx(row["cache_write_1h_tokens"], rel=0.1)

    async def test_a_log_that_was_folded(self, standin: StandIn, tmp_path: Path) -> None:
        async with claude_at(standin.base_url, tmp_path) as claude:
            await ask(claude, prompt_of(dataclasses.replace(NEW, changes_log=LOG)))
            folded = dataclasses.replace(KEPT, step="fold", changes_log=LOG[2:])
            await ask(claude, prompt_of(folded))
        assert misses(tmp_path) == [None, "folded"]
        assert rows(tmp_path)[1]["cache_missed_tokens"] < 2_000

    async def test_somebody_else_had_written_it_again(
        self, standin: StandIn, tmp_path: Path
    ) -> None:
        async with claude_at(standin.base_url, tmp_path) as claude:
            await ask(claude, prompt_of())
        async with claude_at(standin.base_url, tmp_path) as claude:
            await ask(claude, prompt_of(dataclasses.replace(NEW, step="keep")))
        assert misses(tmp_path) == [None, None]

    async def test_expiry_without_a_plan(
        self, standin: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        now = time.time()
        monkeypatch.setattr(time, "time", lambda: now)
        async with claude_at(standin.base_url, tmp_path) as claude:
            await ask(claude, prompt_of(None))
            now += 3_700
            standin.clock.advance(3_700)
            await ask(claude, prompt_of(None))
            await ask(claude, prompt_of(None))
        assert misses(tmp_path) == [None, "expired", None]

    async def test_an_entry_that_has_gone_is_unexplained(
        self, standin: StandIn, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO, "kibitz.claude")
        async with claude_at(standin.base_url, tmp_path) as claude:
            await ask(claude, prompt_of())
            standin.clock.advance(7_200)  # of which we know nothing
            end = await ask(claude, prompt_of(KEPT, question="Why now?"))
        report = Ledger(tmp_path / "ledger.sqlite").cache_report()
        (unexplained,) = report.unexplained
        assert unexplained.missed_tokens == end.usage.cache_write_tokens
        assert (unexplained.action, unexplained.repository) == ("explain", "/r")
        assert unexplained.request_id == end.request_id
        assert "were not read from the cache: unexplained" in caplog.text
        assert "Why now?" not in caplog.text

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({"rules": "Be long."}, "system_changed"),
            ({"snapshot": "X" + SNAPSHOT}, "system_changed"),
        ],
    )
    async def test_the_endpoint_says_what_has_changed(
        self, standin: StandIn, tmp_path: Path, change: Any, reason: str
    ) -> None:
        """A bug of ours, played: other bytes, while the plan believes that they are the same."""
        async with claude_at(standin.base_url, tmp_path) as claude:
            await ask(claude, prompt_of())
            await ask(claude, prompt_of(KEPT, **change))
        assert misses(tmp_path) == [None, "system_changed"]

    async def test_other_repositories_are_no_reason(self, standin: StandIn, tmp_path: Path) -> None:
        other = Purpose("explain", "/other")
        short = dataclasses.replace(NEW, snapshot_lifetime="5m")
        async with claude_at(standin.base_url, tmp_path) as claude:
            await ask(claude, prompt_of(short), PURPOSE)
            await ask(claude, prompt_of(snapshot="Y" + SNAPSHOT), other)
            standin.clock.advance(400)  # the endpoint still knows both messages
            await ask(claude, prompt_of(KEPT), PURPOSE)
        assert misses(tmp_path) == [None, None, "unexplained"]

    async def test_a_normal_end_is_no_explanation(self, standin: StandIn, tmp_path: Path) -> None:
        """The log has grown, as it does: that is not why the snapshot is gone."""
        short = dataclasses.replace(NEW, snapshot_lifetime="5m")
        async with claude_at(standin.base_url, tmp_path) as claude:
            await ask(claude, prompt_of(dataclasses.replace(short, changes_log=LOG[:1])))
            standin.clock.advance(400)  # the endpoint still knows the message
            plan = dataclasses.replace(KEPT, changes_log=LOG[:2], log_blocks_alive=1)
            await ask(claude, prompt_of(plan))
        assert misses(tmp_path) == [None, "unexplained"]

    async def test_an_endpoint_without_a_cache(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO, "kibitz.claude.metered")
        body = message_start(input_tokens=16_000) + text_start() + block_stop()
        whole = chunked(body + message_delta() + MESSAGE_STOP)
        async with serving([whole]) as server, claude_at(server.url, tmp_path) as claude:
            await ask(claude, prompt_of())
            await ask(claude, prompt_of(KEPT))
        assert misses(tmp_path) == ["no_cache", "no_cache"]
        assert [record.getMessage() for record in caplog.records] == [
            "the endpoint keeps no cache of prompts"
        ]

    async def test_an_endpoint_that_caches_what_it_likes(self, tmp_path: Path) -> None:
        """llama.cpp reads what its slot holds by chance, question and all, and never writes."""

        def answer(**usage: int) -> bytes:
            body = message_start(**usage) + text_start() + block_stop()
            return chunked(body + message_delta() + MESSAGE_STOP)

        answers = [
            answer(input_tokens=1, cache_read_input_tokens=16_400),
            answer(input_tokens=400, cache_read_input_tokens=15_900),
            answer(input_tokens=16_300),
        ]
        async with (
            serving(*([each] for each in answers)) as server,
            claude_at(server.url, tmp_path) as claude,
        ):
            for _ in answers:
                await ask(claude, prompt_of(None))
        assert misses(tmp_path) == [None, None, "no_cache"]

    async def test_without_a_marker_nothing_is_expected(
        self, standin: StandIn, tmp_path: Path
    ) -> None:
        async with claude_at(standin.base_url, tmp_path) as claude:
            await ask(claude, prompt_of(snapshot="Small."))
        (row,) = rows(tmp_path)
        assert (row["expected_read_tokens"], row["cache_miss"]) == (None, None)


class TestDiagnostics:
    async def test_each_names_the_one_before_it(self, standin: StandIn, tmp_path: Path) -> None:
        async with claude_at(standin.base_url, tmp_path) as claude:
            await ask(claude, prompt_of())
            await ask(claude, prompt_of())
            await claude.warm(prompt_of(), Purpose("keep_warm", "/r"))
            await ask(claude, prompt_of())
        bodies = [exchange.request.body["diagnostics"] for exchange in standin.journal.messages]
        ids = [exchange.message_id for exchange in standin.journal.messages]
        assert [body["previous_message_id"] for body in bodies] == [None, *ids[:-1]]

    async def test_an_endpoint_that_refuses_them_is_not_asked_again(self, tmp_path: Path) -> None:
        refusal = error_response(400, message="diagnostics: Extra inputs are not permitted")
        async with serving([refusal], [WHOLE]) as server, claude_at(server.url, tmp_path) as claude:
            await ask(claude, prompt_of())
            await ask(claude, prompt_of())
        assert ["diagnostics" in request.body for request in server.requests] == [
            True,
            False,
            False,
        ]

    async def test_a_prompt_without_a_prefix_does_not_ask(
        self, standin: StandIn, tmp_path: Path
    ) -> None:
        async with claude_at(standin.base_url, tmp_path) as claude:
            await ask(claude, prompt_of(snapshot="Small."))
        assert "diagnostics" not in standin.journal.last.request.body
