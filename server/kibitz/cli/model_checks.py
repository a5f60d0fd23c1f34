"""What `kibitz doctor` looks at of models: limits, prices, retirement, and who serves what.

Nothing here asks anybody: what the endpoint lists is given.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import get_args

from kibitz.actions.snapshot_size import SMALL_WINDOW_TOKENS
from kibitz.claude.models.catalogue import Catalogue
from kibitz.claude.models.known_model import canonical_id
from kibitz.claude.spending.days import midnight
from kibitz.claude.values import ModelFacts, Tier
from kibitz.cli.checks import Check, fault, note, ok
from kibitz.model_notes import farewell
from kibitz.plain_text import one_line
from kibitz.settings import Settings
from kibitz.settings_keys import TIER_OF_ACTION


def models(
    settings: Settings, listed: tuple[ModelFacts, ...] | None, known_models: Catalogue
) -> Iterator[Check]:
    """The model of each tier: whether it is served, its limits, cache minimum and price.

    `listed` is what the endpoint says, None where it says nothing.
    """
    for tier in get_args(Tier):
        yield _model(tier, settings.models.of(tier), settings, listed, known_models)
    yield routes(settings)


def routes(settings: Settings) -> Check:
    """Which tier serves which action.  Each tier has a prompt of its own in the cache."""
    served: dict[Tier, list[str]] = {}
    for action in sorted(TIER_OF_ACTION):
        served.setdefault(settings.route.get(action, "standard"), []).append(action)
    parts = [f"{tier}: {', '.join(served.get(tier, ['nothing']))}" for tier in get_args(Tier)]
    used = [tier for tier in get_args(Tier) if tier in served]
    text = "; ".join(parts)
    if len(used) > 1:
        text += f"; {len(used)} snapshots are kept in the cache, one a tier"
    return ok("routes", text)


def _model(
    tier: Tier,
    model: str,
    settings: Settings,
    listed: tuple[ModelFacts, ...] | None,
    known_models: Catalogue,
) -> Check:
    subject, name = f"models.{tier}", one_line(model, 80)
    known = known_models.find(model)
    facts = next(
        (each for each in listed or () if canonical_id(each.id) == canonical_id(model)), None
    )
    # A local server lists the one model that it has and answers to any name.
    if listed and facts is None and any("claude" in each.id for each in listed):
        advice = _advice(model, subject, listed, known_models)
        return fault(subject, f"{name} is not served by the endpoint; {advice}")
    # What is known has the endpoint's list in it already, and the user's own file above that.
    reads = (known and known.context_tokens) or (facts and facts.max_input_tokens)
    writes = (known and known.max_output_tokens) or (facts and facts.max_output_tokens)
    parts = [
        _limits(reads or None, writes or None),
        f"caches prompts from {known_models.cache_minimum_tokens(model):,} tokens on",
        _price(model, known_models),
    ]
    text = f"{name} {'; '.join(parts)}"
    # A small window gets a small snapshot without being asked.
    if reads and settings.context.max_tokens >= reads >= SMALL_WINDOW_TOKENS:
        return fault(
            subject,
            f"{text}; `context.max_tokens` is {settings.context.max_tokens:,}: lower it below "
            "what the model reads",
        )
    successor = known_models.successor(model)
    parting = farewell(known_models, model, midnight().date())
    if parting:
        instead = f"; set `{subject}` to {successor}" if successor else ""
        return note(subject, f"{text}; {parting.removeprefix(name).strip()}{instead}")
    if known_models.prices(model) is None:
        return note(subject, f"{text}; without a price no budget can limit it (docs/models.md)")
    if known_models.is_price_assumed(model):
        return note(subject, f"{text}; models.toml can say what it costs")
    if known is not None and known.refuses:
        refused = ", ".join(sorted(known.refuses))
        return note(subject, f"{text}; the endpoint refuses {refused}, which is not sent any more")
    return ok(subject, f"{text}; newer: {successor}" if successor else text)


def _advice(
    model: str, setting: str, listed: tuple[ModelFacts, ...], known_models: Catalogue
) -> str:
    ids = [each.id for each in listed]
    near = [each for each in known_models.nearest(model) if each in ids]
    near = near or difflib.get_close_matches(model, ids, 1, 0.0)
    return f"set `{setting}` to {one_line(near[0], 80)}" if near else f"set `{setting}`"


def _limits(reads: int | None, writes: int | None) -> str:
    if reads is None:
        return "limits unknown"
    return f"reads {reads:,} tokens, writes {writes:,}" if writes else f"reads {reads:,} tokens"


def _price(model: str, known_models: Catalogue) -> str:
    price = known_models.prices(model)
    if price is None:
        return "price unknown"
    usd_in, usd_out = price.input * 1_000_000, price.output * 1_000_000
    words = f"${usd_in:g} in and ${usd_out:g} out per million tokens"
    if known_models.is_price_assumed(model):
        return f"price unknown, reckoned at {words}, as the most expensive of its line"
    return words
