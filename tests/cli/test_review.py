"""Review: findings as text and as JSON, what was dropped, and the exit code."""

from __future__ import annotations

import json
import re

import pytest

from kibitz.standin import Fault, Reply
from support.command_line import CommandLine
from support.findings import finding, reported

UNTAXED = finding(
    severity="Error",
    start_line=13,
    end_line=14,
    quote="def with_tax(prices):",
    title="No currency",
    message="The unit is unknown.\nCallers guess it.",
    suggestion="",
)


def test_findings_as_text(commands: CommandLine) -> None:
    commands.standin.enqueue(reported(finding(), UNTAXED))
    outcome = commands.run("review", "prices.py")
    assert outcome.code == 0
    assert outcome.out == (
        "prices.py:13-14: error: No currency [correctness]\n"
        "    12 |\n"
        "  > 13 | def with_tax(prices):\n"
        "  > 14 |     return total(prices) * (1 + RATE)\n"
        "    The unit is unknown.\n"
        "    Callers guess it.\n"
        "prices.py:9: warning: Sums floats [correctness]\n"
        "     8 |     for price in prices:\n"
        "  >  9 |         result = result + price\n"
        "    10 |     return result\n"
        "    Cents are lost.\n"
        "    suggestion:\n"
        "              result += price\n"
    )
    assert outcome.err == "kibitz: 2 findings (1 error, 1 warning)\n"


def test_the_worst_findings_come_first_whatever_their_order(commands: CommandLine) -> None:
    both = [
        finding(title="Slow", category="performance", severity="hint"),
        finding(title="Wrong", severity="error"),
    ]
    outcomes = []
    for order in (both, both[::-1]):
        commands.standin.enqueue(reported(*order))
        outcomes.append(commands.run("review", "prices.py", "--no-cache").out)
    assert outcomes[0] == outcomes[1]
    assert outcomes[0].index("error: Wrong") < outcomes[0].index("hint: Slow")


def test_findings_as_json(commands: CommandLine) -> None:
    commands.standin.enqueue(reported(UNTAXED, finding(quote="never written")))
    outcome = commands.run("review", "prices.py", "--format", "json")
    assert outcome.code == 0
    document = json.loads(outcome.out)
    (told,) = document["findings"]
    assert told == {**UNTAXED, "severity": "error", "fingerprint": told["fingerprint"]}
    assert re.fullmatch("[0-9a-f]{32}", told["fingerprint"])
    assert document["from_cache"] == 0
    assert document["dropped"] == [
        {
            "reason": "quote_not_found",
            "title": "Sums floats",
            "detail": document["dropped"][0]["detail"],
        }
    ]
    assert document["failed"] == []
    use, last = commands.asked[-1].cache_use, commands.asked[-1]
    assert document["usage"] == {
        "input_tokens": use.input_tokens,
        "cache_read_tokens": use.read_tokens,
        "cache_write_tokens": use.write_5m_tokens + use.write_1h_tokens,
        "output_tokens": last.output_tokens,
        "cost_usd": pytest.approx(last.cost_usd),
    }  # fmt: skip


def test_the_last_line_says_what_was_dropped_and_why(commands: CommandLine) -> None:
    commands.standin.enqueue(
        reported(
            finding(),
            finding(quote="never written", title="First"),
            finding(quote="never written either", title="Other", category="tests"),
            finding(severity="fatal", title="Third"),
            finding(path="unknown.py", title="Fourth"),
        )
    )
    outcome = commands.run("review", "prices.py", "--verbose")
    assert outcome.last_line == (
        "kibitz: 1 finding (1 warning), 4 dropped (1 about another file, 1 malformed, "
        "2 quote not found)"
    )


@pytest.mark.parametrize(
    ("fail_on", "code"),
    [(None, 0), ("error", 0), ("warning", 1), ("Info", 1), ("hint", 1)],
)
def test_findings_fail_the_command_only_when_asked_to(
    commands: CommandLine, fail_on: str | None, code: int
) -> None:
    commands.standin.enqueue(reported(finding()))
    options = [] if fail_on is None else ["--fail-on", fail_on]
    assert commands.run("review", "prices.py", *options).code == code


