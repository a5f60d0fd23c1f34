"""A real llama.cpp with a small model as the endpoint: the wire holds, poor replies do no harm.

What a model of 135 million parameters says is not judged.  Where a reply must have a form, a
grammar of llama.cpp's makes it follow one; everything on the wire is llama.cpp's own.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support.findings import finding
from support.llama_server import llama_server
from support.raw_client import KIBITZ_SERVE, EditorText, RawClient, clean_environment
from support.workshop import EXAMPLE, cursor, lines, make_repository, merge

pytestmark = pytest.mark.real

# What another program does to the processors is not to fail these tests.
LONGEST_REPLY_SECONDS = 500.0

SETTINGS = """\
provider = "compatible"
base_url = "{url}"

[models]
fast = "smollm2"
standard = "smollm2"
deep = "smollm2"

[context]
max_tokens = 1000
"""

TOTAL = lines(6, 10)
NEW_TOTAL = "def total(prices):\n    return sum(prices)\n"


@dataclass
class Desk:
    """An editor with one open text, and what kibitz told it."""

    client: RawClient
    text: EditorText
    environment: dict[str, str]

    async def do(self, command: str, **argument: Any) -> str:
        """Run a command about the text; gives the last message of its job's progress."""
        answer = await self.client.execute(command, {"uri": self.text.uri, **argument})
        self.job = answer["job"]
        end = await self.client.progress_end(self.job)
        return end["message"]

    def reports(self) -> list[str]:
        """What the progress of the last command said, in order."""
        return [value.get("message", "") for value in self.client.progress(self.job)]

    def usage(self) -> dict[str, Any]:
        """The total of `kibitz usage`."""
        answer = subprocess.run(
            [KIBITZ_SERVE[0], "usage", "--json"],
            env=self.environment,
            capture_output=True,
            check=True,
        )
        return json.loads(answer.stdout)["total"]


def user(home: Path, url: str) -> dict[str, str]:
    """The environment of a user whose Claude is at `url`, without any key."""
    settings = home / "config" / "kibitz" / "config.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text(SETTINGS.format(url=url))
    return clean_environment(home)


@contextlib.asynccontextmanager
async def desk_at(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str = EXAMPLE
) -> AsyncIterator[Desk]:
    monkeypatch.setattr("support.raw_wire.TIMEOUT_SECONDS", LONGEST_REPLY_SECONDS)
    root = make_repository(tmp_path / "repository", {"prices.py": content})
    environment = user(tmp_path / "home", url)
    async with RawClient.start(root=root, environment=environment, initialize=False) as client:
        merge(client.profile.capabilities, {"experimental": {"kibitz": {"stream": True}}})
        await client.initialize()
        yield Desk(client, await client.open("prices.py", content), environment)
        await client.close()


