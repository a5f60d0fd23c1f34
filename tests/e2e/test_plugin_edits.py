"""Edits into an editor with our plugin: lines as they come, and one undo step."""

from __future__ import annotations

from pathlib import Path

import pytest

from kibitz.standin import Reply
from support.refactoring import MANY, MANY_NEW
from support.workshop import open_workshop

PLUGIN = {"experimental": {"kibitz": {"applyEdit": True}}}


async def test_a_plugin_gets_each_line_as_a_part_of_one_undo_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, capabilities=PLUGIN) as shop:
        shop.standin.enqueue(Reply(f"<replacement>\n{MANY_NEW}</replacement>").hold_at("value_8"))
        text = await shop.open("many.py", MANY)
        job = await shop.start("kibitz.refactor", text, instruction="Rename")
        await shop.standin.reached()
        await shop.client.wait_until(lambda: "first =" in text.text, "the first edit")
        shop.standin.release()
        await shop.client.progress_end(job)
        edits = await shop.client.wait_until(
            lambda: shop.client.notifications("kibitz/applyEdit")[2:], "the end of the step"
        )

        assert text.text == MANY_NEW
        assert shop.client.notifications("workspace/applyEdit") == []
        sent = [*shop.client.notifications("kibitz/applyEdit")[:2], *edits]
        assert [each["undo"] for each in sent] == ["start", "continue", "end"]
        ((first,), (last,), (end,)) = (each["edit"]["documentChanges"] for each in sent)
        assert first["textDocument"] == {"uri": text.uri, "version": 1}
        assert [edit["newText"] for edit in first["edits"]] == ["first = 1\n"]
        assert [edit["newText"] for edit in last["edits"]] == ["last = 11\n"]
        assert end["edits"] == []


async def test_a_plugin_whose_editor_hides_the_document_gets_the_rest_as_one_edit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, capabilities=PLUGIN) as shop:
        apply = shop.client.request_handlers["kibitz/applyEdit"]
        shop.client.request_handlers["kibitz/applyEdit"] = lambda params: {
            **apply(params),
            "hidden": True,
        }
        new = MANY.replace(" = ", " == ")
        shop.standin.enqueue(Reply(f"<replacement>\n{new}</replacement>").hold_at("value_8"))
        text = await shop.open("many.py", MANY)
        job = await shop.start("kibitz.refactor", text, instruction="Compare")
        await shop.standin.reached()
        await shop.client.wait_until(lambda: "==" in text.text, "the first edit")
        shop.standin.release()
        await shop.client.progress_end(job)

        assert text.text == new
        written = [
            each
            for each in shop.client.notifications("kibitz/applyEdit")
            if each["edit"]["documentChanges"][0]["edits"]
        ]
        assert len(written) == 2
