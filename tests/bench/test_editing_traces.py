"""Recorded typing as the bench reads it: from JSON to strokes, and what is no trace."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from bench.completion import WAYS, play
from bench.editing_traces import TraceProblem, trace
from bench.typing_logs import Addition, Patch, Stroke, Typing, typing


def txn(time: str | None, *patches: list[Any], name: str = "time") -> dict[str, Any]:
    return {"patches": list(patches), **({name: time} if time is not None else {})}


def written(path: Path, end: str, *txns: dict[str, Any], start: str = "") -> Path:
    text = json.dumps({"startContent": start, "endContent": end, "txns": txns})
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


@pytest.mark.parametrize("name", ["time", "timestamp"])
@pytest.mark.parametrize("file", ["rustcode.json", "rustcode.json.gz"])
def test_changes_with_the_pauses_between_them(tmp_path: Path, name: str, file: str) -> None:
    path = written(
        tmp_path / file,
        "ä = 12",
        txn("2020-09-10T04:23:16.000Z", [1, 0, " = 1"], name=name),
        txn("2020-09-10T04:23:18.500Z", [5, 0, "x"], name=name),
        txn("2020-09-10T05:00:00.000Z", [5, 1, "2"], name=name),
        start="ä",
    )
    found = trace(path, 1)
    assert (found.language, found.start) == ("rust", "ä")
    assert [(round(each.pause_seconds, 3), *each.patches) for each in found.strokes] == [
        (0.0, Patch(1, 0, " = 1")),
        (2.5, Patch(5, 0, "x")),
        (60.0, Patch(5, 1, "2")),
    ]
    assert found.strokes[1].cursor == 6


def test_what_happened_in_one_second_is_spread_over_it(tmp_path: Path) -> None:
    times = ["2020-09-10T04:23:16.000Z"] * 5 + ["2020-09-10T04:23:19.000Z"] * 2
    path = written(tmp_path / "a.json", "abcdefg", *(
        txn(time, [number, 0, "abcdefg"[number]]) for number, time in enumerate(times)
    ))  # fmt: skip
    pauses = [stroke.pause_seconds for stroke in trace(path, 1).strokes]
    assert sum(pauses[:5]) < 1 and all(pause > 0 for pause in pauses[1:])
    assert 2 < pauses[5] < 4
    assert trace(path, 1) == trace(path, 1) != trace(path, 2)


def test_where_nobody_has_recorded_when_there_is_a_usual_pace(tmp_path: Path) -> None:
    path = written(tmp_path / "a.json", "ab", txn(None, [0, 0, "a"]), txn(None, [1, 0, "b"]))
    assert [stroke.pause_seconds for stroke in trace(path, 1).strokes] == [0.0, 0.2]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"startContent": "", "endContent": "", "txns": 1}',
        '{"startContent": "", "endContent": "", "txns": [{"patches": [[0, 0]]}]}',
        '{"startContent": "", "endContent": "", "txns": [{"patches": [[-1, 0, "a"]]}]}',
        '{"startContent": "", "endContent": "", "txns": [{"patches": [[0, 0, 1]]}]}',
        '{"startContent": 1, "endContent": "", "txns": []}',
        '{"startContent": "", "endContent": "b", "txns": [{"patches": [[0, 0, "a"]]}]}',
    ],
)
def test_what_is_no_trace_is_said(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(TraceProblem, match=r"a\.json"):
        trace(path, 1)


def test_what_is_coming_is_what_is_meant() -> None:
    """Slips that are taken back are no part of it, and it ends where something else is done."""
    strokes = [(0, 0, "a"), (1, 0, "x"), (1, 1, ""), (1, 0, "b"), (2, 0, "c"), (0, 0, "far")]
    sitting = Typing("a", "", "", tuple(Stroke(0.1, (Patch(*each),)) for each in strokes))
    assert sitting.coming(0, 0) == ("abc", {"a": 1, "ax": 2, "ab": 4, "abc": 5})
    assert sitting.coming(4, 2) == ("c", {"c": 1})


def test_an_addition_is_typed_to_its_end() -> None:
    body = "def area(width, height):\n    return width * height"
    sitting = typing(Addition("a.py", "python", "import os\n\n\n", body, "\n"), 7)
    text = sitting.start
    for stroke in sitting.strokes:
        text = stroke.applied(text)
    assert text == f"import os\n\n\n{body}\n"


@pytest.mark.parametrize("way", WAYS)
def test_every_way_plays_a_sitting_to_its_end(way: str) -> None:
    body = "".join(f"first_{number} = second_{number} + 1\n" for number in range(4))
    sitting = typing(Addition("a.py", "python", "import os\n\n\n", body, "\n"), 7)
    tally = play([sitting], WAYS[way])
    assert tally.characters >= len(body) and tally.requests
    assert tally.shown >= tally.shown_without_request
    assert tally.stale == 0
