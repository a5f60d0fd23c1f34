"""What is known of Claude's models beforehand: prices, limits, what each of them refuses.

The facts are data (`catalogue.toml`, with the date they hold for) and a user may override them.
This module only reads that data and calculates with it; it never asks an endpoint.
"""

from __future__ import annotations

import dataclasses
import datetime
import difflib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from kibitz.claude.models.known_model import (
    UNKNOWN_CACHE_MINIMUM_TOKENS,
    UNKNOWN_CHARS_PER_TOKEN,
    Effort,
    KnownModel,
    Parameter,
    Price,
    ThinkingType,
    canonical_id,
    line_of,
    read_entry,
    tables,
)
from kibitz.claude.values import Tier, Usage
from kibitz_context.tokens import CHARACTERS_PER_TOKEN
from kibitz_context.values import Prices

TIER_EFFORT: Mapping[Tier, Effort] = {"fast": "low", "standard": "medium", "deep": "high"}

# Thinking is paid from `max_tokens`, so a reply that may be preceded by thinking gets this much
# on top of what the answer needs.  Higher: a larger worst case is reserved from the budget;
# lower: answers that end in the middle, or before they have begun.
THINKING_ALLOWANCE_TOKENS: Mapping[Effort, int] = {"low": 2_048, "medium": 6_144, "high": 12_288}

# What a request costs in a batch, against the same request by itself.
BATCH_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class RequestOptions:
    """What a tier sends beside the prompt.  None: the parameter is left out.

    `thinking_allowance_tokens` is to be added to the tokens that the answer may have.
    """

    thinking: ThinkingType | None = None
    effort: Effort | None = None
    thinking_allowance_tokens: int = 0

    @property
    def parameters(self) -> frozenset[Parameter]:
        """What is sent, by the names that a refusal is learnt under."""
        effort: tuple[Parameter, ...] = () if self.effort is None else ("effort",)
        thinking: tuple[Parameter, ...] = () if self.thinking is None else (self.thinking,)
        return frozenset(thinking + effort)