async def test_explain_streams_text_that_reaches_the_user(
    model_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk_at(model_url, tmp_path, monkeypatch) as desk:
        message = await desk.do("kibitz.explain", range=cursor(8))
        pieces = desk.client.notifications("kibitz/stream")
        hover = await desk.client.hover(desk.text, {"line": 7, "character": 4})
        said = "".join(piece["text"] for piece in pieces)

        assert len([piece for piece in pieces if piece["state"] == "delta"]) > 3
        assert len(said.split()) > 3
        assert "cost unknown" in message
        if message.startswith("Answer shown"):
            assert desk.client.messages() == []
            assert said.strip()[:40] in hover["contents"]["value"]
        else:
            (sentence,) = desk.client.messages()
            assert "cut off at its token limit" in sentence
            assert hover is None

        usage = desk.usage()
        assert usage["requests"] == 1
        assert usage["input_tokens"] + usage["cache_read_tokens"] > 500
        assert usage["output_tokens"] > 3
        assert usage["cost_usd"] is None, "nobody knows the price of a model of one's own"


async def test_the_second_request_reads_the_common_prefix_from_its_cache(
    model_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk_at(model_url, tmp_path, monkeypatch) as desk:
        for instruction in ("Is it right?", "Is it fast?"):
            await desk.do("kibitz.explain", range=TOTAL, instruction=instruction)

        assert any("of them from cache" in report for report in desk.reports())
        usage = desk.usage()
        assert usage["cache_read_tokens"] > usage["input_tokens"]
        assert usage["cache_write_tokens"] == 0


async def test_a_poor_refactoring_leaves_the_text_whole(
    model_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk_at(model_url, tmp_path, monkeypatch) as desk:
        message = await desk.do("kibitz.refactor", range=TOTAL, instruction="Use sum()")

        if message.startswith("Failed"):
            assert desk.text.text == EXAMPLE
            (sentence,) = desk.client.messages()
            assert sentence
        else:
            # Only a complete replacement is ever kept, and only in the region.
            before, after = EXAMPLE.split("def total")[0], EXAMPLE.split("    return result\n")[1]
            assert "change" in message
            assert desk.text.text.startswith(before)
            assert desk.text.text.endswith(after)
        assert desk.usage()["requests"] == 1


async def test_a_poor_review_says_why_there_are_no_findings(
    model_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk_at(model_url, tmp_path, monkeypatch) as desk:
        message = await desk.do("kibitz.review", range=TOTAL)

        assert desk.text.text == EXAMPLE
        published = desk.client.diagnostics(desk.text.uri) or []
        if message.startswith("Failed"):
            (sentence,) = desk.client.messages()
            assert "cut off at its token limit" in sentence or "no findings" in sentence
            assert published == []
        else:
            assert "finding" in message
            assert all(one["range"]["start"]["line"] in range(5, 10) for one in published)


async def test_a_prompt_that_does_not_fit_is_one_sentence(
    model_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = "".join(f"value_{number} = {number}\n" for number in range(1000))
    async with desk_at(model_url, tmp_path, monkeypatch, long) as desk:
        message = await desk.do("kibitz.explain")

        assert message == "Failed"
        (sentence,) = desk.client.messages()
        assert sentence.startswith('The request is too large for "smollm2" (')
        assert sentence.endswith(
            " tokens, and 3,584 are allowed); lower `context.max_tokens`, or select less."
        )


async def test_a_replacement_becomes_an_edit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reply = f"<replacement>\n{NEW_TOTAL}</replacement>"
    with llama_server(grammar=literal(reply)) as url:
        async with desk_at(url, tmp_path, monkeypatch) as desk:
            message = await desk.do("kibitz.refactor", range=TOTAL, instruction="Use sum()")

            assert message.startswith("1 change · ")
            old = EXAMPLE[EXAMPLE.index("def total") : EXAMPLE.index("\n\ndef with_tax")]
            assert desk.text.text == EXAMPLE.replace(old, NEW_TOTAL)
            assert desk.client.messages() == []


async def test_a_server_that_takes_no_tools_is_asked_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = finding()
    reply = json.dumps({"findings": [found]})
    with llama_server(takes_tools=False, grammar=literal(reply)) as url:
        async with desk_at(url, tmp_path, monkeypatch) as desk:
            reviewed = await desk.do("kibitz.review", range=TOTAL)
            explained = await desk.do("kibitz.explain", range=TOTAL)

            assert reviewed.startswith("1 finding · "), desk.client.messages()
            (diagnostic,) = desk.client.diagnostics(desk.text.uri) or []
            assert diagnostic["message"] == f"{found['title']}\n{found['message']}"
            assert diagnostic["range"]["start"] == {"line": 8, "character": 8}
            assert explained.startswith("Answer shown · ")
            assert desk.client.messages() == []
            # What was refused cost nothing and is not counted.
            assert desk.usage()["requests"] == 2


def test_the_command_line_explains_too(model_url: str, tmp_path: Path) -> None:
    root = make_repository(tmp_path / "repository", {"prices.py": EXAMPLE})
    answer = subprocess.run(
        [KIBITZ_SERVE[0], "explain", "prices.py:6-10"],
        cwd=root,
        env=user(tmp_path / "home", model_url),
        capture_output=True,
        text=True,
        timeout=LONGEST_REPLY_SECONDS,
    )

    assert len(answer.stdout.split()) > 3
    if answer.returncode:
        assert answer.returncode == 3
        assert "cut off at its token limit" in answer.stderr


def literal(text: str) -> str:
    """A grammar whose one sentence is `text`."""
    # A string of GBNF is escaped as one of JSON.
    return f"root ::= {json.dumps(text)}"
