"""Parts of the sentences about failures: names, numbers and times, fit to be shown.

All of them may come from a stranger: each is one short line without anything that steers a
terminal, and "" where there is nothing to say.
"""

from __future__ import annotations

import math
from typing import Any
from urllib.parse import urlsplit

from kibitz.bill import dollars
from kibitz.claude.models.platforms import TRAITS, Traits
from kibitz.claude.values import ClaudeFailure
from kibitz.plain_text import one_line

MOST_QUOTED_CHARACTERS = 160


def place(failure: ClaudeFailure) -> Traits:
    """What is known of the place that was asked."""
    return TRAITS[failure.facts.get("platform", "anthropic")]


def cloud(failure: ClaudeFailure) -> Traits | None:
    """What is known of the cloud that was asked; None if it is none."""
    traits = place(failure)
    return traits if traits.mend else None


def capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def quoted(text: str) -> str:
    """What the endpoint says, in parentheses behind our own words."""
    quote = one_line(text, MOST_QUOTED_CHARACTERS).rstrip(".;: ")
    return f" (“{quote}”)" if quote else ""


def host(failure: ClaudeFailure) -> str:
    return host_of(failure.endpoint or "") or "the endpoint"


def host_of(url: str) -> str:
    """Host and port; never the rest of an address, which may hold a secret."""
    try:
        return one_line(urlsplit(url).netloc.rpartition("@")[2], 80)
    except ValueError:
        return ""


def status(failure: ClaudeFailure) -> str:
    return f" (HTTP {failure.status})" if failure.status else ""


def model(failure: ClaudeFailure) -> str:
    return f'"{one_line(failure.model, 80)}"' if failure.model else "the model"


def model_setting(failure: ClaudeFailure) -> str:
    """Where the model was chosen; `setting` is told where that was no setting of a tier."""
    return fact(failure, "setting") or f"models.{fact(failure, 'tier') or 'standard'}"


def request(failure: ClaudeFailure) -> str:
    request_id = one_line(failure.request_id or "", 60)
    return f" (request {request_id})" if request_id else ""


def fact(failure: ClaudeFailure, name: str) -> str:
    """A fact that is a name: of a model, a tier, a limit; the first of several."""
    known: Any = failure.facts.get(name)
    if isinstance(known, tuple) and known:
        known = known[0]
    return one_line(known, 80) if isinstance(known, str) else ""


def usd(failure: ClaudeFailure, name: str) -> str:
    amount: Any = failure.facts.get(name)
    is_amount = isinstance(amount, int | float) and math.isfinite(amount)
    return dollars(amount) if is_amount else ""


def wait(seconds: float | None) -> str:
    """When to try again; "" for an endpoint that gave no usable time."""
    if seconds is None or not 0 < seconds < 30 * 24 * 3600:
        return ""
    for unit, unit_seconds in (("hour", 3600), ("minute", 60)):
        if seconds > 2 * unit_seconds:
            return f"in {math.ceil(seconds / unit_seconds)} {unit}s"
    n_seconds = math.ceil(seconds)
    return f"in {n_seconds} second{'s' if n_seconds > 1 else ''}"
