"""Review of changes in an editor: diagnostics of several files, of those that are not open too."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.findings import finding, reported
from support.workshop import EXAMPLE, open_workshop

CHANGED = EXAMPLE.replace("result + price", "result - price")
WRONG = finding(quote="        result = result - price", title="Subtracts", suggestion="")
EVAL = finding(
    path="rates.py", start_line=1, end_line=1, quote="RATE = eval(input())", title="Eval"
)


async def test_diagnostics_of_every_changed_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = {"KIBITZ_REVIEW_VERIFY": "off"}
    async with open_workshop(tmp_path, monkeypatch, environment=environment) as shop:
        (shop.root / "rates.py").write_text("RATE = eval(input())\n")
        text = await shop.open("prices.py", CHANGED)  # not saved
        shop.standin.enqueue(reported(WRONG), reported(EVAL))
        outcome = await shop.do("kibitz.reviewChanges", text)
        assert outcome.startswith("2 files: 2 findings")
        (shown,) = shop.client.diagnostics(text.uri) or []
        assert (shown["range"]["start"]["line"], shown["message"][:9]) == (8, "Subtracts")
        closed = (shop.root / "rates.py").as_uri()
        (shown,) = shop.client.diagnostics(closed) or []
        assert shown["message"].startswith("Eval")
        first, second = shop.standin.journal.messages
        assert r"9+\t        result = result - price" in str(first.request.body["messages"])
        assert second.cache_use.read_tokens > 0

        again = await shop.do("kibitz.reviewChanges", text)
        assert again.startswith("2 files: 2 findings")
        assert len(shop.standin.journal.messages) == 2, "nothing has changed since"

        opened = await shop.open("rates.py", "# New\nRATE = eval(input())\n")
        moved = await shop.client.wait_until(
            lambda: [
                each
                for each in shop.client.diagnostics(opened.uri) or []
                if each["range"]["start"]["line"] == 1
            ],
            "the finding at its line",
        )
        assert len(moved) == 1


async def test_nothing_is_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        text = await shop.open()
        assert await shop.do("kibitz.reviewChanges", text) == (
            "nothing is changed that could be reviewed"
        )
        assert not shop.standin.journal.messages