@dataclass(frozen=True)
class Catalogue:
    """Models by id, as known on `as_of`.

    With `assumes_prices` a model of Claude's without a price counts as the most expensive one of
    its line, so that a budget bounds it, too.  Only ids that
    `priced_ids` matches have the prices of another spelling of them; None: all do.
    """

    as_of: datetime.date
    models: Mapping[str, KnownModel]
    gone: Mapping[str, str]
    assumes_prices: bool = True
    priced_ids: re.Pattern[str] | None = None

    def find(self, model: str) -> KnownModel | None:
        """The entry for a model id in any of the spellings that providers and gateways use."""
        return self.models.get(model) or self.models.get(canonical_id(model))

    def nearest(self, model: str, count: int = 3) -> tuple[str, ...]:
        """Known ids that may have been meant, best first: the successor of a model that is gone,
        then those that are spelt alike."""
        name = canonical_id(model)
        found = difflib.get_close_matches(name, self.models, n=count, cutoff=0.6)
        successor = self.successor(model)
        if successor is not None:
            found = [successor, *(other for other in found if other != successor)]
        return tuple(found[:count])

    def successor(self, model: str) -> str | None:
        """The model to use instead, if this one is gone or is about to go."""
        known = self.find(model)
        if known is not None:
            return known.successor
        name = canonical_id(model)
        beginnings = [beginning for beginning in self.gone if name.startswith(beginning)]
        return self.gone[max(beginnings, key=len)] if beginnings else None

    def cost_usd(self, model: str, usage: Usage, *, batched: bool = False) -> float | None:
        """What Claude bills for a response, in a batch or by itself; None where the price is not
        known."""
        price = self._price(model, usage.prompt_tokens)
        if price is None:
            return None
        usd = (
            usage.input_tokens * price.input
            + usage.cache_read_tokens * price.read
            + usage.cache_write_5m_tokens * price.write_5m
            + usage.cache_write_1h_tokens * price.write_1h
            + usage.output_tokens * price.output
        ) / 1_000_000
        return usd * BATCH_SHARE if batched else usd

    def cost_without_cache_usd(self, model: str, usage: Usage) -> float | None:
        """What the same response would have cost with every prompt token at the input price."""
        return self.cost_usd(
            model, Usage(input_tokens=usage.prompt_tokens, output_tokens=usage.output_tokens)
        )

    def worst_case_usd(
        self, prompt_tokens_estimate: int, max_tokens: int, model: str
    ) -> float | None:
        """The most that a request can cost if its prompt is no longer than estimated: nothing is
        in the cache, all of it is written for an hour, and the reply has its full length."""
        return self.cost_usd(
            model, Usage(cache_write_1h_tokens=prompt_tokens_estimate, output_tokens=max_tokens)
        )

    def request_options(self, model: str, tier: Tier) -> RequestOptions:
        """The parameters that a tier fixes for a model.

        They are part of the cache key, so they follow from the two arguments alone.  The fast
        tier does not think where the model can leave it; the others think as the model sees fit,
        with more effort on the deep tier.  A model is never sent what it refuses, an unknown one
        neither parameter.
        """
        known = self.find(model)
        effort = TIER_EFFORT[tier]
        allowance = THINKING_ALLOWANCE_TOKENS[effort]
        if known is None:
            # A Claude model that is newer than this catalogue thinks unless told not to.
            newer = canonical_id(model).startswith("claude-")
            return RequestOptions(
                thinking_allowance_tokens=THINKING_ALLOWANCE_TOKENS["medium"] if newer else 0
            )
        sent_effort = effort if known.effort and "effort" not in known.refuses else None
        thinking = _thinking(known, tier)
        # Whoever refuses to be told how to think may think by itself.
        may_think = thinking in ("adaptive", "between_tools") or (
            thinking is None and bool(known.refuses - {"effort"})
        )
        return RequestOptions(thinking, sent_effort, allowance if may_think else 0)

    def cache_minimum_tokens(self, model: str) -> int:
        known = self.find(model)
        return known.cache_minimum_tokens if known else UNKNOWN_CACHE_MINIMUM_TOKENS

    def chars_per_token(self, model: str) -> float:
        known = self.find(model)
        return known.chars_per_token if known else UNKNOWN_CHARS_PER_TOKEN

    def max_output_tokens(self, model: str) -> int | None:
        known = self.find(model)
        return known.max_output_tokens if known else None

    def context_tokens(self, model: str) -> int | None:
        """The model's window: prompt and reply together."""
        known = self.find(model)
        return known.context_tokens if known else None

    def most_prompt_tokens(self, model: str, tier: Tier) -> int | None:
        """The longest prompt that a tier should send; None where nothing is known of the model.

        That is the window, and on the fast tier what the lowest price holds for: a request that
        is above it by one token costs several times as much as a whole.
        """
        known = self.find(model)
        if known is None:
            return None
        price = self._price(model, 0)
        cheapest = price.up_to_prompt_tokens if price is not None else None
        limits = [known.context_tokens, cheapest if tier == "fast" else None]
        return min((limit for limit in limits if limit is not None), default=None)

    def prices(self, model: str, prompt_tokens: int = 0) -> Prices | None:
        """What one token costs, in USD, in a prompt of that length; None for an unknown price."""
        price = self._price(model, prompt_tokens)
        if price is None:
            return None
        return Prices(
            input=price.input / 1_000_000,
            write_5m=price.write_5m / 1_000_000,
            write_1h=price.write_1h / 1_000_000,
            read=price.read / 1_000_000,
            output=price.output / 1_000_000,
        )

    def tokens_factor(self, model: str) -> float:
        """By how much an estimate of `kibitz_context.tokens` is to be multiplied, before anything
        was learnt of the model."""
        return CHARACTERS_PER_TOKEN / self.chars_per_token(model)

    def without_prices(self) -> Catalogue:
        """The same models, for an endpoint whose prices are its own."""
        models = {id_: dataclasses.replace(known, prices=()) for id_, known in self.models.items()}
        return dataclasses.replace(self, models=models, assumes_prices=False)

    def priced_only_for(self, ids: re.Pattern[str]) -> Catalogue:
        """The same models, for an endpoint where these prices hold for the ids that match."""
        models = {
            id_: known if ids.match(id_) else dataclasses.replace(known, prices=())
            for id_, known in self.models.items()
        }
        return dataclasses.replace(self, models=models, priced_ids=ids)

    def with_models(self, models: Mapping[str, KnownModel]) -> Catalogue:
        """This catalogue with these entries in the place of its own, or beside them."""
        return dataclasses.replace(self, models={**self.models, **models})

    def overridden(self, data: Mapping[str, Any]) -> Catalogue:
        """This catalogue with a user's entries, in the form of `catalogue.toml`, laid over it.

        `priced_like` gives an entry the prices of a model that kibitz knows.  Raises ValueError
        with a phrase that names the entry and the key.
        """
        for key in data:
            if key not in ("as_of", "model", "gone"):
                raise ValueError(f"there is no key {key!r}; there are as_of, model and gone")
        as_of = data.get("as_of", self.as_of)
        if not isinstance(as_of, datetime.date) or isinstance(as_of, datetime.datetime):
            raise ValueError("as_of is a date, such as 2026-11-21")  # noqa: TRY004 - of the file
        models = dict(self.models)
        for entry in tables(data, "model"):
            id_ = entry.get("id")
            if not isinstance(id_, str) or not id_:
                raise ValueError("a model needs an id")
            # A spelling of a known model has its facts, too.
            base = models.get(id_) or models.get(canonical_id(id_)) or KnownModel(id_)
            if id_ not in models and not self._is_priced(id_):
                base = dataclasses.replace(base, prices=())
            models[id_] = read_entry(entry, dataclasses.replace(base, id=id_), _builtin_prices)
        gone = data.get("gone", {})
        if not isinstance(gone, Mapping) or not all(isinstance(to, str) for to in gone.values()):
            raise ValueError("'gone' must be a table of texts")
        return dataclasses.replace(self, as_of=as_of, models=models, gone={**self.gone, **gone})

    def is_price_assumed(self, model: str) -> bool:
        """Whether the model's price is not known, and that of another one is taken for it."""
        known = self.find(model)
        return not (known and known.prices) and bool(self._assumed_prices(model))

    def _is_priced(self, model: str) -> bool:
        return self.priced_ids is None or self.priced_ids.match(model) is not None

    def _price(self, model: str, prompt_tokens: int) -> Price | None:
        known = self.find(model)
        if not self._is_priced(model):
            known = self.models.get(model)
        if known is not None and known.prices:
            return known.price(prompt_tokens)
        like = self._assumed_prices(model)
        return like.price(prompt_tokens) if like is not None else None

    def _assumed_prices(self, model: str) -> KnownModel | None:
        """The most expensive model of the same line, of all where the line is new."""
        line = line_of(model)
        if not self.assumes_prices or line is None or not self._is_priced(model):
            return None
        priced = [known for known in self.models.values() if known.prices]
        alike = [known for known in priced if line_of(known.id) == line] or priced
        return max(alike, key=lambda known: known.prices[-1].output, default=None)


