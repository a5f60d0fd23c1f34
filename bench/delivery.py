"""Streamed edits on their way into editors, beside the two simple ways to do the same.

"Rewrite" sends the whole region at each line break, "one edit" gathers the reply and replaces the
region when it has ended.  The reply changes one line in ten and adds some, and comes as fast as
Claude writes; `delivery_ways` plays the editors.
"""

from __future__ import annotations

import _pydecimal
import argparse
import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from bench import tables
from bench.delivery_ways import TOKENS_PER_SECOND, Outcome, by_kibitz, by_one_edit, by_rewriting
from bench.edits import change_some
from kibitz.edits.lcs import Occurrences, Table
from kibitz.profiles import PLAIN, Profile, profile_for, with_plugin
from kibitz_context.lines import split_lines

REGION_LINES = (50, 500, 5000)
RUNS = 3
SECTION = "streamed-edits"


@dataclass(frozen=True, slots=True)
class Way:
    """One way, with what its client is like; `echo_seconds` as measured in real editors."""

    name: str
    profile: Profile | None
    echo_seconds: float
    hold: bool = False


WAYS = (
    Way("kibitz, plain client", PLAIN, 0.010),
    Way("kibitz, Neovim", profile_for("Neovim"), 0.150),
    Way("kibitz, Zed", profile_for("Zed"), 0.005),
    Way("kibitz, Kakoune (one edit)", profile_for("kakoune-lsp"), 0.010, hold=True),
    Way("kibitz, our plugin", with_plugin(PLAIN), 0.010),
    Way("kibitz, our plugin, slow", with_plugin(PLAIN), 0.100),
    Way("rewrite", None, 0.0),
    Way("one edit", None, 0.010),
)


def main(arguments: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench delivery")
    parser.add_argument("--write", action="store_true", help="put the table into the page")
    options = parser.parse_args(list(arguments))
    program = split_lines(Path(_pydecimal.__file__).read_text(encoding="utf-8"))
    rows: list[tuple[str, ...]] = []
    costs: dict[str, list[float]] = {}
    for count in REGION_LINES:
        old = program[:count]
        new = change_some(old)
        kept = kept_characters(old, new)
        for way in WAYS:
            outcome = measured(way, old, new)
            costs.setdefault(way.name, []).append(outcome.cpu_seconds / len(new))
            rows.append(row(way, outcome, count, new, kept))
    header = (
        "way",
        "lines",
        "kept characters touched",
        "edits",
        "a second",
        "sent per reply character",
        "first edit, ms",
        "in intervals",
        "CPU, ms per 1,000 lines",
    )
    text = "\n\n".join([prose(), tables.table(header, rows), growth(costs)])
    print(text)
    if options.write:
        tables.write(SECTION, text)


def measured(way: Way, old: list[str], new: list[str]) -> Outcome:
    """What a way costs: the run whose CPU time is the median, with what stayed untouched."""
    runs = sorted((run(way, old, new) for _ in range(RUNS)), key=lambda each: each.cpu_seconds)
    if way.profile is None:
        return runs[RUNS // 2]
    traced = run(way, old, new, tracks=True)
    return replace(runs[RUNS // 2], survivors=traced.survivors)


def run(way: Way, old: list[str], new: list[str], *, tracks: bool = False) -> Outcome:
    if way.profile is not None:
        return asyncio.run(
            by_kibitz(old, new, way.profile, way.echo_seconds, hold=way.hold, tracks=tracks)
        )
    if way.name == "rewrite":
        return asyncio.run(by_rewriting(old, new))
    return asyncio.run(by_one_edit(old, new, way.echo_seconds))


def kept_characters(old: list[str], new: list[str]) -> frozenset[int]:
    """The characters of the lines that the best diff of lines keeps, by their offsets."""
    occurrences, table = Occurrences(old), Table(len(old))
    for line in new:
        table.add(occurrences.bits_from(line, 0))
    lines = {index for index, _ in table.path(len(old))}
    kept: set[int] = set()
    at = 0
    for index, line in enumerate(old):
        if index in lines:
            kept.update(range(at, at + len(line)))
        at += len(line)
    return frozenset(kept)


def row(
    way: Way, outcome: Outcome, count: int, new: list[str], kept: frozenset[int]
) -> tuple[str, ...]:
    assert outcome.survivors is not None
    touched = len(kept - outcome.survivors) / len(kept)
    characters = sum(map(len, new))
    streaming = characters / 4 / TOKENS_PER_SECOND
    interval = way.profile.shortest_interval_seconds if way.profile is not None else None
    first = outcome.first_edit_seconds
    is_live = interval is not None and not way.hold
    return (
        way.name,
        f"{count:,}",
        f"{touched:.2%}",
        f"{outcome.edits:,}",
        f"{outcome.edits / streaming:.1f}",
        f"{outcome.sent_characters / characters:,.2f}",
        f"{first * 1000:,.0f}",
        f"{first / interval:.2f}" if is_live and interval is not None else "–",
        f"{outcome.cpu_seconds * 1e6 / len(new):,.1f}",
    )


def prose() -> str:
    return (
        "## Streamed edits\n\n"
        "A region of a program is rewritten, one line in ten is changed and three are added after "
        f"every fiftieth, at {TOKENS_PER_SECOND} tokens a second; the median of {RUNS} runs. "
        "“Kept characters” are those of the lines that the best comparison of lines keeps. The "
        "first edit counts from when the first new line has come whole, in intervals of half a "
        "second or, with our plugin, of 150 ms. What an editor does for each edit is in no "
        "figure; “rewrite” leaves out what the server would do to follow it, too. Undo steps are "
        "counted in real editors: [in Neovim](#a-streamed-edit-in-neovim), and in VS Code by "
        "`tests/clients/vscode/test_edits.py`, where a stream is one step."
    )


def growth(costs: dict[str, list[float]]) -> str:
    """How the cost of a line grows with the region, beside the logarithm of its lines."""
    least, most = REGION_LINES[0], REGION_LINES[-1]
    allowed = math.log(most) / math.log(least)
    ours = {name: each for name, each in costs.items() if name.startswith("kibitz")}
    worst = max(each[-1] / each[0] for each in ours.values())
    middle = median(each[-1] / each[0] for each in ours.values())
    return (
        f"A line in a region of {most:,} lines costs {middle:.2f} times what it costs in one of "
        f"{least} (median of kibitz's ways, at most {worst:.2f}); the logarithms of the lines are "
        f"as {allowed:.2f} to 1."
    )


if __name__ == "__main__":
    main()
