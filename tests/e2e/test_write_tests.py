"""Write tests: in the file where the repository would have them, all of it or nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kibitz.standin import Reply, ToolCall
from support.raw_wire import ResponseError
from support.workshop import EXAMPLE, Workshop, cursor, lines, open_workshop

TOKEN = "ghp_" + "k3Jd82Hs0Qm4Zx7Vb1Nc9Lp5Rt6Yw2Ae8Gf0"
CART_TEST = "import pytest\n\nfrom shop.cart import checkout\n\n\ndef test_checkout():\n    ...\n"
PRICES_TEST = "from shop.prices import total\n\n\ndef test_total():\n    assert total([1]) == 1\n"
ADDED = "\n\ndef test_the_total_of_nothing_is_nothing():\n    assert total([]) == 0\n"
FILES: dict[str, str | bytes] = {
    "src/shop/prices.py": EXAMPLE,
    "src/shop/cart.py": "from shop.prices import total\n\n\ndef checkout(cart):\n    return 1\n",
    "tests/test_cart.py": CART_TEST,
    "pyproject.toml": "[dependency-groups]\ndev = ['pytest']\n",
    "prices.py": "",
}
CREATES = {"workspace": {"workspaceEdit": {"resourceOperations": ["create"]}}}


def edit(path: str, old: str, new: str) -> ToolCall:
    return ToolCall("edit_file", {"path": path, "edits": [{"old_text": old, "new_text": new}]})


def edits(*calls: ToolCall) -> Reply:
    return Reply(tool_calls=list(calls), chunk_size=11)


async def write(shop: Workshop, *replies: Reply, **argument: Any) -> str:
    shop.standin.enqueue(*replies)
    text = await shop.open("src/shop/prices.py")
    return str(await shop.do("kibitz.test", text, **{"range": cursor(8)} | argument))


def task(shop: Workshop) -> str:
    return shop.standin.journal.messages[0].request.last_user_text


def on_disk(shop: Workshop, name: str) -> str:
    return (shop.root / name).read_text()


async def test_a_new_file_is_made_where_the_others_lie(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, files=FILES, capabilities=CREATES) as shop:
        text = await shop.open("src/shop/prices.py")
        actions = await shop.client.code_actions(text, cursor(8))
        chosen = next(action for action in actions if action["title"] == "Write tests")
        shop.standin.enqueue(edits(edit("tests/test_prices.py", "", PRICES_TEST)))
        answer = await shop.client.execute("kibitz.test", *chosen["command"]["arguments"])
        message = (await shop.client.progress_end(answer["job"]))["message"]

        assert message.startswith("1 file changed · still parses · ")
        assert on_disk(shop, "tests/test_prices.py") == PRICES_TEST
        said = task(shop)
        assert "tests of src/shop/prices.py: tests/test_prices.py, which does not exist" in said
        assert "framework: pytest" in said
        assert f'<example path="tests/test_cart.py">\n{CART_TEST}</example>' in said
        assert "def total(prices)" in said
        assert "def with_tax" not in said.partition("<region")[2].partition("</region>")[0]
        reports = shop.client.notifications("$/progress")
        assert any(
            each["value"].get("message") == "Tests belong into tests/test_prices.py, a new file"
            for each in reports
        )


async def test_the_file_that_is_there_is_extended_and_can_be_reverted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {**FILES, "tests/test_prices.py": PRICES_TEST}
    async with open_workshop(tmp_path, monkeypatch, files=files) as shop:
        # As it is in the editor, not as it is on the disk.
        tests = await shop.open("tests/test_prices.py", PRICES_TEST + "# mine\n")
        last = "    assert total([1]) == 1\n"
        reply = edits(edit("tests/test_prices.py", last, last + ADDED))
        message = await write(shop, reply, instruction="Mind the empty list.")

        assert message.startswith("1 file changed")
        assert tests.text == PRICES_TEST + ADDED + "# mine\n"
        said = task(shop)
        assert "tests/test_prices.py, which exists" in said
        assert f'<tests path="tests/test_prices.py">\n{PRICES_TEST}# mine\n</tests>' in said
        assert "Mind the empty list.\n</instruction>" in said

        await shop.do("kibitz.revert")
        assert tests.text == PRICES_TEST + "# mine\n"


async def test_the_code_that_is_tested_stays_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, files=FILES, capabilities=CREATES) as shop:
        new = edit("tests/test_prices.py", "", PRICES_TEST)
        meddling = edit("src/shop/prices.py", "RATE = 0.2", "RATE = 0.3")
        message = await write(shop, edits(new, meddling), edits(meddling))

        assert message.startswith("Failed")
        (said,) = shop.client.messages()
        assert "src/shop/prices.py stays as it is: this task is not to change it." in said
        (text,) = shop.client.texts.values()
        assert text.text == EXAMPLE
        assert not (shop.root / "tests/test_prices.py").exists()


async def test_rust_gets_its_tests_in_the_file_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "pub fn total(prices: &[i64]) -> i64 {\n    prices.iter().sum()\n}\n"
    added = "\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn nothing() {\n    }\n}\n"
    async with open_workshop(tmp_path, monkeypatch, files={"src/prices.rs": code}) as shop:
        text = await shop.open("src/prices.rs")
        shop.standin.enqueue(edits(edit("src/prices.rs", code, code + added)))
        message = await shop.do("kibitz.test", text, range=lines(1, 3))
        assert message.startswith("1 file changed")
        assert text.text == code + added


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("tests/test_cart.py", "tests/test_cart.py holds tests itself"),
        ("pyproject.toml", "does not know how pyproject.toml is tested"),
        (
            "src/shop/prices.py",
            "tests/test_prices.py, a new file, which this editor does not let a server make",
        ),
    ],
)
async def test_where_no_tests_can_be_written_nothing_is_sent(
    name: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_workshop(tmp_path, monkeypatch, files=FILES) as shop:
        text = await shop.open(name)
        assert (await shop.do("kibitz.test", text)).startswith("Failed")
        (said,) = shop.client.messages()
        assert sentence in said
        assert shop.standin.journal.messages == []
        if name != "src/shop/prices.py":
            actions = await shop.client.code_actions(text, lines(1, 1))
            assert "Write tests" not in [each["title"] for each in actions]


async def test_an_empty_file_that_is_there_is_as_good_as_a_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {**FILES, "tests/test_prices.py": "\n"}
    async with open_workshop(tmp_path, monkeypatch, files=files) as shop:
        message = await write(shop, edits(edit("tests/test_prices.py", "", PRICES_TEST)))
        assert message.startswith("1 file changed"), shop.client.messages()
        assert on_disk(shop, "tests/test_prices.py") == PRICES_TEST


async def test_secrets_of_the_tests_stay_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_secret = PRICES_TEST + f'TOKEN = "{TOKEN}"\n'
    files = {**FILES, "tests/test_prices.py": with_secret}
    async with open_workshop(tmp_path, monkeypatch, files=files) as shop:
        last = "    assert total([1]) == 1\n"
        await write(shop, edits(edit("tests/test_prices.py", last, last + ADDED)))
        assert TOKEN not in str(shop.standin.journal.messages[0].request.body)
        assert on_disk(shop, "tests/test_prices.py") == with_secret.replace(last, last + ADDED)


async def test_an_editor_that_takes_no_edits_of_several_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = {"workspace": {"workspaceEdit": {"documentChanges": False}}}
    async with open_workshop(tmp_path, monkeypatch, files=FILES, capabilities=plain) as shop:
        text = await shop.open("src/shop/prices.py")
        with pytest.raises(ResponseError, match="no edit of several files"):
            await shop.start("kibitz.test", text)
        offered = [each["title"] for each in await shop.client.code_actions(text, cursor(8))]
        assert "Document this" in offered
        assert not {"Write tests", "Refactor across files…"} & set(offered)
