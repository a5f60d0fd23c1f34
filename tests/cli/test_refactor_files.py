"""A change of several files: a diff that applies, or all of it written, or nothing."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import pytest

from kibitz.standin import Reply, ToolCall
from support.command_line import CommandLine
from support.workshop import EXAMPLE

CART = "from prices import total\n\n\ndef checkout(cart):\n    return total(cart)\n"


def edit(path: str, *passages: tuple[str, str]) -> ToolCall:
    edits = [{"old_text": old, "new_text": new} for old, new in passages]
    return ToolCall("edit_file", {"path": path, "edits": edits})


def edits(*calls: ToolCall) -> Reply:
    return Reply(tool_calls=list(calls), chunk_size=7)


PRICES = edit("prices.py", ("def total(prices", "def sum_of(prices"), ("urn total(", "urn sum_of("))
CALLERS = edit("cart.py", ("import total", "import sum_of"), ("urn total(", "urn sum_of("))
TEST = edit("tests/test_cart.py", ("", "def test_it():\n    assert True\n"))


def renamed(text: str) -> str:
    return text.replace("total(", "sum_of(").replace("import total", "import sum_of")


@pytest.fixture
def shop(commands: CommandLine) -> CommandLine:
    commands.write("cart.py", CART.replace("\n", "\r\n"))
    commands.commit()
    return commands


def texts(shop: CommandLine) -> dict[str, str]:
    names = ("prices.py", "cart.py", "tests/test_cart.py")
    found = {name: shop.root / name for name in names}
    return {name: path.read_bytes().decode() for name, path in found.items() if path.exists()}


AFTER = {
    "prices.py": renamed(EXAMPLE),
    "cart.py": renamed(CART).replace("\n", "\r\n"),
    "tests/test_cart.py": "def test_it():\n    assert True\n",
}
BEFORE = {"prices.py": EXAMPLE, "cart.py": CART.replace("\n", "\r\n")}


def change(shop: CommandLine, *more: str) -> Any:
    return shop.run("refactor", "prices.py", "rename total to sum_of", "--files", *more)


def test_a_change_of_several_files_is_a_diff_that_applies(shop: CommandLine) -> None:
    shop.standin.enqueue(edits(PRICES, CALLERS, TEST))
    outcome = change(shop)
    assert (outcome.code, outcome.err) == (0, "")
    assert texts(shop) == BEFORE
    subprocess.run(["git", "apply", "-"], cwd=shop.root, input=outcome.out.encode(), check=True)
    assert texts(shop) == AFTER
    assert len(shop.asked) == 1


def test_a_change_of_several_files_is_written(shop: CommandLine) -> None:
    shop.standin.enqueue(edits(PRICES, CALLERS, TEST))
    outcome = change(shop, "--write")
    assert (outcome.code, outcome.out) == (0, "")
    assert outcome.err == (
        "kibitz: cart.py is changed: +2 -2 lines.\n"
        "kibitz: prices.py is changed: +2 -2 lines.\n"
        "kibitz: tests/test_cart.py is new: 2 lines.\n"
    )
    assert texts(shop) == AFTER


def test_edits_that_do_not_hold_are_mended_once(shop: CommandLine) -> None:
    missing = edit("cart.py", ("from prices import sum\n", ""))
    shop.standin.enqueue(edits(PRICES, missing, TEST), edits(CALLERS))
    outcome = change(shop, "--write")
    assert outcome.code == 0
    assert texts(shop) == AFTER
    held, refused, _ = shop.asked[-1].request.body["messages"][-1]["content"]
    assert "this edit holds" in held["content"].lower()
    assert refused["is_error"] is True
    assert "begins at line 1 and reads:\nfrom prices import total" in refused["content"]


def test_edits_that_never_hold_change_nothing(shop: CommandLine) -> None:
    twice = edit("cart.py", ("total", "sum_of"))
    shop.standin.enqueue(edits(PRICES, twice), edits(twice))
    outcome = change(shop, "--write")
    assert outcome.code == 3
    assert "more than once, at lines 1, 5" in outcome.err
    assert "Nothing was changed" in outcome.err
    assert texts(shop) == BEFORE
    assert len(shop.asked) == 2


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("../outside.py", "outside the repository"),
        (".git/hooks/pre-commit", "belongs to git itself"),
        (".env", "hold credentials"),
        ("prices.py/a.py", "is a file"),
    ],
)
def test_files_that_may_not_be_changed(shop: CommandLine, path: str, says: str) -> None:
    call = edit(path, ("", "x = 1\n"))
    shop.standin.enqueue(edits(PRICES, call), edits(call))
    outcome = change(shop, "--write")
    assert outcome.code == 3
    assert says in outcome.err
    assert texts(shop) == BEFORE


def test_a_protected_file_is_not_written_unseen(shop: CommandLine) -> None:
    shop.standin.enqueue(edits(PRICES, edit(".github/workflows/ci.yml", ("", "on: push\n"))))
    outcome = change(shop, "--write")
    assert outcome.code == 2
    assert "+on: push" in outcome.out
    assert "decides what a build runs" in outcome.err
    assert texts(shop) == BEFORE
    assert not (shop.root / ".github").exists()


def test_what_does_not_parse_any_more_is_told_to_claude_and_to_the_user(shop: CommandLine) -> None:
    broken = edit("cart.py", ("def checkout(cart):", "def checkout(cart:"))
    shop.standin.enqueue(edits(broken), Reply("It is meant so."))
    outcome = change(shop)
    assert outcome.code == 0
    assert "+def checkout(cart:" in outcome.out
    assert outcome.err == "kibitz: cart.py does not parse any more.\n"


def test_a_file_that_was_changed_meanwhile_stops_all_of_them(
    shop: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kibitz.cli import patch

    write = patch.write
    theirs = "# theirs\n" + EXAMPLE

    def meanwhile(path: Any, old: bytes, new: bytes) -> None:
        if path.name == "prices.py":
            (shop.root / "prices.py").write_text(theirs)
        write(path, old, new)

    monkeypatch.setattr(patch, "write", meanwhile)
    shop.standin.enqueue(edits(CALLERS, PRICES, TEST))
    outcome = change(shop, "--write")
    assert outcome.code == 2
    assert "prices.py was changed meanwhile" in outcome.err
    assert "+def sum_of" in outcome.out
    assert texts(shop) == {**BEFORE, "prices.py": theirs}


def test_words_in_the_place_of_edits(shop: CommandLine) -> None:
    shop.standin.enqueue(Reply("There is no total."))
    outcome = change(shop)
    assert outcome.code == 3
    assert "Claude did not change the code: There is no total." in outcome.err


def test_secrets_of_a_file_stay_in_it(shop: CommandLine) -> None:
    token = "ghp_" + "k3Jd82Hs0Qm4Zx7Vb1Nc9Lp5Rt6Yw2Ae8Gf0"
    before = f'KEY = "{token}"\nretries = 3\n'
    shop.write("settings.py", before)
    shop.commit()
    shop.standin.enqueue(edits(edit("settings.py", ("retries = 3", "retries = 5"))))
    assert change(shop, "--write").code == 0
    assert (shop.root / "settings.py").read_text() == before.replace("3\n", "5\n")
    assert token not in str(shop.asked[-1].request.body)


@pytest.mark.parametrize("path", ["prices.py", "new.py"])
def test_no_secret_moves_into_another_file(shop: CommandLine, path: str) -> None:
    token = "ghp_" + "k3Jd82Hs0Qm4Zx7Vb1Nc9Lp5Rt6Yw2Ae8Gf0"
    shop.write("settings.py", f'KEY = "{token}"\n')
    shop.commit()
    old = BEFORE["prices.py"].splitlines()[0] if path in BEFORE else ""

    def moved(request: Any) -> Reply:
        shown = re.search(r'KEY = "(\w+)"', request.system_text + request.last_user_text)
        assert shown is not None
        return edits(edit(path, (old, f'{old}\nKEY = "{shown[1]}"\n')))

    shop.standin.enqueue(moved, moved)
    outcome = change(shop, "--write")
    assert outcome.code == 3
    assert "secrets stay where they are" in outcome.err
    assert texts(shop) == BEFORE


def test_what_was_written_is_checked_and_mended_once(shop: CommandLine) -> None:
    code = 'import pathlib; assert "sum_of" in pathlib.Path("cart.py").read_text()\n'
    shop.write("check.py", code)
    shop.standin.enqueue(edits(PRICES), edits(CALLERS))
    check = f"edit.check={sys.executable} check.py"
    arguments = ("refactor", "prices.py", "rename it", "--files", "--write", "--set", check)
    assert shop.run("trust").code == 0
    outcome = shop.run(*arguments)
    assert outcome.code == 0
    assert "passes now that Claude has mended the change." in outcome.err
    assert texts(shop)["cart.py"] == renamed(CART).replace("\n", "\r\n")
    assert "AssertionError" in shop.task
