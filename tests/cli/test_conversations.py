"""Conversations in the terminal: a follow-up goes on with what was said, from the cache."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from kibitz.claude.values import Attachment, Prompt
from kibitz.conversation import store
from kibitz.standin import Reply, ToolCall
from kibitz.standin.cache import CacheUse
from support.command_line import CommandLine
from support.commands_as_processes import KIBITZ
from support.media import pdf, png

SECRET = "AKIAIOSFODNN7" + "QX3P5LM"  # split, or this file would be taken for one that leaks it


def messages(commands: CommandLine, number: int = -1) -> list[dict[str, Any]]:
    """The messages of a request, without markers."""
    body = json.loads(json.dumps(commands.asked[number].request.body))
    for message in body["messages"]:
        for block in message["content"]:
            block.pop("cache_control", None)
    found: list[dict[str, Any]] = body["messages"]
    return found


def texts(message: dict[str, Any]) -> str:
    return "\n".join(block.get("text", f"<{block['type']}>") for block in message["content"])


def markers(body: Any) -> int:
    return json.dumps(body).count('"cache_control"')


def written(use: CacheUse) -> int:
    return use.write_1h_tokens + use.write_5m_tokens


def ids(commands: CommandLine) -> list[str]:
    return [line.split()[0] for line in commands.run("ask", "--list").out.splitlines()]


def long_repository(commands: CommandLine) -> None:
    """A prefix that is above the least that a model caches."""
    commands.write("table.py", "".join(f"ROW_{n} = {n * n}\n" for n in range(2_000)))
    commands.commit()


def test_a_follow_up_sends_what_was_said_to_the_byte(commands: CommandLine) -> None:
    long_repository(commands)
    commands.standin.enqueue(Reply("In `settings.py`."), Reply("Nobody."), Reply("Yes."))
    assert commands.run("ask", "Where are settings read?").code == 0
    assert commands.run("ask", "--continue", "Who calls it?").out == "Nobody.\n"
    assert commands.run("ask", "Is that so?", "--continue").out == "Yes.\n"

    first, second, third = (messages(commands, number) for number in (-3, -2, -1))
    assert [each["role"] for each in third] == ["user", "assistant"] * 2 + ["user"]
    assert second[: len(first)] == first
    assert third[: len(second)] == second
    assert texts(second[1]) == "In `settings.py`."
    assert "<question>\nIs that so?\n</question>" in texts(third[-1])


def test_a_follow_up_reads_the_turns_before_from_the_cache(commands: CommandLine) -> None:
    long_repository(commands)
    question = "Where are settings read? " + "Think of all of them. " * 200
    commands.standin.enqueue(Reply("Here. " * 300), Reply("There."), Reply("Yes."))
    commands.run("ask", question)
    commands.run("ask", "--continue", "Who calls it?")
    commands.run("ask", "--continue", "Is that so?")

    uses = [exchange.cache_use for exchange in commands.asked]
    assert uses[0].read_tokens == 0
    for before, use in pairwise(uses):
        assert use.read_tokens == before.read_tokens + written(before)
        assert use.input_tokens < 10, "all that is new is written for the next one"
    assert 0 < written(uses[2]) < written(uses[1]) < written(uses[0])
    for exchange in commands.asked:
        assert markers(exchange.request.body) <= 3


def test_a_change_of_the_repository_is_told_in_the_newest_turn(commands: CommandLine) -> None:
    long_repository(commands)
    commands.run("ask", "Where is the rate? " * 300)
    path = commands.root / "prices.py"
    path.write_text(path.read_text().replace("0.2", "0.25"))
    commands.run("ask", "--continue", "And now?")

    first, second = commands.asked[-2:]
    assert second.request.body["system"] == first.request.body["system"]
    assert "RATE = 0.25" in texts(messages(commands)[-1])
    # The question and what it brought along are read, too.
    assert second.cache_use.read_tokens == written(first.cache_use)

    path.write_text(path.read_text().replace("0.25", "0.2"))
    commands.run("ask", "--continue", "And now?")
    last = texts(messages(commands)[-1])
    assert "as in the repository at the top again:\nprices.py" in last
    commands.run("ask", "--continue", "And now?")
    assert "<news>" not in texts(messages(commands)[-1]), "each thing is told once"


def test_another_snapshot_begins_the_conversation_anew(commands: CommandLine) -> None:
    long_repository(commands)
    commands.run("ask", "Where is the rate?")
    commands.write("table.py", "".join(f"LINE_{n} = {n * n}\n" for n in range(2_000)))
    commands.write("other.py", "".join(f"MORE_{n} = {n * n}\n" for n in range(2_000)))
    commands.commit()
    outcome = commands.run("ask", "--continue", "And now?", "--verbose")

    sent = messages(commands)
    assert len(sent) == 3
    assert "Where is the rate?" in texts(sent[0])
    assert "<task-context>" not in texts(sent[0]), "what was shown then is shown no more"
    assert "the repository is shown as it is now" in outcome.err


def test_another_model_gets_the_words_alone(commands: CommandLine) -> None:
    commands.run("ask", "Where is the rate?")
    outcome = commands.run("ask", "--continue", "Sure?", "--model", "claude-opus-5-5", "--verbose")
    assert commands.asked[-1].request.body["model"] == "claude-opus-5-5"
    assert len(messages(commands)) == 3
    assert "another model answered them" in outcome.err


def test_what_claude_looked_at_is_sent_again_as_it_was(commands: CommandLine) -> None:
    call = ToolCall("read_file", {"path": "prices.py", "start_line": 1, "end_line": 3})
    commands.standin.enqueue(Reply(tool_calls=[call]), Reply("It is 0.2."), Reply("Yes."))
    commands.run("ask", "What is the rate?")
    looked = messages(commands)
    commands.run("ask", "--continue", "Sure?")
    again = messages(commands)
    assert again[: len(looked)] == looked
    assert any(block["type"] == "tool_result" for block in again[2]["content"])
    assert texts(again[len(looked)]) == "It is 0.2."
    assert markers(commands.asked[-1].request.body) <= 4


def test_conversations_are_listed_and_named(commands: CommandLine) -> None:
    assert commands.run("ask", "--list").out == ""
    commands.run("ask", "First?")
    commands.run("ask", "Second?")
    commands.run("ask", "--continue", "And?")
    lines = commands.run("ask", "--list").out.splitlines()
    assert [line.split(maxsplit=5)[-1] for line in lines] == ["Second?", "First?"]
    assert "2 questions" in lines[0]
    newest, oldest = ids(commands)

    outcome = commands.run("ask", "--continue", oldest, "More?", "--verbose")
    assert f"conversation {oldest}" in outcome.err
    assert "First?" in texts(messages(commands)[0])
    assert ids(commands) == [oldest, newest]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--continue", "0123abcd", "Why?"], "no conversation 0123abcd about this repository"),
        (["--continue", "0123abcd"], "required: QUESTION"),
        (["--continue", "not an id", "Why?"], "no conversation not an id"),
        (["--list", "Why?"], "--list goes with no question"),
    ],
)
def test_what_cannot_be_continued(commands: CommandLine, arguments: list[str], told: str) -> None:
    commands.run("ask", "First?")
    asked = len(commands.asked)
    outcome = commands.run("ask", *arguments)
    assert outcome.code == 2
    assert told in outcome.err
    assert len(commands.asked) == asked


def test_nothing_to_continue(commands: CommandLine) -> None:
    outcome = commands.run("ask", "--continue", "Why?")
    assert (outcome.code, commands.asked) == (2, [])
    assert outcome.err == (
        "kibitz: There is no conversation about this repository yet; ask without --continue.\n"
    )


def test_two_terminals_in_one_conversation_lose_nothing(
    commands: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands.run("ask", "First?")
    (begun,) = ids(commands)
    keep = store.Conversations.go_on

    def late(self: store.Conversations, *arguments: Any) -> store.Thread:
        # Somebody else's turn is kept while ours is being answered.
        monkeypatch.setattr(store.Conversations, "go_on", keep)
        assert commands.run("ask", "--continue", "Theirs?").code == 0
        return keep(self, *arguments)

    monkeypatch.setattr(store.Conversations, "go_on", late)
    commands.run("ask", "--continue", "Ours?")
    threads = ids(commands)
    assert len(threads) == 2
    assert begun in threads
    (other,) = set(threads) - {begun}
    for thread, own, foreign in ((begun, "Theirs?", "Ours?"), (other, "Ours?", "Theirs?")):
        commands.run("ask", "--continue", thread, "And?")
        said = "".join(map(texts, messages(commands)))
        assert "First?" in said
        assert own in said
        assert foreign not in said


def test_an_answer_that_failed_is_not_gone_on_with(commands: CommandLine) -> None:
    commands.run("ask", "First?")
    commands.standin.enqueue(Reply("Half", stop_reason="refusal"))
    assert commands.run("ask", "--continue", "Bad?").code == 3
    commands.run("ask", "--continue", "Third?")
    said = "".join(map(texts, messages(commands)))
    assert "First?" in said
    assert "Bad?" not in said


def test_secrets_and_rights(commands: CommandLine) -> None:
    commands.run("ask", f"Is {SECRET} a key?")
    commands.run("ask", "--continue", f"And {SECRET}?")
    assert SECRET not in json.dumps(commands.asked[-1].request.body)
    folder = commands.home / "state" / "kibitz"
    file = folder / store.FILE_NAME
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    for each in folder.glob(f"{store.FILE_NAME}*"):
        assert SECRET.encode() not in each.read_bytes()


def test_without_an_audit_nothing_is_kept(commands: CommandLine) -> None:
    commands.write_settings('audit = "off"\n')
    assert commands.run("ask", "First?").code == 0
    assert not (commands.home / "state" / "kibitz" / store.FILE_NAME).exists()
    outcome = commands.run("ask", "--continue", "Second?")
    assert (outcome.code, len(commands.asked)) == (2, 1)
    assert "no conversation is kept" in outcome.err


def test_an_unusable_store_costs_no_answer(commands: CommandLine) -> None:
    folder = commands.home / "state" / "kibitz"
    folder.mkdir(parents=True)
    (folder / store.FILE_NAME).mkdir()
    outcome = commands.run("ask", "Why?")
    assert outcome.code == 0
    assert outcome.out


# --- what a question points at -------------------------------------------------------------------


def test_places_and_pictures_go_along(commands: CommandLine) -> None:
    commands.write("docs/shot.png", png(300, 100))
    commands.write("docs/paper.pdf", pdf(2))
    commands.standin.enqueue(Reply("Yes."), Reply("Yes."))
    question = (
        "Is `prices.py:3` as in ![](docs/shot.png), [the paper](docs/paper.pdf) "
        "and [these notes](docs/notes.md)? Not [there](https://example.invalid/a.png)."
    )
    outcome = commands.run("ask", question)
    assert (outcome.code, outcome.err) == (0, "")
    (asked,) = messages(commands)
    kinds = [block["type"] for block in asked["content"]]
    assert [kind for kind in kinds if kind != "text"] == ["image", "document"]
    said = texts(asked)
    assert '<quoted path="prices.py" first_line="3">\n3\tRATE = 0.2\n</quoted>' in said
    assert said.index("3\tRATE") < said.index("docs/shot.png:\n<image>")
    assert said.index("docs/paper.pdf:\n<document>") < said.index("Prices are in cents.")
    assert said.index("Prices are in cents.") < said.index("<question>")

    commands.run("ask", "--continue", "Sure?")
    assert messages(commands)[0] == asked


def test_they_are_part_of_the_worst_case(commands: CommandLine) -> None:
    commands.write("paper.pdf", pdf(90))
    outcome = commands.run("ask", "See [](paper.pdf)")
    assert (outcome.code, commands.asked) == (4, [])
    assert "budget.request_usd" in outcome.err or "$0.50" in outcome.err


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("![](gone.png)", "gone.png does not exist; it was to be attached."),
        ("![](../out.png)", "../out.png is not sent: it is outside the repository."),
        ("![](ignored.png)", "ignored.png is not sent: it is ignored by git."),
        ("![](.env)", ".env is not sent: files called .env hold credentials."),
        ("`.env:1`", ".env is not sent: files called .env hold credentials."),
        ("![](text.png)", "text.png is not sent: it is neither a PNG, JPEG, GIF or WebP"),
        ("![](wide.png)", "wide.png is not sent: it has 9000 × 1 pixels"),
        ("[](long.pdf)", "long.pdf is not sent: it has 101 pages, and the API takes 100."),
        ("[](big.png)", "big.png is not sent: a picture may have 3.75 MB."),
        ("`prices.py:90-99`", "prices.py has 14 lines; line 99 is past its end."),
    ],
)
def test_what_may_not_go_along(commands: CommandLine, question: str, told: str) -> None:
    (commands.root.parent / "out.png").write_bytes(png(1, 1))
    commands.write(".gitignore", "ignored.png\n")
    commands.write("ignored.png", png(1, 1))
    commands.write(".env", "A=1\n")
    commands.write("text.png", "x")
    commands.write("wide.png", png(9_000, 1))
    commands.write("long.pdf", pdf(101))
    commands.write("big.png", png(1, 1) + os.urandom(4_000_000))
    outcome = commands.run("ask", f"See {question}")
    assert (outcome.code, commands.asked) == (2, [])
    assert told in outcome.err


def test_code_that_looks_like_a_place_is_none(commands: CommandLine) -> None:
    assert commands.run("ask", "Why `localhost:8080` and `nothing.py:1`, [x](gone.md)?").code == 0
    assert "<quoted" not in texts(messages(commands)[0])


def test_a_model_that_takes_no_pictures(
    commands: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands.write("a.png", png(3, 3))

    from kibitz.backend import Backend
    from kibitz.claude.values import ModelFacts

    async def models(self: Backend) -> tuple[ModelFacts, ...]:
        return (
            ModelFacts("claude-sonnet-5-5", capabilities={"image_input": {"supported": False}}),
        )

    monkeypatch.setattr(Backend, "models", models)
    outcome = commands.run("ask", "See ![](a.png)")
    assert (outcome.code, commands.asked) == (2, [])
    assert "claude-sonnet-5-5 takes no pictures" in outcome.err


def test_relative_links_start_in_the_current_folder(
    commands: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands.write("docs/a.png", png(3, 3))
    monkeypatch.chdir(Path("docs"))
    assert commands.run("ask", "See ![](a.png) and `prices.py:3` and `docs/notes.md:1`").code == 0
    said = texts(messages(commands)[0])
    assert "Attached is docs/a.png:" in said
    assert re.search(r'<quoted path="prices\.py"', said)
    assert re.search(r'<quoted path="docs/notes\.md"', said)


@pytest.mark.parametrize(("with_them", "refused"), [(900, True), (2_000, False)])
def test_an_endpoint_that_drops_attachments(
    with_them: int, refused: bool, commands: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kibitz.backend import Backend

    async def count_tokens(self: Backend, prompt: Prompt) -> int:
        parts = [part for message in prompt.messages for part in message.content]
        return with_them if any(isinstance(part, Attachment) for part in parts) else 900

    monkeypatch.setattr(Backend, "count_tokens", count_tokens)
    commands.write_settings(
        f'provider = "compatible"\nbase_url = "{commands.standin.base_url}"\n'
        'models.standard = "claude-sonnet-5-5"\n'
    )
    commands.write("a.pdf", pdf(1))
    outcome = commands.run("ask", "See [](a.pdf)", "--verbose")
    assert outcome.code == (2 if refused else 0)
    told = "leaves attachments out" if refused else "leave PDF documents out"
    assert told in outcome.err
    assert len(commands.asked) == (0 if refused else 1)


@pytest.mark.real  # slow
@pytest.mark.skipif(sys.platform == "win32", reason="POSIX pipes")
def test_the_installed_program_goes_on(commands: CommandLine) -> None:
    long_repository(commands)
    for arguments in (["ask", "Where is it? " * 300], ["ask", "--continue", "Sure?"]):
        done = subprocess.run(
            [KIBITZ, *arguments], stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, b"")
    first, second = (exchange.cache_use for exchange in commands.asked)
    assert second.read_tokens == written(first) > 0
    assert len(messages(commands)) == 3
