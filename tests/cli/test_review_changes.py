"""Reviews of changes: what Claude is shown, what is kept, and what is not asked twice."""

from __future__ import annotations

import json
import re
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from kibitz.standin import Fault, Reply
from support.command_line import CommandLine
from support.findings import finding, reported
from support.workshop import EXAMPLE, GIT

CHANGED = EXAMPLE.replace("RATE = 0.2", "RATE = 0.25").replace("result + price", "result - price")
WRONG = finding(
    quote="        result = result - price", title="Subtracts", suggestion="        result += price"
)


@pytest.fixture(autouse=True)
def unverified(monkeypatch: pytest.MonkeyPatch, shop: Path) -> None:
    """The check of the findings has tests of its own; here one file is one request."""
    monkeypatch.setenv("KIBITZ_REVIEW_VERIFY", "off")


def git(commands: CommandLine, *arguments: str) -> None:
    subprocess.run([*GIT, *arguments], cwd=commands.root, check=True, capture_output=True)


def test_the_changed_lines_are_marked_and_what_was_removed_is_shown(commands: CommandLine) -> None:
    commands.write("prices.py", CHANGED)
    commands.standin.enqueue(reported(WRONG))
    outcome = commands.run("review", "--diff")
    assert outcome.code == 0
    assert outcome.out == (
        "prices.py:9: warning: Subtracts [correctness]\n"
        "     8 |     for price in prices:\n"
        "  >  9 |         result = result - price\n"
        "    10 |     return result\n"
        "    Cents are lost.\n"
        "    suggestion:\n"
        "              result += price\n"
    )
    assert "3+\tRATE = 0.25\n4\t\n" in commands.task
    assert "9+\t        result = result - price\n10\t    return result\n" in commands.task
    assert "-        result = result + price\n" in commands.task


def test_findings_on_other_lines_are_dropped_unless_asked_for(commands: CommandLine) -> None:
    commands.write("prices.py", CHANGED)
    elsewhere = finding(start_line=14, end_line=14, quote="    return total(prices) * (1 + RATE)")
    commands.standin.enqueue(reported(WRONG, elsewhere), reported(WRONG, elsewhere))
    outcome = commands.run("review", "--diff", "--fail-on", "warning")
    assert outcome.code == 1
    assert outcome.last_line == "kibitz: 1 finding (1 warning), 1 dropped (1 on unchanged lines)"
    outcome = commands.run("review", "--diff", "--all-lines")
    assert outcome.last_line == "kibitz: 2 findings (2 warning)"


def test_several_files_in_order_behind_one_prefix(commands: CommandLine) -> None:
    commands.write("prices.py", CHANGED)
    for name in "cab":
        commands.write(f"{name}.py", f"{name} = eval(input())\n")
    commands.standin.enqueue(
        *(
            reported(
                finding(path=f"{name}.py", start_line=1, end_line=1,
                        quote=f"{name} = eval(input())", suggestion="")
            )
            for name in "a"
        )
    )  # fmt: skip
    outcome = commands.run("review", "--diff", "--format", "json")
    document = json.loads(outcome.out)
    paths = [each["path"] for each in document["findings"]]
    assert paths == sorted(paths)
    assert len(commands.asked) == 4
    assert "The review of 4 files costs about $" in outcome.err
    first, *rest = commands.asked
    assert first.cache_use.read_tokens == 0
    assert all(each.cache_use.read_tokens > 0 for each in rest)


def test_what_is_staged_is_what_is_shown(commands: CommandLine) -> None:
    commands.write("prices.py", CHANGED)
    git(commands, "add", "prices.py")
    commands.write("prices.py", "nothing = 1\n")
    commands.standin.enqueue(reported(WRONG))
    outcome = commands.run("review", "--staged")
    assert "prices.py:9: warning: Subtracts" in outcome.out
    assert "nothing = 1" not in json.dumps(commands.asked[-1].request.body)


def test_the_same_text_is_not_asked_about_again(commands: CommandLine) -> None:
    commands.write("prices.py", CHANGED)
    commands.standin.enqueue(reported(WRONG, finding(quote="never written", title="Bogus")))
    first = commands.run("review", "--diff", "--format", "github")
    again = commands.run("review", "--diff", "--format", "github")
    assert (again.code, again.out) == (first.code, first.out)
    assert len(commands.asked) == 1
    assert again.last_line == (
        "kibitz: 1 finding (1 warning), 1 dropped (1 quote not found), 1 from cache"
    )
    (kept,) = (commands.home / "cache" / "kibitz" / "findings").iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    commands.standin.enqueue(reported())
    assert commands.run("review", "--diff", "--no-cache").last_line == "kibitz: no findings"
    assert len(commands.asked) == 2
    commands.run("review", "--diff", "--set", "review.instructions=Be strict.")
    assert len(commands.asked) == 3
    kept.write_text("no JSON")
    commands.run("review", "--diff")
    assert len(commands.asked) == 4


