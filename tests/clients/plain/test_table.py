"""docs/editors.md says what the tests have shown, and nothing else."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from support.editor_table import CELLS, PAGE, RESULTS, outcomes, page

from . import test_scenes
from .conftest import NAMES

DATA = tomllib.loads(CELLS.read_text())
FACT_OF_FEATURE = {
    "Progress with tokens and cost": "progress",
    "Questions with choices": "show_message_request",
    "Keep, Revert and Stop as lenses": "code_lens",
    "Completion in the text": "inline_completion",
}


def test_the_page_is_made_of_the_results() -> None:
    assert PAGE.read_text() == page(DATA, json.loads(RESULTS.read_text())), "run `make editors`"


def test_each_cell_has_a_test_that_was_run() -> None:
    assert {editor["name"] for editor in DATA["editor"]} == set(NAMES)
    results = json.loads(RESULTS.read_text())
    for feature in DATA["feature"]:
        assert hasattr(test_scenes, feature["test"])
        assert set(feature.get("cells", {})) <= set(NAMES)
        for name in NAMES:
            is_played = feature.get("cells", {}).get(name) != "not played"
            expected = "passed" if is_played else "skipped"
            assert results[f"{feature['test']}[{name}]"] == expected, (feature["test"], name)


@pytest.mark.parametrize("name", NAMES)
def test_what_a_client_announces_is_what_the_page_says(name: str) -> None:
    for feature in DATA["feature"]:
        fact = FACT_OF_FEATURE.get(feature["title"])
        if fact is not None:
            said = feature.get("cells", {}).get(name, "yes")
            assert (said == "yes") == (fact in test_scenes.ANNOUNCED[name]), feature["title"]


def test_what_a_report_says(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(
        "<testsuites><testsuite>"
        '<testcase name="test_a[x]"/>'
        '<testcase name="test_b[x]"><failure/></testcase>'
        '<testcase name="test_c[x-y]"><skipped/></testcase>'
        '<testcase name="test_d"/>'
        "</testsuite></testsuites>"
    )
    assert outcomes(report) == {"test_a[x]": "passed", "test_b[x]": "failed",
                                "test_c[x-y]": "skipped"}  # fmt: skip


@pytest.mark.parametrize(
    ("said", "outcome", "cell"),
    [
        ("yes", "passed", "**yes**"),
        ("~ late", "passed", "**~** late"),
        ("no: never", "passed", "**no** never"),
        ("2", "passed", "2"),
        ("yes", "failed", "**fails**"),
        ("yes", "skipped", "not played"),
        ("yes", None, "not played"),
    ],
)
def test_a_cell(said: str, outcome: str | None, cell: str) -> None:
    cells = {
        "editor": [{"name": "x", "title": "X", "played": "itself"}],
        "feature": [{"title": "A", "test": "test_a", "cells": {"x": said}}],
        "unplayed": [{"title": "Y", "seen": "read", "why": "it takes no edit"}],
    }
    written = page(cells, {} if outcome is None else {"test_a[x]": outcome})
    assert f"| A (`test_a`) | {cell} |\n" in written
    assert written.endswith("\n- Y, read: it takes no edit.\n")
