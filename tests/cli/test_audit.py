"""`kibitz audit` and `kibitz replay`."""

from __future__ import annotations

import json
from typing import Any

from kibitz.standin import Fault, Reply
from support.command_line import CommandLine


def records(commands: CommandLine) -> list[dict[str, Any]]:
    return [json.loads(line) for line in commands.run("audit", "--json").out.splitlines()]


def test_requests_are_listed(commands: CommandLine) -> None:
    commands.standin.enqueue(Reply("Prices."), Fault.status_code(401))
    commands.run("explain", "prices.py")
    commands.run("explain", "docs/notes.md")
    outcome = commands.run("audit")
    header, first, second = outcome.out.splitlines()
    assert header.split()[:3] == ["id", "when", "action"]
    assert "explain" in first
    assert "shop" in first
    assert first.rstrip().endswith("end_turn")
    assert second.rstrip().endswith("wrong_credentials")
    known = records(commands)
    assert first.split()[0] == known[0]["id"]
    assert [each["has_bodies"] for each in known] == [False, False]


def test_a_list_shows_the_last_ones(commands: CommandLine) -> None:
    for _ in range(3):
        commands.run("explain", "prices.py")
    outcome = commands.run("audit", "--last", "2")
    assert len(outcome.out.splitlines()) == 3
    assert "1 older ones are not shown" in outcome.err
    assert "Nothing was recorded" in commands.run("audit", "--since", "2999-01-01").err


def test_one_record_as_a_whole(commands: CommandLine) -> None:
    commands.run("explain", "prices.py", "--set", "audit=full")
    (known,) = records(commands)
    assert known["has_bodies"]
    assert "request" not in known
    whole = json.loads(commands.run("audit", known["id"][:8]).out)
    assert whole["request"] == commands.asked[-1].request.body
    assert whole["reply"]["text"] == commands.asked[-1].sent
    missing = commands.run("audit", "nothing-like-it")
    assert (missing.code, missing.out) == (2, "")
    assert "There is no record" in missing.err


def test_an_audit_that_is_off(commands: CommandLine) -> None:
    commands.write_settings('audit = "off"\n')
    commands.run("explain", "prices.py")
    outcome = commands.run("audit")
    assert (outcome.code, outcome.out) == (0, "")
    assert "the setting `audit` is off" in outcome.err
    assert not (commands.home / "state" / "kibitz" / "audit").exists()


def test_a_project_has_no_say_in_it(commands: CommandLine) -> None:
    commands.write(".kibitz.toml", 'audit = "full"\n')
    commands.run("explain", "prices.py")
    assert [each["has_bodies"] for each in records(commands)] == [False]


def test_an_audit_that_cannot_be_written_costs_nobody_the_answer(commands: CommandLine) -> None:
    folder = commands.home / "state" / "kibitz" / "audit"
    folder.parent.mkdir(parents=True)
    folder.parent.chmod(0o700)
    folder.write_text("in the way")
    commands.standin.enqueue(Reply("Prices."))
    outcome = commands.run("explain", "prices.py")
    assert (outcome.code, outcome.out) == (0, "Prices.\n")
    assert outcome.err.count("is not being recorded") == 1


def test_a_replay_on_the_stand_in(commands: CommandLine) -> None:
    commands.standin.enqueue(Reply("A recorded answer."))
    commands.run("explain", "prices.py", "--set", "audit=full")
    (known,) = records(commands)
    outcome = commands.run("replay", known["id"])
    assert outcome.code == 0
    assert "scripted reply of the stand-in" in outcome.out
    assert "-A recorded answer.\n" in outcome.out
    assert "The reply differs from the recorded one" in outcome.err
    assert len(commands.asked) == 1, "Claude was not asked"
    assert len(records(commands)) == 1
    assert json.loads(commands.run("usage", "--json").out)["total"]["requests"] == 1


def test_a_replay_with_claude(commands: CommandLine) -> None:
    commands.standin.enqueue(Reply("The same."), Reply("The same."), Reply("Another.\n"))
    commands.run("explain", "prices.py:5-9", "--set", "audit=full")
    (known,) = records(commands)
    again = commands.run("replay", known["id"], "--live")
    assert (again.code, again.out) == (0, "The same.\n")
    assert again.last_line == "kibitz: The reply is the same as the recorded one."
    first, second = (exchange.request.body for exchange in commands.asked)
    assert {**first, "diagnostics": None} == {**second, "diagnostics": None}
    other = commands.run("replay", known["id"], "--live")
    assert other.out == ("Another.\n\n--- recorded\n+++ now\n@@ -1 +1 @@\n-The same.\n+Another.\n")
    assert json.loads(commands.run("usage", "--json").out)["total"]["requests"] == 3


def test_a_replay_within_the_budget(commands: CommandLine) -> None:
    commands.run("explain", "prices.py", "--set", "audit=full")
    (known,) = records(commands)
    outcome = commands.run("replay", known["id"], "--live", "--set", "budget.day_usd=0.0001")
    assert (outcome.code, outcome.out) == (4, "")
    assert len(commands.asked) == 1


def test_what_has_no_body_cannot_be_sent_again(commands: CommandLine) -> None:
    commands.run("explain", "prices.py")
    (known,) = records(commands)
    outcome = commands.run("replay", known["id"])
    assert (outcome.code, outcome.out) == (2, "")
    assert 'set `audit` to "full"' in outcome.err


def test_the_replies_of_a_batch_are_recorded(commands: CommandLine) -> None:
    commands.run("review", "--batch", "--set", "audit=full")
    known = records(commands)
    assert len(known) == 2
    assert all(each["batch"].startswith("kibitz-") for each in known)
    whole = json.loads(commands.run("audit", known[0]["id"]).out)
    assert whole["reply"]["tool_calls"][0]["name"] == "report_findings"
    assert (
        "Of a request in a batch only the reply is kept"
        in commands.run("replay", known[0]["id"]).err
    )
