"""A request that may cost more than one may: who is asked, and what a yes lifts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from kibitz.bill import at_most
from kibitz.claude.metered import MeteredClaude
from kibitz.claude.spending.budget import Budget, Exceeded
from kibitz.claude.spending.ledger import Ledger
from kibitz.claude.values import (
    Block,
    ClaudeFailure,
    Finished,
    Limits,
    Message,
    Prompt,
    Purpose,
)
from kibitz.confirmation import Question
from support.scripted_claude import Scripted

PROMPT = Prompt(
    tier="standard",
    model="claude-sonnet-5-5",
    system=(),
    messages=(Message("user", (Block("Question?"),)),),
    max_tokens=1000,
)
PURPOSE = Purpose("explain", "/r")


class User:
    """Answers what they are asked, and remembers it."""

    def __init__(self, answer: bool | None) -> None:
        self.answer = answer
        self.asked: list[Question] = []

    async def __call__(self, purpose: Purpose, exceeded: Exceeded) -> bool | None:
        self.asked.append(Question.about(purpose, exceeded))
        return self.answer


async def send(
    path: Path,
    user: User | None,
    purpose: Purpose = PURPOSE,
    limits: Limits | None = None,
) -> tuple[bool, ClaudeFailure | None]:
    """Whether the request came to its end, or why not."""
    ledger = Ledger(path / "ledger.sqlite")
    budget = Budget(ledger.path, limits or Limits(request_usd=0.005, day_usd=1.0))
    claude = MeteredClaude(Scripted(), ledger, budget, confirm=user)
    try:
        events = [event async for event in claude.stream(PROMPT, purpose)]
    except ClaudeFailure as failure:
        return False, failure
    finally:
        await claude.aclose()
        ledger.close()
    return isinstance(events[-1], Finished), None


async def test_the_user_is_asked_with_the_number(tmp_path: Path) -> None:
    user = User(True)
    assert await send(tmp_path, user) == (True, None)
    (question,) = user.asked
    assert question.words == (
        "This request (explain) may cost up to $0.02, and one request may cost $0.01 "
        "(`budget.request_usd`)."
    )
    assert question.yes == "Send for up to $0.02"


async def test_a_yes_holds_for_one_request(tmp_path: Path) -> None:
    user = User(True)
    await send(tmp_path, user)
    await send(tmp_path, user)
    assert len(user.asked) == 2


async def test_a_no_sends_nothing_and_is_no_surprise(tmp_path: Path) -> None:
    sent, failure = await send(tmp_path, User(False))
    assert not sent
    assert failure is not None
    assert failure.facts["declined"]
    assert not (tmp_path / "ledger.sqlite").exists(), "nothing is recorded"


@pytest.mark.parametrize(
    ("user", "purpose"),
    [
        (None, PURPOSE),
        (User(None), PURPOSE),
        (User(True), replace(PURPOSE, interactive=False)),
        (User(True), replace(PURPOSE, action="complete")),
        (User(True), replace(PURPOSE, action="hover")),
    ],
)
async def test_where_nobody_asks_the_limit_holds(
    tmp_path: Path, user: User | None, purpose: Purpose
) -> None:
    sent, failure = await send(tmp_path, user, purpose)
    assert not sent
    assert failure is not None
    assert (failure.facts["limit"], "declined" in failure.facts) == ("request", False)


@pytest.mark.parametrize("limits", [Limits(0.005, 0.006), Limits(0.005, 1.0, 0.006)])
async def test_a_yes_lifts_no_limit_of_a_day_or_a_month(tmp_path: Path, limits: Limits) -> None:
    user = User(True)
    sent, failure = await send(tmp_path, user, limits=limits)
    assert not sent
    assert failure is not None
    assert failure.facts["limit"] in ("day", "month")
    assert len(user.asked) == 1


async def test_nobody_is_asked_about_what_fits(tmp_path: Path) -> None:
    user = User(False)
    assert await send(tmp_path, user, limits=Limits(request_usd=0.5)) == (True, None)
    assert not user.asked


@pytest.mark.parametrize(
    ("usd", "words"), [(0.9613, "$0.97"), (0.5, "$0.50"), (0.07, "$0.07"), (1234.001, "$1,234.01")]
)
def test_what_is_promised_is_not_exceeded(usd: float, words: str) -> None:
    assert at_most(usd) == words
