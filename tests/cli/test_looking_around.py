"""`kibitz ask` with rounds of tools, as the installed program and in this process."""

from __future__ import annotations

import json

from kibitz.standin import Reply, ToolCall
from support.command_line import CommandLine
from support.commands_as_processes import WAIT_SECONDS, started

ROUNDS = (
    Reply(
        thinking="Hm.",
        tool_calls=[
            ToolCall("symbol", {"name": "total"}),
            ToolCall("read_file", {"path": "docs/notes.md"}),
        ],
    ),
    Reply(tool_calls=[ToolCall("git_log", {"path": "prices.py"})]),
    Reply("It is in cents."),
)


def test_the_installed_program_looks_around(commands: CommandLine) -> None:
    commands.standin.enqueue(*ROUNDS)
    with started("ask", "What is the unit?", "--verbose") as process:
        out, err = process.communicate(timeout=WAIT_SECONDS)

    assert (process.returncode, out.decode()) == (0, "It is in cents.\n")
    lines = err.decode().splitlines()
    assert lines[:3] == [
        "looking up total",
        "reading docs/notes.md",
        "looking at the history of prices.py",
    ]
    assert any("3 requests" in line for line in lines)
    results = commands.asked[1].request.tool_results
    assert "def total(prices):" in results[0]
    assert "Prices are in cents." in results[1]
    assert "Begin" in commands.asked[2].request.tool_results[0]


def test_every_round_is_in_the_ledger(commands: CommandLine) -> None:
    commands.standin.enqueue(*ROUNDS)
    outcome = commands.run("ask", "What is the unit?")

    assert (outcome.code, outcome.out, outcome.err) == (0, "It is in cents.\n", "")
    total = json.loads(commands.run("usage", "--json").out)["total"]
    assert total["requests"] == 3
    costs = [exchange.cost_usd or 0.0 for exchange in commands.asked]
    assert abs(total["cost_usd"] - sum(costs)) < 1e-6


def test_a_terminal_shows_what_is_looked_at(commands: CommandLine) -> None:
    commands.standin.enqueue(*ROUNDS)
    screen = commands.show("ask", "What is the unit?")

    assert screen.code == 0
    assert "It is in cents." in screen.written
