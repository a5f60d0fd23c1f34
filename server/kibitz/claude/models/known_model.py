"""What is known of one model, as a value, and how an entry of `catalogue.toml` is read into it.

Nothing here knows which models there are, or asks anybody.
"""

from __future__ import annotations

import dataclasses
import datetime
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, cast, get_args

ThinkingType = Literal["adaptive", "disabled", "between_tools"]
ThinkingOff = Literal["disabled", "between_tools", "omit", "impossible"]
Effort = Literal["low", "medium", "high"]
Lifecycle = Literal["active", "deprecated", "retired"]
# What is sent beside the prompt and may be refused: a type of thinking, or the effort.
Parameter = Literal["adaptive", "disabled", "between_tools", "effort"]

# For a model of which nobody has said it.
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
    """One entry of the catalogue.  Limits are in tokens.

    `refuses` is what an endpoint was seen to refuse for this model, whatever is said elsewhere.
    """

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
    lifecycle: Lifecycle = "active"
    retires: datetime.date | None = None
    successor: str | None = None
    refuses: frozenset[Parameter] = frozenset()

    def price(self, prompt_tokens: int) -> Price | None:
        """The price of a request whose whole prompt, cached or not, has that many tokens."""
        for price in self.prices:
            if price.up_to_prompt_tokens is None or prompt_tokens <= price.up_to_prompt_tokens:
                return price
        return None


_BEFORE_THE_NAME = re.compile(r"^.*?(?=claude-)")
_AFTER_THE_NAME = re.compile(r"(?:[-@]20\d{6})?(?:-v\d+(?::\d+)?)?(?:-latest)?$")


def canonical_id(model: str) -> str:
    """A model's id as Anthropic writes it, without what providers put around it.

    "us.anthropic.claude-haiku-4-5-20251001-v1:0", "anthropic/claude-haiku-4-5" and
    "claude-haiku-4-5@20251001" are all "claude-haiku-4-5".
    """
    return _AFTER_THE_NAME.sub("", _BEFORE_THE_NAME.sub("", model.strip().lower(), count=1))


def line_of(model: str) -> str | None:
    """The line that a model of Claude's belongs to, such as "sonnet"; None for others."""
    match = re.match(r"claude-(?:[0-9-]+)?([a-z]+)", canonical_id(model))
    return match[1] if match else None


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
    "lifecycle": ("lifecycle", str),
    "retires": ("retires", datetime.date),
    "successor": ("successor", str),
}
_PRICE_KEYS = ("input", "output", "write_5m", "write_1h", "read")


def read_entry(
    entry: Mapping[str, Any],
    base: KnownModel,
    prices_of: Callable[[str], tuple[Price, ...] | None],
) -> KnownModel:
    """`base` with what `entry` says instead; `prices_of` gives those of another model.

    Raises ValueError with a phrase that names the entry and the key.
    """
    changes: dict[str, Any] = {}
    for key, value in entry.items():
        if key == "id":
            continue
        if key == "price":
            changes["prices"] = _prices(entry, base.id)
            continue
        if key == "priced_like":
            prices = prices_of(value) if isinstance(value, str) else None
            if prices is None:
                raise ValueError(f"{base.id}: priced_like must name a model that kibitz knows")
            changes["prices"] = prices
            continue
        if key not in _KEYS:
            raise ValueError(f"{base.id}: {key!r} is not a key of a model")
        attribute, kind = _KEYS[key]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise ValueError(f"{base.id}: {key} has the wrong type")
        if isinstance(value, int | float) and kind is not bool and not 0 < value < math.inf:
            raise ValueError(f"{base.id}: {key} must be more than nothing")
        changes[attribute] = value
    if changes.get("thinking_off", "omit") not in get_args(ThinkingOff):
        raise ValueError(f"{base.id}: thinking_off is not one of the known ways")
    if changes.get("lifecycle", "active") not in get_args(Lifecycle):
        raise ValueError(f"{base.id}: lifecycle is one of {', '.join(get_args(Lifecycle))}")
    return dataclasses.replace(base, **changes)


def _prices(entry: Mapping[str, Any], model: str) -> tuple[Price, ...]:
    prices = tuple(_price(each, model) for each in tables(entry, "price"))
    bounds: list[float] = [price.up_to_prompt_tokens or math.inf for price in prices]
    if any(here >= following for here, following in pairwise(bounds)):
        raise ValueError(f"{model}: prices are ordered by up_to, the one without it comes last")
    return prices


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


def tables(data: Mapping[str, Any], key: str) -> Sequence[Mapping[str, Any]]:
    """A list of tables; raises ValueError for anything else under that key."""
    listed = data.get(key, [])
    if not isinstance(listed, list) or not all(isinstance(table, dict) for table in listed):
        raise ValueError(f"{key!r} must be a list of tables")
    return cast(Sequence[Mapping[str, Any]], listed)
