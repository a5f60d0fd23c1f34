"""The pretended editors do what the real ones were measured to do.

Checked against the tiny server, which asks for edits as it is told.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.editor_text import EditorText
from support.raw_client import KIBITZ_TINY, Profile, RawClient

ENCODINGS = ["utf-8", "utf-16", "utf-32"]
letters = st.text(alphabet="ab\n\r\u2028ü\U0001f600", max_size=30)


def insertion(text: EditorText, version: int | None, offset: int, new: str) -> dict[str, Any]:
    edits = [{"range": text.range(offset, offset), "newText": new}]
    identifier = {"uri": text.uri, "version": version}
    return {"edit": {"documentChanges": [{"textDocument": identifier, "edits": edits}]}}


@pytest.mark.parametrize(
    ("profile", "stale_answer", "stale_text"),
    [
        ("honest", False, "user one two"),
        ("vscode", False, "user one two"),
        ("helix", False, "user one two"),
        ("eglot", False, "user one two"),
        ("neovim", True, "user one two"),
        ("zed", True, "user one AI two"),
        ("kakoune", True, "userAI  one two"),
        ("lying", True, "user one two"),
    ],
)
async def test_a_stale_edit(profile: str, stale_answer: bool, stale_text: str) -> None:
    async with RawClient.start(KIBITZ_TINY, profile=profile) as client:
        text = await client.open("file:///a", "one two")
        params = insertion(text, 1, 4, "AI ")
        client.type(text, 0, "user ")
        result = await client.request(
            "test/ask", {"method": "workspace/applyEdit", "params": params}
        )
        assert result["applied"] is stale_answer
        assert text.text == stale_text
        assert await client.request("test/text", {"uri": text.uri}) == stale_text


async def test_neovim_takes_a_stale_edit_of_version_0() -> None:
    async with RawClient.start(KIBITZ_TINY, profile="neovim") as client:
        text = await client.open("file:///a", "one two")
        params = insertion(text, 0, 4, "AI ")
        client.type(text, 0, "user ")
        await client.request("test/ask", {"method": "workspace/applyEdit", "params": params})
        assert text.text == "userAI  one two"


@pytest.mark.parametrize(
    ("profile", "order"),
    [
        ("honest", ["didChange", "answer"]),
        ("vscode", ["answer", "didChange"]),
        ("neovim", ["answer", "didChange"]),
        ("lying", ["answer"]),
    ],
)
async def test_when_the_change_is_told(profile: str, order: list[str]) -> None:
    async with RawClient.start(KIBITZ_TINY, profile=profile) as client:
        text = await client.open("file:///a", "one")
        sent: list[str] = []
        send = client.send

        def watch(message: Any) -> None:
            if message.get("method") == "textDocument/didChange":
                sent.append("didChange")
            elif "result" in message:
                sent.append("answer")
            send(message)

        client.send = watch  # type: ignore[method-assign]
        params = insertion(text, 1, 0, "x")
        await client.request("test/ask", {"method": "workspace/applyEdit", "params": params})
        await client.request("test/echo", [1])
        assert sent == order
        expected = "one" if profile == "lying" else "xone"
        assert await client.request("test/text", {"uri": text.uri}) == expected


async def test_neovim_tells_its_changes_after_a_while_and_together() -> None:
    async with RawClient.start(KIBITZ_TINY, profile="neovim") as client:
        text = await client.open("file:///a", "one")
        for version in (0, 3, 4):
            params = insertion(text, version, 0, "x")
            client.request_handlers["workspace/applyEdit"](params)
        assert (text.version, text.sent_version) == (5, 0)
        await client.request("test/echo", [1])
        assert await client.request("test/text", {"uri": text.uri}) == "xxxone"


async def test_requests_that_are_never_answered_are_noticed() -> None:
    async with RawClient.start(KIBITZ_TINY) as client:
        client.ask("test/wait", {})
        client.notify("exit")
        await client.exit_code()
        client._answer_counts.clear()
        with pytest.raises(AssertionError, match="how often"):
            client.check()


async def test_two_answers_are_noticed() -> None:
    async with RawClient.start(KIBITZ_TINY) as client:
        asked = client.ask("test/echo", [1])
        await client.answer(asked)
        client._take({"jsonrpc": "2.0", "id": asked, "result": None})
        with pytest.raises(AssertionError, match="how often"):
            await client.close()


@pytest.mark.parametrize("name", Profile.names())
def test_profiles_load(name: str) -> None:
    profile = Profile.load(name)
    assert profile.name == name
    assert isinstance(profile.capabilities, dict)


@given(letters, st.data())
def test_positions_of_the_editor_there_and_back(text: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(text)))
    if text[at - 1 : at + 1] == "\r\n" and at > 0:
        at -= 1
    for encoding in ENCODINGS:
        held = EditorText("file:///a", text, "x", encoding)
        assert held.offset(held.position(at)) == at


@given(letters, st.lists(st.tuples(st.integers(0, 30), st.integers(0, 5), letters), max_size=4))
def test_an_echo_brings_another_text_to_the_same_state(
    text: str, changes: list[tuple[int, int, str]]
) -> None:
    for encoding in ENCODINGS:
        held = EditorText("file:///a", text, "x", encoding)
        for start, length, new in changes:
            start = min(start, len(held.text))
            held.replace(start, min(start + length, len(held.text)), new)
        echo = held.echo()["contentChanges"][0]
        mirror = EditorText("file:///a", text, "x", encoding)
        mirror.apply([{"range": echo["range"], "newText": echo["text"]}], None)
        assert mirror.text == held.text


def test_the_editor_shares_no_code_with_the_server() -> None:
    folder = Path(__file__).parent
    for name in ("editor_text.py", "raw_wire.py", "raw_client.py"):
        source = (folder / name).read_text()
        assert not re.search(r"^\s*(from|import) (pygls|lsprotocol|kibitz)", source, re.M)