def test_half_a_review_is_not_kept(commands: CommandLine) -> None:
    commands.write("prices.py", CHANGED)
    cut = reported(WRONG, WRONG, chunk_size=8).failing(Fault.cut("Subtracts"))
    commands.standin.enqueue(cut)
    assert commands.run("review", "--diff").code == 3
    commands.run("review", "--diff")
    assert len(commands.asked) == 2


def test_a_reply_that_cannot_be_used_costs_one_file(commands: CommandLine) -> None:
    commands.write("a.py", "a = 1\n")
    commands.write("prices.py", CHANGED)
    commands.standin.enqueue(Reply("It looks fine to me."), reported(WRONG))
    outcome = commands.run("review", "--diff", "--format", "json")
    document = json.loads(outcome.out)
    assert outcome.code == 3
    assert [each["title"] for each in document["findings"]] == ["Subtracts"]
    assert [each["path"] for each in document["failed"]] == ["a.py"]


def test_a_path_after_diff_is_a_path(commands: CommandLine) -> None:
    commands.write("a.py", "a = 1\n")
    commands.write("prices.py", CHANGED)
    commands.standin.enqueue(reported(WRONG))
    outcome = commands.run("review", "--diff", "prices.py")
    assert outcome.out.startswith("prices.py:9: warning: Subtracts")
    assert len(commands.asked) == 1


def test_a_secret_is_not_sent_kept_or_shown(commands: CommandLine) -> None:
    key = "AKIAQ3EGRYEXT5WMLPZB"
    commands.write("keys.py", f'key = "{key}"\nuse(key)\n')
    about = finding(path="keys.py", start_line=2, end_line=2, quote="use(key)", suggestion="")
    commands.standin.enqueue(reported(about))
    outcome = commands.run("review", "--diff")
    assert "keys.py:2: warning" in outcome.out
    assert "    1 | key = " in outcome.out, "an excerpt has the line above"
    assert key not in outcome.out
    assert key not in json.dumps(commands.asked[-1].request.body)
    (kept,) = (commands.home / "cache" / "kibitz" / "findings").iterdir()
    assert key not in kept.read_text()


def test_code_is_coloured_on_a_terminal(commands: CommandLine) -> None:
    commands.write("prices.py", CHANGED)
    commands.standin.enqueue(reported(WRONG))
    shown = commands.show("review", "--diff")
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown.written)
    assert "  >  9 |         result = result - price" in plain
    assert "    \x1b[94mreturn\x1b[0m result" in shown.written


def test_nothing_is_sent_when_the_day_has_not_enough_left(commands: CommandLine) -> None:
    commands.write("a.py", "a = 1\n")
    commands.write("prices.py", CHANGED)
    outcome = commands.run("review", "--diff", "--set", "budget.day_usd=0.001")
    assert outcome.code == 4
    assert "over the day's limit of $0.001" in outcome.err
    assert not commands.asked


def test_nothing_to_review(commands: CommandLine) -> None:
    outcome = commands.run("review", "--diff", "--format", "sarif")
    assert outcome.code == 0
    assert json.loads(outcome.out)["runs"][0]["results"] == []
    assert "There is nothing to review." in outcome.err
    assert not commands.asked


def test_what_does_not_go_together(commands: CommandLine) -> None:
    for options, sentence in (
        (["--diff", "--staged"], "not allowed with"),
        (["--diff", "--batch"], "leave out --diff"),
        (["prices.py", "--all-lines"], "goes with --diff"),
        (["prices.py:3", "--staged"], "files and folders"),
        (["--diff", "nowhere"], "no commit, branch or tag"),
        (["--diff", "--", ".."], "is not in the repository"),
    ):
        outcome = commands.run("review", *options)
        assert (outcome.code, outcome.out) == (2, ""), options
        assert sentence in outcome.err
    assert not commands.asked


def test_annotations(commands: CommandLine) -> None:
    hostile: dict[str, Any] = finding(
        title="a,b: 100%", message="one\n::error::two%0A", severity="hint"
    )
    commands.standin.enqueue(reported(hostile))
    outcome = commands.run("review", "prices.py", "--format", "github")
    assert outcome.out == (
        "::notice file=prices.py,line=9,endLine=9,title=a%2Cb%3A 100%25::"
        "one%0A::error::two%250A [correctness]\n"
    )
