"""Which change of a request costs which part of the cache."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from kibitz.standin import models, prompt_blocks, prompt_tokens

HAIKU = models.MODELS[2]
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": ""}}


def request() -> dict[str, Any]:
    return {
        "model": "claude-haiku-5-5",
        "max_tokens": 100,
        "tools": [{"name": "look", "input_schema": {"type": "object", "properties": {}}}],
        "system": [{"type": "text", "text": "rules"}, {"type": "text", "text": "snapshot"}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "task"}]},
        ],
    }


def surviving(changes: dict[str, Any], **options: bool) -> set[str]:
    """The layers whose last digest is the same after the change."""
    before = prompt_blocks(request(), HAIKU, renders_thinking_first=False)
    changed = copy.deepcopy(request()) | changes
    model = models.find(changed["model"])
    assert model is not None
    after = prompt_blocks(changed, model, **options)
    return {
        layer
        for layer in ("tools", "system", "messages")
        if {b.digest for b in before if b.layer == layer}
        <= {b.digest for b in after if b.layer == layer}
    }


ALL = {"tools", "system", "messages"}
FORMAT = {"type": "json_schema", "schema": {"type": "object"}}


@pytest.mark.parametrize(
    ("changes", "survivors"),
    [
        ({}, ALL),
        ({"model": "claude-opus-5-5"}, set()),
        ({"speed": "fast"}, set()),
        ({"tools": []}, set()),
        (
            {"tools": [{"input_schema": {"type": "object", "properties": {}}, "name": "look"}]},
            set(),
        ),
        ({"system": "rules"}, {"tools"}),
        ({"output_config": {"format": FORMAT}}, {"tools"}),
        ({"tool_choice": {"type": "none"}}, {"tools", "system"}),
        ({"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}}, {"tools", "system"}),
        ({"thinking": {"type": "disabled"}}, {"tools", "system"}),
        ({"output_config": {"effort": "low"}}, {"tools", "system"}),
        ({"messages": [{"role": "user", "content": [IMAGE]}]}, {"tools", "system"}),
        ({"messages": [{"role": "user", "content": "another"}]}, {"tools", "system"}),
        # What equals a default, or does not reach the model, changes nothing.
        ({"speed": "standard"}, ALL),
        ({"tool_choice": {"type": "auto"}}, ALL),
        ({"tool_choice": {"type": "auto", "disable_parallel_tool_use": False}}, ALL),
        ({"thinking": {"type": "adaptive"}}, ALL),
        ({"thinking": {"type": "adaptive", "display": "omitted"}}, ALL),
        ({"output_config": {"effort": "medium"}}, ALL),
        ({"max_tokens": 5, "stream": True, "stop_sequences": ["x"], "metadata": {}}, ALL),
        ({"messages": [{"role": "user", "content": "task"}]}, ALL),
    ],
)
def test_what_survives_a_change(changes: dict[str, Any], survivors: set[str]) -> None:
    assert surviving(changes) == survivors


def test_models_that_render_thinking_first_lose_everything() -> None:
    first = prompt_blocks(request(), HAIKU, renders_thinking_first=True)
    body = request() | {"thinking": {"type": "disabled"}}
    second = prompt_blocks(body, HAIKU, renders_thinking_first=True)
    assert not {block.digest for block in first} & {block.digest for block in second}


def test_a_marker_is_no_part_of_the_text() -> None:
    marked = request()
    marked["system"][1]["cache_control"] = {"type": "ephemeral", "ttl": "1h"}
    marked["tools"][0]["cache_control"] = {"type": "ephemeral"}
    plain, blocks = prompt_blocks(request(), HAIKU), prompt_blocks(marked, HAIKU)
    assert [b.digest for b in plain] == [b.digest for b in blocks]
    assert [b.marker for b in blocks] == ["5m", None, "1h", None]


def test_the_automatic_marker_takes_the_last_block_that_can_carry_one() -> None:
    body = request() | {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
    thinking = {"type": "thinking", "thinking": "hm", "signature": "s"}
    body["messages"] += [
        {"role": "assistant", "content": [{"type": "text", "text": "said"}, thinking]},
    ]
    markers = [(b.path, b.marker) for b in prompt_blocks(body, HAIKU) if b.marker]
    assert markers == [("messages.1.content.0", "1h")]


def test_runs_of_calls_and_of_results_are_one_position_each() -> None:
    body = request()
    body["messages"] += [
        {
            "role": "assistant",
            "content": [
                {"type": "tool_use", "id": f"t{n}", "name": "look", "input": {}} for n in range(3)
            ],
        },
        {
            "role": "user",
            "content": [
                *(
                    {"type": "tool_result", "tool_use_id": f"t{n}", "content": "x"}
                    for n in range(3)
                ),
                {"type": "text", "text": "go on"},
            ],
        },
    ]
    assert [b.position for b in prompt_blocks(body, HAIKU)] == [1, 2, 3, 4, 5, 5, 5, 6, 6, 6, 7]


def test_a_split_user_turn_is_the_same_prompt() -> None:
    one = request() | {
        "messages": [{"role": "user", "content": [{"type": "text", "text": t} for t in ("a", "b")]}]
    }
    two = request() | {"messages": [{"role": "user", "content": text} for text in ("a", "b")]}
    assert [b.digest for b in prompt_blocks(one, HAIKU)] == [
        b.digest for b in prompt_blocks(two, HAIKU)
    ]


def test_tokens_are_the_documented_estimate() -> None:
    body = {"messages": [{"role": "user", "content": "x" * 2_500}]}
    old = models.find("claude-haiku-4-5")
    assert old is not None
    assert prompt_tokens(body, HAIKU) == 1_000
    assert prompt_tokens(body, old) == 736


def test_every_prefix_is_as_long_as_its_blocks() -> None:
    blocks = prompt_blocks(request(), HAIKU)
    assert blocks[-1].tokens == prompt_tokens(request(), HAIKU)
    assert [b.tokens for b in blocks] == sorted(b.tokens for b in blocks)
