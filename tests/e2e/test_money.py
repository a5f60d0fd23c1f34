"""Money in the editor: the question before a dear request, the live figure, what is told once."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from kibitz.protocol import progress
from support.workshop import lines, open_workshop

LOW = {"KIBITZ_BUDGET_REQUEST_USD": "0.001"}
QUESTION = "window/showMessageRequest"


async def test_a_dear_request_is_sent_when_the_user_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, profile="vscode", environment=LOW) as shop:
        shop.client.pick = 0
        text = await shop.open()

        message = await shop.do("kibitz.explain", text)

        (asked,) = shop.client.notifications(QUESTION)
        assert asked["message"].startswith("This request (explain) may cost up to $0.")
        titles = [action["title"] for action in asked["actions"]]
        assert titles[0].startswith("Send for up to $0.")
        assert titles[1] == "Cancel"
        assert "$" in message
        assert len(shop.standin.journal.messages) == 1


@pytest.mark.parametrize("pick", [1, None])
async def test_a_dear_request_is_not_sent_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pick: int | None
) -> None:
    async with open_workshop(tmp_path, monkeypatch, profile="vscode", environment=LOW) as shop:
        shop.client.pick = pick
        text = await shop.open()

        message = await shop.do("kibitz.explain", text)

        assert message.startswith("Nothing was sent, as you decided (it may cost up to $0.")
        assert not shop.standin.journal.messages
        assert not shop.client.messages(), "they know: they have just decided it"


async def test_a_client_that_cannot_ask_says_how_to_raise_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, profile="bare", environment=LOW) as shop:
        text = await shop.open()
        await shop.start("kibitz.explain", text)
        message = await shop.client.wait_until(
            lambda: next(iter(shop.client.messages()), None), "the message"
        )
        assert "raise `budget.request_usd` in config.toml" in message
        assert not shop.standin.journal.messages


async def test_what_it_costs_is_seen_while_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, profile="vscode") as shop:
        # Every report is sent: how often a user sees one is not what is tested here.
        monkeypatch.setattr(progress, "REPORT_INTERVAL_SECONDS", 0.0)
        text = await shop.open()
        await shop.do("kibitz.explain", text)
        reports = [
            value["message"]
            for value in (each["value"] for each in shop.client.notifications("$/progress"))
            if value["kind"] == "report"
        ]
        assert any(" tokens read, $0.0" in each for each in reports), reports
        assert any(" tokens so far, $0.0" in each for each in reports), reports


async def test_a_model_that_retires_is_named_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    going = {"KIBITZ_MODELS_STANDARD": "claude-sonnet-4-5"}
    async with open_workshop(tmp_path, monkeypatch, profile="vscode", environment=going) as shop:
        text = await shop.open()
        for _ in range(2):
            await shop.do("kibitz.explain", text)
        (told,) = [each for each in shop.client.messages() if "claude-sonnet-4-5" in each]
        assert "retire" in told
        assert 'set `models.standard` to "claude-sonnet-5-5"' in told


async def test_a_faulty_models_file_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, profile="vscode") as shop:
        file = shop.home / "config" / "kibitz" / "models.toml"
        file.parent.mkdir(parents=True)
        file.write_text('[[model]]\nid = "claude-sonnet-5-5"\nprise = 3\n')
        text = await shop.open()
        for _ in range(2):
            await shop.do("kibitz.explain", text)
        (told,) = [each for each in shop.client.messages() if "models.toml" in each]
        assert "'prise' is not a key of a model; the entry is ignored." in told


async def test_the_endpoint_is_asked_for_its_models_once_beside_a_reply(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, profile="vscode") as shop:
        text = await shop.open()
        assert not shop.standin.journal.exchanges, "nothing is asked before the user does"
        for _ in range(2):
            await shop.do("kibitz.explain", text)
        folder = shop.home / "cache" / "kibitz" / "models"
        await shop.client.wait_until(lambda: list(folder.glob("*.json")), "what was learnt")
        paths = [each.request.path for each in shop.standin.journal.exchanges]
        assert sum("/v1/models" in path for path in paths) == 1


async def test_many_changes_are_cut_before_anybody_has_to_be_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def module(name: str, lines: int) -> str:
        return "".join(
            f"{name}_{number} = compute({number}, 'a name')\n" for number in range(lines)
        )

    files: dict[str, str | bytes] = {f"m{number}.py": module("m", 250) for number in range(30)}
    async with open_workshop(tmp_path, monkeypatch, profile="vscode", files=files) as shop:
        for number in range(12):
            (shop.root / f"m{number}.py").write_text(module("changed", 250))
        # What is staged is cached at once, for the dearest price that there is.
        subprocess.run(["git", "add", "-A"], cwd=shop.root, check=True)
        text = await shop.open("m20.py")

        await shop.do("kibitz.explain", text, range=lines(1, 10))

        assert shop.client.notifications(QUESTION) == []
        (sent,) = shop.standin.journal.messages
        assert sent.status == 200
        assert "changed_1 = " in sent.request.system_text, "as many of them as there is room for"


async def test_an_audit_that_cannot_be_written_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        (shop.home / "state" / "kibitz").mkdir(parents=True, exist_ok=True)
        (shop.home / "state" / "kibitz" / "audit").write_text("in the way")
        text = await shop.open()
        for _ in range(2):
            assert "in (" in await shop.do("kibitz.explain", text)
        (sentence,) = [each for each in shop.client.messages() if "audit" in each]
        assert sentence.startswith("What is asked of Claude is not being recorded:")
        assert "move it away" in sentence
