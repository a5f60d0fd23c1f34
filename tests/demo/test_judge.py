"""A demo that did not do what it shows must not look like one that did."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kibitz.claude.spending.ledger_figures import Figures
from kibitz.demo import acts
from kibitz.demo.acts import Bill, Explained, Refactored, Reviewed
from kibitz.demo.buffer import Buffer
from kibitz.demo.editor import Diagnostic
from kibitz.demo.judge import faults_of_any, faults_of_scripted
from kibitz.demo.play import Counted, Played
from kibitz.demo.sample import lay_out
from kibitz.demo.script import Script

SCRIPT = Script.read()
COUNTED = Counted(prompt_tokens=330, output_tokens=30, cost_usd=0.3)
MENU = ("Keep: Refactor", "Revert: Refactor")


@pytest.fixture
def played(tmp_path: Path) -> Played:
    """A play in which all went well."""
    sample = lay_out(tmp_path / "fairshare", {"PATH": os.environ["PATH"]})
    path = sample.path(acts.REVIEWED_FILE)
    text = path.read_text("utf-8")
    region = acts.refactored_region(text)
    lines = text.splitlines()
    found = tuple(
        Diagnostic(1, "", line, line, f"{given['title']}\nmessage", "")
        for given in SCRIPT.findings
        if given["quote"] in lines
        for line in [lines.index(given["quote"])]
    )
    each = Figures(1, 0.1, 0.0, 10, 50, 50, 10)
    return Played(
        Explained(SCRIPT.explanation, "kept", ""),
        Reviewed(Buffer(path, text, "utf-16"), found, 3, ""),
        Refactored(text, SCRIPT.rewritten(text, region), region, 4, MENU, ""),
        Bill(
            (("explain", each), ("review", each), ("refactor", each)),
            Figures(3, 0.3, 0.0, 30, 150, 150, 30),
        ),
    )


def test_a_good_play_has_no_faults(played: Played) -> None:
    assert [*faults_of_any(played), *faults_of_scripted(played, SCRIPT, COUNTED)] == []


def changed(part: str, **values: Any) -> Callable[[Played], Played]:
    return lambda played: replace(played, **{part: replace(getattr(played, part), **values)})


def without_findings(played: Played) -> Played:
    fewer = replace(played.reviewed, findings=played.reviewed.findings[1:])
    return replace(played, reviewed=fewer)


def with_a_finding_elsewhere(played: Played) -> Played:
    first, *rest = played.reviewed.findings
    moved = (replace(first, first_line=first.first_line + 1), *rest)
    return replace(played, reviewed=replace(played.reviewed, findings=moved))


def unchanged(played: Played) -> Played:
    before = played.refactored.before
    return replace(played, refactored=replace(played.refactored, after=before))


def with_a_stray_blank(played: Played) -> Played:
    after = played.refactored.after + "\n"
    return replace(played, refactored=replace(played.refactored, after=after))


def with_a_request_missing(played: Played) -> Played:
    return replace(played, bill=replace(played.bill, rows=played.bill.rows[:2]))


def without_cache(played: Played) -> Played:
    rows = tuple((name, replace(row, cache_read_tokens=0)) for name, row in played.bill.rows)
    return replace(played, bill=replace(played.bill, rows=rows))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (changed("explained", markdown=" \n"), "The explanation was empty."),
        (changed("explained", hover=""), "The explanation was not kept for the hover."),
        (changed("reviewed", publications=0), "No diagnostics were published."),
        (unchanged, "The refactoring changed nothing."),
        (
            changed("refactored", menu=MENU[:1]),
            "The menu does not offer to keep or to revert the edit.",
        ),
        (with_a_request_missing, "The ledger does not hold the three requests."),
    ],
)
def test_faults_whoever_answers(
    played: Played, change: Callable[[Played], Played], sentence: str
) -> None:
    assert list(faults_of_any(change(played))) == [sentence]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (changed("explained", markdown="Half"), "The explanation is not the one that was sent."),
        (
            without_findings,
            "The findings are not those that were sent, each at the line that it quotes.",
        ),
        (
            with_a_finding_elsewhere,
            "The findings are not those that were sent, each at the line that it quotes.",
        ),
        (changed("reviewed", publications=2), "The findings were not published one by one."),
        (with_a_stray_blank, "The refactored text is not the one that was sent."),
        (
            changed("bill", total=Figures(3, 0.3, 0.0, 30, 150, 150, 29)),
            "The ledger and the stand-in have counted differently.",
        ),
        (
            changed("bill", total=Figures(3, 0.31, 0.0, 30, 150, 150, 30)),
            "The ledger and the stand-in have counted differently.",
        ),
        (without_cache, "A later request did not read the repository from the cache."),
    ],
)
def test_faults_where_every_reply_is_known(
    played: Played, change: Callable[[Played], Played], sentence: str
) -> None:
    assert list(faults_of_scripted(change(played), SCRIPT, COUNTED)) == [sentence]
