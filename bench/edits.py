"""Streamed edits and findings: what they cost, beside the simple way to do the same.

The reply rewrites a region of a real program and arrives in chunks of four characters, as tokens
do.  "rewrite" sends the whole region again at each line break; "parse all" parses everything
that has come at each chunk.
"""

from __future__ import annotations

import _pydecimal
import json
import random
import re
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import jiter

from kibitz.edits.diff import StreamingDiff
from kibitz.edits.hygiene import LineNormalizer
from kibitz.edits.lcs import Occurrences, Table
from kibitz.edits.reader import ReplacementReader
from kibitz.edits.values import LineEdit, coalesced
from kibitz.findings.parse import FindingsReader
from kibitz_context.lines import split_lines

REGION_LINES = (50, 500, 5000)
FINDINGS = 200
CHUNK_CHARS = 4
RUNS = 3
SAMPLES = 80  # replies of each kind


@dataclass(frozen=True, slots=True)
class Streamed:
    """What one reply cost."""

    seconds: float
    edits: tuple[LineEdit, ...]
    edit_count: int
    sent_chars: int
    lines_before_first_edit: int


def main() -> None:
    program = split_lines(Path(_pydecimal.__file__).read_text(encoding="utf-8"))
    print_cost(program)
    print_touched(program)
    print_findings()


def print_cost(program: list[str]) -> None:
    print("Streamed edits: one line in ten changed, some added (medians)")
    print(
        f"{'lines':>6} {'':>9} {'ms per 1000 lines':>18} {'edits per 1000':>15} "
        f"{'sent per reply char':>20} {'kept touched':>13} {'first edit':>11}"
    )
    for count in REGION_LINES:
        old = program[:count]
        new = change_some(old)
        ours = median_of(stream, old, new)
        theirs = median_of(rewrite, old, new)
        touched = {"kibitz": touched_share(old, new, ours.edits), "rewrite": 1.0}
        for name, figures in (("kibitz", ours), ("rewrite", theirs)):
            print(
                f"{count:>6} {name:>9} {figures.seconds * 1e6 / len(new):>18.2f} "
                f"{figures.edit_count * 1000 / len(new):>15.0f} "
                f"{figures.sent_chars / sum(map(len, new)):>20.2f} {touched[name]:>13.2%} "
                f"{f'line {figures.lines_before_first_edit}':>11}"
            )
        print(
            f"{'':>6} {'ratio':>9} {ours.seconds / theirs.seconds:>18.2f} "
            f"{ours.edit_count / theirs.edit_count:>15.2f} "
            f"{ours.sent_chars / theirs.sent_chars:>20.4f}"
        )
    print()


def print_touched(program: list[str]) -> None:
    print(f"Kept characters that edits touched, {SAMPLES} replies of each kind ('rewrite': 100 %)")
    for name, kind in KINDS.items():
        source = random.Random(name)
        kept = touched = 0.0
        for _ in range(SAMPLES):
            start = source.randrange(len(program) - 600)
            old = program[start : start + source.choice((40, 150, 600))]
            new = kind(old, source)
            figures = stream(old, new)
            share = touched_share(old, new, figures.edits)
            kept += sum(map(len, old))
            touched += share * sum(map(len, old))
        print(f"{name:>22} {touched / kept:>8.3%}")
    print()


def print_findings() -> None:
    text = findings_json(FINDINGS)
    scanned = median_seconds(read_findings, text)
    parsed = median_seconds(parse_all, text)
    print(f"{FINDINGS} findings, {len(text) / 1000:.0f} kB, chunks of {CHUNK_CHARS} characters")
    print(f"{'kibitz':>10} {scanned * 1000:>10.1f} ms")
    print(f"{'parse all':>10} {parsed * 1000:>10.1f} ms")
    print(f"{'ratio':>10} {scanned / parsed:>10.4f}")


def stream(old: list[str], new: list[str]) -> Streamed:
    start = time.perf_counter()
    reader, normalizer, diff = ReplacementReader(old), LineNormalizer(old), StreamingDiff(old)
    edits: list[LineEdit] = []
    line_count = first = 0
    for chunk in tagged(new):
        lines = normalizer.feed(reader.feed(chunk))
        line_count += len(lines)
        edits += diff.push(lines)
        if edits and not first:
            first = line_count
    edits += diff.push(normalizer.feed(reader.finish()) + normalizer.finish())
    edits += diff.finish()
    seconds = time.perf_counter() - start
    edits = coalesced(edits)  # slices of one hunk, which a delivery may join
    sent = sum(len(line) for edit in edits for line in edit.lines)
    return Streamed(seconds, tuple(edits), len(edits), sent, first)


def rewrite(old: list[str], new: list[str]) -> Streamed:
    """At each line break the region as far as it has come, and the old lines below that."""
    start = time.perf_counter()
    reader = ReplacementReader(old)
    text = ""
    edit_count = sent = 0
    for chunk in tagged(new):
        piece = reader.feed(chunk)
        text += piece
        if "\n" in piece:
            lines = text.splitlines(keepends=True)
            sent += len("".join(lines + old[len(lines) :]))
            edit_count += 1
    return Streamed(time.perf_counter() - start, (), edit_count, sent, 1)