def test_no_findings(commands: CommandLine) -> None:
    commands.standin.enqueue(reported())
    outcome = commands.run("review", "prices.py", "--fail-on", "hint")
    assert (outcome.code, outcome.out, outcome.err) == (0, "", "kibitz: no findings\n")


def test_several_files_are_reviewed_one_after_the_other(commands: CommandLine) -> None:
    notes = finding(path="docs/notes.md", start_line=3, end_line=3, quote="Prices are in cents.")
    commands.standin.enqueue(reported(finding()), reported(notes))
    outcome = commands.run("review", "prices.py", "docs/notes.md:3", "prices.py")
    assert outcome.code == 0
    assert [line for line in outcome.out.splitlines() if not line.startswith(" ")] == [
        "prices.py:9: warning: Sums floats [correctness]",
        "docs/notes.md:3: warning: Sums floats [correctness]",
    ]
    assert len(commands.asked) == 2, "the same place twice is one review"
    assert commands.asked[1].cache_use.read_tokens > 0


def test_nothing_is_sent_when_one_of_the_files_may_not_be(commands: CommandLine) -> None:
    commands.write(".env", "PASSWORD=hunter22\n")
    outcome = commands.run("review", "prices.py", ".env", "--format", "json")
    assert (outcome.code, outcome.out) == (2, "")
    assert ".env is not sent" in outcome.err
    assert not commands.asked


def test_a_reply_that_cannot_be_used_costs_one_file(commands: CommandLine) -> None:
    notes = finding(path="docs/notes.md", start_line=3, end_line=3, quote="Prices are in cents.")
    commands.standin.enqueue(Reply("It looks fine to me."), reported(notes))
    outcome = commands.run(
        "review", "prices.py", "docs/notes.md", "--format", "json", "--fail-on", "hint"
    )
    document = json.loads(outcome.out)
    assert outcome.code == 3
    assert [each["path"] for each in document["findings"]] == ["docs/notes.md"]
    assert [each["path"] for each in document["failed"]] == ["prices.py"]
    assert "prices.py: Claude's reply held no findings that could be read" in outcome.err
    assert "1 finding (1 warning); 1 file not reviewed to the end" in outcome.last_line


def test_findings_before_a_failure_are_kept(commands: CommandLine) -> None:
    reply = reported(finding(), UNTAXED, chunk_size=8).failing(Fault.cut("No currency"))
    commands.standin.enqueue(reply)
    outcome = commands.run("review", "prices.py", "docs/notes.md")
    assert outcome.code == 3
    assert outcome.out.startswith("prices.py:9: warning: Sums floats")
    assert "broke off in the middle of the reply" in outcome.last_line
    assert len(commands.asked) == 2, "the other one had begun by then, and was paid for"


def test_a_reply_that_is_cut_off(commands: CommandLine) -> None:
    commands.standin.enqueue(reported(finding(), stop_reason="max_tokens"))
    outcome = commands.run("review", "prices.py")
    assert outcome.code == 3
    assert "The reply was cut off at its token limit" in outcome.err


def test_findings_in_prose_are_read(commands: CommandLine) -> None:
    commands.standin.enqueue(Reply(json.dumps({"findings": [finding()]})))
    outcome = commands.run("review", "prices.py")
    assert (outcome.code, outcome.last_line) == (0, "kibitz: 1 finding (1 warning)")


def test_a_text_from_stdin(commands: CommandLine) -> None:
    commands.standin.enqueue(
        reported(finding(path="stdin", start_line=1, end_line=1, quote="eval(input())"))
    )
    outcome = commands.run("review", "-", stdin="eval(input())\n")
    assert outcome.out.startswith("stdin:1: warning: Sums floats")


def test_a_finding_cannot_write_on_the_terminal(commands: CommandLine) -> None:
    hostile = finding(title="a\x1b[2Jb\nc", message="d\x9b31me\r\nf\u200b", category="g\u202eh")
    commands.standin.enqueue(reported(hostile))
    outcome = commands.run("review", "prices.py")
    assert set("\x1b\x9b\r\u200b\u202e").isdisjoint(outcome.out)
    first, *_ = outcome.out.splitlines()
    assert first.endswith("b c [gh]"), "a title is one line"


def test_a_review_needs_a_file(commands: CommandLine) -> None:
    outcome = commands.run("review")
    assert (outcome.code, outcome.out) == (2, "")
    assert "Name the files or folders to review" in outcome.err
