"""What Claude, an endpoint or a file name says shows harmlessly wherever the user sees it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kibitz.standin import Reply, ToolCall
from support.workshop import Workshop, cursor, lines, open_workshop

HOSTILE = (
    "\x1b[31mRED\x1b[0m \u202egnorw\u202c \u200b\x07\U000e0041"
    "[click](command:evil) ![seen](http://evil.invalid/x.png) <img src=http://evil.invalid/y>"
)
HARMFUL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2066-\u2069\U000e0000-\U000e0fff]|\\[31m"
)
LIVE = ("](command:", "![seen](", " <img")


def texts(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """All texts in a JSON value, each with the key that it stands under."""
    match value:
        case str():
            yield key, value
        case dict():
            for name, part in value.items():
                yield from texts(part, name)
        case list():
            for part in value:
                yield from texts(part, key)


def harmful(shop: Workshop) -> list[tuple[str, str]]:
    """What the client was sent that would drive a terminal or hide text; code is code."""
    found = [pair for message in shop.client.received for pair in texts(message)]
    return [(key, text) for key, text in found
            if HARMFUL.search(text) and key not in ("newText", "suggestion")]  # fmt: skip


@pytest.mark.parametrize("profile", ["neovim", "vscode"])
async def test_an_explanation(
    profile: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, profile=profile) as shop:
        shop.standin.enqueue(Reply(f"{HOSTILE}\n\n    a[i](x) < b\n"))
        text = await shop.open()

        await shop.do("kibitz.explain", text)

        uri = shop.client.notifications("window/showDocument")[-1]["uri"]
        if uri.startswith("file:"):
            page = Path(uri.removeprefix("file://")).read_text()
        else:
            params = {"uri": uri}
            page = (await shop.client.request("workspace/textDocumentContent", params))["text"]
        hover = (await shop.client.hover(text, {"line": 6, "character": 2}))["contents"]["value"]
        for shown in (page, hover):
            assert "RED" in shown
            assert "    a[i](x) < b" in shown
            assert not HARMFUL.search(shown)
            assert not [live for live in LIVE if live in shown]
        assert harmful(shop) == []


async def test_findings_messages_and_titles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        finding = {
            "path": "prices.py",
            "severity": "warning",
            "category": HOSTILE,
            "start_line": 3,
            "end_line": 3,
            "quote": "RATE = 0.2",
            "title": HOSTILE,
            "message": f"{HOSTILE}\nand more",
            "suggestion": "RATE = 0.25",
        }
        shop.standin.enqueue(
            Reply(tool_calls=[ToolCall("report_findings", {"findings": [finding]})]),
            Reply(HOSTILE),
            Reply("", stop_reason="refusal", stop_details={"explanation": HOSTILE}),
        )
        text = await shop.open()

        await shop.do("kibitz.review", text)
        actions = await shop.client.code_actions(text, cursor(3))
        await shop.client.hover(text, {"line": 2, "character": 2})
        apply = next(action for action in actions if action["title"].startswith("Apply: "))
        await shop.do("kibitz.applyFinding", **apply["command"]["arguments"][0])
        await shop.client.code_actions(text, cursor(3))
        await shop.do("kibitz.refactor", text, range=lines(6, 10), instruction="Go")
        await shop.do("kibitz.explain", text)

        assert len(shop.client.messages()) == 2
        assert "RED" in apply["title"]
        assert harmful(shop) == []


async def test_the_names_of_files_and_prompts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "a\x1b[31m\u202e.py"
    prompt = f"---\ntitle: {HOSTILE}\n---\nDo it\n"
    files = {name: "x = 1\n", ".kibitz/prompts/p.md": prompt}
    async with open_workshop(tmp_path, monkeypatch, files=files) as shop:
        text = await shop.open(name)

        await shop.do("kibitz.explain", text)
        actions = await shop.client.code_actions(text, cursor(1))
        await shop.do("kibitz.runPrompt", text, prompt="p")

        assert any("RED" in action["title"] for action in actions)
        assert harmful(shop) == []
