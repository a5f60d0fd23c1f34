"""The check of findings: which code is shown, and which findings there is room for."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz.actions import verify as module
from kibitz.actions.desk import Desk
from kibitz.actions.values import Hunks, Order, Spent, Step, Unverified, Verified, Verifying
from kibitz.actions.verify import MOST_FINDINGS, verify, wants_verifying
from kibitz.claude.models.catalogue import builtin
from kibitz.claude.values import ClaudeFailure, Usage
from kibitz.findings.values import Finding
from kibitz.settings import DEFAULTS
from kibitz_context.document import Document

ORDER = Order("review", Path("/r"), Document("file:///r/a.py", Path("/r/a.py"), "a\n"))


def finding(line: int, end: int | None = None, **changed: Any) -> Finding:
    one = Finding("a.py", "warning", "c", line, end or line, "q", f"t{line}", "m")
    return replace(one, **changed)


@given(
    st.lists(st.tuples(st.integers(1, 200), st.integers(0, 30)), min_size=1, max_size=8),
    st.integers(200, 260),
)
def test_excerpts_hold_what_was_found_and_lie_apart(
    places: list[tuple[int, int]], n_lines: int
) -> None:
    lines = ["x = 1\n"] * n_lines
    found = [finding(line, min(line + more, n_lines)) for line, more in places]
    excerpts = list(module._excerpts(lines, found))
    for one, other in pairwise(excerpts):
        assert one[1] < other[0]
    for each in found:
        assert any(first < each.start_line and each.end_line <= end for first, end in excerpts), (
            each
        )


def test_an_excerpt_is_the_definition_and_at_least_the_lines_around() -> None:
    body = [f"    line_{n} = {n}\n" for n in range(60)]
    lines = ["import os\n", "\n", "\n", "def f():\n", *body, "\n", "\n", *["y = 2\n"] * 40]
    assert list(module._excerpts(lines, [finding(30)])) == [(3, 64)]
    last = len(lines)
    assert list(module._excerpts(lines, [finding(last)])) == [(66, last)]


def test_the_excerpts_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_EXCERPT_CHARACTERS", 300)
    lines = [f"{'x' * 99}\n" for _ in range(400)]
    excerpts = list(module._excerpts(lines, [finding(100), finding(300)]))
    assert sum(end - first for first, end in excerpts) == 4


class Settled:
    """A desk with settings, and a catalogue where it is asked for one."""

    def __init__(self, verify: str) -> None:
        self._review = replace(DEFAULTS.review, verify=cast(Any, verify))

    def settings_in(self, root: Path) -> Any:
        return replace(DEFAULTS, review=self._review)

    def known_models(self) -> Any:
        return builtin()

    def model_for(self, order: Order) -> str:
        return "claude-sonnet-5-5"


@pytest.mark.parametrize(
    ("setting", "asked", "is_change", "expected"),
    [
        ("auto", None, True, True),
        ("auto", None, False, False),
        ("on", None, False, True),
        ("off", None, True, False),
        ("off", True, False, True),
        ("on", False, True, False),
    ],
)
def test_when_findings_are_checked(
    setting: str, asked: bool | None, is_change: bool, expected: bool
) -> None:
    order = replace(ORDER, verify=asked, hunks=Hunks(((0, 1),)) if is_change else None)
    assert wants_verifying(order, cast(Desk, Settled(setting))) is expected


async def checked(
    monkeypatch: pytest.MonkeyPatch, findings: list[Finding], said: str | Exception
) -> tuple[list[Step], list[Finding]]:
    """The steps of a check whose reply is `said`, and what Claude was asked about."""
    shown: list[Finding] = []

    async def asked(
        order: Order, desk: Desk, chosen: list[Finding]
    ) -> AsyncGenerator[Step | str, None]:
        shown.extend(chosen)
        yield Spent(Usage(), 0.25, "m")
        yield Spent(Usage(), 0.5, "m")
        if isinstance(said, Exception):
            raise said
        yield said

    monkeypatch.setattr(module, "_asked", asked)
    steps = [step async for step in verify(ORDER, cast(Desk, None), findings)]
    return [step for step in steps if not isinstance(step, Spent)], shown


async def test_the_worst_are_checked_where_there_are_too_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mild = [finding(line, severity="hint") for line in range(1, MOST_FINDINGS + 2)]
    bad = finding(99, severity="error")
    steps, shown = await checked(monkeypatch, [*mild, bad], "<verdicts>\n1 refuted: it is not\n")
    assert shown == [bad, *mild[: MOST_FINDINGS - 1]]
    assert steps == [
        Verifying((*mild, bad)),
        Verified(tuple(mild[: MOST_FINDINGS - 1]), ((bad, "it is not"),), 0.75),
        Unverified(tuple(mild[MOST_FINDINGS - 1 :]), module.TOO_MANY, 0.0),
    ]


@pytest.mark.parametrize("said", ["I cannot say.", ClaudeFailure("overloaded")])
async def test_what_fails_leaves_all_of_them_and_was_paid_for(
    monkeypatch: pytest.MonkeyPatch, said: str | Exception
) -> None:
    findings = [finding(1), finding(2)]
    steps, _ = await checked(monkeypatch, findings, said)
    assert steps[0] == Verifying(tuple(findings))
    (left,) = steps[1:]
    assert isinstance(left, Unverified)
    assert (left.findings, left.cost_usd) == (tuple(findings), 0.75)
    assert left.why.endswith(".")
