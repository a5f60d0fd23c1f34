"""Review: findings become diagnostics, each as soon as it is complete, at the quoted line."""

from __future__ import annotations

from pathlib import Path

import pytest

from kibitz.standin import Reply
from support.findings import finding, reported
from support.workshop import cursor, lines, open_workshop


async def test_findings_are_published_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        second = finding(
            severity="Error", quote="def with_tax(prices):", start_line=13, title="No currency"
        )
        reply = reported(finding(), second, chunk_size=9).hold_at("Error")
        shop.standin.enqueue(reply)
        text = await shop.open()
        job = await shop.start("kibitz.review", text)
        await shop.standin.reached()

        (first,) = await shop.client.wait_until(
            lambda: shop.client.diagnostics(text.uri), "the first finding"
        )
        shop.standin.release()
        end = await shop.client.progress_end(job)

        assert first["range"] == {
            "start": {"line": 8, "character": 8},
            "end": {"line": 8, "character": 31},
        }
        assert (first["severity"], first["source"], first["code"]) == (2, "kibitz", "correctness")
        assert first["message"].startswith("Sums floats")
        both = shop.client.diagnostics(text.uri)
        assert both is not None
        assert [(item["range"]["start"]["line"], item["severity"]) for item in both] == [
            (8, 2),
            (12, 1),
        ]
        assert "2 findings" in end["message"]


async def test_a_quote_places_its_finding_and_one_without_is_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        shop.standin.enqueue(
            reported(
                finding(start_line=2, end_line=2),
                finding(quote="    nothing like this", title="Invented"),
                finding(path="other.py", title="Elsewhere"),
            )
        )
        text = await shop.open()

        message = await shop.do("kibitz.review", text)

        (only,) = shop.client.diagnostics(text.uri) or []
        assert only["range"]["start"]["line"] == 8
        assert "1 finding, 2 dropped (1 about another file, 1 quote not found)" in message


async def test_findings_move_with_the_text_and_go_with_their_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        shop.standin.enqueue(reported(finding()))
        text = await shop.open()
        await shop.do("kibitz.review", text)

        shop.client.type(text, 0, "# one\n# two\n")
        moved = await shop.client.hover(text, {"line": 10, "character": 0})
        moved_diagnostics = shop.client.diagnostics(text.uri)
        shop.client.type(text, text.text.index("result + price"), "1 + ")
        gone = await shop.client.hover(text, {"line": 10, "character": 0})

        assert "Cents are lost." in moved["contents"]["value"]
        assert moved_diagnostics is not None
        assert moved_diagnostics[0]["range"]["start"]["line"] == 10
        assert gone is None
        assert shop.client.diagnostics(text.uri) == []


async def test_a_finding_is_applied_and_dismissed_by_action(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        shop.standin.enqueue(
            reported(finding(), finding(quote="RATE = 0.2", title="Magic", suggestion=""))
        )
        text = await shop.open()
        await shop.do("kibitz.review", text)
        here = await shop.client.code_actions(
            text, cursor(9), diagnostics=shop.client.diagnostics(text.uri) or []
        )
        apply = next(action for action in here if action["title"] == "Apply: Sums floats")
        there = await shop.client.code_actions(text, cursor(3))
        dismiss = next(action for action in there if action["title"] == "Dismiss: Magic")

        answer = await shop.client.execute(
            apply["command"]["command"], *apply["command"]["arguments"]
        )
        await shop.client.progress_end(answer["job"])
        await shop.client.execute(dismiss["command"]["command"], *dismiss["command"]["arguments"])

        assert "        result += price\n" in text.text
        assert shop.client.diagnostics(text.uri) == []


async def test_prose_with_findings_in_json_counts_and_prose_alone_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        import json

        as_json = json.dumps({"findings": [finding()]})
        shop.standin.enqueue(
            Reply(f"Here they are:\n```json\n{as_json}\n```\n"), Reply("All is well, I think.")
        )
        text = await shop.open()

        assert "1 finding" in await shop.do("kibitz.review", text, range=lines(6, 10))
        assert "Failed" in await shop.do("kibitz.review", text, range=lines(6, 10))

        (message,) = shop.client.messages()
        assert "run the review again" in message
        assert len(shop.client.diagnostics(text.uri) or []) == 1


async def test_an_empty_list_clears_what_was_found_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        shop.standin.enqueue(reported(finding()), reported())
        text = await shop.open()
        await shop.do("kibitz.review", text)

        assert "no findings" in await shop.do("kibitz.review", text)
        assert shop.client.diagnostics(text.uri) == []


async def test_findings_come_back_with_their_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        shop.standin.enqueue(reported(finding(), finding(quote="RATE = 0.2", title="Magic")))
        text = await shop.open()
        await shop.do("kibitz.review", text)
        content = text.text
        shop.client.close_text(text)
        again = await shop.open(text="# new\n" + content.replace("RATE = 0.2", "RATE = 0.3"))
        await shop.client.hover(again, {"line": 9, "character": 0})

        published = [
            [item["range"]["start"]["line"] for item in params["diagnostics"]]
            for params in shop.client.notifications("textDocument/publishDiagnostics")
        ]
        assert published[-2:] == [[], [9]]
