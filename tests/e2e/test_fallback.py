"""Another tier's model in the place of an overloaded one: only where the user allows it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from kibitz.claude import retry
from kibitz.standin import Fault, Reply
from kibitz.standin.request import Request
from support.workshop import Workshop, lines, open_workshop

STANDARD, FAST = "claude-sonnet-5-5", "claude-haiku-5-5"
TOTAL = lines(6, 10)
REPLY = "<replacement>\ndef total(prices):\n    return sum(prices)\n</replacement>"


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "FIRST_DELAY_SECONDS", 0.001)


def to(model: str) -> Callable[[Request], bool]:
    return lambda request: request.body["model"] == model


def ledger(shop: Workshop) -> list[tuple[str, str, float]]:
    """Model, outcome and cost of every request, in order."""
    file = shop.home / "state" / "kibitz" / "ledger.sqlite"
    connection = sqlite3.connect(file)
    try:
        rows = connection.execute("SELECT model, outcome, cost_usd FROM requests ORDER BY rowid")
        return [(model, outcome, cost or 0.0) for model, outcome, cost in rows]
    finally:
        connection.close()


async def test_the_user_is_told_which_model_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = {"KIBITZ_FALLBACK": "fast"}
    async with open_workshop(tmp_path, monkeypatch, environment=environment) as shop:
        shop.standin.when(to(STANDARD), Fault.overloaded())
        shop.standin.when(to(FAST), Reply("It adds."))
        text = await shop.open()

        message = await shop.do("kibitz.explain", text)

        assert "Answer shown" in message
        (sentence,) = shop.client.messages()
        assert sentence.startswith(f"{STANDARD} is overloaded; {FAST} answers instead")
        asked = [each.request.body["model"] for each in shop.standin.journal.messages]
        assert asked == [STANDARD, STANDARD, STANDARD, FAST]
        failed, answered = ledger(shop)
        assert failed == (STANDARD, "overloaded", 0.0)
        assert answered[:2] == (FAST, "finished")
        assert answered[2] > 0


async def test_an_edit_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {"KIBITZ_FALLBACK": "fast"}
    async with open_workshop(tmp_path, monkeypatch, environment=environment) as shop:
        shop.standin.when(to(STANDARD), Fault.overloaded())
        shop.standin.when(to(FAST), Reply(REPLY))
        text = await shop.open()

        await shop.do("kibitz.refactor", text, range=TOTAL, instruction="Use sum")

        assert text.text.count("return sum(prices)") == 1
        assert len(shop.client.messages()) == 1


@pytest.mark.parametrize("where", ["nowhere", "project", "editor"])
async def test_nothing_else_is_sent_where_the_user_has_not_allowed_it(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"initializationOptions": {"fallback": "fast"}} if where == "editor" else {}
    async with open_workshop(tmp_path, monkeypatch, **options) as shop:
        if where == "project":
            (shop.root / ".kibitz.toml").write_text('fallback = "fast"\n')
        shop.standin.when(to(STANDARD), Fault.overloaded())
        text = await shop.open()

        await shop.do("kibitz.explain", text)

        assert {each.request.body["model"] for each in shop.standin.journal.messages} == {STANDARD}
        failures = [each for each in shop.client.messages() if "is overloaded" in each]
        assert len(failures) == 1


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (Fault.status_code(500), "failed"),
        (Fault.rate_limited(60), "60 seconds"),
        (Reply("It adds.").failing(Fault.error_event("It")), "is overloaded"),
    ],
    ids=["server error", "rate limit", "in the middle"],
)
async def test_only_an_overload_before_the_first_byte_counts(
    fault: Fault | Reply, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = {"KIBITZ_FALLBACK": "fast"}
    async with open_workshop(tmp_path, monkeypatch, environment=environment) as shop:
        shop.standin.when("", fault)
        text = await shop.open()

        await shop.do("kibitz.explain", text)

        assert {each.request.body["model"] for each in shop.standin.journal.messages} == {STANDARD}
        (sentence,) = shop.client.messages()
        assert told in sentence


async def test_where_the_other_one_is_too_dear_the_overload_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = {"KIBITZ_FALLBACK": "deep", "KIBITZ_MODELS_DEEP": "claude-fable-5-2"}
    # Enough for some tokens of the one model and for none of the other.
    environment["KIBITZ_BUDGET_REQUEST_USD"] = "0.13"
    async with open_workshop(tmp_path, monkeypatch, environment=environment) as shop:
        shop.standin.when("", Fault.overloaded())
        text = await shop.open()

        await shop.do("kibitz.explain", text)

        assert {each.request.body["model"] for each in shop.standin.journal.messages} == {STANDARD}
        (sentence,) = shop.client.messages()
        assert "is overloaded" in sentence
