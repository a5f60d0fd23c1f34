"""Cache diagnostics: where a prompt differs from the one before it.

Fingerprints are kept only for requests that carry ``diagnostics``, and only for a while.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kibitz.standin.models import Model
from kibitz.standin.prompt import block_tokens, walk

RETENTION_SECONDS = 3_600
"""Inferred: the documentation says "short"."""
_MOST_FINGERPRINTS = 10_000
_Piece = tuple[str, int]


@dataclass(frozen=True, slots=True)
class _Fingerprint:
    at: float
    model: tuple[str, str]
    tools: tuple[_Piece, ...]
    system: tuple[_Piece, ...]
    messages: tuple[_Piece, ...]
    parameters: str


class Diagnostics:
    """The fingerprints of all workspaces."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, str], _Fingerprint] = OrderedDict()

    def compare(
        self, workspace: str, message_id: str, body: Mapping[str, Any], model: Model, now: float
    ) -> dict[str, Any] | None:
        """Keeps the prompt of `message_id` and says how it differs from the one it names.

        None: this is a first turn, or nothing that was there before has changed.
        """
        current = _fingerprint(body, model, now)
        self._known[(workspace, message_id)] = current
        if len(self._known) > _MOST_FINGERPRINTS:
            self._known.popitem(last=False)
        previous_id = (body.get("diagnostics") or {}).get("previous_message_id")
        if previous_id is None:
            return None
        previous = self._known.get((workspace, previous_id))
        if previous is None or now - previous.at >= RETENTION_SECONDS:
            return {"cache_miss_reason": {"type": "previous_message_not_found"}}
        reason = _reason(previous, current)
        return None if reason is None else {"cache_miss_reason": reason}


def _reason(previous: _Fingerprint, current: _Fingerprint) -> dict[str, Any] | None:
    """The earliest difference.  Messages may grow; everything else must be the same."""
    layers = (previous.tools, previous.system, previous.messages)
    if previous.model != current.model:
        return _missed("model_changed", 0, layers)
    if previous.tools != current.tools:
        same = _common(previous.tools, current.tools)
        return _missed("tools_changed", same, layers)
    if previous.system != current.system:
        same = _tokens(previous.tools) + _common(previous.system, current.system)
        return _missed("system_changed", same, layers)
    shared = _common(previous.messages, current.messages)
    if shared < _tokens(previous.messages):
        same = _tokens(previous.tools) + _tokens(previous.system) + shared
        return _missed("messages_changed", same, layers)
    if previous.parameters != current.parameters:
        return {"type": "unavailable"}
    return None


def _missed(kind: str, same_tokens: int, layers: Sequence[tuple[_Piece, ...]]) -> dict[str, Any]:
    total = sum(_tokens(layer) for layer in layers)
    return {"type": kind, "cache_missed_input_tokens": total - same_tokens}


def _tokens(pieces: Sequence[_Piece]) -> int:
    return sum(tokens for _, tokens in pieces)


def _common(previous: Sequence[_Piece], current: Sequence[_Piece]) -> int:
    """The tokens of the blocks that both begin with."""
    same = 0
    for before, after in zip(previous, current, strict=False):
        if before != after:
            break
        same += before[1]
    return same


def _fingerprint(body: Mapping[str, Any], model: Model, now: float) -> _Fingerprint:
    layers: dict[str, list[_Piece]] = {"tools": [], "system": [], "messages": []}
    for placed in walk(body):
        bare = {key: value for key, value in placed.block.items() if key != "cache_control"}
        piece = (json.dumps([placed.role, bare]), block_tokens(placed.block, model))
        layers[placed.layer].append(piece)
    names = ("thinking", "tool_choice", "output_config")
    return _Fingerprint(
        now,
        (model.id, body.get("speed") or "standard"),
        tuple(layers["tools"]),
        tuple(layers["system"]),
        tuple(layers["messages"]),
        json.dumps([body.get(name) for name in names], sort_keys=True),
    )
