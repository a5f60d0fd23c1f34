"""Refactor: the buffer changes while the reply streams, and ends as the reply or as it was."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from kibitz.profiles import PLAIN
from kibitz.standin import Fault, Reply
from support.refactoring import AFTER, MANY, MANY_NEW, REPLY, TOTAL
from support.workshop import EXAMPLE, cursor, lines, open_workshop

SERVED = ["eglot", "helix", "honest", "kakoune", "neovim", "vscode", "zed"]


@pytest.mark.parametrize("profile", SERVED)
async def test_the_buffer_gets_the_reply_in_every_client(
    profile: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, profile=profile) as shop:
        shop.standin.enqueue(Reply(REPLY, chunk_size=5))
        text = await shop.open()

        message = await shop.do("kibitz.refactor", text, range=TOTAL, instruction="Use sum")

        assert text.text == AFTER
        assert "change" in message
        assert shop.client.messages() == []
        body = shop.standin.journal.last.request.body
        assert body["stop_sequences"] == ["</replacement>"]
        assert (
            "<instruction>\nUse sum\n</instruction>" in body["messages"][-1]["content"][-1]["text"]
        )


async def test_a_lying_client_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hasty = dataclasses.replace(PLAIN, echo_seconds=0.05)
    monkeypatch.setattr("kibitz.handlers.lifecycle.profile_for", lambda _: hasty)
    async with open_workshop(tmp_path, monkeypatch, profile="lying") as shop:
        shop.standin.enqueue(Reply(REPLY))
        text = await shop.open()

        await shop.do("kibitz.refactor", text, range=TOTAL, instruction="Use sum")

        assert text.text == EXAMPLE
        (message,) = shop.client.messages()
        assert "the text did not change" in message


async def test_the_first_lines_stand_before_the_reply_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        new = "# one\nRATE = 0.2\nSHARE = 0.5\n"
        shop.standin.enqueue(Reply(f"<replacement>\n{new}</replacement>").hold_at("RATE = 0.2\n"))
        text = await shop.open()
        job = await shop.start("kibitz.refactor", text, range=lines(3, 3), instruction="Comment")
        await shop.standin.reached()

        await shop.client.wait_until(lambda: "# one" in text.text, "the first edit")
        actions = await shop.client.code_actions(text, cursor(3))
        shop.standin.release()
        await shop.client.progress_end(job)

        assert any(action["title"].startswith("Stop: ") for action in actions)
        assert text.text == EXAMPLE.replace("RATE = 0.2\n", new)


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (Reply("I would rather not."), "Claude did not change the code: I would rather not."),
        (Reply(REPLY, stop_reason="refusal"), ""),
        (Reply("<replacement>\ndef total(prices):\n    x = 1\n", stop_reason="max_tokens"), ""),
        (Reply("<replacement>\ndef total(prices):\n    x = 1\n"), "cannot be used"),
        (Reply(REPLY, faults=[Fault.drop("sum")]), ""),
        (Reply(REPLY, faults=[Fault.early_end("sum")]), ""),
        (Reply(""), "empty"),
    ],
)
async def test_an_incomplete_reply_leaves_the_text_as_it_was(
    reply: Reply, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        shop.standin.enqueue(reply)
        text = await shop.open()

        message = await shop.do("kibitz.refactor", text, range=TOTAL, instruction="Use sum")

        assert text.text == EXAMPLE
        assert "Failed" in message
        (sentence,) = shop.client.messages()
        assert told in sentence
        assert not [
            a for a in await shop.client.code_actions(text, cursor(8)) if "Revert" in a["title"]
        ]


async def test_the_comment_above_the_code_is_the_instruction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        marked = EXAMPLE.replace("def total", "# kibitz: use sum\ndef total")
        shop.standin.enqueue(Reply(REPLY))
        text = await shop.open(text=marked)

        await shop.do("kibitz.refactor", text, range=cursor(8))

        assert text.text == AFTER
        task = shop.standin.journal.last.request.last_user_text
        assert "<instruction>\nuse sum\n" in task


async def test_without_an_instruction_the_user_is_given_choices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        shop.standin.enqueue(Reply(REPLY))
        text = await shop.open()
        shop.client.pick = 0

        await shop.do("kibitz.refactor", text, range=TOTAL)
        assert text.text == AFTER
        assert "simpler" in shop.standin.journal.last.request.last_user_text

        shop.client.pick = None
        assert "Nothing chosen" in await shop.do("kibitz.refactor", text, range=TOTAL)


async def test_two_edits_of_one_range_the_newer_one_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        shop.standin.enqueue(Reply("<replacement>\nnever\n").hold_at("never"), Reply(REPLY))
        text = await shop.open()
        first = await shop.start("kibitz.refactor", text, range=TOTAL, instruction="One")
        await shop.standin.reached()
        second = await shop.start("kibitz.refactor", text, range=TOTAL, instruction="Two")

        ends = [await shop.client.progress_end(job) for job in (first, second)]

        assert "a newer request took its place" in ends[0]["message"]
        assert text.text == AFTER


async def test_a_reply_equal_to_the_text_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        same = "".join(EXAMPLE.splitlines(keepends=True)[5:10])
        shop.standin.enqueue(Reply(f"<replacement>\n{same}</replacement>"))
        text = await shop.open()

        message = await shop.do("kibitz.refactor", text, range=TOTAL, instruction="Nothing")

        assert "Nothing to change" in message
        assert (text.text, text.version) == (EXAMPLE, 1)


async def test_lines_around_the_region_that_the_reply_repeats_are_not_doubled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        body = "    return sum(prices)\n"
        shop.standin.enqueue(
            Reply(f"<replacement>\ndef total(prices):\n{body}</replacement>", chunk_size=5)
        )
        text = await shop.open()

        await shop.do("kibitz.refactor", text, range=lines(7, 10), instruction="Use sum")

        assert text.text.count("def total(prices):") == 1
        assert f"def total(prices):\n{body}\n\ndef with_tax" in text.text


async def test_a_stream_that_breaks_after_its_first_edits_takes_them_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        reply = Reply(f"<replacement>\n{MANY_NEW}</replacement>", faults=[Fault.cut("value_9")])
        shop.standin.enqueue(reply.hold_at("value_8"))
        text = await shop.open("many.py", MANY)
        job = await shop.start("kibitz.refactor", text, instruction="Rename")
        await shop.standin.reached()
        await shop.client.wait_until(lambda: "first =" in text.text, "the first edit")
        shop.standin.release()
        await shop.client.progress_end(job)

        assert text.text == MANY
        (sentence,) = shop.client.messages()
        assert sentence
        actions = await shop.client.code_actions(text, cursor(2))
        assert not [action for action in actions if "Revert" in action["title"]]


async def test_what_does_not_parse_any_more_is_said_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch) as shop:
        shop.standin.enqueue(
            Reply("<replacement>\nRATE = (0.2\n</replacement>"),
            Reply("<replacement>\nRATE = (0.3\n</replacement>"),
        )
        text = await shop.open()

        message = await shop.do("kibitz.refactor", text, range=lines(3, 3), instruction="Break")
        assert message.startswith("1 change, prices.py does not parse any more")
        message = await shop.do("kibitz.refactor", text, range=lines(3, 3), instruction="Go on")
        assert message.startswith("1 change"), "it is no worse than before"
        assert "does not parse" not in message
