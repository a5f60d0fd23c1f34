"""A model that reads little gets a small prompt."""

from __future__ import annotations

from typing import Any

import pytest

from kibitz.actions.snapshot_size import FAST_SNAPSHOT_TOKENS, snapshot_tokens
from kibitz.actions.tools import TOOLS, tools_for
from kibitz.claude.models.catalogue import builtin
from kibitz.claude.values import Tier
from kibitz.settings import load


@pytest.mark.parametrize(
    ("max_tokens", "tier", "window", "tokens"),
    [
        (60_000, "standard", None, 60_000),
        (60_000, "standard", 1_000_000, 60_000),
        (150_000, "standard", 200_000, 150_000),  # as the user says: it fits
        (60_000, "standard", 8_192, 2_867),
        (60_000, "standard", 65_536, 22_937),
        (1_000, "standard", 8_192, 1_000),
        (60_000, "fast", 8_192, 2_867),
        (60_000, "fast", 1_000_000, FAST_SNAPSHOT_TOKENS),
    ],
)
def test_the_snapshot_takes_a_share(
    max_tokens: int, tier: Tier, window: int | None, tokens: int
) -> None:
    chosen: dict[str, Any] = {
        "context.max_tokens": max_tokens,
        "models.fast": "coder",
        "models.standard": "coder",
    }
    known = builtin().without_prices()
    if window is not None:
        known = known.overridden({"model": [{"id": "coder", "context": window}]})
    settings = load(None, None, chosen, {}).settings

    assert snapshot_tokens(settings, known, tier, "coder") == tokens


def test_it_does_not_look_around() -> None:
    assert tools_for(None) == tools_for(200_000) == TOOLS
    assert [tool.name for tool in tools_for(8_192)] == ["report_findings"]
