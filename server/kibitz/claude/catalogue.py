"""What is known of Claude's models beforehand: prices, limits, what each of them refuses.

The facts are data (`catalogue.toml`, with the date they hold for) and a user may override them.
This module only reads that data and calculates with it; it never asks an endpoint.
"""

from __future__ import annotations

import dataclasses
import datetime
import difflib
import math
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, cast

from kibitz.claude.values import Tier, Usage
from kibitz_context.tokens import CHARACTERS_PER_TOKEN
from kibitz_context.values import Prices

ThinkingOff = Literal["disabled", "between_tools", "omit", "impossible"]
Effort = Literal["low", "medium", "high"]

TIER_EFFORT: Mapping[Tier, Effort] = {"fast": "low", "standard": "medium", "deep": "high"}

# Thinking is paid from `max_tokens`, so a reply that may be preceded by thinking gets this much
# on top of what the answer needs.  Higher: a larger worst case is reserved from the budget;
# lower: answers that end in the middle, or before they have begun.
THINKING_ALLOWANCE_TOKENS: Mapping[Effort, int] = {"low": 2_048, "medium": 6_144, "high": 12_288}

# For a model that the catalogue does not have.
UNKNOWN_CACHE_MINIMUM_TOKENS = 1_024
UNKNOWN_CHARS_PER_TOKEN = 2.5


@dataclass(frozen=True, slots=True)
class Price:
    """USD per million tokens, for prompts of at most `up_to_prompt_tokens` (None: any length)."""

    input: float
    output: float
    write_5m: float
    write_1h: float
    read: float
    up_to_prompt_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class KnownModel:
    """One entry of the catalogue.  Limits are in tokens."""

    id: str
    context_tokens: int | None = None
    max_output_tokens: int | None = None
    cache_minimum_tokens: int = UNKNOWN_CACHE_MINIMUM_TOKENS
    chars_per_token: float = UNKNOWN_CHARS_PER_TOKEN
    adaptive: bool = False
    thinking_off: ThinkingOff = "omit"
    effort: bool = False
    forced_tool_choice: bool = False
    prices: tuple[Price, ...] = ()
    retires: datetime.date | None = None
    successor: str | None = None

    def price(self, prompt_tokens: int) -> Price | None:
        """The price of a request whose whole prompt, cached or not, has that many tokens."""
        for price in self.prices:
            if price.up_to_prompt_tokens is None or prompt_tokens <= price.up_to_prompt_tokens:
                return price
        return None


@dataclass(frozen=True, slots=True)
class RequestOptions:
    """What a tier sends beside the prompt.  None: the parameter is left out.

    `thinking_allowance_tokens` is to be added to the tokens that the answer may have.
    """

    thinking: Literal["adaptive", "disabled", "between_tools"] | None = None
    effort: Effort | None = None
    thinking_allowance_tokens: int = 0


@dataclass(frozen=True)
class Catalogue:
    """Models by id, as known on `as_of`."""

    as_of: datetime.date
    models: Mapping[str, KnownModel]
    gone: Mapping[str, str]

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

    def cost_usd(self, model: str, usage: Usage) -> float | None:
        """What Claude bills for a response; None where the price is not known."""
        price = self._price(model, usage.prompt_tokens)
        if price is None:
            return None
        return (
            usage.input_tokens * price.input
            + usage.cache_read_tokens * price.read
            + usage.cache_write_5m_tokens * price.write_5m
            + usage.cache_write_1h_tokens * price.write_1h
            + usage.output_tokens * price.output
        ) / 1_000_000

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
        sent_effort = effort if known.effort else None
        if tier == "fast" and known.thinking_off == "disabled":
            return RequestOptions("disabled", sent_effort)
        if tier == "fast" and known.thinking_off == "between_tools":
            return RequestOptions("between_tools", sent_effort, allowance)
        if tier == "fast" and known.thinking_off == "omit":
            return RequestOptions(None, sent_effort)
        if known.adaptive:
            return RequestOptions("adaptive", sent_effort, allowance)
        return RequestOptions(None, sent_effort)

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
        cheapest = known.prices[0].up_to_prompt_tokens if known.prices else None
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
        return dataclasses.replace(self, models=models)

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
        for entry in _tables(data, "model"):
            id_ = entry.get("id")
            if not isinstance(id_, str) or not id_:
                raise ValueError("a model needs an id")
            # A spelling of a known model has its facts, too.
            base = models.get(id_) or models.get(canonical_id(id_)) or KnownModel(id_)
            models[id_] = _known_model(entry, dataclasses.replace(base, id=id_))
        gone = data.get("gone", {})
        if not isinstance(gone, Mapping) or not all(isinstance(to, str) for to in gone.values()):
            raise ValueError("'gone' must be a table of texts")
        return Catalogue(as_of, models, {**self.gone, **gone})

    def _price(self, model: str, prompt_tokens: int) -> Price | None:
        known = self.find(model)
        return known.price(prompt_tokens) if known else None


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


