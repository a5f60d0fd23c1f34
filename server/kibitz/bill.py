"""What a request cost, in the words that the editor and the terminal show."""

from __future__ import annotations

import math

from kibitz.claude.values import Usage


def dollars(usd: float) -> str:
    """An amount with enough digits to tell small ones apart: ``$0.0123``, ``$0.50``, ``$1.20``."""
    if usd >= 1:
        return f"${usd:,.2f}"
    digits = f"{usd:.4f}"
    # A limit is set in whole cents, and is read as it was written.
    return f"${digits.removesuffix('00') if usd >= 0.01 else digits}"


def at_most(usd: float) -> str:
    """An amount that is not exceeded, in whole cents: ``$0.97`` for 0.9613."""
    return f"${math.ceil(usd * 100 - 1e-7) / 100:,.2f}"


def cache_share(usage: Usage) -> float:
    """The share of the prompt's tokens that was read from the cache, 0 to 1."""
    return usage.cache_read_tokens / usage.prompt_tokens if usage.prompt_tokens else 0.0


def bill(usage: Usage, cost_usd: float | None) -> str:
    """One line: tokens in and out, cost, share read from the cache."""
    cost = dollars(cost_usd) if cost_usd is not None else "cost unknown"
    return (
        f"{usage.prompt_tokens:,} tokens in ({cache_share(usage):.0%} from cache), "
        f"{usage.output_tokens:,} out, {cost}"
    )
