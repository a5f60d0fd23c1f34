"""What a user should know of a model that is asked: that it retires, that its price is a guess.

One sentence each; whoever shows them shows each once.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import get_args
from urllib.parse import urlsplit

from kibitz.bill import at_most
from kibitz.claude.connection import is_loopback
from kibitz.claude.models.catalogue import Catalogue
from kibitz.claude.values import Tier
from kibitz.plain_text import one_line
from kibitz.settings import Settings


def model_notes(
    known: Catalogue, model: str, settings: Settings, today: datetime.date
) -> Iterator[str]:
    """The sentences about `model`, which `settings` may have chosen."""
    parting = farewell(known, model, today)
    if parting:
        yield f"{parting}{_instead(known, model, settings)}."
    if known.is_price_assumed(model):
        price = known.prices(model)
        reckoned = ""
        if price is not None:
            reckoned = (
                f" at {at_most(price.input * 1e6)} in and {at_most(price.output * 1e6)} out per "
                "million tokens, as the most expensive of its line"
            )
        yield (
            f"The price of {one_line(model, 80)} is not known: it is reckoned{reckoned}; "
            "models.toml can say what it costs."
        )
    elif known.prices(model) is None and _costs_money(settings):
        yield (
            f"What {one_line(model, 80)} costs is not known, so no budget limits it; models.toml "
            "can say what it costs."
        )


def farewell(known: Catalogue, model: str, today: datetime.date) -> str:
    """That a model is going or gone, without an end: a full stop, or what to do; "" for others."""
    entry, name = known.find(model), one_line(model, 80)
    if entry is None:
        return f"{name} is retired" if known.successor(model) else ""
    if entry.lifecycle == "retired" or (entry.retires is not None and entry.retires <= today):
        since = f" since {entry.retires}" if entry.retires is not None else ""
        return f"{name} is retired{since}"
    if entry.retires is not None:
        return f"{name} will be retired on {entry.retires}"
    return f"{name} is deprecated and will be retired" if entry.lifecycle == "deprecated" else ""


def _costs_money(settings: Settings) -> bool:
    """Whether somebody else sends a bill: nobody does for what runs on the user's own machine."""
    if settings.provider in ("local", "standin"):
        return False
    host = urlsplit(settings.base_url or "").hostname
    return host is None or not is_loopback(host)


def _instead(known: Catalogue, model: str, settings: Settings) -> str:
    successor = known.successor(model)
    setting = next(
        (f"models.{tier}" for tier in get_args(Tier) if settings.models.of(tier) == model), None
    )
    if successor is None:
        return f"; set `{setting}` to another model" if setting else "; use another model"
    return f'; set `{setting}` to "{successor}"' if setting else f'; use "{successor}" instead'
