"""Review: whether findings stand where they belong, how soon, and what a change of 40 files costs.

Findings are made from real mends (`bench.review_texts`) and pass the product's own reading of a
reply, in random chunks.  `--repositories PATH…` takes other clones than this one.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import review_cost, review_delay, tables
from bench.review_texts import (
    HOLDS,
    INVENTED,
    MISQUOTES,
    Fault,
    Told,
    faults,
    from_elsewhere,
    shuffled,
)
from kibitz.actions.findings_reply import FindingsReply
from kibitz.actions.values import Found, Step
from kibitz.claude.values import ToolCall, ToolInputDelta

SEED = 7
FAULTS = 150


@dataclass(slots=True)
class Outcome:
    """What became of the findings of one kind."""

    right: int = 0
    wrong: int = 0
    dropped: int = 0

    @property
    def total(self) -> int:
        return self.right + self.wrong + self.dropped

    def __add__(self, other: Outcome) -> Outcome:
        return Outcome(
            self.right + other.right, self.wrong + other.wrong, self.dropped + other.dropped
        )

    def count(self, told: Told | None, fault: Fault, chance: random.Random) -> None:
        if told is None:
            return
        line = placed(told, fault, chance)
        if line is None:
            self.dropped += 1
        elif line == fault.line:
            self.right += 1
        else:
            self.wrong += 1


def placed(told: Told, fault: Fault, chance: random.Random) -> int | None:
    """The line where the product puts a finding; None: it is dropped."""
    reply = FindingsReply(fault.path, fault.lines, (), "hint")
    given = {
        "path": fault.path,
        "severity": "warning",
        "category": "correctness",
        "start_line": told.line,
        "end_line": told.line + fault.n_lines - 1,
        "quote": told.quote,
        "title": fault.title,
        "message": fault.message,
        "suggestion": fault.suggestion,
    }
    text = json.dumps({"findings": [given]}, ensure_ascii=chance.random() < 0.5)
    steps: list[Step] = []
    while text:
        size = chance.randint(1, 60)
        steps += reply.read(ToolInputDelta("call", "report_findings", text[:size]))
        text = text[size:]
    steps += reply.read(ToolCall("call", "report_findings", ""))
    found = [step.finding for step in steps if isinstance(step, Found)]
    return found[0].start_line if found else None


def anchoring(found: Sequence[Fault]) -> str:
    """The table of what became of all findings, by what is wrong with their quotes."""
    chance = random.Random(SEED)
    parts = []
    for title, drifts, is_meant in (
        ("the quote stands in the file", HOLDS, True),
        ("it is misquoted", MISQUOTES, True),
        ("it never stood there", INVENTED, False),
    ):
        outcomes = {name: Outcome() for name in drifts}
        for fault in found:
            for name, drift in drifts.items():
                outcomes[name].count(drift(fault, chance), fault, chance)
        if not is_meant:
            outcomes["a line of another file"] = elsewhere = Outcome()
            for fault, other in zip(found, shuffled(list(found), SEED), strict=True):
                elsewhere.count(from_elsewhere(fault, other, chance), fault, chance)
        rows = [*outcomes.items(), ("**all**", sum(outcomes.values(), Outcome()))]
        header = (title, "findings", "on their line", "on another", "dropped")
        table = tables.table(
            header,
            (
                (name, f"{each.total:,}", *(_share(n, each.total) for n in _parts(each)))
                for name, each in rows
            ),
        )
        parts.append(table)
    return "\n".join(parts)


def _parts(outcome: Outcome) -> tuple[int, int, int]:
    return outcome.right, outcome.wrong, outcome.dropped


def _share(part: int, total: int) -> str:
    return f"{part / total:.3f} ({part:,})" if total else "–"


def main(arguments: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench review")
    parser.add_argument("--repositories", nargs="+", type=Path, default=[Path.cwd()])
    parser.add_argument("--faults", type=int, default=FAULTS, help="of each repository")
    parser.add_argument("--only", choices=("anchoring", "delay", "cost"))
    parser.add_argument("--write", action="store_true", help="put the tables into the page")
    options = parser.parse_args(arguments)
    if options.only in (None, "anchoring"):
        found = [
            fault
            for repository in options.repositories
            for fault in faults(repository, options.faults, SEED)
        ]
        n_files = len({(fault.path, fault.lines) for fault in found})
        about = (
            f"**Review: where findings are put.** {len(found)} mends in {n_files} texts of "
            f"{len(options.repositories)} repositories, seed {SEED}. The lines that a commit has "
            "changed are what a finding is about, its message is the finding's; the quote and the "
            "line number are then spoilt as the rows say. Goals: 0.99 on their line where the "
            "quote stands in the file, and all dropped that never stood there."
        )
        _tell("review-anchoring", f"{about}\n\n{anchoring(found)}", write=options.write)
    if options.only in (None, "delay"):
        _tell("review-delay", review_delay.report(), write=options.write)
    if options.only in (None, "cost"):
        _tell("review-cost", review_cost.report(), write=options.write)


def _tell(section: str, text: str, *, write: bool) -> None:
    print(f"{text}\n", flush=True)
    if write:
        tables.write(section, text)
