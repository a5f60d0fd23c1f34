"""What a user is told of a model: once, in a sentence that says what to do."""

from __future__ import annotations

import datetime
from dataclasses import replace

import pytest

from kibitz.claude.models.catalogue import builtin
from kibitz.claude.models.model_facts import Learnt
from kibitz.claude.values import ModelFacts, Usage
from kibitz.model_notes import farewell, model_notes
from kibitz.settings import DEFAULTS, Settings

TODAY = datetime.date(2026, 11, 21)
MILLION = 1_000_000


def notes(model: str, settings: Settings = DEFAULTS, today: datetime.date = TODAY) -> list[str]:
    return list(model_notes(builtin(), model, settings, today))


@pytest.mark.parametrize("model", ["claude-sonnet-5-5", "claude-opus-4-8", "claude-haiku-4-5"])
def test_there_is_nothing_to_say_of_a_model_that_stays(model: str) -> None:
    assert notes(model) == []


def test_a_model_that_goes_is_named_with_the_day_and_its_successor() -> None:
    chosen = replace(DEFAULTS, models=replace(DEFAULTS.models, deep="claude-sonnet-4-5"))
    assert notes("claude-sonnet-4-5", chosen) == [
        'claude-sonnet-4-5 will be retired on 2026-11-30; set `models.deep` to "claude-sonnet-5-5".'
    ]
    assert notes("claude-sonnet-4-5") == [
        'claude-sonnet-4-5 will be retired on 2026-11-30; use "claude-sonnet-5-5" instead.'
    ]


def test_a_model_that_is_gone() -> None:
    (sentence,) = notes("claude-sonnet-4-5", today=datetime.date(2026, 12, 1))
    assert sentence.startswith("claude-sonnet-4-5 is retired since 2026-11-30; ")
    assert notes("claude-3-opus-20240229")[0] == (
        'claude-3-opus-20240229 is retired; use "claude-opus-5-5" instead.'
    )


def test_what_the_endpoint_says_counts() -> None:
    facts = ModelFacts("claude-opus-4-8", lifecycle="deprecated", retires_at="2027-02-01T00:00:00Z")
    known = Learnt().listed([facts], 0.0).laid_over(builtin())
    assert farewell(known, "claude-opus-4-8", TODAY) == (
        "claude-opus-4-8 will be retired on 2027-02-01"
    )


class TestPrices:
    def test_a_newer_model_counts_as_the_dearest_of_its_line(self) -> None:
        (sentence,) = notes("claude-opus-6")
        assert sentence == (
            "The price of claude-opus-6 is not known: it is reckoned at $5.00 in and $25.00 out "
            "per million tokens, as the most expensive of its line; models.toml can say what it "
            "costs."
        )
        assert builtin().cost_usd("claude-opus-6", Usage(output_tokens=MILLION)) == 25.0

    def test_a_new_line_counts_as_the_dearest_of_all(self) -> None:
        assert builtin().cost_usd("claude-saga-1", Usage(output_tokens=MILLION)) == 50.0

    def test_prices_of_others_are_not_guessed(self) -> None:
        theirs = builtin().without_prices()
        assert theirs.cost_usd("claude-opus-6", Usage(output_tokens=1)) is None
        assert not theirs.is_price_assumed("claude-opus-6")

    @pytest.mark.parametrize(
        ("provider", "base_url", "is_told"),
        [
            ("compatible", "https://gateway.example", True),
            ("compatible", "http://localhost:11434", False),
            ("local", None, False),
            ("anthropic", None, True),
        ],
    )
    def test_what_no_budget_limits_is_told_where_somebody_sends_a_bill(
        self, provider: str, base_url: str | None, is_told: bool
    ) -> None:
        settings = replace(DEFAULTS, provider=provider, base_url=base_url)  # type: ignore[arg-type]
        told = list(model_notes(builtin().without_prices(), "gemma-3", settings, TODAY))
        assert bool(told) == is_told
        assert all("no budget limits it" in sentence for sentence in told)

    def test_a_batch_is_half_the_price(self) -> None:
        usage = Usage(1000, 2000, 3000, 4000, 5000)
        whole = builtin().cost_usd("claude-sonnet-5-5", usage)
        assert whole is not None
        assert builtin().cost_usd("claude-sonnet-5-5", usage, batched=True) == whole / 2
