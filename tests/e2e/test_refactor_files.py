"""A change of several files in an editor: one edit, all of it or nothing, kept or taken back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kibitz.standin import Reply, ToolCall
from support.raw_wire import ResponseError
from support.workshop import EXAMPLE, Workshop, cursor, lines, open_workshop

CART = "from prices import total\n\n\ndef checkout(cart):\n    return total(cart)\n"
FILES: dict[str, str | bytes] = {
    "prices.py": EXAMPLE.replace("\n", "\r\n"),
    "cart.py": CART,
    ".github/workflows/ci.yml": "on: push\n",
}
TEST = "def test_it():\n    assert True\n"
CREATES = {"workspace": {"workspaceEdit": {"resourceOperations": ["create"]}}}


def edit(path: str, *passages: tuple[str, str]) -> ToolCall:
    edits = [{"old_text": old, "new_text": new} for old, new in passages]
    return ToolCall("edit_file", {"path": path, "edits": edits})


def edits(*calls: ToolCall, **options: Any) -> Reply:
    return Reply(tool_calls=list(calls), chunk_size=7, **options)


PRICES = edit("prices.py", ("def total(prices", "def sum_of(prices"), ("urn total(", "urn sum_of("))
CALLERS = edit("cart.py", ("import total", "import sum_of"), ("urn total(", "urn sum_of("))
NEW = edit("tests/test_cart.py", ("", TEST))
CI = edit(".github/workflows/ci.yml", ("push", "pull_request"))


def renamed(text: str) -> str:
    return text.replace("total(", "sum_of(").replace("import total", "import sum_of")


async def change(shop: Workshop, *replies: Reply) -> str:
    shop.standin.enqueue(*replies)
    text = shop.client.texts.get((shop.root / "prices.py").as_uri()) or await shop.open()
    return str(await shop.do("kibitz.refactor", text, instruction="Rename it.", files=True))


def applied(shop: Workshop) -> list[Any]:
    return shop.client.notifications("workspace/applyEdit")


def on_disk(shop: Workshop, name: str) -> str:
    return (shop.root / name).read_bytes().decode()


@pytest.mark.parametrize("profile", ["honest", "vscode", "neovim", "helix"])
async def test_one_edit_changes_all_files(
    profile: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(
        tmp_path, monkeypatch, profile=profile, files=FILES, capabilities=CREATES
    ) as shop:
        cart = await shop.open("cart.py", CART + "# not saved\n")
        prices = await shop.open()
        message = await change(shop, edits(PRICES, CALLERS, NEW))

        assert "3 files changed" in message
        assert prices.text == renamed(EXAMPLE).replace("\n", "\r\n")
        assert cart.text == renamed(CART) + "# not saved\n"
        assert on_disk(shop, "tests/test_cart.py") == TEST.replace("\n", "\r\n")
        assert len(applied(shop)) == 1

        await shop.do("kibitz.revert")
        assert prices.text == EXAMPLE.replace("\n", "\r\n")
        assert cart.text == CART + "# not saved\n"
        (said,) = shop.client.messages()
        assert "1 file is not open" in said


async def test_a_file_that_is_not_open_is_taken_back_when_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, files=FILES) as shop:
        await change(shop, edits(PRICES, CALLERS))
        assert on_disk(shop, "cart.py") == renamed(CART)
        cart = await shop.open("cart.py")
        message = await shop.do("kibitz.revert", cart)
        assert "2 reverted" in message
        assert cart.text == CART


@pytest.mark.parametrize("way", ["menu", "lens"])
async def test_a_change_that_is_kept_leaves_those_of_other_files_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    async with open_workshop(tmp_path, monkeypatch, files=FILES) as shop:
        cart = await shop.open("cart.py")
        prices = await shop.open()
        await change(shop, edits(PRICES, CALLERS))
        if way == "menu":
            offered = await shop.client.code_actions(cart, cursor(1))
            kept = [each["command"] for each in offered if each["title"] == "Keep this change"]
        else:
            about = {"textDocument": {"uri": cart.uri}}
            lenses = await shop.client.request("textDocument/codeLens", about)
            kept = [each["command"] for each in lenses if each["command"]["title"] == "Keep"]
        command = kept[0]
        await shop.client.execute(command["command"], *command["arguments"])

        message = await shop.do("kibitz.revert")

        assert "3 reverted" in message
        assert prices.text == FILES["prices.py"]
        assert cart.text == CART.replace("import total", "import sum_of")


async def test_a_document_that_was_changed_meanwhile_stops_all_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, files=FILES) as shop:
        cart = await shop.open("cart.py")
        prices = await shop.open()
        shop.standin.enqueue(edits(PRICES, CALLERS).hold_at("sum_of"))
        job = await shop.start("kibitz.refactor", prices, instruction="Rename it.", files=True)
        await shop.standin.reached()
        shop.client.type(cart, 0, "# mine\n")
        shop.standin.release()
        message = (await shop.client.progress_end(job))["message"]

        assert message.startswith("Failed")
        assert applied(shop) == []
        assert cart.text.startswith("# mine\n")
        (said,) = shop.client.messages()
        assert "cart.py was changed while Claude was writing, so nothing was applied" in said


@pytest.mark.parametrize("agrees", [True, False])
async def test_protected_files_are_asked_about(
    agrees: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, files=FILES) as shop:
        shop.client.pick = 0 if agrees else 1
        message = await change(shop, edits(PRICES, CI))
        (asked,) = shop.client.notifications("window/showMessageRequest")
        assert ".github/workflows/ci.yml: it decides what a build runs" in str(asked)
        assert ("2 files changed" in message) is agrees
        assert len(applied(shop)) == agrees
        expected = "on: pull_request\n" if agrees else "on: push\n"
        assert on_disk(shop, ".github/workflows/ci.yml") == expected


async def test_an_editor_that_asks_by_itself_is_given_an_annotation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    annotates = {"workspace": {"workspaceEdit": {"changeAnnotationSupport": {}}}}
    async with open_workshop(
        tmp_path, monkeypatch, profile="vscode", files=FILES, capabilities=annotates
    ) as shop:
        await change(shop, edits(PRICES, CI))
        (asked,) = applied(shop)
        workspace_edit = asked["edit"]
        (identity,) = workspace_edit["changeAnnotations"]
        assert workspace_edit["changeAnnotations"][identity]["needsConfirmation"] is True
        by_name = {
            part["textDocument"]["uri"].rpartition("/")[2]: part["edits"]
            for part in workspace_edit["documentChanges"]
        }
        assert all(each["annotationId"] == identity for each in by_name["ci.yml"])
        assert not any("annotationId" in each for each in by_name["prices.py"])
        assert shop.client.notifications("window/showMessageRequest") == []


async def test_edits_that_do_not_hold_are_mended_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, files=FILES) as shop:
        wrong = edit("cart.py", ("total", "sum_of"))
        message = await change(shop, edits(PRICES, wrong), edits(CALLERS))
        assert "2 files changed" in message
        message = await change(shop, edits(wrong), edits(wrong))
        assert message.startswith("Failed")
        (said,) = shop.client.messages()
        assert "Claude's edits do not hold" in said
        assert len(applied(shop)) == 1


async def test_what_claude_is_told_of_edits_that_do_not_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One edit comes of it, in which the editor asks about what takes effect by itself."""
    annotates = {"workspace": {"workspaceEdit": {"changeAnnotationSupport": {}}}}
    async with open_workshop(
        tmp_path, monkeypatch, profile="vscode", files=FILES, capabilities=annotates
    ) as shop:
        ambiguous = edit("cart.py", ("total", "sum_of"))
        missing = edit(".github/workflows/ci.yml", ("on: pull", "on: push"))
        message = await change(shop, edits(PRICES, ambiguous, missing), edits(CALLERS, CI))

        assert message.startswith("3 files changed")
        first, second = (each.request for each in shop.standin.journal.messages)
        assert second.body["messages"][: len(first.body["messages"])][0]["role"] == "user"
        results = second.body["messages"][-1]["content"]
        told = [(bool(each.get("is_error")), str(each["content"])) for each in results]
        assert [is_error for is_error, _ in told] == [False, True, True]
        assert "This edit holds" in told[0][1]
        assert "is there more than once, at lines" in told[1][1]
        assert "is not in the file" in told[2][1]
        assert "send all edits of it again" in told[1][1]
        (asked,) = applied(shop)
        needs = [
            part["textDocument"]["uri"].rpartition("/")[2]
            for part in asked["edit"]["documentChanges"]
            if any("annotationId" in each for each in part["edits"])
        ]
        assert needs == ["ci.yml"]


