"""What a review is of: folders, the whole repository, a large change; and what it is to cost."""

from __future__ import annotations

import json
import re
import subprocess

from kibitz.actions.review_estimate import LIKELY, MUCH, _with_rounds
from kibitz.claude.values import Usage
from kibitz.cli.report import Report
from kibitz.dismissals import Dismissals
from kibitz.findings.values import Finding
from kibitz.standin import Reply, ToolCall
from support.command_line import CommandLine
from support.findings import finding, reported
from support.workshop import EXAMPLE, GIT


def paths_of(out: str) -> list[str]:
    return [each["path"] for each in json.loads(out)["findings"]]


def test_a_folder_is_what_git_tracks_in_it(commands: CommandLine) -> None:
    commands.write("src/a.py", "a = eval(input())\n")
    commands.write("src/deep/b.py", "b = eval(input())\n")
    commands.write("src/empty.py", "")
    commands.commit()
    commands.write("src/untracked.py", "u = eval(input())\n")
    outcome = commands.run("review", "src", "src/a.py", "--format", "json")
    assert paths_of(outcome.out) == ["src/a.py", "src/deep/b.py"]
    assert len(commands.asked) == 2, "a file that is named twice is reviewed once"
    assert "1 file is left out: 1 because it is empty." in outcome.err


def test_the_whole_repository(commands: CommandLine) -> None:
    commands.write("src/a.py", "a = eval(input())\n")
    commands.commit()
    outcome = commands.run("review", ".", "--format", "json")
    assert set(paths_of(outcome.out)) == {"docs/notes.md", "prices.py", "src/a.py"}
    first, *rest = commands.asked
    assert all(each.cache_use.read_tokens >= first.cache_use.write_tokens for each in rest)


def test_what_was_dismissed_is_not_told_unless_asked_for(commands: CommandLine) -> None:
    first = commands.run("review", "prices.py", "--format", "json")
    (found,) = json.loads(first.out)["findings"]
    dismissals = Dismissals(commands.home / "state" / "kibitz" / "findings")
    dismissals.add(commands.root, found["fingerprint"], "prices.py", "intended")
    again = commands.run("review", "prices.py", "--fail-on", "hint")
    assert (again.code, again.out) == (0, "")
    assert again.last_line == "kibitz: no findings, 1 dropped (1 dismissed before), 1 from cache"
    assert "prices.py:" in commands.run("review", "prices.py", "--dismissed").out
    report = Report([Finding(**{k: v for k, v in found.items() if k != "fingerprint"})])
    report.texts["prices.py"] = EXAMPLE.splitlines(keepends=True)
    report.dismiss(dismissals.of(commands.root))
    assert report.closing_line() == "no findings, 1 dropped (1 dismissed before)"
    refused = commands.run("review", "--batch", "--verify")
    assert refused.code == 2
    assert "are not checked" in refused.err


def test_a_folder_outside_a_repository_is_refused(commands: CommandLine) -> None:
    (commands.root.parent / "loose").mkdir()
    outcome = commands.run("review", "../loose")
    assert (outcome.code, outcome.out) == (2, "")
    assert "is a folder in no repository" in outcome.err
    assert not commands.asked


def test_a_commit_and_a_branch(commands: CommandLine) -> None:
    for command in (("switch", "-qc", "topic"),):
        subprocess.run([*GIT, *command], cwd=commands.root, check=True, capture_output=True)
    commands.write("one.py", "one = eval(input())\n")
    commands.commit()
    commands.write("two.py", "two = eval(input())\n")
    commands.commit()
    assert paths_of(commands.run("review", "--diff", "HEAD^!", "--format", "json").out) == [
        "two.py"
    ]
    branch = commands.run("review", "--diff", "main", "--format", "json")
    assert paths_of(branch.out) == ["one.py", "two.py"]
    assert json.loads(branch.out)["from_cache"] == 1


def module(number: int, n_functions: int) -> str:
    """A Python file of ten lines a function; the last one of each fifth evaluates its input."""
    lines: list[str] = []
    for each in range(n_functions):
        lines += [
            f"def step_{number}_{each}(value, scale={each}):",
            f'    """Scale a value by {each} and say so."""',
            f"    shifted = value * scale + {number}",
            f"    if shifted > {each * 7}:",
            "        shifted -= scale",
            "    for _ in range(3):",
            "        shifted += 1",
            "    return shifted" if each % 50 else "    return eval(shifted)",
            "",
            "",
        ]
    return "\n".join(lines)


def test_a_change_of_20_000_lines(commands: CommandLine) -> None:
    for number, n_functions in enumerate((900, 400, 400, 150, 150)):
        commands.write(f"steps/part_{number}.py", module(number, n_functions))
    outcome = commands.run("review", "--diff", "--format", "json", "--no-verify")
    assert outcome.code == 0
    document = json.loads(outcome.out)
    lines = [(each["path"], each["start_line"]) for each in document["findings"]]
    assert len(set(lines)) == len(lines), "merged, nothing is told twice"
    assert {path for path, _ in lines} == {f"steps/part_{number}.py" for number in range(5)}
    regions = [
        (found["path"], int(found["first"]), found["code"])
        for exchange in commands.asked
        for found in re.finditer(
            r'<region path="(?P<path>[^"]+)" first_line="(?P<first>\d+)">\n(?P<code>.*?)</region>',
            exchange.request.last_user_text,
            re.DOTALL,
        )
    ]
    shown = sum(code.count("\n") for _, _, code in regions)
    assert shown >= 19_000
    assert len(regions) > 5, "a large file is reviewed in parts"
    for _, _, code in regions:
        assert re.match(r"\d+\+\tdef step_", code), "each of whole definitions"
    first, *rest = commands.asked
    assert first.cache_use.read_tokens == 0
    assert all(each.cache_use.read_tokens >= first.cache_use.write_tokens for each in rest)
    told = re.search(r"5 files costs about \$([0-9.]+), or up to \$([0-9.]+)", outcome.err)
    assert told is not None
    likely, much = map(float, told.groups())
    spent = sum(exchange.cost_usd or 0.0 for exchange in commands.asked)
    assert spent < likely < much


def test_what_is_told_covers_rounds_and_checks(commands: CommandLine) -> None:
    """Two files, each looked around for once and checked: the truth is between both figures."""
    for name in "ab":
        commands.write(f"{name}.py", f"{name} = eval(input())\n" * 40)
    looks = Reply(tool_calls=[ToolCall("read_file", {"path": "prices.py"})])
    for name in "ab":
        found = finding(
            path=f"{name}.py", start_line=1, end_line=1, quote=f"{name} = eval(input())",
            message="It runs what it is given. " * 12, suggestion="",
        )  # fmt: skip
        for _ in range(4):
            commands.standin.enqueue(looks, reported(found))
    outcome = commands.run("review", "--diff")
    told = re.search(r"2 files costs about \$([0-9.]+), or up to \$([0-9.]+)", outcome.err)
    assert told is not None
    spent = sum(exchange.cost_usd or 0.0 for exchange in commands.asked)
    assert spent < float(told[2])


def test_a_round_reads_what_the_last_one_left() -> None:
    usage = _with_rounds(Usage(1_000, 50_000), 50_000, 1_000, LIKELY)
    new = 1_000 + LIKELY.round_tokens + 150
    assert usage == Usage(1_000, 100_000, new, 0, 150)
    usage = _with_rounds(Usage(1_000, 50_000), 50_000, 1_000, MUCH)
    assert usage.cache_read_tokens > 4 * 50_000
    assert usage.cache_write_tokens == 1_000 + 3 * (MUCH.round_tokens + 150)
