"""Edits of lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LineEdit:
    """Old lines ``[start, end)`` of a region become `lines`.

    Indices count the region's *original* lines from 0.  Each of `lines` carries its own line
    ending, except possibly the very last line of the region.  ``start == end`` inserts.
    """

    start: int
    end: int
    lines: tuple[str, ...]


def apply_line_edits(old: list[str], edits: list[LineEdit]) -> list[str]:
    """`old` with `edits` applied.  Edits must be in order and must not overlap."""
    new: list[str] = []
    done = 0
    for edit in edits:
        if not done <= edit.start <= edit.end <= len(old):
            raise ValueError(f"edit {edit.start}..{edit.end} is out of order or out of range")
        new += old[done : edit.start]
        new += edit.lines
        done = edit.end
    return new + old[done:]


def coalesced(edits: Sequence[LineEdit]) -> list[LineEdit]:
    """`edits` with those that touch made one: editors disagree about two at one place."""
    merged: list[LineEdit] = []
    at = 0
    while at < len(edits):
        stop = at + 1
        while stop < len(edits) and edits[stop].start == edits[stop - 1].end:
            stop += 1
        run = edits[at:stop]
        lines = tuple(line for edit in run for line in edit.lines)
        merged.append(LineEdit(run[0].start, run[-1].end, lines) if len(run) > 1 else run[0])
        at = stop
    return merged


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an edit cannot be made, as a sentence for the user."""

    sentence: str