def touched_share(old: list[str], new: list[str], edits: tuple[LineEdit, ...]) -> float:
    """The share of the characters in lines that the best diff keeps and `edits` do not."""
    occurrences, table = Occurrences(old), Table(len(old))
    for line in new:
        table.add(occurrences.bits_from(line, 0))
    best = sum(len(old[index]) for index, _ in table.path(len(old)))
    changed = {index for edit in edits for index in range(edit.start, edit.end)}
    kept = sum(len(line) for index, line in enumerate(old) if index not in changed)
    return max(0, best - kept) / best if best else 0.0


def change_some(old: list[str]) -> list[str]:
    """`old` with one line in ten changed and three new ones after every fiftieth."""
    new: list[str] = []
    for number, line in enumerate(old):
        is_changed = number % 10 == 5 and line.strip()
        new.append(line.rstrip() + "  # checked\n" if is_changed else line)
        if number % 50 == 49:
            new += [f"    note({number}, {index})\n" for index in range(3)]
    return new


def rename(old: list[str], source: random.Random) -> list[str]:
    words = sorted(set(re.findall(r"\b[a-z_]{4,}\b", "".join(old))))
    word = source.choice(words)
    return [line.replace(word, f"{word}_2") for line in old]


def delete_function(old: list[str], source: random.Random) -> list[str]:
    first, end = function_in(old, source)
    return old[:first] + old[end:]


def move_function(old: list[str], source: random.Random) -> list[str]:
    first, end = function_in(old, source)
    rest = old[:first] + old[end:]
    place, _ = function_in(rest, source)
    return rest[:place] + old[first:end] + rest[place:]


def rewrite_function(old: list[str], source: random.Random) -> list[str]:
    first, end = function_in(old, source)
    other_first, other_end = function_in(old, source)
    return old[: first + 1] + old[other_first + 1 : other_end] + old[end:]


def indent_function(old: list[str], source: random.Random) -> list[str]:
    first, end = function_in(old, source)
    deeper = [f"    {line}" if line.strip() else line for line in old[first + 1 : end]]
    return [*old[: first + 1], "        with lock:\n", *deeper, *old[end:]]


def several(old: list[str], source: random.Random) -> list[str]:
    kinds = [rename, delete_function, move_function, rewrite_function, indent_function]
    for _ in range(3):
        old = source.choice(kinds)(old, source)
    return old


def function_in(lines: list[str], source: random.Random) -> tuple[int, int]:
    """The lines of some function, the blank ones behind it included."""
    starts = [index for index, line in enumerate(lines) if re.match(r"\s*(def|class)\s", line)]
    if not starts:
        return 0, min(8, len(lines))
    number = source.randrange(len(starts))
    return starts[number], (*starts, len(lines))[number + 1]


KINDS: dict[str, Callable[[list[str], random.Random], list[str]]] = {
    "rename": rename,
    "delete a function": delete_function,
    "move a function": move_function,
    "rewrite a function": rewrite_function,
    "indent a function": indent_function,
    "three of these": several,
}


def chunks(text: str) -> Iterator[str]:
    for start in range(0, len(text), CHUNK_CHARS):
        yield text[start : start + CHUNK_CHARS]


def tagged(new: list[str]) -> Iterator[str]:
    return chain(chunks("<replacement>\n"), chunks("".join(new)), ["</replacement>"])


def findings_json(count: int) -> str:
    message = "The result is not checked, so a failure is taken for an empty answer. " * 12
    findings = [
        {
            "path": "src/app.py",
            "severity": "warning",
            "category": "errors",
            "start_line": number,
            "end_line": number,
            "quote": f'    value = load("{number}")',
            "title": f"Unchecked result {number}",
            "message": message,
            "suggestion": f'    value = checked(load("{number}"))',
        }
        for number in range(1, count + 1)
    ]
    return json.dumps({"findings": findings})


def read_findings(text: str) -> int:
    reader = FindingsReader()
    return sum(len(reader.feed(chunk)) for chunk in chunks(text)) + len(reader.finish())


def parse_all(text: str) -> int:
    buffer = b""
    count = 0
    for chunk in chunks(text):
        buffer += chunk.encode()
        value = jiter.from_json(buffer, partial_mode=True)
        count = len(value.get("findings", ()))
    return count


def median_of(
    run: Callable[[list[str], list[str]], Streamed], old: list[str], new: list[str]
) -> Streamed:
    """The run whose time is the median of `RUNS` runs."""
    runs = [run(old, new) for _ in range(RUNS)]
    return sorted(runs, key=lambda figures: figures.seconds)[RUNS // 2]


def median_seconds(run: Callable[[str], int], text: str) -> float:
    seconds: list[float] = []
    for _ in range(RUNS):
        start = time.perf_counter()
        assert run(text) == FINDINGS
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


if __name__ == "__main__":
    main()
