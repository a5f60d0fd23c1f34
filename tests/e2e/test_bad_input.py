"""What users and clients get wrong ends in one sentence, and nothing is sent or changed."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from kibitz.standin import Fault, Reply, ToolCall
from support.raw_client import ResponseError
from support.workshop import EXAMPLE, GIT, lines, open_workshop

HUGE = {"line": float("inf"), "character": 0}


@pytest.mark.parametrize(
    ("command", "argument", "told"),
    [
        ("kibitz.explian", {}, "There is no command kibitz.explian"),
        ("kibitz.explain", {}, "Give the document as `uri`"),
        ("kibitz.explain", {"uri": "file:///nowhere.py"}, "not open"),
        ("kibitz.explain", {"uri": 3}, "'uri' must be a string"),
        ("kibitz.explain", {"ranges": {}}, "did you mean 'range'?"),
        ("kibitz.explain", {"range": {"start": 1}}, "must be an LSP range"),
        ("kibitz.explain", {"range": lines(1, 2) | {"end": HUGE}}, "must be an LSP range"),
        ("kibitz.explain", {"range": lines(900, 901)}, "line 900; the document has 14 lines"),
        ("kibitz.explain", {"version": 7}, "has changed"),
        ("kibitz.explain", {"tier": "huge"}, "fast, standard or deep"),
        ("kibitz.ask", {"instruction": " "}, "Give the question"),
        ("kibitz.fix", {}, "Give the diagnostics"),
        ("kibitz.revert", {}, "no edit"),
        ("kibitz.runPrompt", {"prompt": "none"}, "There is no prompt 'none'; there are: none"),
        ("kibitz.applyFinding", {"finding": "0"}, "no longer there"),
    ],
)
async def test_wrong_arguments_are_refused_with_a_sentence(
    command: str,
    argument: dict[str, Any],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        text = await shop.open()
        if "uri" not in argument and argument != {}:
            argument = {"uri": text.uri, **argument}
        elif command == "kibitz.fix":
            argument = {"uri": text.uri}

        with pytest.raises(ResponseError) as refused:
            await shop.client.execute(command, argument)

        assert told in str(refused.value)
        assert shop.standin.journal.messages == []


async def test_arguments_that_are_no_object(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        for arguments in (["a"], [{}, {}], [None]):
            with pytest.raises(ResponseError, match="one argument object"):
                await shop.client.execute("kibitz.explain", *arguments)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (Fault.status_code(401), "key"),
        (Fault.status_code(402), "credit"),
        (Fault.rate_limited(120), "120 seconds"),
        (Fault.spend_limit(), "limit"),
        (Fault.status_code(404), "model"),
        (Fault.html(), ""),
        (Fault.empty(), ""),
    ],
)
async def test_each_failure_of_claude_is_one_sentence(
    fault: Fault, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        shop.standin.when("", fault)
        text = await shop.open()

        message = await shop.do("kibitz.explain", text)

        assert message.startswith("Failed")
        (sentence,) = shop.client.messages()
        assert told in sentence
        assert "Traceback" not in sentence


async def test_no_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        monkeypatch.delenv("ANTHROPIC_API_KEY")
        text = await shop.open()

        await shop.do("kibitz.explain", text)

        (sentence,) = shop.client.messages()
        assert "ANTHROPIC_API_KEY" in sentence


@pytest.mark.parametrize(
    ("name", "content"),
    [(".env", "TOKEN=1\n"), ("id_rsa", "secret\n"), ("ignored.py", "x = 1\n")],
)
async def test_a_file_that_is_kept_back_is_refused_in_one_sentence(
    name: str, content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {"prices.py": EXAMPLE, ".kibitzignore": "ignored.py\n"}
    async with open_workshop(tmp_path, monkeypatch, files=files) as shop:
        (shop.root / name).write_text(content)
        text = await shop.open(name)

        await shop.do("kibitz.explain", text)

        (sentence,) = shop.client.messages()
        assert sentence.startswith(f"{name} is not sent: ")
        assert shop.standin.journal.messages == []


async def test_a_secret_in_the_text_is_not_sent_and_comes_back_in_an_edit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = "ghp_" + "aB3dE5fG7hI9jK1lM3nO5pQ7rS9tU1vW3xY5"
    async with open_workshop(tmp_path, monkeypatch) as shop:
        secret = f'TOKEN = "{key}"\nRATE = 1\n'
        text = await shop.open("secret.py", secret)

        def echo(request: Any) -> Reply:
            task = request.last_user_text
            region = task.partition('first_line="1">\n')[2].partition("</region>")[0]
            assert key not in request.system_text + task
            return Reply(f"<replacement>\n{region.replace('TOKEN', 'KEY')}</replacement>")

        shop.standin.when("", echo)
        await shop.do("kibitz.refactor", text, instruction="Rename TOKEN to KEY")

        assert text.text == secret.replace("TOKEN", "KEY")


async def test_secrets_in_words_are_not_sent_and_come_back_in_an_edit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, linted, told = (f"ghp_{mark}B3dE5fG7hI9jK1lM3nO5pQ7rS9tU1vW3xY5" for mark in "xyz")
    async with open_workshop(tmp_path, monkeypatch) as shop:
        (shop.root / ".kibitz.toml").write_text(f'[review]\ninstructions = "Look for {told}"\n')
        text = await shop.open()

        def obey(request: Any) -> Reply:
            words = request.last_user_text.partition("<instruction>\n")[2]
            placeholder = words.partition("Put ")[2].partition(" there")[0]
            return Reply(f"<replacement>\nRATE = {placeholder!r}\n</replacement>")

        shop.standin.when("<instruction>\nPut ", obey)
        await shop.do("kibitz.refactor", text, range=lines(3, 3), instruction=f"Put {asked} there")
        await shop.do("kibitz.fix", text, range=lines(3, 3), diagnostics=[f"line 3: {linted}"])
        await shop.do("kibitz.ask", instruction=f"Who may use {asked}?")
        await shop.do("kibitz.review", text, instruction=f"Look for {asked}")

        assert f"RATE = '{asked}'\n" in text.text
        assert len(shop.standin.journal.messages) == 4
        for sent in shop.standin.journal.messages:
            body = json.dumps(sent.request.body)
            assert not [key for key in (asked, linted, told) if key in body]


async def test_an_unsaved_buffer_with_the_name_of_a_secret_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        for uri in ("untitled:/home/me/.env", "git:/home/me/%2Eenv?%7B%22a%22:%22b/c%22%7D"):
            text = await shop.client.open(uri, "PASSWORD=hunter2\n")
            await shop.do("kibitz.explain", text)

        assert len(shop.client.messages()) == 2
        assert all(said.startswith(".env is not sent: ") for said in shop.client.messages())
        assert shop.standin.journal.messages == []


async def test_documents_without_a_repository_or_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        outside = tmp_path / "alone"
        outside.mkdir()
        (outside / "a.py").write_text("x = 1\n")
        for uri in ((outside / "a.py").as_uri(), "untitled:Untitled-1"):
            text = await shop.client.open(uri, "x = 1\n")
            message = await shop.do("kibitz.explain", text)
            assert "Answer shown" in message
        region = shop.standin.journal.last.request.last_user_text
        assert '<region path="Untitled-1" first_line="1">' in region


async def test_what_lies_beside_a_file_is_read_only_in_a_folder_that_was_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside = tmp_path / "beside"
    (beside / "inner").mkdir(parents=True)
    (beside / "diary.md").write_text("Dear diary\n")
    (beside / "inner" / "a.py").write_text("x = 1\n")
    monkeypatch.chdir(beside)
    async with open_workshop(tmp_path, monkeypatch, workspaceFolders=None, rootUri=None) as shop:
        text = await shop.client.open((beside / "inner" / "a.py").as_uri(), "x = 2\n")
        unsaved = await shop.client.open("untitled:Untitled-1", "y = 1\n")
        await shop.do("kibitz.explain", text)
        await shop.do("kibitz.explain", unsaved)
        await shop.do("kibitz.ask", instruction="What is this?")
        folder = {"uri": beside.as_uri(), "name": "beside"}
        shop.client.notify(
            "workspace/didChangeWorkspaceFolders", {"event": {"added": [folder], "removed": []}}
        )
        await shop.do("kibitz.explain", text)

        *alone, opened = [json.dumps(sent.request.body) for sent in shop.standin.journal.messages]
        assert len(alone) == 3
        assert not [body for body in alone if "diary" in body]
        assert "x = 2" in alone[0]
        assert "Dear diary" in opened


async def test_a_file_that_was_deleted_meanwhile_is_still_the_buffer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        text = await shop.open()
        (shop.root / "prices.py").unlink()

        assert "Answer shown" in await shop.do("kibitz.explain", text)


async def test_an_unknown_setting_names_the_nearest_and_a_guarded_one_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {"prices.py": EXAMPLE, ".kibitz.toml": 'base_url = "http://evil.example"\n'}
    async with open_workshop(
        tmp_path,
        monkeypatch,
        files=files,
        initializationOptions={"baseUrl": "http://evil.example", "contxt": {"max_tokens": 5}},
    ) as shop:
        text = await shop.open()
        await shop.do("kibitz.explain", text)
        await shop.do("kibitz.explain", text)

        messages = shop.client.messages()
        assert len(messages) == 2
        assert any(".kibitz.toml" in message for message in messages)
        assert any("editor settings" in message for message in messages)
        assert len(shop.standin.journal.messages) == 2  # both went where the user's key belongs


async def test_trust_is_kept_for_the_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        answer = await shop.client.execute("kibitz.trust", {})
        assert answer == {"root": str(shop.root), "trusted": True}
        stored = shop.home / "state" / "kibitz" / "trust.toml"
        assert str(shop.root) in stored.read_text()
        await shop.client.execute("kibitz.trust", {"revoke": True})
        assert str(shop.root) not in stored.read_text()


async def test_nothing_is_sent_before_somebody_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        text = await shop.open()
        await shop.client.code_actions(text, lines(6, 10))
        await shop.client.hover(text, {"line": 6, "character": 0})
        shop.client.type(text, 0, "#\n")
        shop.client.save(text)
        await shop.client.request("textDocument/codeLens", {"textDocument": {"uri": text.uri}})

        assert shop.standin.journal.exchanges == []


async def test_a_project_may_lower_the_budget(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {"prices.py": EXAMPLE, ".kibitz.toml": "budget.request_usd = 0.000001\n"}
    async with open_workshop(tmp_path, monkeypatch, files=files) as shop:
        text = await shop.open()

        await shop.do("kibitz.explain", text)

        (asked,) = shop.client.notifications("window/showMessageRequest")
        assert asked["message"].startswith("This request (explain) may cost up to $0.")
        assert shop.standin.journal.messages == []


async def test_an_empty_document_is_told_and_nothing_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        text = await shop.open("new.py", "\n")
        with pytest.raises(ResponseError, match="The document is empty"):
            await shop.client.execute("kibitz.explain", {"uri": text.uri})
        assert shop.standin.journal.messages == []


async def test_a_repository_without_commits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        young = tmp_path / "young"
        young.mkdir()
        subprocess.run([*GIT, "init", "-q"], cwd=young, check=True)
        text = await shop.client.open((young / "a.py").as_uri(), "x = 1\n")

        assert "Answer shown" in await shop.do("kibitz.explain", text)


@pytest.mark.parametrize(
    ("content", "told"),
    [("x = 1\n" * 400_000, "too large"), ("x\0y\n", "binary")],
)
async def test_a_huge_or_binary_buffer_is_refused(
    content: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        text = await shop.open("big.py", content)

        await shop.do("kibitz.explain", text)

        (sentence,) = shop.client.messages()
        assert told in sentence
        assert shop.standin.journal.messages == []


async def test_a_client_without_progress_is_told_how_it_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, profile="bare") as shop:
        shop.standin.enqueue(Reply(tool_calls=[ToolCall("report_findings", {"findings": []})]))
        text = await shop.open()
        await shop.start("kibitz.review", text)

        message = await shop.client.wait_until(
            lambda: next(iter(shop.client.messages()), None), "the message"
        )
        assert message.startswith("Review prices.py: no findings · ")
