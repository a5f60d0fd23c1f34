"""Prices and facts of models: the figures of the price list, and what each model is sent."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from kibitz.claude.models.catalogue import RequestOptions, builtin
from kibitz.claude.models.known_model import canonical_id
from kibitz.claude.values import Tier, Usage

MILLION = 1_000_000


class TestPrices:
    @pytest.mark.parametrize(
        ("model", "usage", "cost"),
        [
            ("claude-sonnet-5-5", Usage(input_tokens=MILLION), 2.0),
            ("claude-sonnet-5-5", Usage(cache_read_tokens=MILLION), 0.1),
            ("claude-sonnet-5-5", Usage(cache_write_5m_tokens=MILLION), 2.5),
            ("claude-sonnet-5-5", Usage(cache_write_1h_tokens=MILLION), 4.0),
            ("claude-sonnet-5-5", Usage(output_tokens=MILLION), 10.0),
            ("claude-opus-5-5", Usage(cache_read_tokens=80_000, output_tokens=1_000), 0.036),
            ("claude-haiku-4-5-20251001", Usage(1000, 2000, 3000, 4000, 5000), 0.03795),
        ],
    )
    def test_by_class(self, model: str, usage: Usage, cost: float) -> None:
        assert builtin().cost_usd(model, usage) == pytest.approx(cost)

    def test_a_band_holds_for_the_whole_request_and_counts_cached_tokens(self) -> None:
        at_the_border = Usage(input_tokens=50_000, cache_read_tokens=50_000)
        beyond = Usage(input_tokens=50_000, cache_read_tokens=50_001)
        assert builtin().cost_usd("claude-haiku-5-5", at_the_border) == pytest.approx(0.0055)
        assert builtin().cost_usd("claude-haiku-5-5", beyond) == pytest.approx(0.02750005)

    def test_unknown_model_has_no_price(self) -> None:
        assert builtin().cost_usd("gemma-3", Usage(input_tokens=1)) is None
        assert builtin().worst_case_usd(1000, 1000, "gemma-3") is None

    def test_worst_case_is_cold_and_written_for_an_hour(self) -> None:
        worst = builtin().worst_case_usd(100_000, 10_000, "claude-sonnet-5-5")
        assert worst == pytest.approx(0.4 + 0.1)

    def test_cost_without_cache(self) -> None:
        usage = Usage(input_tokens=1000, cache_read_tokens=99_000, output_tokens=100)
        cost = builtin().cost_without_cache_usd("claude-sonnet-5-5", usage)
        assert cost == pytest.approx(0.201)

    @pytest.mark.parametrize("model", builtin().models)
    def test_every_model_is_priced_sensibly(self, model: str) -> None:
        for price in builtin().models[model].prices:
            assert 0 < price.read < price.input < price.write_5m < price.write_1h < price.output
        assert builtin().models[model].prices[-1].up_to_prompt_tokens is None


class TestNames:
    @pytest.mark.parametrize(
        "spelling",
        [
            "claude-haiku-4-5",
            "claude-haiku-4-5-20251001",
            "claude-haiku-4-5@20251001",
            "anthropic/claude-haiku-4-5",
            "us.anthropic.claude-haiku-4-5-20251001-v1:0",
            "Claude-Haiku-4-5-latest",
        ],
    )
    def test_spellings_of_providers(self, spelling: str) -> None:
        assert canonical_id(spelling) == "claude-haiku-4-5"
        known = builtin().find(spelling)
        assert known is not None
        assert known.id == "claude-haiku-4-5"

    def test_other_names_stay(self) -> None:
        assert canonical_id("gemma-3:270m") == "gemma-3:270m"

    def test_successors(self) -> None:
        assert builtin().successor("claude-sonnet-4-5") == "claude-sonnet-5-5"
        assert builtin().successor("claude-opus-4-20250514") == "claude-opus-5-5"
        assert builtin().successor("claude-sonnet-5-5") is None
        assert builtin().successor("gemma-3") is None

    def test_nearest(self) -> None:
        assert builtin().nearest("claude-opus-55")[0] == "claude-opus-5-5"
        assert builtin().nearest("claude-3-opus-20240229")[0] == "claude-opus-5-5"
        assert builtin().nearest("llama") == ()


class TestRequestOptions:
    @pytest.mark.parametrize(
        ("model", "tier", "thinking", "effort"),
        [
            ("claude-haiku-5-5", "fast", "disabled", "low"),
            ("claude-haiku-5-5", "standard", "adaptive", "medium"),
            ("claude-sonnet-5-5", "fast", "between_tools", "low"),
            ("claude-sonnet-5-5", "standard", "adaptive", "medium"),
            ("claude-opus-5-5", "fast", "adaptive", "low"),
            ("claude-opus-5-5", "deep", "adaptive", "high"),
            ("claude-sonnet-5", "fast", "disabled", "low"),
            ("claude-opus-4-8", "fast", None, "low"),
            ("claude-opus-4-8", "deep", "adaptive", "high"),
            ("claude-sonnet-4-6", "standard", "adaptive", "medium"),
            ("claude-haiku-4-5", "fast", None, None),
            ("claude-haiku-4-5", "deep", None, None),
            ("gemma-3", "standard", None, None),
            ("claude-sonnet-7", "standard", None, None),
        ],
    )
    def test_what_is_sent(
        self, model: str, tier: Tier, thinking: str | None, effort: str | None
    ) -> None:
        options = builtin().request_options(model, tier)
        assert (options.thinking, options.effort) == (thinking, effort)

    @pytest.mark.parametrize("model", builtin().models)
    @pytest.mark.parametrize("tier", ["fast", "standard", "deep"])
    def test_no_model_is_sent_what_it_refuses(self, model: str, tier: Tier) -> None:
        known, options = builtin().models[model], builtin().request_options(model, tier)
        assert options.effort is None or known.effort
        assert options.thinking != "adaptive" or known.adaptive
        assert options.thinking in {None, "adaptive", known.thinking_off}

    def test_thinking_has_an_allowance_of_its_own(self) -> None:
        assert builtin().request_options("claude-haiku-5-5", "fast") == RequestOptions(
            "disabled", "low", 0
        )
        assert builtin().request_options("claude-opus-5-5", "fast").thinking_allowance_tokens > 0
        newer = builtin().request_options("claude-sonnet-7", "fast")
        assert newer.thinking_allowance_tokens > 0
        assert builtin().request_options("gemma-3", "deep").thinking_allowance_tokens == 0


class TestOverrides:
    def test_a_key_that_is_left_out_keeps_its_value(self) -> None:
        price = {"input": 1, "output": 2, "write_5m": 1, "write_1h": 1, "read": 0}
        mine = builtin().overridden({"model": [{"id": "claude-opus-5-5", "price": [price]}]})
        assert mine.cost_usd("claude-opus-5-5", Usage(output_tokens=MILLION)) == 2.0
        assert mine.cache_minimum_tokens("claude-opus-5-5") == 512
        assert mine.as_of == builtin().as_of == datetime.date(2026, 11, 21)

    def test_a_model_of_ones_own(self) -> None:
        mine = builtin().overridden({"model": [{"id": "gemma-3", "context": 8192}]})
        known = mine.find("gemma-3")
        assert known is not None
        assert (known.context_tokens, known.prices) == (8192, ())

    @pytest.mark.parametrize(
        ("data", "said"),
        [
            ({"model": {}}, "'model'"),
            ({"model": [{"context": 1}]}, "id"),
            ({"model": [{"id": "x", "contxt": 1}]}, "'contxt'"),
            ({"model": [{"id": "x", "context": "1"}]}, "context"),
            ({"model": [{"id": "x", "context": True}]}, "context"),
            ({"model": [{"id": "x", "thinking_off": "maybe"}]}, "thinking_off"),
            ({"model": [{"id": "x", "price": [{"input": 1}]}]}, "'output'"),
            ({"model": [{"id": "x", "price": [{"input": -1}]}]}, "'input'"),
        ],
    )
    def test_mistakes_are_named(self, data: dict[str, Any], said: str) -> None:
        with pytest.raises(ValueError, match=said):
            builtin().overridden(data)
