"""Findings in an editor over time: dismissed, shown after a restart, checked, reviewed anew."""

from __future__ import annotations

import asyncio
import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kibitz.standin import Reply
from support.findings import finding, reported
from support.raw_client import EditorText
from support.workshop import EXAMPLE, PATIENCE_SECONDS, Workshop, cursor, lines, open_workshop

MAGIC = finding(start_line=3, end_line=3, quote="RATE = 0.2", title="Magic", suggestion="")


async def do(shop: Workshop, text: EditorText, line: int, title: str) -> Any:
    """Run the action with this title at a line."""
    actions = await shop.client.code_actions(text, cursor(line))
    action = next(each for each in actions if each["title"] == title)
    return await shop.client.execute(action["command"]["command"], *action["command"]["arguments"])


def shown(shop: Workshop, text: EditorText) -> list[tuple[int, str]]:
    """The lines and titles of the diagnostics."""
    found = shop.client.diagnostics(text.uri) or []
    return [
        (each["range"]["start"]["line"] + 1, each["message"].partition("\n")[0]) for each in found
    ]


async def on_disk(shop: Workshop, text: EditorText, found: Callable[[], bool]) -> None:
    """Wait for what the server writes down in the background; it goes on answering."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not found():
            await shop.client.hover(text, {"line": 0, "character": 0})


async def test_what_is_dismissed_is_not_told_again_wherever_it_moves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        worded = {**finding(), "title": "Floats again", "start_line": 11, "end_line": 11}
        shop.standin.enqueue(reported(finding(), MAGIC), reported(worded, MAGIC))
        text = await shop.open()
        await shop.do("kibitz.review", text)
        # It moves, and the same line comes to stand above it.
        moved = "    # was:\n        result = result + price\n"
        shop.client.type(text, text.text.index("    for price"), moved)
        await do(shop, text, 11, "Dismiss as intended: Sums floats")
        dismissed = shop.home / "state" / "kibitz" / "findings"
        await on_disk(shop, text, dismissed.exists)

        outcome = await shop.do("kibitz.review", text)

        assert outcome.startswith("1 finding, 1 dropped (1 dismissed before)")
        assert shown(shop, text) == [(3, "Magic")]
        (record,) = map(json.loads, dismissed.read_text().splitlines())
        assert (record["path"], record["reason"]) == ("prices.py", "intended")
        assert "result" not in dismissed.read_text(), "nothing of the code is written down"
        assert stat.S_IMODE(dismissed.stat().st_mode) == 0o600


async def test_a_restarted_server_shows_them_again_while_the_file_is_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        shop.standin.enqueue(reported(finding(), MAGIC))
        text = await shop.open()
        await shop.do("kibitz.review", text)
        shop.client.type(text, 0, "# new\n")
        shop.client.save(text)
        kept = shop.home / "cache" / "kibitz" / "shown"
        await on_disk(
            shop, text, lambda: any('"start": 9' in one.read_text() for one in kept.glob("*.json"))
        )
        before = shown(shop, text)

        async with shop.reconnected() as again:
            same = await again.client.open("prices.py", text.text)
            await again.client.wait_until(
                lambda: again.client.diagnostics(same.uri), "the findings of the last session"
            )
            assert shown(again, same) == before == [(10, "Sums floats"), (4, "Magic")]
            assert "Cents are lost." in json.dumps(
                await again.client.hover(same, {"line": 9, "character": 8})
            )
        async with shop.reconnected() as again:
            other = await again.client.open("prices.py", EXAMPLE + "# changed\n")
            await again.client.hover(other, {"line": 9, "character": 8})
            assert not again.client.diagnostics(other.uri)
        assert len(shop.standin.journal.messages) == 1


async def test_what_is_refuted_vanishes_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = {"KIBITZ_REVIEW_VERIFY": "on"}
    async with open_workshop(tmp_path, monkeypatch, environment=environment) as shop:
        verdicts = Reply("<verdicts>\n1 stands\n2 refuted: it is named\n</verdicts>", chunk_size=8)
        shop.standin.enqueue(reported(finding(), MAGIC), verdicts.hold_at("2 refuted"))
        text = await shop.open()
        job = await shop.start("kibitz.review", text)
        await shop.standin.reached()
        both = shown(shop, text)
        shop.standin.release()
        end = await shop.client.progress_end(job)

        assert both == [(9, "Sums floats"), (3, "Magic")]
        assert shown(shop, text) == [(9, "Sums floats")]
        assert end["message"].startswith("1 finding, 1 dropped (1 refuted), 2 checked for $0.0")


async def test_a_stopped_check_leaves_the_findings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = {"KIBITZ_REVIEW_VERIFY": "on"}
    async with open_workshop(tmp_path, monkeypatch, environment=environment) as shop:
        verdicts = Reply("<verdicts>\n1 refuted: no\n</verdicts>", chunk_size=8)
        shop.standin.enqueue(reported(finding()), verdicts.hold_at("1 ref"))
        text = await shop.open()
        job = await shop.start("kibitz.review", text)
        await shop.standin.reached()
        await shop.client.execute("kibitz.stop", {"job": job})
        end = await shop.client.progress_end(job)

        assert end["message"].startswith("Stopped")
        assert shown(shop, text) == [(9, "Sums floats")]


async def test_review_again_is_about_the_definition(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        shop.standin.enqueue(reported(finding(), MAGIC), reported())
        text = await shop.open()
        await shop.do("kibitz.review", text)
        answer = await do(shop, text, 9, "Review again: Sums floats")
        await shop.client.progress_end(answer["job"])

        assert shown(shop, text) == [(3, "Magic")]
        assert 'first_line="6"' in json.dumps(
            shop.standin.journal.messages[-1].request.body["messages"], ensure_ascii=False
        ).replace('\\"', '"')


async def test_changes_of_a_branch_and_what_is_staged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(
        tmp_path, monkeypatch, environment={"KIBITZ_REVIEW_VERIFY": "off"}
    ) as shop:
        text = await shop.open("prices.py", EXAMPLE.replace("0.2", "0.3"))
        assert await shop.do("kibitz.reviewChanges", text, staged=True) == (
            "nothing is changed that could be reviewed"
        )
        shop.standin.enqueue(reported({**MAGIC, "quote": "RATE = 0.3"}))
        outcome = await shop.do("kibitz.reviewChanges", text, revisions="main")
        assert outcome.startswith("1 file: 1 finding")
        begun = [each["value"] for each in shop.client.notifications("$/progress")]
        titles = [each["title"] for each in begun if each["kind"] == "begin"]
        assert titles == ["Review what is staged", "Review changes main"]


async def test_a_selection_is_reviewed_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        shop.standin.enqueue(reported(MAGIC), reported(finding()))
        text = await shop.open()
        await shop.do("kibitz.review", text, range=lines(1, 3))
        await shop.do("kibitz.review", text, range=lines(6, 10))

        assert shown(shop, text) == [(3, "Magic"), (9, "Sums floats")]