_BEFORE_THE_NAME = re.compile(r"^.*?(?=claude-)")
_AFTER_THE_NAME = re.compile(r"(?:[-@]20\d{6})?(?:-v\d+(?::\d+)?)?(?:-latest)?$")


def canonical_id(model: str) -> str:
    """A model's id as Anthropic writes it, without what providers put around it.

    "us.anthropic.claude-haiku-4-5-20251001-v1:0", "anthropic/claude-haiku-4-5" and
    "claude-haiku-4-5@20251001" are all "claude-haiku-4-5".
    """
    return _AFTER_THE_NAME.sub("", _BEFORE_THE_NAME.sub("", model.strip().lower(), count=1))


_NUMBER = (int, float)
_KEYS: Mapping[str, tuple[str, type | tuple[type, ...]]] = {
    "context": ("context_tokens", int),
    "max_output": ("max_output_tokens", int),
    "cache_minimum": ("cache_minimum_tokens", int),
    "chars_per_token": ("chars_per_token", _NUMBER),
    "adaptive": ("adaptive", bool),
    "thinking_off": ("thinking_off", str),
    "effort": ("effort", bool),
    "forced_tool_choice": ("forced_tool_choice", bool),
    "retires": ("retires", datetime.date),
    "successor": ("successor", str),
}
_PRICE_KEYS = ("input", "output", "write_5m", "write_1h", "read")


def _known_model(entry: Mapping[str, Any], base: KnownModel) -> KnownModel:
    changes: dict[str, Any] = {}
    for key, value in entry.items():
        if key == "id":
            continue
        if key == "price":
            changes["prices"] = _prices(entry, base.id)
            continue
        if key == "priced_like":
            changes["prices"] = _prices_of(value, base.id)
            continue
        if key not in _KEYS:
            raise ValueError(f"{base.id}: {key!r} is not a key of a model")
        attribute, kind = _KEYS[key]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise ValueError(f"{base.id}: {key} has the wrong type")
        if isinstance(value, int | float) and kind is not bool and not 0 < value < math.inf:
            raise ValueError(f"{base.id}: {key} must be more than nothing")
        changes[attribute] = value
    if changes.get("thinking_off", "omit") not in {
        "disabled",
        "between_tools",
        "omit",
        "impossible",
    }:
        raise ValueError(f"{base.id}: thinking_off is not one of the known ways")
    return dataclasses.replace(base, **changes)


def _prices(entry: Mapping[str, Any], model: str) -> tuple[Price, ...]:
    prices = tuple(_price(each, model) for each in _tables(entry, "price"))
    bounds: list[float] = [price.up_to_prompt_tokens or math.inf for price in prices]
    if any(here >= following for here, following in pairwise(bounds)):
        raise ValueError(f"{model}: prices are ordered by up_to, the one without it comes last")
    return prices


def _prices_of(model: object, priced: str) -> tuple[Price, ...]:
    known = builtin().find(model) if isinstance(model, str) else None
    if known is None:
        raise ValueError(f"{priced}: priced_like must name a model that kibitz knows")
    return known.prices


def _price(entry: Mapping[str, Any], model: str) -> Price:
    amounts: dict[str, float] = {}
    for key in _PRICE_KEYS:
        value = entry.get(key)
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not 0 <= value < math.inf
        ):
            raise ValueError(f"{model}: a price needs {key!r}, in USD per million tokens")
        amounts[key] = float(value)
    if unknown := entry.keys() - {*_PRICE_KEYS, "up_to"}:
        raise ValueError(f"{model}: {min(unknown)!r} is not a key of a price")
    up_to = entry.get("up_to")
    if up_to is not None and (isinstance(up_to, bool) or not isinstance(up_to, int) or up_to <= 0):
        raise ValueError(f"{model}: up_to is a number of tokens")
    return Price(**amounts, up_to_prompt_tokens=up_to)


def _tables(data: Mapping[str, Any], key: str) -> Sequence[Mapping[str, Any]]:
    tables = data.get(key, [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise ValueError(f"{key!r} must be a list of tables")
    return cast(Sequence[Mapping[str, Any]], tables)
