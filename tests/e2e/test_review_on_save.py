"""Review on save: only where it is switched on and trusted, once for a text, and quiet."""

from __future__ import annotations

from pathlib import Path

import pytest

from kibitz.handlers import review_on_save
from kibitz.standin import Reply
from support.findings import finding, reported
from support.workshop import EXAMPLE, Workshop, open_workshop

ON = {"KIBITZ_REVIEW_ON_SAVE": "true"}


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(review_on_save, "PAUSE_SECONDS", 0.0)


def ended(shop: Workshop) -> list[str]:
    values = [each["value"] for each in shop.client.notifications("$/progress")]
    return [each.get("message", "") for each in values if each["kind"] == "end"]


async def test_a_saved_file_of_a_trusted_repository_is_reviewed_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, environment=ON) as shop:
        text = await shop.open()
        await shop.client.execute("kibitz.trust", {"uri": text.uri})
        shop.standin.enqueue(reported(finding()))
        shop.client.save(text)
        await shop.client.wait_until(lambda: ended(shop), "the end of the review")
        assert len(shop.client.diagnostics(text.uri) or []) == 1

        shop.client.save(text)
        await shop.client.wait_until(lambda: len(ended(shop)) == 2, "the end of another one")
        assert len(shop.client.diagnostics(text.uri) or []) == 1
        assert len(shop.standin.journal.messages) == 1, "the text is the same"


async def test_nothing_is_sent_without_trust_and_that_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, environment=ON) as shop:
        text = await shop.open()
        for _ in range(2):
            shop.client.save(text)
        await shop.client.hover(text, {"line": 0, "character": 0})
        (told,) = shop.client.messages()
        assert "is not trusted; trust it with `kibitz trust`" in told
        assert not ended(shop)
        assert not shop.standin.journal.messages


async def test_nothing_happens_where_it_is_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        text = await shop.open()
        await shop.client.execute("kibitz.trust", {"uri": text.uri})
        shop.client.save(text)
        await shop.client.hover(text, {"line": 0, "character": 0})
        assert not ended(shop)
        assert not shop.standin.journal.messages


async def test_a_failure_is_no_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_workshop(tmp_path, monkeypatch, environment=ON) as shop:
        text = await shop.open("prices.py", EXAMPLE)
        await shop.client.execute("kibitz.trust", {"uri": text.uri})
        before = shop.client.messages()
        shop.standin.enqueue(Reply("It looks fine to me."))
        shop.client.save(text)
        await shop.client.wait_until(lambda: ended(shop), "the end of the review")
        assert "held no findings" in ended(shop)[0]
        assert shop.client.messages() == before
