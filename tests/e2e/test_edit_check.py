"""`edit.check`: run after an edit, on what stands in the editor; told to Claude once."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from kibitz.standin import Fault, Reply, ToolCall
from support.workshop import EXAMPLE, Workshop, lines, open_workshop

TOKEN = "ghp_" + "k3Jd82Hs0Qm4Zx7Vb1Nc9Lp5Rt6Yw2Ae8Gf0"
CHECK = f"""\
import pathlib
import sys

code = pathlib.Path("prices.py").read_text()
with open(LOG, "a") as log:
    log.write(str(pathlib.Path.cwd()) + "\\n")
if "0.9" in code:
    here = pathlib.Path("prices.py").resolve()
    print(f"{{here}}:3: that rate is wrong ({TOKEN})")
    sys.exit(2)
"""
WRONG = Reply("<replacement>\nRATE = 0.9\n</replacement>")
RIGHT = Reply("<replacement>\nRATE = 0.3\n</replacement>")


class Checked:
    """A workshop whose edits of prices.py are checked, and where its check has run."""

    def __init__(self, tmp_path: Path) -> None:
        self.log = tmp_path / "runs.txt"
        self.files: dict[str, str | bytes] = {
            "prices.py": EXAMPLE,
            "check.py": CHECK.replace("LOG", repr(str(self.log))),
            "cart.py": "from prices import RATE\n",
        }
        self.environment = {"KIBITZ_EDIT_CHECK": f"{sys.executable} check.py"}

    @contextlib.asynccontextmanager
    async def open(
        self,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        *,
        is_trusted: bool = True,
        **options: Any,
    ) -> AsyncIterator[Workshop]:
        options = {"files": self.files, "environment": self.environment} | options
        async with open_workshop(tmp_path, monkeypatch, **options) as shop:
            if is_trusted:
                uri = (shop.root / "prices.py").as_uri()
                await shop.client.execute("kibitz.trust", {"uri": uri})
            yield shop

    @property
    def runs(self) -> list[Path]:
        return [Path(line) for line in self.log.read_text().splitlines()]


async def refactor(shop: Workshop, *replies: Reply | Fault, **more: Any) -> str:
    shop.standin.enqueue(*replies)
    text = shop.client.texts.get((shop.root / "prices.py").as_uri()) or await shop.open()
    argument: Mapping[str, Any] = {"instruction": "Raise it.", "range": lines(3, 3)} | more
    return str(await shop.do("kibitz.refactor", text, **argument))


def rate(shop: Workshop) -> str:
    text = shop.client.texts[(shop.root / "prices.py").as_uri()]
    return text.text.splitlines()[2]


def told(shop: Workshop) -> list[str]:
    """The messages, without the one that the repository is trusted now."""
    return [message for message in shop.client.messages() if "trusted" not in message]


async def page(shop: Workshop) -> str:
    (shown,) = shop.client.notifications("window/showDocument")
    answer = await shop.client.request("workspace/textDocumentContent", {"uri": shown["uri"]})
    return str(answer["text"])


async def test_a_check_that_passes_is_said_and_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = Checked(tmp_path)
    async with checked.open(tmp_path, monkeypatch) as shop:
        message = await refactor(shop, RIGHT)
        assert message.startswith("1 change · still parses · `")
        assert "check.py` passed · " in message
        assert len(shop.standin.journal.messages) == 1
        # What is not saved was checked all the same, in a copy that is gone now.
        (folder,) = checked.runs
        assert folder != shop.root
        assert folder.name == shop.root.name
        assert not folder.exists()
        assert (shop.root / "prices.py").read_text() == EXAMPLE


async def test_nothing_runs_in_a_repository_that_is_not_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = Checked(tmp_path)
    async with checked.open(tmp_path, monkeypatch, is_trusted=False) as shop:
        message = await refactor(shop, WRONG)
        assert "check.py` was not run: trust this repository first (kibitz trust)" in message
        assert rate(shop) == "RATE = 0.9"
        assert not checked.log.exists()


async def test_claude_sees_once_what_a_check_says_and_mends_its_edit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = Checked(tmp_path)
    async with checked.open(tmp_path, monkeypatch) as shop:
        message = await refactor(shop, WRONG, RIGHT)
        assert "failed, Claude mended it (1 change · still parses), and now it passes" in message
        assert rate(shop) == "RATE = 0.3"
        assert len(checked.runs) == 2
        _, second = shop.standin.journal.messages
        said = second.request.last_user_text
        assert "prices.py:3: that rate is wrong (REDACTED" in said
        assert "ended with status 2" in said
        assert "<done>\nRaise it.\n</done>" in said
        assert "RATE = 0.9" in said
        assert TOKEN not in str(second.request.body)
        # Neither where the copy was.
        assert "kibitz-check" not in said

        # Both rounds are one edit.
        message = await shop.do("kibitz.revert")
        assert message.startswith("1 reverted")
        assert rate(shop) == "RATE = 0.2"
        assert told(shop) == []


async def test_what_still_fails_is_shown_and_not_sent_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = Checked(tmp_path)
    async with checked.open(tmp_path, monkeypatch) as shop:
        again = Reply("<replacement>\nRATE = 0.95\n</replacement>")
        message = await refactor(shop, WRONG, again)
        assert "fails, also after Claude's mend (1 change" in message
        assert len(shop.standin.journal.messages) == 2
        shown = await page(shop)
        assert "ended with status 2.\n\n```text\n" in shown
        assert "that rate is wrong" in shown
        assert rate(shop) == "RATE = 0.95"
        await shop.do("kibitz.revert")
        assert rate(shop) == "RATE = 0.2"


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (Reply("It fails without the change too."), "It fails without the change too"),
        (Reply("<replacement>\nRATE = 0.9\n</replacement>"), "Claude changed nothing"),
        (Fault.status_code(401), "does not accept the API key"),
    ],
)
async def test_an_edit_that_is_not_mended_stands(
    reply: Any, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = Checked(tmp_path)
    async with checked.open(tmp_path, monkeypatch) as shop:
        message = await refactor(shop, WRONG, reply)
        assert message.startswith("1 change · still parses · `")
        assert " fails: " in message
        assert why in message
        assert rate(shop) == "RATE = 0.9"
        assert len(checked.runs) == 1
        assert "that rate is wrong" in await page(shop)
        await shop.do("kibitz.revert")
        assert rate(shop) == "RATE = 0.2"


async def test_where_the_user_types_meanwhile_nothing_of_theirs_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = Checked(tmp_path)
    async with checked.open(tmp_path, monkeypatch) as shop:
        text = await shop.open()
        shop.standin.enqueue(WRONG.hold_at("0.9"), RIGHT.hold_at("0.3"))
        job = await shop.start("kibitz.refactor", text, instruction="Raise it.", range=lines(3, 3))
        await shop.standin.reached("0.9")
        shop.client.type(text, 0, "# mine\n" * 3)
        shop.standin.release("0.9")
        await shop.standin.reached("0.3")
        region = shop.standin.journal.last.request.last_user_text
        assert '<region path="prices.py" first_line="6">\nRATE = 0.9\n</region>' in region
        shop.client.type(text, 0, "# mine\n")
        shop.standin.release("0.3")
        message = (await shop.client.progress_end(job))["message"]
        assert "now it passes" in message
        assert text.text == "# mine\n" * 4 + EXAMPLE.replace("0.2", "0.3", 1)
        await shop.do("kibitz.revert")
        assert text.text == "# mine\n" * 4 + EXAMPLE


async def test_in_the_repository_itself_where_all_is_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = Checked(tmp_path)
    async with checked.open(tmp_path, monkeypatch) as shop:
        cart = ToolCall(
            "edit_file",
            {"path": "cart.py", "edits": [{"old_text": "import RATE", "new_text": "import *"}]},
        )
        message = await refactor(shop, Reply(tool_calls=[cart]), files=True)
        # The editor has saved the one file that was changed, and the other is as it was.
        assert "1 file changed · still parses · `" in message
        assert "check.py` passed" in message
        assert checked.runs == [Path(os.path.realpath(shop.root))]


async def test_several_files_are_mended_and_taken_back_as_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def edit(path: str, old: str, new: str) -> ToolCall:
        passage = {"old_text": old, "new_text": new}
        return ToolCall("edit_file", {"path": path, "edits": [passage]})

    checked = Checked(tmp_path)
    async with checked.open(tmp_path, monkeypatch) as shop:
        cart = await shop.open("cart.py")
        wrong = [edit("prices.py", "0.2", "0.9"), edit("cart.py", "RATE", "*")]
        message = await refactor(
            shop,
            Reply(tool_calls=wrong),
            Reply(tool_calls=[edit("prices.py", "0.9", "0.3")]),
            files=True,
        )
        assert "2 files changed · all still parse · `" in message
        assert "Claude mended it (1 file changed · still parses), and now it passes" in message
        assert rate(shop) == "RATE = 0.3"
        assert cart.text == "from prices import *\n"
        await shop.do("kibitz.revert")
        assert rate(shop) == "RATE = 0.2"
        assert cart.text == "from prices import RATE\n"
        assert told(shop) == []


async def test_stopping_the_job_ends_the_check_and_keeps_the_edit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = Checked(tmp_path)
    pipe = tmp_path / "begun"
    os.mkfifo(pipe)
    checked.files["check.py"] = f"open({str(pipe)!r}).read()\n"
    async with checked.open(tmp_path, monkeypatch) as shop:
        text = await shop.open()
        shop.standin.enqueue(RIGHT)
        job = await shop.start("kibitz.refactor", text, instruction="Raise it.", range=lines(3, 3))
        await shop.client.wait_until(
            lambda: any(
                "Running" in str(each.get("message")) for each in shop.client.progress(job)
            ),
            "the check",
        )
        await shop.client.execute("kibitz.stop", {"job": job})
        message = (await shop.client.progress_end(job))["message"]
        assert message == "Stopped: you stopped it"
        assert rate(shop) == "RATE = 0.3"
        await shop.do("kibitz.revert")
        assert rate(shop) == "RATE = 0.2"


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("no-such-program-here", "`no-such-program-here` cannot be started: No such file"),
        ("", "1 change · still parses · 4"),
    ],
)
async def test_without_a_check_that_runs_nothing_is_sent_twice(
    command: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = Checked(tmp_path)
    checked.environment["KIBITZ_EDIT_CHECK"] = command
    async with checked.open(tmp_path, monkeypatch) as shop:
        message = await refactor(shop, WRONG)
        assert sentence in message
        assert len(shop.standin.journal.messages) == 1


async def test_a_repository_cannot_name_a_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = Checked(tmp_path)
    command = f'["{sys.executable}", "check.py"]'
    checked.files[".kibitz.toml"] = f"[edit]\ncheck = {command}\n"
    async with checked.open(tmp_path, monkeypatch, environment={}) as shop:
        await refactor(shop, WRONG)
        assert not checked.log.exists()
        (said,) = told(shop)
        assert "edit.check" in said
