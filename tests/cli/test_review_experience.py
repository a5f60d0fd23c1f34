"""What is told of a review's cost, after earlier ones have shown what it comes to."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from support.command_line import CommandLine


def review(commands: CommandLine, *more: str) -> tuple[str, float]:
    """The sentence about the cost, and what it came to."""
    before = len(commands.asked)
    outcome = commands.run("review", "--diff", "--no-cache", *more)
    told = next(line for line in outcome.err.splitlines() if "costs about" in line)
    return told, sum(each.cost_usd or 0.0 for each in commands.asked[before:])


def amounts(told: str) -> tuple[float, float]:
    found = re.search(r"about \$([0-9.]+), or up to \$([0-9.]+)", told)
    assert found is not None
    return float(found[1]), float(found[2])


def test_after_some_reviews_they_are_what_the_estimate_goes_by(commands: CommandLine) -> None:
    for name in "abc":
        commands.write(f"{name}.py", f"{name} = eval(input())\n" * 40)
    spent: list[float] = []
    for _ in range(3):
        told, usd = review(commands)
        assert told.endswith("where Claude looks around a lot.")
        spent.append(usd)
    by_rule, _ = amounts(told)
    told, usd = review(commands)
    likely, most = amounts(told)
    assert told.endswith("by how your last 3 went.")
    assert min(spent) * 0.9 < likely <= most < max(spent) * 1.1
    assert abs(likely - usd) < abs(by_rule - usd), "it is nearer than without"

    kept = list((commands.home / "cache" / "kibitz" / "estimates").iterdir())
    assert len(kept) == 1
    assert all(isinstance(each, float) for each in json.loads(kept[0].read_text()))
    other, _ = review(commands, "--model", "claude-opus-5-5")
    assert other.endswith("where Claude looks around a lot."), "another model is another matter"


def test_half_a_review_is_no_experience(commands: CommandLine) -> None:
    from kibitz.standin import Fault

    for name in "ab":
        commands.write(f"{name}.py", f"{name} = eval(input())\n")
    for _ in range(3):
        commands.standin.enqueue(Fault.status_code(401))
        review(commands)
    assert not (commands.home / "cache" / "kibitz" / "estimates").exists()


@pytest.mark.parametrize("written", ["{}", '[1, "x", -2, null, Infinity]'])
def test_a_file_that_somebody_has_changed(commands: CommandLine, written: str) -> None:
    for name in "ab":
        commands.write(f"{name}.py", f"{name} = eval(input())\n")
    review(commands)
    (kept,) = (commands.home / "cache" / "kibitz" / "estimates").iterdir()
    Path(kept).write_text(written)
    assert review(commands)[0].endswith("where Claude looks around a lot.")
