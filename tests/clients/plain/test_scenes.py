"""What every editor has, with nothing but a few lines of configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from kibitz import seen_clients
from kibitz.cli.editor_checks import client_of
from kibitz.standin import Fault, Reply
from support.findings import finding, reported
from support.plain_clients import PlainClient
from support.terminal_editor import wait_for
from support.workshop import EXAMPLE

from .conftest import OpenClient

pytestmark = pytest.mark.real

ANSWER = "It adds the prices up.\n\nAn empty list gives 0.\n"
SECOND = finding(
    severity="error",
    start_line=13,
    end_line=13,
    quote="def with_tax(prices):",
    title="No currency",
    suggestion="",
)

# A character beyond the 16-bit ones stands above and between the changes.
BEFORE = """\
def report(orders):
    print("🎈 orders")
    count = len(orders)
    first = orders[0]
    last = orders[-1]
    print("first:", first)
    print("last:", last)
    print("🎈 all:", count)
    total = 0
    for order in orders:
        total = total + order.price
    return total
"""
HALF = BEFORE.replace("def report(orders):\n", "def report(orders: list[Order]) -> float:\n")
AFTER = HALF.replace(
    "    total = 0\n"
    "    for order in orders:\n"
    "        total = total + order.price\n"
    "    return total\n",
    "    return sum(order.price for order in orders)\n",
)
LAST = BEFORE.count("\n")
#: Where the reply waits: its first change is certain, and the second one has not begun.
HELD = "last)\n"
REPLY = Reply(f"<replacement>\n{AFTER}</replacement>", chunk_size=7)
FILES = {"report.py": BEFORE}

#: A client that does not compare versions gets a refactoring as one edit, when it is complete.
AT_THE_END = frozenset({"vim-lsp", "coc", "kakoune"})
#: What is typed right before the edit, and not told yet, may make it go astray in these.
MAY_STRAY = AT_THE_END | {"lsp-mode"}
#: In these the answer opens beside the code; elsewhere a message names its file.
SHOWS = frozenset({"neovim", "helix", "vscode"})
#: How many undos take a refactoring of two changes back, with nothing typed meanwhile.
UNDO_STEPS = {"neovim": 2, "eglot": 1, "lsp-mode": 1, "vim-lsp": 1}

FACTS = ("progress", "show_message_request", "code_lens", "inline_completion", "creates_files")
ANNOUNCED = {
    "neovim": {"progress", "show_message_request", "code_lens", "creates_files"},
    "eglot": set(),
    "lsp-mode": {"progress", "creates_files"},
    "vim-lsp": {"code_lens"},
    "coc": {"progress", "show_message_request", "code_lens", "inline_completion", "creates_files"},
    "helix": {"progress", "creates_files"},
    "kakoune": {"progress", "show_message_request", "code_lens", "creates_files"},
    "zed": {"progress", "show_message_request", "code_lens", "creates_files"},
    "vscode": {
        "progress",
        "show_message_request",
        "code_lens",
        "inline_completion",
        "creates_files",
    },
}


def refactoring(opened: OpenClient, reply: Reply) -> PlainClient:
    """The client with a refactoring of the whole of `BEFORE` asked for."""
    client = opened(FILES)
    client.standin.enqueue(reply)
    client.select(1, LAST)
    client.run("Refactor: add types")
    return client


def wait_for_first_change(client: PlainClient, name: str) -> None:
    """Wait until the reply is held, with its first change in the text where edits stream."""
    client.standin.reached().result()
    if name not in AT_THE_END:
        client.wait_for_text("list[Order]")


def test_explain(client: PlainClient, name: str) -> None:
    client.standin.enqueue(Reply(ANSWER, chunk_size=7))
    client.go_to(8)
    client.run("Explain this")
    assert "$" in client.wait_until_told("Answer ")
    answer = client.wait_for_answer()
    assert answer.way == ("window" if name in SHOWS else "message")
    assert answer.text == f"# Explain prices.py:6-10\n\n{ANSWER}"
    assert client.text() == EXAMPLE


def test_hover(client: PlainClient) -> None:
    client.standin.enqueue(Reply(ANSWER))
    client.go_to(8)
    client.run("Explain this")
    client.wait_until_told("Answer ")
    client.go_to(9)
    assert "An empty list gives 0." in client.hover()
    client.type_above(1, "# above\n")
    client.go_to(11)
    assert "An empty list gives 0." in client.hover()
    client.go_to(4)
    assert "An empty list gives 0." not in client.hover()
    assert len(client.standin.journal.messages) == 1


def test_review(client: PlainClient) -> None:
    client.standin.enqueue(reported(finding(), SECOND, chunk_size=9).hold_at("error"))
    client.run("Review file")
    client.standin.reached().result()
    first = client.wait_for_diagnostics(1)
    client.standin.release()
    both = client.wait_for_diagnostics(2)
    assert [found.line for found in first] == [9]
    assert "Sums floats" in first[0].message
    assert [found.line for found in both] == [9, 13]
    assert "2 findings" in client.wait_until_told("2 findings")


def test_apply_and_dismiss(client: PlainClient) -> None:
    client.standin.enqueue(reported(finding(), SECOND))
    client.run("Review file")
    client.wait_for_diagnostics(2)
    client.go_to(9)
    client.run("Apply: Sums floats")
    client.wait_for_text("result += price")
    client.wait_for_diagnostics(1)
    client.go_to(13)
    client.run("Dismiss: No currency")
    client.wait_for_diagnostics(0)
    assert client.text() == EXAMPLE.replace("result = result + price", "result += price")


def test_refactor(opened: OpenClient, name: str) -> None:
    client = refactoring(opened, REPLY.hold_at(HELD))
    wait_for_first_change(client, name)
    if name not in AT_THE_END:
        assert client.text() == HALF
    client.standin.release()
    client.wait_for_action("Revert:")
    assert client.text() == AFTER
    assert {"Keep: Refactor report.py:1-12", "Revert: Refactor report.py:1-12"} <= set(
        client.actions()
    )


def test_typing(opened: OpenClient, name: str) -> None:
    client = refactoring(opened, REPLY.hold_at(HELD))
    client.standin.reached().result()
    client.type_above(1, "# 🎈 typed above\n")
    client.standin.release()
    if name in MAY_STRAY:
        # Then all of it is taken back.
        client.wait_until_gone("Stop")
        expected = {f"# 🎈 typed above\n{AFTER}", f"# 🎈 typed above\n{BEFORE}"}
        assert client.text() in expected
        return
    client.go_to(2)
    client.wait_for_action("Revert:")
    assert client.text() == f"# 🎈 typed above\n{AFTER}"


def test_keep_and_revert(opened: OpenClient) -> None:
    client = refactoring(opened, REPLY)
    client.wait_for_action("Revert:")
    client.go_to(1)
    client.run("Keep this change")
    client.wait_until_gone("Keep this change")
    client.go_to(9)
    client.run("Revert: Refactor")
    client.wait_until_gone("Revert")
    assert client.text() == HALF


def test_stop(opened: OpenClient, name: str) -> None:
    client = refactoring(opened, REPLY.hold_at(HELD))
    wait_for_first_change(client, name)
    client.go_to(5)
    client.run("Stop: Refactor")
    exchange = client.standin.journal.wait_for_disconnect().result()
    assert exchange.outcome == "client_closed"
    client.wait_until_gone("Stop")
    if name in AT_THE_END:
        assert client.text() == BEFORE
        return
    assert client.text() == HALF
    client.go_to(1)
    client.wait_for_action("Revert: Refactor")
    client.run("Revert: Refactor")
    client.wait_until_gone("Revert")
    assert client.text() == BEFORE


def test_complete_here(opened: OpenClient, name: str) -> None:
    client = opened({"sums.py": "def add(a, b):\n\n\nprint(add(1, 2))\n"})
    client.standin.enqueue(Reply("<completion>    return a + b</completion>"))
    client.go_to(2)
    if "inline_completion" in ANNOUNCED[name]:
        assert "Complete here" not in client.actions()
        assert client.completion_in_the_text() == "    return a + b"
        return
    client.run("Complete here")
    client.wait_for_text("return a + b")
    assert client.text() == "def add(a, b):\n    return a + b\n\nprint(add(1, 2))\n"


def test_undo(opened: OpenClient, name: str) -> None:
    if name not in UNDO_STEPS:
        pytest.skip("what was recorded has no undo")
    client = refactoring(opened, REPLY.hold_at(HELD))
    wait_for_first_change(client, name)
    client.standin.release()
    client.wait_for_action("Revert:")
    steps = 0
    while client.text() != BEFORE and steps < 10:
        client.undo()
        steps += 1
    assert steps == UNDO_STEPS[name]


def test_what_it_announces(client: PlainClient, name: str, tmp_path: Path) -> None:
    client.actions()
    environ = {"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "home" / "state")}
    seen = wait_for(lambda: seen_clients.recall(environ), "the client to be seen")
    facts = client_of(seen)
    assert {fact for fact in FACTS if getattr(facts, fact)} == ANNOUNCED[name]


def test_a_failure_is_told_once(client: PlainClient) -> None:
    client.standin.enqueue(Fault.status_code(401))
    client.run("Explain file")
    client.wait_until_told("does not accept the API key")
    told = [said for said in client.told() if "does not accept the API key" in said]
    assert len(told) == 1
