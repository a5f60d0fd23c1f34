"""Public problems of infilling, out of a file that the user names: a line of JSON for each.

The fields are those of HumanEval infilling: `task_id`, `prompt` (what stands before the gap),
`suffix` (what stands behind it, "" where it is missing), `canonical_solution`, `test` and
`entry_point`.  Knows no Claude and runs nothing.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kibitz.errors import UserError
from kibitz.plain_text import one_line

# A file that is larger when it is unpacked is none of problems.
MOST_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Problem:
    """A program with a gap, and what must hold when it is filled."""

    id: str
    before: str
    after: str
    solution: str
    test: str
    entry_point: str

    def program(self, completion: str) -> str:
        """What is run: the whole text, its test and the call of it."""
        call = f"check({self.entry_point})" if self.entry_point else ""
        return f"{self.before}{completion}{self.after}\n{self.test}\n{call}\n"


def read_problems(path: Path) -> list[Problem]:
    """The problems in `path`, which may be packed with gzip.  Raises UserError, with the line."""
    name = one_line(str(path), 200)
    try:
        if path.suffix == ".gz":
            with gzip.open(path) as packed:
                data = packed.read(MOST_BYTES + 1)
        else:
            with path.open("rb") as file:
                data = file.read(MOST_BYTES + 1)
        text = data.decode("utf-8")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise UserError(f"{name} cannot be read as text ({type(error).__name__}).") from error
    if len(data) > MOST_BYTES:
        raise UserError(f"{name} is too large to be a file of problems.")
    problems: dict[str, Problem] = {}
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        problem = _problem(line)
        if isinstance(problem, str):
            raise UserError(f"{name}, line {number}: {problem}.")
        if problem.id in problems:
            raise UserError(f"{name}, line {number}: {one_line(problem.id, 80)} comes twice.")
        problems[problem.id] = problem
    if not problems:
        raise UserError(f"{name} holds no problems.")
    return list(problems.values())


def _problem(line: str) -> Problem | str:
    """The problem in a line, or what is wrong with it."""
    try:
        given: Any = json.loads(line)
    except (ValueError, RecursionError):
        return "it is no JSON"
    if not isinstance(given, dict):
        return "it is no object"
    texts = {name: given.get(name, "") for name in ("suffix", "entry_point")}
    for name in ("task_id", "prompt", "canonical_solution", "test"):
        if name not in given:
            return f"`{name}` is missing"
        texts[name] = given[name]
    for name, text in texts.items():
        if not isinstance(text, str):
            return f"`{name}` is no text"
    if texts["entry_point"] and not texts["entry_point"].isidentifier():
        return "`entry_point` is no name"
    solution, after = texts["canonical_solution"], texts["suffix"]
    if solution.endswith("\n"):
        # Whole lines are missing.  In an editor the cursor stands on a line of its own there.
        solution, after = solution[:-1], f"\n{after}"
    return Problem(
        texts["task_id"],
        texts["prompt"],
        after,
        solution,
        texts["test"],
        texts["entry_point"],
    )
