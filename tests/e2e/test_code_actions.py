"""The menu: what is offered where, at once and as commands only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kibitz.actions.prompt_files import PromptFile, read_prompt_files
from kibitz.standin import Reply
from kibitz_context.gate.gate import Gate
from support.findings import finding, reported
from support.workshop import EXAMPLE, cursor, lines, open_workshop

PROMPT_FILE = """\
---
title: Find the tax rules
output: answer
tier: deep
---
Which tax rules does this code assume?
"""


def titles(actions: list[dict[str, Any]]) -> list[str]:
    return [action["title"] for action in actions]


async def test_what_is_offered_for_a_selection_a_cursor_and_an_empty_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        text = await shop.open()

        selection = await shop.client.code_actions(text, lines(6, 10))
        at_cursor = await shop.client.code_actions(text, cursor(8))
        between = await shop.client.code_actions(text, cursor(2))

        assert titles(selection) == [
            "Explain selection",
            "Review selection",
            "Refactor…",
            "Refactor: simplify",
            "Refactor: clearer names",
            "Refactor: handle errors",
            "Refactor: add types",
            "Document selection",
            "Refactor across files…",
            "Write tests",
            "Explain file",
            "Review file",
            "Review uncommitted changes",
            "Ask about selection…",
        ]
        assert "Explain this" in titles(at_cursor)
        assert titles(between) == [
            "Explain file",
            "Review file",
            "Review uncommitted changes",
            "Ask…",
            "Complete here",
        ]
        assert shop.standin.journal.messages == []


async def test_actions_are_commands_with_one_argument_object(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        text = await shop.open()

        actions = await shop.client.code_actions(text, cursor(8))

        kinds = {action["title"]: action["kind"] for action in actions}
        assert kinds["Explain this"] == "source.kibitz.explain"
        assert kinds["Review file"] == "source.kibitz.review"
        assert kinds["Refactor…"] == "refactor.rewrite.kibitz"
        for action in actions:
            assert "edit" not in action
            assert "data" not in action
            (argument,) = action["command"]["arguments"]
            assert argument["uri"] == text.uri
        explain = next(action for action in actions if action["title"] == "Explain this")
        assert explain["command"]["arguments"] == [
            {"uri": text.uri, "version": 1, "range": lines(6, 10)}
        ]


async def test_a_client_that_takes_no_edits_is_offered_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    capabilities = {"workspace": {"applyEdit": False}}
    async with open_workshop(tmp_path, monkeypatch, capabilities=capabilities) as shop:
        text = await shop.open()
        diagnostic = {"range": lines(8, 8), "message": "Unused"}
        actions = await shop.client.code_actions(text, cursor(8), diagnostics=[diagnostic])

        commands = {action["command"]["command"] for action in actions}
        assert commands == {
            "kibitz.explain",
            "kibitz.review",
            "kibitz.reviewChanges",
            "kibitz.converse",
        }

        shop.standin.enqueue(reported(finding()))
        await shop.do("kibitz.review", text)
        offered = titles(await shop.client.code_actions(text, cursor(9)))
        assert "Dismiss: Sums floats" in offered
        assert "Apply: Sums floats" not in offered


@pytest.mark.parametrize(
    ("only", "kind"),
    [("refactor", "refactor.rewrite.kibitz"), ("source.kibitz.explain", "source.kibitz.explain")],
)
async def test_only_the_kinds_asked_for(
    only: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        text = await shop.open()
        actions = await shop.client.code_actions(text, cursor(8), only=[only])

        assert actions
        assert {action["kind"] for action in actions} == {kind}


async def test_diagnostics_of_any_server_can_be_fixed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        text = await shop.open()
        diagnostic = {
            "range": lines(8, 8),
            "message": "Unused variable\nreally",
            "source": "ruff",
            "code": "F841",
        }
        (fix, *_) = await shop.client.code_actions(text, cursor(8), diagnostics=[diagnostic])

        assert fix["kind"] == "quickfix.kibitz"
        assert fix["title"] == "Fix with Claude: ruff: Unused variable really [F841]"
        assert fix["diagnostics"][0]["message"] == diagnostic["message"]
        (argument,) = fix["command"]["arguments"]
        assert argument["diagnostics"] == ["line 8: ruff: Unused variable\nreally [F841]"]


async def test_what_a_diagnostic_relates_to_goes_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        text = await shop.open()
        related = {
            "location": {"uri": "file:///r/cart.py", "range": lines(3, 3)},
            "message": "called here",
        }
        diagnostics = [
            {"range": lines(8, 8), "message": "Use sum()", "relatedInformation": [related]},
            {"range": lines(7, 7), "message": "No type"},
        ]
        (fix, *_) = await shop.client.code_actions(text, cursor(8), diagnostics=diagnostics)
        assert fix["title"] == "Fix with Claude: Use sum() and 1 more"
        shop.standin.enqueue(Reply("<replacement>\ndef total(p): ...\n</replacement>"))
        answer = await shop.client.execute("kibitz.fix", *fix["command"]["arguments"])
        end = await shop.client.progress_end(answer["job"])

        assert end["message"].startswith("1 change · still parses · ")
        said = shop.standin.journal.last.request.last_user_text
        assert (
            "<diagnostics>\nline 8: Use sum()\n  see line 3 of cart.py: called here\n"
            "line 7: No type\n</diagnostics>"
        ) in said


async def test_diagnostics_of_a_later_protocol_come_back_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        text = await shop.open()
        diagnostic = {
            "range": lines(3, 3),
            "message": "Magic number",
            "severity": 9,
            "tags": [1, 77],
        }

        actions = await shop.client.code_actions(text, lines(3, 3), diagnostics=[diagnostic])

        fix = next(action for action in actions if action["title"].startswith("Fix"))
        assert fix["title"] == "Fix with Claude: Magic number"
        assert fix["diagnostics"] == [diagnostic]
        assert shop.client.messages() == []


async def test_prompt_files_and_comments_are_actions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marked = EXAMPLE.replace("def total", "# kibitz: use sum\ndef total")
    files = {"prices.py": marked, ".kibitz/prompts/tax.md": PROMPT_FILE}
    async with open_workshop(tmp_path, monkeypatch, files=files) as shop:
        text = await shop.open()
        actions = await shop.client.code_actions(text, cursor(8))
        assert "Do what the comment says: use sum" in titles(actions)
        prompt = next(a for a in actions if a["title"] == "Find the tax rules")

        answer = await shop.client.execute(
            prompt["command"]["command"], *prompt["command"]["arguments"]
        )
        await shop.client.progress_end(answer["job"])

        request = shop.standin.journal.last.request
        assert "Which tax rules does this code assume?" in request.last_user_text
        assert request.model == "claude-opus-5-5"


async def test_what_is_wrong_with_a_prompt_is_said_once_when_it_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faulty = PROMPT_FILE.replace("output: answer", "output: poem")
    files = {"prices.py": EXAMPLE, ".kibitz/prompts/tax.md": faulty}
    async with open_workshop(tmp_path, monkeypatch, files=files) as shop:
        text = await shop.open()
        for _ in range(2):
            shop.standin.enqueue(Reply("None."))
            message = await shop.do("kibitz.runPrompt", text, prompt="tax")
            assert message.startswith("Answer shown")
        (said,) = shop.client.messages()
        assert said == "The prompt tax.md: output is 'poem', not answer, edit or findings."


async def test_prompt_files_are_read_when_they_are_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[Path] = []

    def counted(folder: Path, gate: Gate) -> tuple[PromptFile, ...]:
        reads.append(folder)
        return read_prompt_files(folder, gate)

    monkeypatch.setattr("kibitz.handlers.preferences.read_prompt_files", counted)
    files = {"prices.py": EXAMPLE, ".kibitz/prompts/tax.md": PROMPT_FILE}
    async with open_workshop(tmp_path, monkeypatch, files=files) as shop:
        text = await shop.open()
        for _ in range(3):
            assert "Find the tax rules" in titles(await shop.client.code_actions(text, cursor(8)))
        assert len(reads) == 1

        (shop.root / ".kibitz/prompts/more.md").write_text("Say more\n")
        assert "More" in titles(await shop.client.code_actions(text, cursor(8)))
        (shop.root / ".kibitz/prompts/tax.md").unlink()
        assert "Find the tax rules" not in titles(await shop.client.code_actions(text, cursor(8)))


async def test_a_document_that_is_not_open_or_empty_offers_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        empty = await shop.open("empty.py", "\n\n")
        assert await shop.client.code_actions(empty, cursor(1)) == []
        shop.client.close_text(empty)
        assert await shop.client.code_actions(empty, cursor(1)) == []
