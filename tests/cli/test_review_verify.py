"""The check of findings: who is dropped, what it costs, and what is left when it fails."""

from __future__ import annotations

import json

import pytest

from kibitz.standin import Fault, Reply, ToolCall
from support.command_line import CommandLine
from support.findings import finding, reported
from support.workshop import EXAMPLE

CHANGED = EXAMPLE.replace("RATE = 0.2", "RATE = 0.25").replace("result + price", "result - price")
WRONG = finding(quote="        result = result - price", title="Subtracts", suggestion="")
MAGIC = finding(start_line=3, end_line=3, quote="RATE = 0.25", title="Magic", suggestion="")
VERDICTS = Reply("<verdicts>\n1 stands\n2 refuted: the rate is named\n</verdicts>")


def test_what_is_refuted_is_dropped_and_the_cost_is_told(commands: CommandLine) -> None:
    commands.write("prices.py", CHANGED)
    commands.standin.enqueue(reported(WRONG, MAGIC), VERDICTS)
    outcome = commands.run("review", "--diff", "--format", "json")
    review, check = commands.asked
    document = json.loads(outcome.out)
    assert [each["title"] for each in document["findings"]] == ["Subtracts"]
    assert document["dropped"] == [
        {"reason": "refuted", "title": "Magic", "detail": "line 3: the rate is named"}
    ]
    verification = document["verification"]
    assert (verification["checked"], verification["unchecked"]) == (2, 0)
    assert verification["cost_usd"] == pytest.approx(check.cost_usd, abs=1e-6)  # it is rounded
    assert outcome.last_line.startswith(
        "kibitz: 1 finding (1 warning), 1 dropped (1 refuted); 2 checked for $0.0"
    )
    assert check.cache_use.read_tokens > 0, "it stands behind the prefix of the review"
    assert check.request.system_text == review.request.system_text
    assert check.request.body["tools"] == review.request.body["tools"]


def test_claude_is_shown_the_code_and_the_change(commands: CommandLine) -> None:
    commands.write("prices.py", CHANGED)
    commands.standin.enqueue(reported(WRONG, MAGIC), VERDICTS)
    commands.run("review", "--diff")
    assert '<task action="verify">' in commands.task
    assert "9\t        result = result - price\n" in commands.task
    assert "-        result = result + price\n" in commands.task
    assert (
        '<finding number="1" lines="9-9" severity="warning" category="correctness">\n'
        "Subtracts\nCents are lost.\n</finding>" in commands.task
    )


def test_claude_looks_around_before_it_judges(commands: CommandLine) -> None:
    commands.write("prices.py", CHANGED)
    looks = Reply(tool_calls=[ToolCall("symbol", {"name": "total"})])
    commands.standin.enqueue(reported(WRONG, MAGIC), looks, VERDICTS)
    outcome = commands.run("review", "--diff")
    assert len(commands.asked) == 3
    assert "def total(prices):" in commands.asked[2].request.tool_results[0]
    assert "1 refuted" in outcome.last_line


def test_only_changes_are_checked_unless_it_is_asked_for(commands: CommandLine) -> None:
    commands.write("prices.py", CHANGED)
    commands.standin.enqueue(reported(WRONG), reported(WRONG), reported(WRONG, MAGIC), VERDICTS)
    assert "checked" not in commands.run("review", "prices.py", "--no-cache").last_line
    assert "checked" not in commands.run("review", "--diff", "--no-verify").last_line
    assert "2 checked" in commands.run("review", "prices.py", "--verify", "--no-cache").last_line


def test_a_review_without_findings_is_not_checked(commands: CommandLine) -> None:
    commands.write("prices.py", CHANGED)
    commands.standin.enqueue(reported())
    assert commands.run("review", "--diff").last_line == "kibitz: no findings"
    assert len(commands.asked) == 1


def test_a_check_that_fails_leaves_the_findings_and_says_so(commands: CommandLine) -> None:
    commands.write("prices.py", CHANGED)
    for reply, why in (
        (Reply("I would rather not say."), "judged none of them"),
        (VERDICTS.failing(Fault.cut("stands")), "connection"),
        (Reply("<verdicts>\n1 stands\n2 refuted: x", stop_reason="max_tokens"), "cut off"),
        (Reply("", stop_reason="refusal"), "refused"),
    ):
        commands.standin.enqueue(reported(WRONG, MAGIC), reply)
        outcome = commands.run("review", "--diff", "--no-cache")
        assert outcome.code == 0
        assert "Subtracts" in outcome.out
        assert "Magic" in outcome.out
        assert "prices.py: its findings could not be checked and are shown as they are" in (
            outcome.err
        )
        assert why in outcome.err, outcome.err
        assert outcome.last_line == "kibitz: 2 findings (2 warning); 2 not checked"


def test_what_was_not_checked_is_checked_the_next_time(commands: CommandLine) -> None:
    commands.write("prices.py", CHANGED)
    commands.standin.enqueue(reported(WRONG, MAGIC), Reply("Hm."), VERDICTS)
    commands.run("review", "--diff")
    second = commands.run("review", "--diff")
    assert len(commands.asked) == 3, "the review itself is known"
    assert "1 refuted); 2 checked for" in second.last_line
    third = commands.run("review", "--diff")
    assert len(commands.asked) == 3, "and now the check as well"
    assert third.last_line == "kibitz: 1 finding (1 warning), 1 dropped (1 refuted), 1 from cache"


def test_a_suggestion_that_breaks_the_code_is_left_out(commands: CommandLine) -> None:
    commands.write("prices.py", CHANGED)
    broken = {**WRONG, "suggestion": "        result += (price"}
    commands.standin.enqueue(reported(broken))
    outcome = commands.run("review", "--diff", "--no-verify", "--format", "json")
    document = json.loads(outcome.out)
    assert [each["suggestion"] for each in document["findings"]] == [""]
    assert document["suggestions_left_out"] == [
        {"title": "Subtracts", "reason": "the code would not parse with it"}
    ]
    assert outcome.last_line == "kibitz: 1 finding (1 warning), 1 suggestion left out"


def test_the_check_is_a_row_of_its_own_in_the_ledger(commands: CommandLine) -> None:
    commands.write("prices.py", CHANGED)
    commands.standin.enqueue(reported(WRONG, MAGIC), VERDICTS)
    commands.run("review", "--diff")
    rows = json.loads(commands.run("usage", "--by", "task", "--json").out)["rows"]
    assert {row["key"] for row in rows} == {"review", "verify"}


def test_no_secret_is_in_the_check(commands: CommandLine) -> None:
    key = "AKIAQ3EGRYEXT5WMLPZB"
    commands.write("keys.py", f'key = "{key}"\nuse(key)\n')
    about = finding(
        path="keys.py", start_line=1, end_line=2, quote="use(key)", title=f"Leaks {key}"
    )
    commands.standin.enqueue(reported(about), Reply("<verdicts>\n1 stands\n</verdicts>"))
    commands.run("review", "--diff")
    assert len(commands.asked) == 2
    assert key not in json.dumps(commands.asked[1].request.body)
