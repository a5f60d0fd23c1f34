"""Recorded typing, in the open editing-trace format (github.com/josephg/editing-traces).

A trace is JSON, gzipped or not: `startContent`, `endContent` and `txns`, each with a `time` (in
some files `timestamp`) and `patches`: position, number of deleted characters, inserted text, in
code points and one after the other.  Whoever wrote it is not ours, so it is checked.
"""

from __future__ import annotations

import datetime
import gzip
import json
import random
from itertools import groupby
from pathlib import Path
from typing import Any

from bench.typing_logs import Patch, Stroke, Typing

# A longer pause was no pause but another sitting.
LONGEST_PAUSE_SECONDS = 60.0
# What is assumed where a trace says no time: the pace of somebody who types without haste.
USUAL_PAUSE_SECONDS = 0.2

LANGUAGES = {"rust": "rust", "svelte": "svelte", "json": "typescript", "blog": "markdown"}


class TraceProblem(Exception):
    """The file is no trace that can be played; the message is a sentence."""


def trace(path: Path, seed: int, most_strokes: int | None = None) -> Typing:
    """The trace in a file, up to `most_strokes`.  Raises TraceProblem.

    Many traces know the time to a second only: what happened within one is spread over it, in its
    order, by `seed`.
    """
    data = _parsed(path)
    txns = data["txns"][:most_strokes]
    times = _spread([_seconds(txn) for txn in txns], random.Random(seed))
    strokes: list[Stroke] = []
    before = times[0] if times else 0.0
    for txn, at in zip(txns, times, strict=True):
        pause = min(max(at - before, 0.0), LONGEST_PAUSE_SECONDS)
        strokes.append(Stroke(pause, tuple(Patch(*patch) for patch in txn["patches"])))
        before = at
    typing = Typing(path.name, _language(path.name), data["startContent"], tuple(strokes))
    if most_strokes is None or len(data["txns"]) <= most_strokes:
        text = typing.start
        for stroke in typing.strokes:
            text = stroke.applied(text)
        if text != data["endContent"]:
            raise TraceProblem(f"{path.name} does not end with its endContent.")
    return typing


def _parsed(path: Path) -> Any:
    try:
        raw = path.read_bytes()
        data = json.loads(gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw)
        for txn in data["txns"]:
            for position, deleted, inserted in txn["patches"]:
                if not (position >= 0 and deleted >= 0 and isinstance(inserted, str)):
                    raise TraceProblem(f"{path.name} has a patch that is none.")
        if not isinstance(data["startContent"], str) or not isinstance(data["endContent"], str):
            raise TraceProblem(f"{path.name} has no text to begin or end with.")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TraceProblem(f"{path.name} is no editing trace: {error}.") from error
    return data


def _seconds(txn: dict[str, Any]) -> float | None:
    time = txn.get("time", txn.get("timestamp"))
    if not isinstance(time, str) or not time:
        return None
    try:
        return datetime.datetime.fromisoformat(time).timestamp()
    except ValueError:
        return None


def _spread(times: list[float | None], chance: random.Random) -> list[float]:
    """A time for each; what has the same one is spread over the second that it stands for."""
    if len(set(times)) <= 1:
        # It looks as if everything had happened at once: nobody has recorded when.
        return [number * USUAL_PAUSE_SECONDS for number in range(len(times))]
    found: list[float] = []
    last = 0.0
    for time, same in groupby(times):
        count = len(list(same))
        first = last if time is None else max(time, last)
        offsets = sorted(chance.random() for _ in range(count)) if count > 1 else [0.0]
        found += [first + offset for offset in offsets]
        last = found[-1]
    return found


def _language(name: str) -> str:
    return next((language for word, language in LANGUAGES.items() if word in name), "")
