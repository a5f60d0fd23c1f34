"""What the stand-in would charge, in US dollars.  As of 2026-11-21.

The table is the stand-in's own, for the reason given in `models`: a bill that is worked out from
the same table as the one it is compared with proves nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from kibitz.standin.cache import CacheUse

_MILLION = 1_000_000
_WRITE_5M, _WRITE_1H = 1.25, 2.0
HAIKU_BAND_TOKENS = 100_000
"""Haiku 5.5 costs five times as much for the whole request when its prompt is longer."""


@dataclass(frozen=True, slots=True)
class _Price:
    """Dollars per million tokens; `read` is a share of the input price."""

    input: float
    output: float
    read: float = 0.1


_PRICES: dict[str, _Price] = {
    "claude-fable-5-2": _Price(8, 40, 0.025),
    "claude-mythos-5-2": _Price(8, 40, 0.025),
    "claude-fable-5-1": _Price(10, 50, 0.025),
    "claude-mythos-5-1": _Price(10, 50, 0.025),
    "claude-fable-5": _Price(10, 50),
    "claude-mythos-5": _Price(10, 50),
    "claude-opus-5-5": _Price(4, 20, 0.05),
    "claude-opus-5": _Price(5, 25),
    "claude-sonnet-5-5": _Price(2, 10, 0.05),
    "claude-sonnet-5": _Price(2, 10),
    "claude-haiku-5-5": _Price(0.10, 0.50),
    "claude-opus-4-8": _Price(5, 25),
    "claude-opus-4-7": _Price(5, 25),
    "claude-opus-4-6": _Price(5, 25),
    "claude-opus-4-5-20251101": _Price(5, 25),
    "claude-sonnet-4-6": _Price(3, 15),
    "claude-sonnet-4-5-20250929": _Price(3, 15),
    "claude-haiku-4-5-20251001": _Price(1, 5),
}
_LONG_HAIKU = _Price(0.50, 2.50)


def cost_usd(model_id: str, use: CacheUse, output_tokens: int) -> float | None:
    """The price of one response at the standard speed and not in a batch; None if not known."""
    price = _PRICES.get(model_id)
    if price is None:
        return None
    prompt_tokens = use.read_tokens + use.write_tokens + use.input_tokens
    if model_id == "claude-haiku-5-5" and prompt_tokens > HAIKU_BAND_TOKENS:
        price = _LONG_HAIKU
    weighted = (
        use.input_tokens
        + use.read_tokens * price.read
        + use.write_5m_tokens * _WRITE_5M
        + use.write_1h_tokens * _WRITE_1H
    )
    return (weighted * price.input + output_tokens * price.output) / _MILLION
