"""The bench of reviews: what its findings are made of, and what it counts as right."""

from __future__ import annotations

import random
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from bench.review import Outcome, placed
from bench.review_texts import HOLDS, INVENTED, MISQUOTES, Fault, Told, faults, from_elsewhere

from kibitz_context.lines import split_lines
from support.workshop import GIT, make_repository

NAMES = [f"name_{chr(97 + number)}{chr(110 - number)}" for number in range(12)]
TEXT = "".join(
    f'def {name}_of(values, limit):\n    if {name} < limit and values["key"] & 3:  # {name}\n'
    f"        return compute_{name}(values, limit)\n\n"
    for name in NAMES
)
FAULT = Fault("a.py", tuple(split_lines(TEXT)), 22, 2, "Wrong limit", "It is.", "    pass")
DEFINITION = replace(FAULT, line=21)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", [*HOLDS, *MISQUOTES])
def test_every_drift_is_told_and_overcome(name: str, seed: int) -> None:
    drift = {**HOLDS, **MISQUOTES}[name]
    # A comment stands at the end of the one, a colon at that of the other.
    fault = DEFINITION if name == "another end" else FAULT
    told = drift(fault, random.Random(seed))
    assert told is not None
    if name != "as it is":
        assert told != Told(fault.text, fault.line)
    assert placed(told, fault, random.Random(seed)) == fault.line


def test_what_was_invented_is_counted_as_dropped() -> None:
    chance, outcome = random.Random(1), Outcome()
    other = Fault("b.py", ("    elsewhere = compute(one, two)\n",), 1, 1, "T", "M", "")
    for told in (
        from_elsewhere(FAULT, other, chance),
        *(drift(FAULT, chance) for drift in INVENTED.values()),
    ):
        assert told is not None
        outcome.count(told, FAULT, chance)
    outcome.count(None, FAULT, chance)
    outcome.count(Told(FAULT.text, FAULT.line), FAULT, chance)
    outcome.count(Told(FAULT.lines[1], 2), FAULT, chance)
    assert (outcome.dropped, outcome.right, outcome.wrong) == (2, 1, 1)
    assert from_elsewhere(FAULT, Fault("b.py", FAULT.lines, 1, 1, "", "", ""), chance) is None


def test_faults_are_what_commits_have_changed(tmp_path: Path) -> None:
    root = make_repository(tmp_path / "root", {"a.py": "one = 1\ntwo = 2\nthree = 3\n"})
    (root / "a.py").write_text("one = 1\ntwo = 2.0\nand_a_half = 0.5\nthree = 3\n")
    subprocess.run([*GIT, "commit", "-qam", "Be exact\n\nIt was not."], cwd=root, check=True)
    (found,) = faults(root, 5, seed=1)
    assert (found.path, found.line, found.text, found.n_lines) == ("a.py", 2, "two = 2", 1)
    assert (found.title, found.message) == ("Be exact", "It was not.")
    assert found.suggestion == "two = 2.0\nand_a_half = 0.5"
