"""Where a prompt differs from the one before it, and how much was missed for it."""

from __future__ import annotations

from typing import Any

import pytest

from kibitz.standin import models
from kibitz.standin.diagnostics import RETENTION_SECONDS, Diagnostics

SONNET = models.MODELS[3]
TOOLS = [{"name": "a", "input_schema": {"type": "object", "description": "x" * 88}}]


def text(letter: str, tokens: int) -> dict[str, Any]:
    return {"type": "text", "text": letter * int(tokens * SONNET.chars_per_token)}


def prompt(**changes: Any) -> dict[str, Any]:
    """A prompt of 60 tokens of tools, 100 + 200 of system and 300 + 400 of messages."""
    return {
        "tools": TOOLS,
        "system": [text("r", 100), text("s", 200)],
        "messages": [
            {"role": "user", "content": [text("u", 300)]},
            {"role": "assistant", "content": [text("a", 400)]},
        ],
    } | changes


def reason(
    changed: dict[str, Any],
    *,
    previous_id: str = "msg_1",
    workspace: str = "ours",
    seconds: float = 0,
    model: models.Model = SONNET,
) -> dict[str, Any] | None:
    """What a second request with `changed` in it is told about the first one."""
    diagnostics = Diagnostics()
    first = prompt(diagnostics={"previous_message_id": None})
    assert diagnostics.compare("ours", "msg_1", first, SONNET, 0) is None
    second = prompt(**changed, diagnostics={"previous_message_id": previous_id})
    told = diagnostics.compare(workspace, "msg_2", second, model, seconds)
    if told is None:
        return None
    cache_miss_reason: dict[str, Any] = told["cache_miss_reason"]
    return cache_miss_reason


MESSAGES = prompt()["messages"]
SYSTEM = prompt()["system"]


@pytest.mark.parametrize(
    ("changed", "kind", "missed"),
    [
        ({"speed": "fast"}, "model_changed", 1_060),
        ({"tools": [*TOOLS, {"name": "b"}]}, "tools_changed", 1_000),
        ({"tools": []}, "tools_changed", 1_060),
        ({"system": [SYSTEM[0], text("X", 200)]}, "system_changed", 900),
        ({"system": [text("X", 100), SYSTEM[1]]}, "system_changed", 1_000),
        ({"system": SYSTEM[:1]}, "system_changed", 900),
        ({"messages": [MESSAGES[0]]}, "messages_changed", 400),
        ({"messages": [{"role": "user", "content": "else"}]}, "messages_changed", 700),
        # The earliest difference is the one that is told.
        ({"tools": [], "system": "X", "messages": MESSAGES[:1]}, "tools_changed", 1_060),
    ],
)
def test_the_earliest_difference(changed: dict[str, Any], kind: str, missed: int) -> None:
    assert reason(changed) == {"type": kind, "cache_missed_input_tokens": missed}


def test_another_model() -> None:
    told = reason({}, model=models.MODELS[4])
    assert told == {"type": "model_changed", "cache_missed_input_tokens": 1_060}


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"messages": [*MESSAGES, {"role": "user", "content": "more"}]},
        {"system": [SYSTEM[0], SYSTEM[1] | {"cache_control": {"type": "ephemeral"}}]},
        {"max_tokens": 5},
    ],
)
def test_what_is_no_difference(changed: dict[str, Any]) -> None:
    assert reason(changed) is None


@pytest.mark.parametrize(
    "changed",
    [{"thinking": {"type": "adaptive"}}, {"tool_choice": {"type": "none"}}],
)
def test_differences_that_are_not_looked_into(changed: dict[str, Any]) -> None:
    assert reason(changed) == {"type": "unavailable"}


@pytest.mark.parametrize(
    "unknown",
    [
        {"previous_id": "msg_9"},
        {"workspace": "theirs"},
        {"seconds": RETENTION_SECONDS},
    ],
)
def test_a_message_that_is_not_known(unknown: dict[str, Any]) -> None:
    assert reason({}, **unknown) == {"type": "previous_message_not_found"}
