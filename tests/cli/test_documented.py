"""docs/command-line.md says what is so."""

from __future__ import annotations

import json
import re
from pathlib import Path

from kibitz.actions.values import NotOffered
from kibitz.claude.values import Usage
from kibitz.cli import main
from kibitz.cli.report import Report
from kibitz.findings.values import Dropped, Finding
from support.command_line import CommandLine

PAGE = (Path(__file__).parents[2] / "docs" / "command-line.md").read_text("utf-8")


def test_every_command_is_in_the_table() -> None:
    rows = re.findall(r"^\| `kibitz (\w+)", PAGE, re.MULTILINE)
    assert sorted(set(rows)) == sorted(main.COMMANDS)


def test_each_option_in_the_table_exists(commands: CommandLine) -> None:
    for name, arguments in re.findall(r"^\| `kibitz (\w+)(.*?)` \|", PAGE, re.MULTILINE):
        if name == "serve":
            continue  # reads its arguments itself
        told = commands.run(name, "--help").out
        missing = [option for option in re.findall(r"--[a-z-]+", arguments) if option not in told]
        assert not missing, f"kibitz {name}: {missing}"


def test_the_shape_of_a_review() -> None:
    documented = json.loads(PAGE.partition("```json\n")[2].partition("```")[0])
    finding = Finding("a.py", "error", "c", 1, 1, "q", "t", "m")
    report = Report([finding], [Dropped("malformed", "t")], [("b.py", "why")])
    report.not_offered.append(NotOffered("t", "why"))
    written = json.loads(report.as_json(Usage(), 0.0))
    assert shape(written) == shape(documented)


def shape(value: object) -> object:
    """What `value` is made of, without what stands in it."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value]
    return type(value).__name__
