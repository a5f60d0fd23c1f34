"""What an edit has written can be kept or taken back, whole and change by change."""

from __future__ import annotations

from pathlib import Path

import pytest

from kibitz.standin import Reply
from support.refactoring import AFTER, MANY, MANY_NEW, REPLY, TOTAL
from support.workshop import EXAMPLE, cursor, lines, open_workshop


async def test_keep_and_revert(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        shop.standin.enqueue(Reply(REPLY), Reply(REPLY))
        text = await shop.open()
        await shop.do("kibitz.refactor", text, range=TOTAL, instruction="Use sum")
        shop.client.type(text, 0, "# typed after\n")
        lenses = await shop.client.request(
            "textDocument/codeLens", {"textDocument": {"uri": text.uri}}
        )
        actions = await shop.client.code_actions(text, cursor(8))
        revert = next(action for action in actions if action["title"].startswith("Revert: "))

        answer = await shop.client.execute(
            revert["command"]["command"], *revert["command"]["arguments"]
        )
        await shop.client.progress_end(answer["job"])

        assert text.text == "# typed after\n" + EXAMPLE
        assert {lens["command"]["title"] for lens in lenses} == {"Keep", "Revert"}
        # A plugin marks what was changed by what the lens says of it.
        hunks = [lens["data"] for lens in lenses if lens["command"]["title"] == "Keep"]
        assert [line for hunk in hunks for line in hunk["removed"]] == [
            "    result = 0",
            "    for price in prices:",
            "        result = result + price",
            "    return result",
        ]
        assert [hunk["lines"][0] for hunk in hunks] == [
            lens["range"]["start"]["line"] for lens in lenses[::2]
        ]

        await shop.do("kibitz.refactor", text, range=lines(7, 11), instruction="Use sum")
        assert (await shop.client.execute("kibitz.keep", {"uri": text.uri}))["kept"] > 0
        left = await shop.client.code_actions(text, cursor(8))
        assert not [action for action in left if "Revert" in action["title"]]
        assert text.text == "# typed after\n" + AFTER


async def test_what_the_user_changed_is_not_reverted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        shop.standin.enqueue(Reply(REPLY))
        text = await shop.open()
        await shop.do("kibitz.refactor", text, range=TOTAL, instruction="Use sum")
        shop.client.type(text, text.text.index("sum(prices)"), "round(")

        await shop.do("kibitz.revert", text)

        assert "round(sum(prices)" in text.text
        (message,) = shop.client.messages()
        assert "not reverted" in message


async def test_an_offer_that_the_user_does_not_want_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        shop.standin.enqueue(Reply(REPLY).hold_at("all prices"))
        text = await shop.open()
        job = await shop.start("kibitz.refactor", text, range=TOTAL, instruction="Use sum")
        await shop.standin.reached()
        shop.client.type(text, text.text.index("    return result"), "    # wait\n")
        shop.standin.release()
        await shop.client.progress_end(job)

        answer = await shop.client.execute("kibitz.keep", {"job": job, "offer": 0})

        assert answer["kept"] == 1
        titles = [action["title"] for action in await shop.client.code_actions(text, cursor(8))]
        assert not {"Apply Claude's version", "Keep mine"} & set(titles)


async def test_the_lenses_of_an_edit_that_the_user_undoes_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        shop.standin.enqueue(Reply(REPLY))
        text = await shop.open()
        await shop.do("kibitz.refactor", text, range=TOTAL, instruction="Use sum")

        shop.client.type(text, 0, EXAMPLE, removing=len(text.text))

        lenses = await shop.client.request(
            "textDocument/codeLens", {"textDocument": {"uri": text.uri}}
        )
        assert lenses == []


async def test_edits_over_each_other_are_taken_back_from_the_newest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        shop.standin.enqueue(
            Reply("<replacement>\nRATE = 1\n</replacement>"),
            Reply("<replacement>\nRATE = 2\n</replacement>"),
        )
        text = await shop.open()
        for _ in range(2):
            await shop.do("kibitz.refactor", text, range=lines(3, 3), instruction="Raise it")
        assert "RATE = 2" in text.text

        await shop.do("kibitz.revert", text)

        assert text.text == EXAMPLE
        assert shop.client.messages() == []


async def test_what_stands_when_the_user_stops_can_be_reverted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        reply = Reply(f"<replacement>\n{MANY_NEW}</replacement>").hold_at("value_8")
        shop.standin.enqueue(reply)
        text = await shop.open("many.py", MANY)
        job = await shop.start("kibitz.refactor", text, instruction="Rename")
        await shop.standin.reached()
        await shop.client.wait_until(lambda: "first =" in text.text, "the first edit")
        stop = next(
            action
            for action in await shop.client.code_actions(text, cursor(2))
            if action["title"].startswith("Stop: ")
        )
        await shop.client.execute(stop["command"]["command"], *stop["command"]["arguments"])
        end = await shop.client.progress_end(job)
        await shop.standin.journal.wait_for_disconnect()

        assert "Stopped: you stopped it" in end["message"]
        assert text.text == MANY.replace("value_1 =", "first =")
        await shop.do("kibitz.revert", text)
        assert text.text == MANY


async def test_lenses_keep_and_revert_each_change_and_all_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        shop.standin.enqueue(Reply(f"<replacement>\n{MANY_NEW}</replacement>"))
        text = await shop.open("many.py", MANY)
        await shop.do("kibitz.refactor", text, instruction="Rename")

        async def lenses() -> list[tuple[int, str, dict[str, object]]]:
            found = await shop.client.request(
                "textDocument/codeLens", {"textDocument": {"uri": text.uri}}
            )
            return [
                (each["range"]["start"]["line"], each["command"]["title"], each["command"])
                for each in found
            ]

        shown = await lenses()
        assert [lens[:2] for lens in shown] == [
            (1, "Keep"),
            (1, "Revert"),
            (1, "Keep all"),
            (1, "Revert all"),
            (11, "Keep"),
            (11, "Revert"),
        ]
        for at, expected in ((5, MANY_NEW.replace("last =", "value_11 =")), (1, MANY)):
            command = (await lenses())[at][2]
            answer = await shop.client.execute(command["command"], *command["arguments"])
            await shop.client.progress_end(answer["job"])
            assert text.text == expected
        assert await lenses() == []
