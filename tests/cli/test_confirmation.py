"""Confirming in the terminal what may cost more than one request may."""

from __future__ import annotations

import pytest

from support.command_line import CommandLine
from support.commands_as_processes import on_terminal

LOW = ["--set", "budget.request_usd=0.001"]


def test_without_a_terminal_the_limit_holds(commands: CommandLine) -> None:
    outcome = commands.run("explain", "prices.py", *LOW)
    assert (outcome.code, outcome.out) == (4, "")
    assert "select less, add `--yes`, or raise `budget.request_usd`" in outcome.err
    assert not commands.asked


@pytest.mark.parametrize(
    "command",
    [
        ["explain", "prices.py"],
        ["review", "prices.py"],
        ["refactor", "prices.py", "use sum"],
        ["ask", "Why?"],
    ],
)
def test_yes_on_the_command_line(commands: CommandLine, command: list[str]) -> None:
    assert commands.run(*command, *LOW, "--yes").code == 0
    assert len(commands.asked) == 1


def test_yes_lifts_no_other_limit(commands: CommandLine) -> None:
    outcome = commands.run("explain", "prices.py", "--yes", *LOW, "--set", "budget.day_usd=0.002")
    assert outcome.code == 4
    assert "the day's limit" in outcome.err


@pytest.mark.parametrize(("typed", "code", "n_asked"), [("y\n", 0, 1), ("\n", 4, 0), ("n\n", 4, 0)])
def test_the_user_is_asked_on_a_terminal(
    commands: CommandLine, typed: str, code: int, n_asked: int
) -> None:
    screen = on_terminal(["explain", "prices.py", *LOW], answers={"[y/N] ": typed})
    assert screen.code == code
    assert "This request (explain) may cost up to $0." in screen.written
    assert "Send for up to $0." in screen.written
    assert len(commands.asked) == n_asked


def test_a_model_that_retires_is_named(commands: CommandLine) -> None:
    outcome = commands.run("explain", "prices.py", "--model", "claude-sonnet-4-5")
    assert outcome.code == 0
    assert "retire" in outcome.err
    assert 'use "claude-sonnet-5-5" instead.' in outcome.err
    assert commands.asked[-1].request.body["model"] == "claude-sonnet-4-5"


def test_a_model_without_a_price_is_bounded_all_the_same(commands: CommandLine) -> None:
    outcome = commands.run("explain", "prices.py", "--model", "claude-sonnet-9", *LOW)
    assert outcome.code == 4
    assert "The price of claude-sonnet-9 is not known: it is reckoned at $3.00 in" in outcome.err
