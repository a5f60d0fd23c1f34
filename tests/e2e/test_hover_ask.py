"""Hover with `hover.mode` = `ask`: asked once for the same code, and never unless it is trusted."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from kibitz.jobs import Jobs
from kibitz.standin import Reply
from support.raw_client import EditorText
from support.raw_wire import ResponseError
from support.workshop import Workshop, lines, open_workshop

ASK = {"KIBITZ_HOVER_MODE": "ask"}
BODY_OF_TOTAL = {"line": 7, "character": 6}
BODY_OF_TAX = {"line": 12, "character": 6}


async def hovered(shop: Workshop, text: EditorText, place: dict[str, int]) -> str | None:
    answer = await shop.client.hover(text, place)
    return None if answer is None else answer["contents"]["value"]


def at(text: EditorText, place: dict[str, int]) -> dict[str, Any]:
    return {"textDocument": {"uri": text.uri}, "position": place}


async def trusted(shop: Workshop) -> EditorText:
    text = await shop.open()
    await shop.client.execute("kibitz.trust", {"uri": text.uri})
    return text


async def test_the_same_code_is_asked_about_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, environment=ASK) as shop:
        text = await trusted(shop)
        shop.standin.enqueue(Reply("It adds the prices up. <img src=x>"))

        first = await hovered(shop, text, BODY_OF_TOTAL)
        shop.client.type(text, 0, "# moved down\n")
        again = await hovered(shop, text, {"line": 9, "character": 0})

        assert first == again
        assert first is not None and "adds the prices up" in first and "\\<img" in first
        (sent,) = shop.standin.journal.messages
        assert "claude-haiku" in sent.request.model
        assert list((shop.home / "cache").rglob("glances.sqlite"))


async def test_without_trust_nothing_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, environment=ASK) as shop:
        text = await shop.open()
        assert await hovered(shop, text, BODY_OF_TOTAL) is None
        assert shop.standin.journal.messages == []


async def test_a_pointer_that_moves_on_ends_the_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, environment=ASK) as shop:
        text = await trusted(shop)
        shop.standin.enqueue(Reply("It adds the prices up.", chunk_size=3).hold_at("adds"))
        first = asyncio.ensure_future(hovered(shop, text, BODY_OF_TOTAL))
        held = await shop.standin.reached()

        shop.standin.enqueue(Reply("It adds tax."))
        assert "adds tax" in str(await hovered(shop, text, BODY_OF_TAX))
        assert await first is None
        await shop.standin.journal.wait_for_disconnect(held)


async def test_a_pointer_that_rests_where_something_is_known_ends_the_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, environment=ASK) as shop:
        text = await trusted(shop)
        shop.standin.enqueue(Reply("It adds tax.\n"))
        await shop.do("kibitz.explain", text, range=lines(13, 14))
        shop.standin.enqueue(Reply("It adds the prices up.", chunk_size=3).hold_at("adds"))
        first = asyncio.ensure_future(hovered(shop, text, BODY_OF_TOTAL))
        held = await shop.standin.reached()

        assert "adds tax" in str(await hovered(shop, text, BODY_OF_TAX))
        assert await first is None
        await shop.standin.journal.wait_for_disconnect(held)


async def test_nothing_that_a_model_wrote_is_live(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attack = "It [adds](command:evil) ![x](http://spy/) <img src=x> \u202eup\x1b[31m &#x202e;"
    async with open_workshop(tmp_path, monkeypatch, environment=ASK) as shop:
        text = await trusted(shop)
        shop.standin.enqueue(Reply(attack))
        shown = await hovered(shop, text, BODY_OF_TOTAL)
        assert shown is not None
        assert "](" not in shown.replace("\\(", "") and "\\<img" in shown and "\\!" in shown
        assert "\u202e" not in shown and "\x1b" not in shown and "\\&#x202e;" in shown


async def test_who_shows_plain_text_is_shown_no_backslashes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = {"textDocument": {"hover": {"contentFormat": ["plaintext"]}}}
    async with open_workshop(tmp_path, monkeypatch, environment=ASK, capabilities=plain) as shop:
        text = await trusted(shop)
        shop.standin.enqueue(Reply("It returns a List<int>\u202e."))
        answer = await shop.client.hover(text, BODY_OF_TOTAL)
        assert answer["contents"] == {"kind": "plaintext", "value": "It returns a List<int>."}


async def test_two_hovers_over_the_same_code_make_one_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, environment=ASK) as shop:
        text = await trusted(shop)
        shop.standin.enqueue(Reply("It adds the prices up.", chunk_size=3).hold_at("adds"))
        first = asyncio.ensure_future(hovered(shop, text, BODY_OF_TOTAL))
        await shop.standin.reached()
        second = asyncio.ensure_future(hovered(shop, text, {**BODY_OF_TOTAL, "line": 8}))
        await asyncio.sleep(0)
        shop.standin.release()

        assert await first == await second
        assert len(shop.standin.journal.messages) == 1


async def test_a_pointer_that_moves_within_the_code_is_one_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Editors take a hover back before they send the next one."""
    async with open_workshop(tmp_path, monkeypatch, environment=ASK) as shop:
        text = await trusted(shop)
        shop.standin.enqueue(Reply("It adds the prices up.", chunk_size=3).hold_at("adds"))
        first = shop.client.ask("textDocument/hover", at(text, BODY_OF_TOTAL))
        await shop.standin.reached()
        shop.client.cancel(first)
        second = asyncio.ensure_future(hovered(shop, text, {**BODY_OF_TOTAL, "line": 8}))
        with pytest.raises(ResponseError):
            await shop.client.answer(first)
        shop.standin.release()

        assert "adds the prices up" in str(await second)
        assert len(shop.standin.journal.messages) == 1


async def test_a_hover_that_nobody_waits_for_ends_the_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, environment=ASK) as shop:
        text = await trusted(shop)
        shop.standin.enqueue(Reply("It adds the prices up.", chunk_size=3).hold_at("adds"))
        first = shop.client.ask("textDocument/hover", at(text, BODY_OF_TOTAL))
        held = await shop.standin.reached()
        shop.client.cancel(first)
        await shop.standin.journal.wait_for_disconnect(held)
        # Whoever points there again is not told what has become of that one.
        shop.standin.enqueue(Reply("It adds them up."))
        assert "adds them up" in str(await hovered(shop, text, BODY_OF_TOTAL))


async def test_a_request_that_is_cancelled_before_it_begins_is_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next hover may be read in the very turn of the loop in which this one asks."""
    begun = Jobs.in_background
    cancelled: list[str] = []

    def in_background(self: Jobs, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = begun(self, work, name)
        if name == "hover" and not cancelled:
            cancelled.append(name)
            task.cancel()
        return task

    monkeypatch.setattr(Jobs, "in_background", in_background)
    async with open_workshop(tmp_path, monkeypatch, environment=ASK) as shop:
        text = await trusted(shop)
        assert await hovered(shop, text, BODY_OF_TOTAL) is None
        shop.standin.enqueue(Reply("It adds them up."))
        assert "adds them up" in str(await hovered(shop, text, BODY_OF_TOTAL))


async def test_off_is_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    off = {"KIBITZ_HOVER_MODE": "off"}
    async with open_workshop(tmp_path, monkeypatch, environment=off) as shop:
        text = await trusted(shop)
        shop.standin.enqueue(Reply("It adds the prices up."))
        await shop.do("kibitz.explain", text)
        assert await hovered(shop, text, BODY_OF_TOTAL) is None
