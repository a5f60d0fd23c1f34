"""Explain: the answer reaches the user in every client, and stays at its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from kibitz.standin import Fault, Reply
from support.workshop import cursor, lines, open_workshop

ANSWER = "It adds the prices up.\n\nAn empty list gives 0.\n"


async def test_a_client_that_shows_documents_gets_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, profile="neovim") as shop:
        shop.standin.enqueue(Reply(ANSWER, chunk_size=7))
        text = await shop.open()

        message = await shop.do("kibitz.explain", text, range=cursor(8))

        (shown,) = shop.client.notifications("window/showDocument")
        path = Path(shown["uri"].removeprefix("file://"))
        assert path.read_text() == f"# Explain prices.py:6-10\n\n{ANSWER}"
        assert path.is_relative_to(shop.home / "cache" / "kibitz")
        assert path.stat().st_mode & 0o777 == 0o600
        assert "Answer shown" in message
        assert "$" in message
        hover = await shop.client.hover(text, {"line": 6, "character": 2})
        assert "An empty list gives 0." in hover["contents"]["value"]


async def test_a_client_without_documents_gets_a_message_with_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, profile="bare") as shop:
        shop.standin.enqueue(Reply(ANSWER))
        text = await shop.open()
        await shop.start("kibitz.explain", text)

        message = await shop.client.wait_until(
            lambda: next(iter(shop.client.messages()), None), "the message"
        )

        assert Path(message.rpartition(" ")[2]).read_text().endswith(ANSWER)


async def test_a_client_with_virtual_documents_sees_the_answer_grow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, profile="vscode") as shop:
        reply = Reply(ANSWER, chunk_size=5).hold_at("up.")
        shop.standin.enqueue(reply)
        text = await shop.open()
        job = await shop.start("kibitz.explain", text)
        await shop.standin.reached()

        (shown,) = await shop.client.wait_until(
            lambda: shop.client.notifications("window/showDocument"), "the document"
        )
        half = await shop.client.request("workspace/textDocumentContent", {"uri": shown["uri"]})
        shop.standin.release()
        await shop.client.progress_end(job)
        whole = await shop.client.request("workspace/textDocumentContent", {"uri": shown["uri"]})

        assert shown["uri"].startswith("kibitz:")
        assert ANSWER.startswith(half["text"].partition("\n\n")[2].rstrip("\n"))
        assert len(half["text"]) < len(whole["text"])
        assert whole["text"] == f"# Explain prices.py\n\n{ANSWER}"


@pytest.mark.parametrize("profile", ["neovim", "vscode"])
@pytest.mark.parametrize(
    ("replies", "told"),
    [
        # Its limit is reached, and again when it is continued.
        ([Reply(ANSWER, stop_reason="max_tokens")] * 2, "cut off at its token limit"),
        ([Reply(ANSWER, faults=[Fault.drop("gives 0.\n")])], "broke off"),
    ],
)
async def test_half_an_answer_is_shown_and_said_to_be_one(
    profile: str,
    replies: list[Reply],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with open_workshop(tmp_path, monkeypatch, profile=profile) as shop:
        shop.standin.enqueue(*replies)
        text = await shop.open()

        message = await shop.do("kibitz.explain", text)

        (shown,) = shop.client.notifications("window/showDocument")
        if shown["uri"].startswith("kibitz:"):
            page = (await shop.client.request("workspace/textDocumentContent", shown))["text"]
        else:
            page = Path(shown["uri"].removeprefix("file://")).read_text()
        assert page == f"# Explain prices.py\n\n{ANSWER}\n*The answer breaks off here.*\n"
        (sentence,) = shop.client.messages()
        assert told in sentence
        assert message.startswith("Failed")
        # The hover keeps whole explanations only.
        assert await shop.client.hover(text, {"line": 6, "character": 2}) is None


@pytest.mark.parametrize("profile", ["neovim", "vscode"])
async def test_what_came_before_a_refusal_is_not_left_in_view(
    profile: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, profile=profile) as shop:
        shop.standin.enqueue(Reply(ANSWER, chunk_size=5, stop_reason="refusal"))
        text = await shop.open()

        await shop.do("kibitz.explain", text)

        for shown in shop.client.notifications("window/showDocument"):
            assert shown["uri"].startswith("kibitz:")
            page = await shop.client.request("workspace/textDocumentContent", shown)
            assert "adds" not in page["text"]
            assert "refused to go on" in page["text"]
        (sentence,) = shop.client.messages()
        assert sentence.startswith("Claude refused to answer")
        assert await shop.client.hover(text, {"line": 6, "character": 2}) is None


async def test_an_answer_that_breaks_off_before_a_word_shows_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, profile="neovim") as shop:
        shop.standin.enqueue(Reply("", stop_reason="max_tokens"))
        await shop.do("kibitz.explain", await shop.open())

        assert shop.client.notifications("window/showDocument") == []


async def test_a_plugin_gets_every_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = {"experimental": {"kibitz": {"stream": True, "status": True}}}
    async with open_workshop(tmp_path, monkeypatch, capabilities=ours) as shop:
        shop.standin.enqueue(Reply(ANSWER, chunk_size=7))
        text = await shop.open()
        job = await shop.start("kibitz.explain", text)
        await shop.client.progress_end(job)

        pieces = shop.client.notifications("kibitz/stream")
        assert [piece["state"] for piece in pieces][:2] == ["begin", "delta"]
        assert pieces[-1]["state"] == "end"
        assert "".join(piece["text"] for piece in pieces) == ANSWER
        assert {piece["job"] for piece in pieces} == {job}
        statuses = await shop.client.wait_until(
            lambda: [s for s in shop.client.notifications("kibitz/status") if s["spentTodayUsd"]],
            "a status with money in it",
        )
        assert statuses[-1]["dayLimitUsd"] == 10


async def test_the_explanation_stays_with_its_code_and_goes_when_that_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        shop.standin.enqueue(Reply(ANSWER))
        text = await shop.open()
        await shop.do("kibitz.explain", text, range=lines(6, 10))

        shop.client.type(text, 0, "# moved\n# twice\n")
        moved = await shop.client.hover(text, {"line": 9, "character": 0})
        above = await shop.client.hover(text, {"line": 3, "character": 0})
        selection = await shop.client.hover(text, lines(1, 20))
        shop.client.type(text, text.text.index("result = 0"), "total_")
        changed = await shop.client.hover(text, {"line": 9, "character": 0})

        assert "adds the prices" in moved["contents"]["value"]
        assert above is None
        assert "adds the prices" in selection["contents"]["value"]
        assert changed is None


async def test_the_answer_to_a_question_about_no_lines_is_not_kept_for_any(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        shop.standin.enqueue(Reply("Of the file"), Reply("Of the line"))
        text = await shop.open()

        await shop.do("kibitz.ask", text, instruction="Who wrote this?")
        assert await shop.client.hover(text, {"line": 2, "character": 0}) is None
        await shop.do("kibitz.ask", text, range=lines(3, 3), instruction="Why 0.2?")
        hover = await shop.client.hover(text, {"line": 2, "character": 0})

        assert "Of the line" in hover["contents"]["value"]
        assert "Of the file" not in hover["contents"]["value"]


async def test_what_claude_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        shop.standin.enqueue(Reply(ANSWER))
        text = await shop.open()
        shop.client.type(text, 0, "# unsaved\n")
        await shop.do("kibitz.explain", text, range=lines(7, 11))

        (exchange,) = shop.standin.journal.messages
        body = exchange.request.body
        task = body["messages"][-1]["content"][-1]["text"]
        assert "# unsaved" in exchange.request.system_text
        assert '<task action="explain">' in task
        assert '<region path="prices.py" first_line="7">\n7\tdef total(prices):\n' in task
        assert body["stream"] is True
        assert body["max_tokens"] > 0


async def test_stop_closes_the_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        for way in ("command", "progress", "uri"):
            shop.standin.enqueue(Reply(ANSWER).hold_at("up."))
            text = await shop.open()
            job = await shop.start("kibitz.explain", text)
            await shop.standin.reached()
            if way == "command":
                await shop.client.execute("kibitz.stop", {"job": job})
            elif way == "progress":
                shop.client.notify("window/workDoneProgress/cancel", {"token": job})
            else:
                await shop.client.execute("kibitz.stop", {"uri": text.uri})
            end = await shop.client.progress_end(job)
            await shop.standin.journal.wait_for_disconnect()

            assert "Stopped: you stopped it" in end["message"]
            shop.standin.journal.clear()
            shop.client.close_text(text)
        assert shop.client.messages() == []


async def test_an_answer_that_reaches_its_limit_goes_on_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, profile="neovim") as shop:
        first = "".join(f"Sentence {n} says something.\n" for n in range(40))
        shop.standin.enqueue(
            Reply(first, stop_reason="max_tokens"), Reply("Sentence 39 says something.\nThe end.")
        )
        text = await shop.open()

        message = await shop.do("kibitz.explain", text)

        one, two = shop.standin.journal.messages
        (shown,) = shop.client.notifications("window/showDocument")
        answer = Path(shown["uri"].removeprefix("file://")).read_text()
        assert answer.endswith(
            "Sentence 38 says something.\nSentence 39 says something.\nThe end.\n"
        )
        assert two.request.body["messages"][:-2] == one.request.body["messages"]
        assert two.request.body["system"] == one.request.body["system"]
        assert two.cache_use.read_tokens > 0
        assert shop.client.messages() == []
        assert f"${one.cost_usd + two.cost_usd:.4f}" in message


async def test_an_answer_that_does_not_fit_twice_is_said_to_be_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        shop.standin.when("", Reply("It goes on and on. " * 40, stop_reason="max_tokens"))
        text = await shop.open()

        message = await shop.do("kibitz.explain", text)

        assert len(shop.standin.journal.messages) == 2
        (sentence,) = shop.client.messages()
        assert "cut off at its token limit" in sentence
        assert message.startswith("Failed · ")
