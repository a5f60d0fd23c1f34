"""The difference of two texts as rows to show, in one run or in several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

Sign = Literal[" ", "-", "+"]
CONTEXT_LINES = 2


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a diff.  `number` counts from 1: in the old text for "-", else in the new."""

    sign: Sign
    number: int
    text: str


def hunks(old: Sequence[str], new: Sequence[str]) -> list[list[Row]]:
    """What is different, with some lines around it; empty when nothing is."""
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    return [
        _trimmed([row for opcode in group for row in _rows(opcode, old, new)])
        for group in matcher.get_grouped_opcodes(CONTEXT_LINES)
    ]


def counts(rows: Sequence[Sequence[Row]]) -> tuple[int, int]:
    """How many lines were added, and how many removed."""
    signs = [row.sign for hunk in rows for row in hunk]
    return signs.count("+"), signs.count("-")


def _rows(
    opcode: tuple[str, int, int, int, int], old: Sequence[str], new: Sequence[str]
) -> list[Row]:
    kind, old_start, old_end, new_start, new_end = opcode
    if kind == "equal":
        return [Row(" ", index + 1, new[index]) for index in range(new_start, new_end)]
    return [
        *(Row("-", index + 1, old[index]) for index in range(old_start, old_end)),
        *(Row("+", index + 1, new[index]) for index in range(new_start, new_end)),
    ]


def _trimmed(rows: list[Row]) -> list[Row]:
    """`rows` without blank lines of context at both ends."""
    shown = [index for index, row in enumerate(rows) if row.sign != " " or row.text.strip()]
    return rows[shown[0] : shown[-1] + 1]