def _thinking(known: KnownModel, tier: Tier) -> ThinkingType | None:
    """The type of thinking that is sent; None: nothing is said of it."""
    wanted: list[ThinkingType] = []
    if tier == "fast":
        if known.thinking_off == "omit":
            return None
        if known.thinking_off != "impossible":
            wanted.append(known.thinking_off)
    if known.adaptive:
        wanted.append("adaptive")
    return next((kind for kind in wanted if kind not in known.refuses), None)


def _builtin_prices(model: str) -> tuple[Price, ...] | None:
    known = builtin().find(model)
    return known.prices if known else None


@cache
def builtin() -> Catalogue:
    """The catalogue that ships with kibitz."""
    data = tomllib.loads(Path(__file__).with_name("catalogue.toml").read_text("utf-8"))
    return Catalogue(data["as_of"], {}, {}).overridden(data)


def cost_usd(model: str, usage: Usage) -> float | None:
    """`Catalogue.cost_usd` by the prices that ship with kibitz."""
    return builtin().cost_usd(model, usage)


def worst_case_usd(prompt_tokens_estimate: int, max_tokens: int, model: str) -> float | None:
    """`Catalogue.worst_case_usd` by the prices that ship with kibitz."""
    return builtin().worst_case_usd(prompt_tokens_estimate, max_tokens, model)


def request_options(model: str, tier: Tier) -> RequestOptions:
    """`Catalogue.request_options` by the facts that ship with kibitz."""
    return builtin().request_options(model, tier)
