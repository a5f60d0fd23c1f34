"""Cache markers: how many, of what kind, in which order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from kibitz.standin.prompt import Lifetime, automatic_marker, marker_of, walk

MAXIMUM_MARKERS = 4


def problems(body: Mapping[str, Any]) -> Iterator[str]:
    yield from _control("cache_control", body.get("cache_control"))
    placements: list[tuple[str, Lifetime]] = []
    automatic = automatic_marker(body)
    for placed in walk(body):
        yield from _controls(placed.path, placed.block)
        explicit = marker_of(placed.block)
        if explicit is not None:
            placements.append((placed.path, explicit))
        if automatic is None or automatic[0].path != placed.path:
            continue
        if explicit is None:
            placements.append((placed.path, automatic[1]))
        elif explicit != automatic[1]:
            # Inferred: the refusal is documented, its text is not.
            yield (
                "cache_control: the last cacheable block already has a cache_control with "
                f"ttl='{explicit}'"
            )
    if len(placements) > MAXIMUM_MARKERS:
        yield (
            f"A maximum of {MAXIMUM_MARKERS} blocks with cache_control may be provided. "
            f"Found {len(placements)}."
        )
    yield from _order(placements)


def _controls(path: str, block: Mapping[str, Any]) -> Iterator[str]:
    yield from _control(f"{path}.cache_control", block.get("cache_control"))
    nested = block.get("content") if block.get("type") == "tool_result" else None
    for index, part in enumerate(nested if isinstance(nested, list) else ()):
        yield from _control(f"{path}.content.{index}.cache_control", part.get("cache_control"))


def _control(path: str, control: Any) -> Iterator[str]:
    if control is None:
        return
    if not isinstance(control, dict):
        yield f"{path}: Input should be an object"
    if control.get("type") != "ephemeral":
        yield f"{path}.type: Input should be 'ephemeral'"
    if control.get("ttl") not in (None, "5m", "1h"):
        yield f"{path}.ttl: Input should be '5m' or '1h'"
    for name in control:
        if name not in ("type", "ttl"):
            yield f"{path}.{name}: Extra inputs are not permitted"


def _order(placements: list[tuple[str, Lifetime]]) -> Iterator[str]:
    for (_, before), (path, lifetime) in pairwise(placements):
        if (before, lifetime) == ("5m", "1h"):
            yield (
                f"{path}.cache_control.ttl: a ttl='1h' cache_control block must not come after a "
                "ttl='5m' cache_control block. Note that blocks are processed in the following "
                "order: `tools`, `system`, `messages`."
            )
