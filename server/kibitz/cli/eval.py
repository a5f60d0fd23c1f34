"""`kibitz eval`: what reviews and completions are worth here, measured with the user's own key."""

from __future__ import annotations

import importlib

from kibitz.cli.terminal import Terminal
from kibitz.errors import EXIT_USAGE, UserError
from kibitz.plain_text import one_line

PARTS = {
    "review": "reviews of real code with seeded bugs: how many are found, and what that costs",
    "completion": "completions of public problems, which are run: how many pass",
}


def run(arguments: list[str]) -> int:
    match arguments:
        case [] | ["-h" | "--help", *_]:
            terminal = Terminal.here()
            if not arguments:
                terminal.err.write(_help())
                return EXIT_USAGE
            terminal.write(_help())
            return 0
        case [name, *rest] if name in PARTS:
            code: int = importlib.import_module(f"kibitz.cli.eval_{name}").run(rest)
            return code
        case [name, *_]:
            raise UserError(
                f"There is no evaluation {one_line(name, 40)!r}; there are {' and '.join(PARTS)}."
            )
    raise AssertionError("unreachable")


def _help() -> str:
    parts = "".join(f"  {name:<12}{does}\n" for name, does in PARTS.items())
    return f"""\
Measure what Claude is worth on your code, with your own key.  Costs money: it says how much and
asks first, keeps to the budget, and goes on where it was stopped.

usage: kibitz eval PART [ARGUMENTS]

{parts}
examples:
  kibitz eval review . --tier fast --tier standard
  kibitz eval review ../clone --fixes 30 --json
  kibitz eval completion problems.jsonl

`kibitz eval PART --help` says more, docs/evaluation.md how to read the figures.
"""
