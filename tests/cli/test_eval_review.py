"""`kibitz eval review` against scripted replies: what is asked, how it is judged, what is kept.

Nothing here says how good anybody's reviews are.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from kibitz.standin import Fault, Reply, Request, ToolCall
from support.command_line import CommandLine, Outcome
from support.workshop import GIT

# Each function can be broken in a few ways, and written otherwise in one.
FUNCTION = '''\
def step_{n}(values, limit):
    """Take the first values that are not too large."""
    total_{n} = 0
    if not values:
        return None
    for value in values:
        if value >= limit and limit > 0:
            break
        total_{n} += value
    return total_{n} + limit + 1


'''
MODULE = "".join(FUNCTION.format(n=number) for number in range(6))


@pytest.fixture
def clone(commands: CommandLine) -> CommandLine:
    """A repository with a module, and a commit in its history that has mended it."""
    broken = MODULE.replace(
        "        if value >= limit and limit > 0:", "        if value > limit:", 1
    )
    for text, message in ((broken, "Add steps"), (MODULE, "Fix a wrong limit"), (None, "Go on")):
        if text is None:
            commands.write("notes.txt", "more\n")
        else:
            commands.write("steps.py", text)
        subprocess.run([*GIT, "add", "-A"], cwd=commands.root, check=True)
        subprocess.run([*GIT, "commit", "-q", "-m", message], cwd=commands.root, check=True)
    return commands


def evaluate(commands: CommandLine, *options: str, fixes: int = 1) -> Outcome:
    counts = ("--mutations", "1", "--harmless", "1", "--fixes", str(fixes))
    return commands.run("eval", "review", ".", *counts, "--no-verify", *options)


def reviewer(finds: Sequence[str]) -> Any:
    """A reviewer who reports each changed line that holds one of `finds`."""

    def answer(request: Request) -> Reply:
        text = request.last_user_text
        path = re.search(r'path="([^"]+)"', text)
        marked = re.findall(r"^(\d+)\+\t(.*)$", text, re.MULTILINE)
        assert path is not None
        findings = [
            {
                "path": path[1],
                "severity": "error",
                "category": "correctness",
                "start_line": int(number),
                "end_line": int(number),
                "quote": line,
                "title": f"Looks wrong: {number}",
                "message": "It is.",
                "suggestion": "",
            }
            for number, line in marked
            if any(word in line for word in finds)
        ]
        return Reply(tool_calls=[ToolCall("report_findings", {"findings": findings})])

    return answer


def test_cases_are_listed_for_nothing(clone: CommandLine) -> None:
    outcome = evaluate(clone, "--list")
    assert outcome.code == 0
    kinds = [line.split()[0] for line in outcome.out.splitlines()]
    assert kinds == ["mutation", "harmless", "fix"]
    assert outcome.out.endswith(": Fix a wrong limit\n")
    assert outcome.out == evaluate(clone, "--list").out
    assert not clone.asked


def test_a_reviewer_who_finds_everything_and_one_who_sees_ghosts(clone: CommandLine) -> None:
    clone.standin.when(lambda _: True, reviewer([""]))
    outcome = evaluate(clone, "--yes", "--json", "--verbose")
    assert outcome.code == 0, outcome.err
    assert "3 requests" in outcome.last_line
    (figures,) = json.loads(outcome.out)["configurations"]
    assert (figures["recall"]["part"], figures["recall"]["whole"]) == (2, 2)
    assert figures["recall_by_kind"]["fix"]["part"] == 1
    assert figures["false_alarms"]["share"] == 1.0
    # Rewritings that change nothing were reported as well.
    assert 0 < figures["precision"]["share"] < 1
    assert figures["cost_usd"] == pytest.approx(sum(each.cost_usd or 0 for each in clone.asked))
    assert figures["usd_per_true_finding"] == pytest.approx(figures["cost_usd"] / 2)
    assert re.search(r"3 reviews to be made.*\n.*That costs about \$0\.", outcome.err)
    prompts = "".join(json.dumps(each.request.body["messages"]) for each in clone.asked)
    assert "seeded" not in prompts
    assert "mutation" not in prompts


def test_a_reviewer_who_finds_nothing(clone: CommandLine) -> None:
    clone.standin.when(lambda _: True, reviewer([]))
    outcome = evaluate(clone, "--yes", fixes=0)
    assert outcome.code == 0
    header, row = outcome.out.splitlines()
    assert header.split("  ")[0] == ""
    assert re.match(r"standard, unchecked +0% \(0%–79%\) ", row)


def test_what_was_reviewed_is_not_paid_for_again(clone: CommandLine) -> None:
    clone.standin.when(lambda _: True, reviewer([""]))
    first = evaluate(clone, "--yes", "--json")
    n_asked = len(clone.asked)
    again = evaluate(clone, "--json")
    assert again.out == first.out
    assert "0 reviews to be made" in again.err
    assert len(clone.asked) == n_asked
    both = evaluate(clone, "--yes", "--tier", "standard", "--tier", "fast", "--json")
    names = [each["configuration"] for each in json.loads(both.out)["configurations"]]
    assert names == ["standard, unchecked", "fast, unchecked"]
    assert len(clone.asked) == n_asked + 3
    assert "haiku" in clone.asked[-1].request.body["model"]
    evaluate(clone, "--yes", "--again")
    assert len(clone.asked) == n_asked + 6


def test_it_goes_on_after_a_failure(clone: CommandLine) -> None:
    clone.standin.enqueue(Fault.spend_limit())
    outcome = evaluate(clone, "--yes", "--json")
    assert (outcome.code, outcome.out) == (3, "")
    assert evaluate(clone, "--yes", "--set", "budget.day_usd=0.0001").code == 4
    clone.standin.when(lambda _: True, reviewer([""]))
    outcome = evaluate(clone, "--yes", "--json")
    assert outcome.code == 0
    (results,) = (clone.home / "state/kibitz/evaluations").glob("*/results.jsonl")
    assert len(results.read_text().splitlines()) == 3
    assert results.stat().st_mode & 0o077 == 0


def test_a_reply_of_no_use_counts_as_nothing_found(clone: CommandLine) -> None:
    clone.standin.when(lambda _: True, Reply("It looks fine to me."))
    outcome = evaluate(clone, "--yes", "--json", fixes=0)
    assert outcome.code == 0
    (figures,) = json.loads(outcome.out)["configurations"]
    assert (figures["failed"], figures["recall"]["part"]) == (2, 0)


def test_further_instructions_are_another_configuration(clone: CommandLine, tmp_path: Path) -> None:
    words = tmp_path / "strict.md"
    words.write_text("Be strict.\n")
    clone.standin.when(lambda _: True, reviewer([""]))
    outcome = evaluate(clone, "--yes", "--json", "--prompt", str(words), fixes=0)
    plain, strict = json.loads(outcome.out)["configurations"]
    assert plain["configuration"] == "standard, unchecked"
    assert re.fullmatch(r"standard, strict#\w{8}, unchecked", strict["configuration"])
    texts = [each.request.last_user_text for each in clone.asked]
    assert ["Be strict." in text for text in texts] == [False, False, True, True]


def test_nothing_is_sent_unasked_or_beyond_the_most(clone: CommandLine) -> None:
    outcome = evaluate(clone)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.last_line == (
        "kibitz: Nobody is there to be asked whether to go on; add `--yes`."
    )
    assert not clone.asked
    clone.standin.when(lambda _: True, reviewer([]))
    outcome = evaluate(clone, "--yes", "--most-usd", "0.0001", fixes=0)
    assert outcome.code == 4
    assert "of at most $0.0001" in outcome.last_line
    n_asked = len(clone.asked)
    assert evaluate(clone, "--yes", fixes=0).code == 0
    assert len(clone.asked) <= 3, f"{n_asked} were asked before"


def test_the_users_work_tree_is_left_alone(clone: CommandLine) -> None:
    clone.write("steps.py", "work in progress\n")
    clone.standin.when(lambda _: True, reviewer([]))
    evaluate(clone, "--yes")
    assert (clone.root / "steps.py").read_text() == "work in progress\n"
    assert all("work in progress" not in each.request.last_user_text for each in clone.asked)


def test_what_cannot_be_evaluated(commands: CommandLine) -> None:
    for arguments, sentence in (
        (["eval", "review", "nowhere"], "CLONE is no folder"),
        (["eval", "nothing"], "There is no evaluation 'nothing'"),
        (["eval", "review", ".", "--most-usd", "0"], "not an amount above 0"),
        (["eval", "review", ".", "--prompt", "nowhere.md"], "cannot be read as text"),
        (["eval", "review", "."], "no source file"),
    ):
        outcome = commands.run(*arguments)
        assert (outcome.code, outcome.out) == (2, ""), arguments
        assert sentence in outcome.err