async def test_without_an_instruction_the_comment_says_it_or_the_user_chooses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, files=FILES) as shop:
        prices = await shop.open()
        place = lines(6, 10)
        shop.standin.enqueue(edits(PRICES, CALLERS))
        shop.client.pick = 0
        job = await shop.start("kibitz.refactor", prices, range=place, files=True)
        end = await shop.client.progress_end(job)
        assert end["message"].startswith("2 files changed")
        assert [each["kind"] for each in shop.client.progress(job)].count("begin") == 1
        (asked,) = shop.client.notifications("window/showMessageRequest")
        assert "Better name everywhere" in str(asked["actions"])
        said = shop.standin.journal.last.request.last_user_text
        assert "change it wherever it is used" in said

        marked = await shop.open("marked.py", "# kibitz: rename it\ndef a():\n    pass\n")
        shop.standin.enqueue(Reply("It is fine as it is."))
        await shop.do("kibitz.refactor", marked, range=lines(2, 2), files=True)
        assert "<instruction>\nrename it\n" in shop.standin.journal.last.request.last_user_text

        shop.client.pick = None
        assert await shop.do("kibitz.refactor", prices, range=place, files=True) == "Nothing chosen"


async def test_what_does_not_parse_any_more_is_said_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, files=FILES) as shop:
        await shop.open("cart.py")
        broken = edit("cart.py", ("def checkout(cart):", "def checkout(cart:"))
        message = await change(shop, edits(broken), Reply("It is meant so."))
        assert message.startswith("1 file changed, cart.py does not parse any more")


async def test_an_editor_that_makes_no_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, files=FILES) as shop:
        message = await change(shop, edits(PRICES, NEW))
        assert message.startswith("Failed")
        (said,) = shop.client.messages()
        assert "does not let a server make" in said
        assert applied(shop) == []


async def test_an_editor_without_versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = {"workspace": {"workspaceEdit": {"documentChanges": False}}}
    async with open_workshop(tmp_path, monkeypatch, files=FILES, capabilities=plain) as shop:
        with pytest.raises(ResponseError, match="no edit of several files"):
            await change(shop)
