"""One prefix serves many: every action of a tier, requests at once, other processes and editors."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kibitz import paths
from kibitz.claude.spending.ledger import Ledger
from kibitz.standin import Exchange, PromptBlock, Reply, StandIn
from kibitz.standin.prompt import prompt_blocks
from support.cached_work import ANSWER, FILES, at_work, lost, snapshot_of
from support.git_folder import git_folder
from support.raw_client import RawClient, clean_environment
from support.workshop import EXAMPLE, cursor, lines


async def test_every_action_of_a_tier_has_the_same_prefix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with at_work(tmp_path, monkeypatch) as work:
        before = await work.begin()
        other = await work.shop.open("shop.py")
        broken: dict[str, str] = {}
        for command, argument in {
            "kibitz.explain": {"text": other, "range": cursor(4)},
            "kibitz.ask": {"instruction": "Who uses this?"},
            "kibitz.review": {},
            "kibitz.refactor": {"instruction": "Shorten it.", "range": lines(6, 10)},
            "kibitz.document": {"range": lines(6, 10)},
        }.items():
            # There are changes to review, and they stay as they are.
            work.write("new.py", "NEW = 1\n")
            now = await work.ask(command, **argument)
            if (what := lost(before, now)) is not None:
                broken[command] = what
            before = now
        assert broken == {}
        assert (
            len({repr(each.request.body["tools"]) for each in work.shop.standin.journal.messages})
            == 1
        )


async def test_of_requests_that_begin_at_once_one_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with at_work(tmp_path, monkeypatch) as work:
        await work.begin()
        really = time.time
        monkeypatch.setattr(time, "time", lambda: really() + 2 * 3_600)
        work.shop.standin.clock.advance(2 * 3_600)
        work.shop.standin.journal.clear()
        work.shop.standin.enqueue(Reply(ANSWER).hold_at(0), *[Reply(ANSWER)] * 2)
        start = work.shop.start
        jobs = [await start("kibitz.explain", work.text, range=cursor(8))]
        await work.shop.standin.reached()
        # An explanation would take the first one's place; these do not.
        jobs.append(await start("kibitz.review", work.text))
        jobs.append(await start("kibitz.document", work.text, range=lines(13, 14)))
        for job in jobs[1:]:
            # They are ready to be sent, and would be now if nothing held them.
            await work.client.wait_until(
                lambda job=job: any(
                    "reads about" in v.get("message", "") for v in work.client.progress(job)
                ),
                "a request that is ready",
            )
        work.shop.standin.release()
        for job in jobs:
            await work.client.progress_end(job)
        uses = [each.cache_use for each in work.shop.standin.journal.messages]
        assert [use.write_tokens > 0 for use in uses] == [True, False, False]
        assert uses[1].read_tokens == uses[2].read_tokens == uses[0].write_tokens


async def test_an_hour_that_is_taken_for_five_minutes_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some gateways keep for the shorter time whatever they are asked, and say so in figures."""

    def shortened(*arguments: Any, **options: Any) -> list[PromptBlock]:
        blocks = prompt_blocks(*arguments, **options)
        return [replace(each, marker="5m") if each.marker else each for each in blocks]

    environment = {"KIBITZ_CONTEXT_TTL": "1h"}
    async with at_work(tmp_path, monkeypatch, environment=environment) as work:
        monkeypatch.setattr("kibitz.standin.answer.prompt_blocks", shortened)
        await work.begin()
        assert any(
            "'ttl': '1h'" in repr(each.request.body) for each in work.shop.standin.journal.messages
        )
        for _ in range(2):
            really = time.time
            monkeypatch.setattr(time, "time", lambda really=really: really() + 360)
            work.shop.standin.clock.advance(360)
            last = await work.ask()
            assert last.cache_use.read_tokens == 0
            assert (await work.ask()).cache_use.write_tokens == 0
        report = Ledger(paths.ledger_file(os.environ)).cache_report()
        assert report.unexplained == ()
        assert "expired" in [reason for reason, _, _ in report.misses]


@pytest.mark.real  # slow
async def test_a_server_that_is_started_again_and_a_second_editor_read_what_was_written(
    tmp_path: Path,
) -> None:
    made = git_folder(tmp_path / "repository", FILES)
    home = tmp_path / "home"
    home.mkdir()
    async with StandIn() as standin:

        def environment(seed: int, **more: str) -> dict[str, str]:
            return {
                **clean_environment(home),
                "ANTHROPIC_API_KEY": "sk-test",
                "ANTHROPIC_BASE_URL": standin.base_url,
                "PYTHONHASHSEED": str(seed),
                **more,
            }

        async def ask(client: RawClient) -> Exchange:
            uri = (made.root / "prices.py").as_uri()
            if uri not in client.texts:
                await client.open("prices.py", EXAMPLE)
            standin.enqueue(Reply(ANSWER))
            argument = {"uri": uri, "range": cursor(8)}
            answer = await client.execute("kibitz.explain", argument)
            await client.progress_end(answer["job"])
            return standin.journal.last

        async with RawClient.start(root=made.root, environment=environment(1)) as client:
            first = await ask(client)
            while "def checkout" not in snapshot_of(first):
                first = await ask(client)
            first = await ask(client)
        elsewhere = {"LC_ALL": "C", "TZ": "Asia/Kolkata", "PYTHONUTF8": "1", "COLUMNS": "20"}
        async with (
            RawClient.start(root=made.root, environment=environment(2, **elsewhere)) as again,
            RawClient.start(
                profile="neovim", root=made.root, environment=environment(3)
            ) as second_editor,
        ):
            for client in (again, second_editor, again):
                now = await ask(client)
                assert lost(first, now) is None
                assert now.cache_use.write_tokens == 0
