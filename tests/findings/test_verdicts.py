"""Verdicts: what counts as a refutation, and what does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz.findings.verdicts import read_verdicts


def test_a_word_and_a_reason_refute() -> None:
    text = (
        "Let me see.\n<verdicts>\n1 stands\n"
        "2 refuted: `total` is only called with numbers (shop.py:3)\n</verdicts>\n"
    )
    assert read_verdicts(text, 2) == {2: "`total` is only called with numbers (shop.py:3)"}


@pytest.mark.parametrize(
    "line",
    [
        "1. refuted: because",
        "1: Refuted - because",
        "- **1** refuted: because",
        "#1 REFUTED — because",
        "1) refuted: because",
    ],
)
def test_ways_to_write_the_same(line: str) -> None:
    assert read_verdicts(f"<verdicts>\n{line}\n</verdicts>", 1) == {1: "because"}


@pytest.mark.parametrize(
    "lines",
    [
        "1 refuted:",
        "1 refuted",
        "1 stands: it cannot be refuted: see a.py:3",
        "1 stands\n1 refuted: because",
        "1 refuted: because\n1 stands",
        "1 stands\n2 refuted: there is no such finding",
        "1 stands\n0 refuted: because\nrefuted: all of them",
    ],
)
def test_what_is_not_plain_leaves_the_finding(lines: str) -> None:
    assert read_verdicts(f"<verdicts>\n{lines}\n</verdicts>", 1) == {}


@pytest.mark.parametrize(
    "text",
    ["", "All of them stand.", "1 refuted: no tag", "<verdicts>\n</verdicts>", "<verdicts>x"],
)
def test_a_reply_that_judges_nothing_is_no_check(text: str) -> None:
    assert read_verdicts(text, 3) is None


def test_the_stop_sequence_takes_the_closing_tag_away() -> None:
    assert read_verdicts("<verdicts>\n1 refuted: because\n", 1) == {1: "because"}


def test_a_reason_cannot_drive_a_terminal() -> None:
    assert read_verdicts("<verdicts>\n1 refuted: a\x1b[31mb", 1) == {1: "ab"}


@given(st.text(), st.integers(0, 5))
def test_no_text_breaks_it(text: str, n_findings: int) -> None:
    refuted = read_verdicts(f"<verdicts>{text}", n_findings) or {}
    assert all(1 <= number <= n_findings and reason for number, reason in refuted.items())
