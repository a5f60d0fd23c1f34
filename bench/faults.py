"""Every fault for every action: what the user saw, the state of the text, the money counted.

The faults, and the editor and server that they happen to, are those of the tests
(`tests/support/fault_rows.py`), with the deadlines shortened; `python -m bench faults --witness`
adds the same from a fault server that nobody here wrote, where `make test-real` has installed it.
`--write` puts the tables into `docs/benchmarks.md`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import re
import sys
import tempfile
import time
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import tables

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import pytest

from support import fault_server
from support.fault_rows import (
    ACTIONS,
    LONGEST_SECONDS,
    ROWS,
    Action,
    Outcome,
    hurry,
    observe,
    play,
)
from support.workshop import EXAMPLE, open_workshop

HEADER = ("when", "fault", *(action.name for action in ACTIONS), "what the user reads")
# What an estimate of a text that broke off may be off by: two tokens of it.
ROUNDING_USD = 2 * 10e-6
# The endpoint's name is a port of this machine.
_HOST = re.compile(r"127\.0\.0\.1:\d+")
_REQUEST = re.compile(r" \(request req_\w+\)")


@dataclass(frozen=True, slots=True)
class Cell:
    """One fault of one action."""

    came: Outcome | None
    seconds: float
    goes_well: bool
    action: Action

    def problems(self) -> list[str]:
        """What a user would have to complain of."""
        came = self.came
        if came is None:
            return ["hung"]
        found = []
        if came.buffer != (self.action.after if self.goes_well else EXAMPLE):
            found.append("text is wrong")
        if len(came.messages) != (0 if self.goes_well else 1):
            found.append(f"{len(came.messages)} messages")
        if came.still_reserved:
            found.append("money stays reserved")
        if came.counted_usd < came.prompt_usd - 1e-9:
            found.append("uncounted")
        if came.billed_usd and came.counted_usd > came.billed_usd + ROUNDING_USD:
            found.append("counted too much")
        return found

    def words(self) -> str:
        problems = self.problems()
        if problems:
            return "**" + ", ".join(problems) + "**"
        assert self.came is not None
        text = "as it was" if self.came.buffer == EXAMPLE else "edited"
        bill = f"${self.came.counted_usd:.4f}"
        if self.came.billed_usd > self.came.counted_usd + ROUNDING_USD:
            bill += f" of ${self.came.billed_usd:.4f}"
        times = f", asked {self.came.requests} times" if self.came.requests > 1 else ""
        return f"{text}, {bill}{times}"


def main(arguments: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench faults")
    parser.add_argument("--write", action="store_true", help="put the tables into the page")
    parser.add_argument("--witness", action="store_true", help="ask llmock, too")
    options = parser.parse_args(list(arguments))
    parts = [asyncio.run(_ours())]
    if options.witness:
        parts.append(asyncio.run(_witness()))
    text = "\n\n".join(parts)
    print(text)
    if options.write:
        tables.write("faults", text)


async def _ours() -> str:
    lines: list[tuple[str, ...]] = []
    cells: list[Cell] = []
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        hurry(patch)
        async with open_workshop(Path(folder), patch) as shop:
            text = await shop.open()
            for row in ROWS:
                of_row: dict[str, Cell] = {}
                for action in filter(row.is_for, ACTIONS):
                    playing = play(shop, text, action, row)
                    of_row[action.name] = await _cell(playing, action, goes_well=row.goes_well)
                cells += of_row.values()
                lines.append((row.phase, row.name, *_told(of_row)))
    return _part("The stand-in", HEADER, lines, cells)


async def _witness() -> str:
    lines: list[tuple[str, ...]] = []
    cells: list[Cell] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        pytest.MonkeyPatch.context() as patch,
        fault_server.fault_server() as witness,
    ):
        hurry(patch)
        at = {"ANTHROPIC_BASE_URL": witness.url}
        async with open_workshop(Path(folder), patch, environment=at) as shop:
            text = await shop.open()
            for row in fault_server.WITNESS_ROWS:
                of_row: dict[str, Cell] = {}
                for action in ACTIONS:
                    witness.script(*fault_server.behaviors(row, action))
                    seeing = observe(shop, text, action)
                    of_row[action.name] = await _cell(seeing, action, goes_well=not row.told)
                cells += of_row.values()
                lines.append((row.name, *_told(of_row)))
    return _part("llmock 0.2.2", HEADER[1:], lines, cells)


async def _cell(coming: Awaitable[Outcome], action: Action, *, goes_well: bool) -> Cell:
    began_at = time.monotonic()
    came: Outcome | None = None
    with contextlib.suppress(TimeoutError):
        came = await coming
    return Cell(came, time.monotonic() - began_at, goes_well, action)


def _told(of_row: Mapping[str, Cell]) -> tuple[str, ...]:
    """The cells of a row, and the sentences that were read, each once."""
    sentences: dict[str, None] = {}
    for cell in of_row.values():
        for message in cell.came.messages if cell.came else ():
            sentence = _HOST.sub("api.anthropic.com", message)
            sentences[_REQUEST.sub(" (request …)", sentence)] = None
    cells = (of_row[action.name].words() if action.name in of_row else "–" for action in ACTIONS)
    return (*cells, " / ".join(sentences) or "nothing")


def _part(
    title: str, header: Sequence[str], lines: Sequence[Sequence[str]], cells: Sequence[Cell]
) -> str:
    wrong = sum(bool(cell.problems()) for cell in cells)
    longest = max(cell.seconds for cell in cells)
    found = f"{len(cells)} cells, {wrong} of them with something wrong"
    return (
        f"**{title}**: {found}; the longest took {longest:.1f} s (a hang counts from "
        f"{LONGEST_SECONDS:.0f} s on)\n\n{tables.table(header, lines)}"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
