"""Conversations in a document: *Send* streams the answer in below, in every client."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from kibitz.conversation import document as documents
from kibitz.standin import Fault, Reply
from support.media import png
from support.raw_client import EditorText
from support.workshop import EXAMPLE, Workshop, cursor, lines, open_workshop

SERVED = ["eglot", "helix", "honest", "kakoune", "neovim", "vscode", "zed"]
ASKED = "## You\n\nWhat is the rate?\n"
ANSWER = "It is 0.2.\n\n```py\nRATE = 0.2\n```\n"
ANSWERED = f"{ASKED}\n## Claude\n\n{ANSWER}\n## You\n\n"

LONG = "".join(f"ROW_{n} = {n * n}\n" for n in range(2_000))
FILES = {"prices.py": EXAMPLE, "table.py": LONG}


async def talk(shop: Workshop, text: str = ASKED, name: str = "talk.kibitz.md") -> EditorText:
    return await shop.client.open(name, text, "markdown")


def sent(shop: Workshop, number: int = -1) -> list[dict[str, Any]]:
    """The messages of a request, without markers."""
    body = json.loads(json.dumps(shop.standin.journal.messages[number].request.body))
    for message in body["messages"]:
        for block in message["content"]:
            block.pop("cache_control", None)
    found: list[dict[str, Any]] = body["messages"]
    return found


def words(message: dict[str, Any]) -> str:
    return "\n".join(block.get("text", f"<{block['type']}>") for block in message["content"])


@pytest.mark.parametrize("profile", SERVED)
async def test_the_answer_streams_in_below_in_every_client(
    profile: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, profile=profile) as shop:
        shop.standin.enqueue(Reply(ANSWER, chunk_size=5))
        text = await talk(shop)

        message = await shop.do("kibitz.ask", text)

        assert text.text == ANSWERED
        assert message.startswith("Answered · ")
        assert shop.client.messages() == []
        assert "<question>\nWhat is the rate?\n</question>" in words(sent(shop)[0])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("What is the rate?", "What is the rate?\n\n## Claude\n\nYes.\n\n## You\n\n"),
        ("Why?\n\n\n\n", "Why?\n\n## Claude\n\nYes.\n\n## You\n\n\n\n\n"),
        ("## You\r\nWhy?\r\n", "## You\r\nWhy?\r\n\r\n## Claude\r\n\r\nYes.\r\n\r\n## You\r\n\r\n"),
    ],
)
async def test_what_stands_there_stays(
    before: str, after: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        shop.standin.enqueue(Reply("Yes."))
        text = await talk(shop, before)
        await shop.do("kibitz.ask", text)
        assert text.text == after


async def test_the_first_lines_stand_before_the_answer_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        shop.standin.enqueue(Reply(ANSWER).hold_at("RATE"))
        text = await talk(shop)
        job = await shop.start("kibitz.ask", text)
        await shop.standin.reached()
        await shop.client.wait_until(lambda: "It is 0.2." in text.text, "the first paragraph")
        actions = await shop.client.code_actions(text, cursor(1))
        shop.standin.release()
        await shop.client.progress_end(job)
        assert actions[0]["title"] == "Stop: Answer talk.kibitz.md"
        assert "Send" not in [action["title"] for action in actions]
        assert text.text == ANSWERED


@pytest.mark.parametrize("profile", SERVED)
async def test_what_the_user_types_meanwhile_stays(
    profile: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, profile=profile) as shop:
        shop.standin.enqueue(Reply(ANSWER).hold_at("RATE"))
        text = await talk(shop, f"{ASKED}\nBelow.\n")
        job = await shop.start("kibitz.ask", text)
        await shop.standin.reached()
        if profile != "kakoune":  # it gets its edit at the end
            await shop.client.wait_until(lambda: "It is 0.2." in text.text, "the first paragraph")
        shop.client.type(text, 0, "# Mine, above\n\n")
        shop.client.type(text, len(text.text), "Mine, below\n")
        where = text.text.index("What is")
        shop.client.type(text, where, "So: w", removing=1)
        shop.standin.release()
        await shop.client.progress_end(job)

        assert text.text.startswith("# Mine, above\n\n## You\n\nSo: what is the rate?\n")
        assert "Mine, below\n" in text.text
        answer = text.text[text.text.index("## Claude") :]
        assert answer.replace("Mine, below\n", "") == f"## Claude\n\n{ANSWER}\n## You\n\n"
        assert shop.client.messages() == []


async def test_the_next_question_reads_the_first_one_from_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, files=FILES) as shop:
        shop.standin.enqueue(Reply(ANSWER), Reply("Nobody."), Reply("Yes."))
        text = await talk(shop)
        await shop.do("kibitz.ask", text)
        for question in ("Who calls it?", "Sure?"):
            shop.client.type(text, len(text.text), f"{question}\n")
            assert (await shop.do("kibitz.ask", text)).startswith("Answered")

        first, second, third = (sent(shop, number) for number in (-3, -2, -1))
        assert second[: len(first)] == first
        assert third[: len(second)] == second
        assert words(third[1]) == ANSWER
        uses = [each.cache_use for each in shop.standin.journal.messages]
        for before, use in pairwise(uses):
            assert use.read_tokens == (
                before.read_tokens + before.write_1h_tokens + before.write_5m_tokens
            )
        assert [each.question for each in documents.parse(text.text).exchanges] == [
            "What is the rate?",
            "Who calls it?",
            "Sure?",
        ]


async def test_a_turn_that_was_edited_is_sent_as_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, files=FILES) as shop:
        shop.standin.enqueue(Reply(ANSWER), Reply("Nobody."), Reply("Yes."), Reply("Yes."))
        text = await talk(shop)
        await shop.do("kibitz.ask", text)
        shop.client.type(text, text.text.index("It is 0.2."), "Is it", removing=5)
        shop.client.type(text, len(text.text), "Who calls it?\n")
        job = await shop.start("kibitz.ask", text)
        await shop.client.progress_end(job)

        assert "Is it 0.2." in words(sent(shop)[1])
        told = [value.get("message", "") for value in shop.client.progress(job)]
        assert [each for each in told if "they are not as they were sent" in each]

        shop.client.type(text, len(text.text), "Sure?\n")
        again = await shop.start("kibitz.ask", text)
        await shop.client.progress_end(again)
        told = [value.get("message", "") for value in shop.client.progress(again)]
        assert not [each for each in told if "read anew" in each], "it is said once"
        assert sent(shop)[:3] == sent(shop, -2)


async def test_stop_keeps_what_has_come_and_marks_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        shop.standin.enqueue(Reply(ANSWER).hold_at("RATE"), Reply("Yes."))
        text = await talk(shop)
        job = await shop.start("kibitz.ask", text)
        exchange = await shop.standin.reached()
        await shop.client.wait_until(lambda: "```py" in text.text, "the fence")
        await shop.client.execute("kibitz.stop", {"uri": text.uri})
        end = await shop.client.progress_end(job)

        assert end["message"] == "Stopped: you stopped it"
        assert text.text == (
            f"{ASKED}\n## Claude\n\nIt is 0.2.\n\n```py\nRATE\n```\n\n*Stopped here.*\n\n## You\n\n"
        )
        await shop.standin.journal.wait_for_disconnect(exchange)
        shop.client.type(text, len(text.text), "Go on\n")
        await shop.do("kibitz.ask", text)
        assert len(sent(shop)) == 3
        assert "It is 0.2." in words(sent(shop)[1])


async def test_stop_before_a_word_leaves_the_document_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        shop.standin.enqueue(Reply(ANSWER).hold_at(0))
        text = await talk(shop)
        job = await shop.start("kibitz.ask", text)
        await shop.standin.reached()
        await shop.client.wait_until(lambda: "## Claude" in text.text, "the heading")
        await shop.client.execute("kibitz.stop", {"job": job})
        await shop.client.progress_end(job)
        assert text.text == ASKED


@pytest.mark.parametrize(
    "reply",
    [
        Reply(ANSWER, faults=[Fault.drop("RATE")]),
        Reply(ANSWER, stop_reason="refusal"),
        Reply("", stop_reason="end_turn"),
        Reply(ANSWER, faults=[Fault.status_code(401)]),
    ],
)
async def test_after_a_fault_the_document_is_as_it_was(
    reply: Reply, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        shop.standin.enqueue(reply)
        text = await talk(shop)
        message = await shop.do("kibitz.ask", text)
        assert text.text == ASKED
        assert message.startswith("Failed")
        assert len(shop.client.messages()) == 1


async def test_taking_the_answer_back_stops_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        shop.standin.enqueue(Reply(ANSWER).hold_at("RATE"))
        text = await talk(shop)
        job = await shop.start("kibitz.ask", text)
        await shop.standin.reached()
        await shop.client.wait_until(lambda: "```py" in text.text, "the fence")
        shop.client.type(text, len(ASKED), "", removing=len(text.text) - len(ASKED))
        await shop.client.progress_end(job)
        assert text.text == ASKED


async def test_a_document_that_cannot_be_changed_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        text = await talk(shop)
        shop.client.request_handlers["workspace/applyEdit"] = lambda params: {"applied": False}
        message = await shop.do("kibitz.ask", text)
        (sentence,) = shop.client.messages()
        assert "the editor refused the edit" in sentence
        assert message.startswith("Stopped")
        assert shop.standin.journal.messages == []


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("talk.kibitz.md", "## You\n\n", "Nothing is asked here"),
        ("talk.kibitz.md", ANSWERED, "Nothing is asked here"),
        ("vscode-notebook-cell:/a.ipynb#1", "---\nkibitz: conversation\n---\nHow?", "notebook"),
        ("talk.md", ASKED, "Give the question as `instruction`"),
    ],
)
async def test_what_cannot_be_sent(
    name: str, text: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        opened = await talk(shop, text, name)
        with pytest.raises(Exception, match=told):
            await shop.client.execute("kibitz.ask", {"uri": opened.uri})
        assert shop.standin.journal.messages == []


async def test_one_answer_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        shop.standin.enqueue(Reply(ANSWER).hold_at("RATE"))
        text = await talk(shop)
        job = await shop.start("kibitz.ask", text)
        with pytest.raises(Exception, match="is being answered"):
            await shop.client.execute("kibitz.ask", {"uri": text.uri})
        await shop.standin.reached()
        shop.standin.release()
        await shop.client.progress_end(job)
        assert text.text == ANSWERED


async def test_what_is_offered_in_a_conversation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        text = await talk(shop)
        (send,) = [
            action
            for action in await shop.client.code_actions(text, cursor(1))
            if action["kind"].startswith("source.")
        ]
        assert (send["title"], send["kind"]) == ("Send", "source.kibitz.send")
        assert send["command"]["command"] == "kibitz.ask"
        shop.standin.enqueue(Reply(ANSWER))
        answer = await shop.client.execute("kibitz.ask", *send["command"]["arguments"])
        await shop.client.progress_end(answer["job"])
        assert text.text == ANSWERED
        left = await shop.client.code_actions(text, cursor(1))
        assert "Send" not in [action["title"] for action in left]


async def test_a_new_conversation_about_a_selection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        code = await shop.open()
        await shop.do("kibitz.converse", code, range=lines(6, 10))
        (shown,) = shop.client.notifications("window/showDocument")
        path = Path(shown["uri"].removeprefix("file://"))
        assert path.is_relative_to(shop.home / "cache" / "kibitz" / "conversations")
        assert path.stat().st_mode & 0o777 == 0o600
        shop.client.type(code, 0, "# typed\n")  # what is sent is what the editor has
        text = await talk(shop, path.read_text(), path.as_uri())
        shop.client.type(text, len(text.text), "What is it?\n")
        shop.standin.enqueue(Reply("A sum."))
        await shop.do("kibitz.ask", text)
        assert text.text.endswith("## Claude\n\nA sum.\n\n## You\n\n")
        asked = words(sent(shop)[0])
        assert '<quoted path="prices.py" first_line="6">\n6\t' in asked
        assert "7\tdef total(prices):" in asked


async def test_a_strangers_document_names_no_other_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "private"
    other.mkdir()
    (other / "secret.py").write_text("PLAN = 'sell'\n")
    async with open_workshop(tmp_path, monkeypatch) as shop:
        header = f"---\nkibitz: conversation\nrepository: {other}\n---\n"
        text = await talk(shop, f"{header}{ASKED}", "talk.md")
        await shop.do("kibitz.ask", text)
        body = json.dumps(shop.standin.journal.last.request.body)
        assert "PLAN" not in body
        assert "RATE = 0.2" in body


async def test_pictures_lie_beside_the_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {"prices.py": EXAMPLE, "notes/shot.png": png(30, 20), "notes/x.md": "x\n"}
    async with open_workshop(tmp_path, monkeypatch, files=files) as shop:
        text = await talk(shop, "See ![](shot.png)\n", "notes/talk.kibitz.md")
        await shop.do("kibitz.ask", text)
        assert [block["type"] for block in sent(shop)[0]["content"]].count("image") == 1

        gone = await talk(shop, "See ![](gone.png)\n", "notes/other.kibitz.md")
        await shop.do("kibitz.ask", gone)
        assert gone.text == "See ![](gone.png)\n"
        assert shop.client.messages() == ["gone.png does not exist; it was to be attached."]


async def test_the_document_itself_is_no_part_of_the_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {"prices.py": EXAMPLE, "talk.kibitz.md": "Old words.\n"}
    async with open_workshop(tmp_path, monkeypatch, files=files) as shop:
        text = await talk(shop, "## You\n\nNew words?\n")
        await shop.do("kibitz.ask", text)
        body = json.dumps(shop.standin.journal.last.request.body)
        assert "Old words" not in body
        assert body.count("New words?") == 1
