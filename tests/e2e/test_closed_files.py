"""Edits of a file that no editor has open: read from the disk, changed by one final edit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kibitz.standin import Reply, ToolCall
from support.raw_wire import ResponseError
from support.workshop import EXAMPLE, Workshop, lines, open_workshop

TOKEN = "ghp_" + "k3Jd82Hs0Qm4Zx7Vb1Nc9Lp5Rt6Yw2Ae8Gf0"
SECRET = f'KEY = "{TOKEN}"\n'
NEW_TOTAL = "def total(prices):\n    return sum(prices)\n"
REPLY = Reply(f"<replacement>\n{NEW_TOTAL}</replacement>", chunk_size=5)
AFTER = EXAMPLE[: EXAMPLE.index("def total")] + NEW_TOTAL + EXAMPLE[EXAMPLE.index("\n\ndef with") :]
FILES: dict[str, str | bytes] = {
    "prices.py": (SECRET + EXAMPLE).replace("\n", "\r\n"),
    ".github/workflows/ci.yml": "on: push\n",
    ".env": f"TOKEN={TOKEN}\n",
}


async def do(shop: Workshop, command: str, *replies: Reply, **argument: Any) -> str:
    shop.standin.enqueue(*replies)
    name = argument.pop("name", "prices.py")
    argument = {"uri": (shop.root / name).as_uri(), "range": lines(7, 11)} | argument
    return str(await shop.do(command, **argument))


def on_disk(shop: Workshop, name: str = "prices.py") -> str:
    return (shop.root / name).read_bytes().decode()


@pytest.mark.parametrize(
    ("command", "argument"),
    [
        ("kibitz.refactor", {"instruction": "Use sum."}),
        ("kibitz.fix", {"diagnostics": ["line 9: too long"]}),
        ("kibitz.document", {}),
    ],
)
async def test_one_edit_at_the_end_changes_what_changes(
    command: str, argument: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, files=FILES) as shop:
        message = await do(shop, command, REPLY, **argument)
        assert message.startswith("1 file changed · still parses · ")
        assert on_disk(shop) == (SECRET + AFTER).replace("\n", "\r\n")
        (applied,) = shop.client.notifications("workspace/applyEdit")
        (part,) = applied["edit"]["documentChanges"]
        assert part["textDocument"]["version"] is None
        assert TOKEN not in str(shop.standin.journal.last.request.body)

        # What is opened later can be taken back.
        text = await shop.open()
        assert " reverted" in await shop.do("kibitz.revert", text)
        assert text.text == (SECRET + EXAMPLE).replace("\n", "\r\n")


async def test_a_comment_is_read_from_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {"prices.py": EXAMPLE.replace("def total", "# kibitz: use sum\ndef total")}
    async with open_workshop(tmp_path, monkeypatch, files=files) as shop:
        await do(shop, "kibitz.refactor", REPLY)
        assert "use sum" in shop.standin.journal.last.request.last_user_text
        assert on_disk(shop) == AFTER


async def test_several_files_and_tests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    edit = ToolCall(
        "edit_file",
        {"path": "prices.py", "edits": [{"old_text": "RATE = 0.2", "new_text": "RATE = 0.3"}]},
    )
    async with open_workshop(tmp_path, monkeypatch, files=FILES) as shop:
        reply = Reply(tool_calls=[edit])
        message = await do(shop, "kibitz.refactor", reply, files=True, instruction="Raise it.")
        assert message.startswith("1 file changed")
        assert "RATE = 0.3\r\n" in on_disk(shop)
        with_tests = await do(shop, "kibitz.test")
        assert with_tests == "Failed"
        (said,) = shop.client.messages()
        assert "tests/test_prices.py, a new file, which this editor does not" in said


@pytest.mark.parametrize(
    ("argument", "sentence"),
    [
        ({"name": ".env", "range": None}, ".env is not sent: "),
        ({"name": "gone.py"}, "gone.py is not sent: "),
        ({"range": lines(90, 91)}, "The range starts at line 90; the document has 15 lines."),
        ({"instruction": ""}, "Say what to change"),
    ],
)
async def test_what_cannot_be_edited_is_told_in_one_sentence(
    argument: dict[str, Any], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, files=FILES) as shop:
        message = await do(shop, "kibitz.refactor", **{"instruction": "Mend it."} | argument)
        assert message == "Failed"
        (said,) = shop.client.messages()
        assert sentence in said
        assert shop.standin.journal.messages == []


async def test_a_protected_file_is_asked_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, reply = ".github/workflows/ci.yml", Reply("<replacement>\non: pull\n</replacement>")
    async with open_workshop(tmp_path, monkeypatch, files=FILES) as shop:
        shop.client.pick = 1
        message = await do(shop, "kibitz.refactor", reply, name=name, range=None, instruction="Do.")
        assert message.startswith("Nothing was changed")
        (asked,) = shop.client.notifications("window/showMessageRequest")
        assert f"{name}: it decides what a build runs" in str(asked)
        assert on_disk(shop, name) == "on: push\n"


async def test_an_editor_without_versions_has_to_open_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = {"workspace": {"workspaceEdit": {"documentChanges": False}}}
    async with open_workshop(tmp_path, monkeypatch, files=FILES, capabilities=plain) as shop:
        with pytest.raises(ResponseError, match="is not open in the editor; open it first"):
            await do(shop, "kibitz.refactor", instruction="Use sum.")
