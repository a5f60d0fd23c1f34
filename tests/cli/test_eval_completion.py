"""`kibitz eval completion` against scripted replies: what is asked, run, judged and kept.

Nothing here says how good anybody's completions are.
"""

from __future__ import annotations

import gzip
import json
import re
from typing import Any

import pytest

from kibitz.standin import Fault, Reply
from support.command_line import CommandLine, Outcome

BEFORE = 'def double(number):\n    """Twice the number."""\n    return '
TEST = "def check(candidate):\n    assert candidate(4) == 8\n    assert candidate(-1) == -2\n"


def problem(name: str, **changed: Any) -> dict[str, Any]:
    return {
        "task_id": name,
        "prompt": BEFORE,
        "suffix": "\n",
        "canonical_solution": "number * 2",
        "test": TEST,
        "entry_point": "double",
        **changed,
    }


def evaluate(commands: CommandLine, *options: str, problems: Any = None) -> Outcome:
    given = [problem("p/0"), problem("p/1")] if problems is None else problems
    path = commands.home.parent / "problems.jsonl"
    path.write_text("\n".join(map(json.dumps, given)) + "\n\n")
    return commands.run("eval", "completion", str(path), "--yes", "--json", *options)


def says(text: str) -> Reply:
    return Reply(f"<completion>{text}</completion>")


def figures(outcome: Outcome) -> dict[str, Any]:
    assert outcome.code == 0, outcome.err
    (only,) = json.loads(outcome.out)["configurations"]
    return only


def test_what_passes_is_what_was_run(commands: CommandLine) -> None:
    replies = {
        "p/0": "number * 2",
        "p/1": "number + number",
        "p/2": "number + 4",
        "p/3": "",
        # A program that leaves on its own has not passed.
        "p/4": "__import__('os')._exit(0)",
    }
    given = [
        problem(name, prompt=f"# {name}\n{BEFORE}", suffix="\n# the end\n") for name in replies
    ]
    for name, text in replies.items():
        commands.standin.when(f"# {name}\n", says(text))
    outcome = evaluate(commands, "--verbose", problems=given)
    told = figures(outcome)
    assert f"{len(given)} requests" in outcome.last_line
    assert (told["passed"]["part"], told["passed"]["whole"]) == (2, 5)
    assert told["same_as_original"]["part"] == 1
    assert told["nothing_shown"]["part"] == 1
    assert told["cost_usd"] == pytest.approx(sum(each.cost_usd or 0 for each in commands.asked))
    assert told["usd_per_pass"] == pytest.approx(told["cost_usd"] / 2)
    assert "in no sandbox" in outcome.err
    text = commands.asked[0].request.last_user_text
    assert "return {{CURSOR}}\n# the end" in text
    assert "assert candidate" not in json.dumps(commands.asked[0].request.body)
    assert "haiku" in commands.asked[0].request.body["model"]


def test_the_filters_of_the_editor_apply(commands: CommandLine) -> None:
    # What stands before the cursor is often said again.
    commands.standin.when(lambda _: True, says("    return number * 2"))
    assert figures(evaluate(commands))["passed"]["part"] == 2


def test_whole_lines_that_are_missing(commands: CommandLine) -> None:
    commands.standin.when(lambda _: True, says("    twice = number * 2"))
    gap = problem(
        "p/0",
        prompt="def double(number):\n",
        canonical_solution="    twice = number + number\n",
        suffix="    return twice\n",
    )
    assert figures(evaluate(commands, problems=[gap]))["passed"]["part"] == 1
    assert "{{CURSOR}}\n    return twice" in commands.asked[0].request.last_user_text


def test_problems_that_cannot_pass_are_left_out(commands: CommandLine) -> None:
    commands.standin.when(lambda _: True, says("number * 2"))
    broken = problem("p/2", canonical_solution="number * 3")
    outcome = evaluate(commands, problems=[problem("p/0"), broken])
    assert figures(outcome)["passed"]["whole"] == 1
    assert "1 of the problems do not pass here with their own solution" in outcome.err
    assert len(commands.asked) == 1


def test_it_goes_on_where_it_was(commands: CommandLine) -> None:
    commands.standin.enqueue(says("number * 2"), Fault.spend_limit(), Fault.spend_limit())
    assert evaluate(commands, problems=[problem(f"p/{n}") for n in range(2)]).code == 3
    commands.standin.reset_script()
    commands.standin.when(lambda _: True, says("number * 2"))
    given = [problem(f"p/{n}") for n in range(2)]
    n_asked = len(commands.asked)
    assert figures(evaluate(commands, problems=given))["passed"]["part"] == 2
    assert len(commands.asked) == n_asked + 1
    again = evaluate(commands, problems=given)
    assert figures(again)["passed"]["part"] == 2
    assert len(commands.asked) == n_asked + 1
    both = evaluate(commands, "--tier", "fast", "--tier", "deep", problems=given)
    assert len(json.loads(both.out)["configurations"]) == 2
    assert len(commands.asked) == n_asked + 3


def test_a_sample_and_a_packed_file(commands: CommandLine) -> None:
    commands.standin.when(lambda _: True, says("number * 2"))
    path = commands.home.parent / "problems.jsonl.gz"
    lines = "\n".join(json.dumps(problem(f"p/{number}")) for number in range(9))
    path.write_bytes(gzip.compress(lines.encode()))
    options = ("eval", "completion", str(path), "--sample", "2", "--yes")
    outcome = commands.run(*options)
    assert outcome.code == 0
    assert "2 problems" in outcome.err
    assert re.match(r"fast +100% \(34%–100%\) ", outcome.out.splitlines()[-1])
    assert commands.run(*options).out == outcome.out
    assert len(commands.asked) == 2
    assert "2 completions to be made" in commands.run(*options, "--seed", "5").err


def test_nothing_is_sent_or_run_unasked_or_beyond_the_most(commands: CommandLine) -> None:
    path = commands.home.parent / "problems.jsonl"
    path.write_text(json.dumps(problem("p/0")))
    outcome = commands.run("eval", "completion", str(path))
    assert (outcome.code, outcome.out) == (2, "")
    assert "in no sandbox" in outcome.err
    assert not commands.asked
    commands.standin.when(lambda _: True, says("number * 2"))
    given = [problem(f"p/{number}") for number in range(12)]
    outcome = evaluate(commands, "--most-usd", "0.00001", problems=given)
    assert (outcome.code, outcome.out) == (4, "")
    assert len(commands.asked) < len(given)


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ("", "holds no problems"),
        ("{", "line 1: it is no JSON"),
        ("[]", "line 1: it is no object"),
        ('\n{"task_id": "a"}', "line 2: `prompt` is missing"),
        (json.dumps(problem("a", test=3)), "`test` is no text"),
        (json.dumps(problem("a", entry_point="f()")), "`entry_point` is no name"),
        (f"{json.dumps(problem('a'))}\n{json.dumps(problem('a'))}", "line 2: a comes twice"),
    ],
)
def test_a_file_of_something_else(commands: CommandLine, lines: str, sentence: str) -> None:
    path = commands.home.parent / "problems.jsonl"
    path.write_text(lines)
    outcome = commands.run("eval", "completion", str(path), "--yes")
    assert (outcome.code, outcome.out) == (2, "")
    assert sentence in outcome.err
