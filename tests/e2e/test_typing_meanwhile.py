"""A user who types, pastes, undoes or closes while an edit is being written."""

from __future__ import annotations

from pathlib import Path

import pytest

from kibitz.standin import Reply
from support.refactoring import AFTER, NEW_TOTAL, REPLY, TOTAL
from support.workshop import EXAMPLE, cursor, open_workshop


async def test_where_the_user_types_in_the_region_claudes_version_is_offered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        shop.standin.enqueue(Reply(REPLY).hold_at("all prices"), Reply(REPLY))
        text = await shop.open()
        job = await shop.start("kibitz.refactor", text, range=TOTAL, instruction="Use sum")
        await shop.standin.reached()
        shop.client.type(text, text.text.index("    return result"), "    # wait\n")
        typed = text.text
        shop.standin.release()
        end = await shop.client.progress_end(job)

        assert text.text == typed
        assert "1 offered where you were typing" in end["message"]
        lenses = await shop.client.request(
            "textDocument/codeLens", {"textDocument": {"uri": text.uri}}
        )
        assert {lens["command"]["title"] for lens in lenses} == {
            "Apply Claude's version",
            "Keep mine",
        }
        offered = {
            action["title"]: action["command"]
            for action in await shop.client.code_actions(text, cursor(8))
        }
        apply = offered["Apply Claude's version"]
        answer = await shop.client.execute(apply["command"], *apply["arguments"])
        await shop.client.progress_end(answer["job"])
        assert text.text == AFTER

        await shop.do("kibitz.revert", text)
        assert text.text == typed
        assert shop.client.messages() == []


@pytest.mark.parametrize("how", ["pasting", "undo", "close"])
async def test_a_conflict_closes_the_connection_at_once(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        reply = REPLY.replace(NEW_TOTAL, f"# total\n{NEW_TOTAL}    # and no more of it")
        shop.standin.enqueue(Reply(reply).hold_at("# and no more"))
        text = await shop.open()
        job = await shop.start("kibitz.refactor", text, range=TOTAL, instruction="Use sum")
        await shop.standin.reached()
        await shop.client.wait_until(lambda: "# total" in text.text, "the first edit")

        if how == "pasting":
            start, stop = text.text.index("def total"), text.text.index("return result")
            shop.client.type(text, start, "pass  # ", removing=stop - start)
        elif how == "undo":
            shop.client.type(text, 0, EXAMPLE, removing=len(text.text))
        else:
            shop.client.close_text(text)
        await shop.standin.journal.wait_for_disconnect()
        end = await shop.client.progress_end(job)

        assert end["message"].startswith("Stopped: ")
        assert len(shop.client.messages()) == (0 if how == "close" else 1)
        if how != "close":
            (sentence,) = shop.client.messages()
            offered = {action["title"] for action in await shop.client.code_actions(text, TOTAL)}
            can_be_reverted = how == "pasting"
            assert ("can be reverted" in sentence) is can_be_reverted
            assert any(title.startswith("Revert: ") for title in offered) is can_be_reverted


async def test_typing_that_neovim_has_not_told_yet_is_not_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, profile="neovim") as shop:
        shop.standin.enqueue(Reply(REPLY).hold_at("all prices"))
        text = await shop.open()
        job = await shop.start("kibitz.refactor", text, range=TOTAL, instruction="Use sum")
        await shop.standin.reached()
        # In the buffer at once, and in a `didChange` only a little later.
        text.replace(0, 0, "# above\n")
        shop.standin.release()
        await shop.client.wait_until(
            lambda: shop.client.notifications("workspace/applyEdit"), "the edit of the old text"
        )
        shop.client.before_sending()
        await shop.client.progress_end(job)

        assert text.text == "# above\n" + AFTER


async def test_typing_elsewhere_does_not_disturb(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        shop.standin.enqueue(Reply(REPLY).hold_at("all prices"))
        text = await shop.open()
        job = await shop.start("kibitz.refactor", text, range=TOTAL, instruction="Use sum")
        await shop.standin.reached()
        shop.client.type(text, 0, "# above\n")
        shop.client.type(text, len(text.text), "# below\n")
        (stop,) = await shop.client.request(
            "textDocument/codeLens", {"textDocument": {"uri": text.uri}}
        )
        place = stop["range"]["start"]["line"]
        assert stop["command"]["title"] == "Stop"
        assert text.text.splitlines()[place] == "def total(prices):"
        shop.standin.release()
        await shop.client.progress_end(job)

        assert text.text == "# above\n" + AFTER + "# below\n"
