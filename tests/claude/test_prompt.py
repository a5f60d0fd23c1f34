"""Layers → blocks and markers → the bytes on the wire."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from kibitz.claude import wire
from kibitz.claude.catalogue import builtin
from kibitz.claude.estimate import cold_usage, text_tokens, warm_usage, worst_usage
from kibitz.claude.prompt import build
from kibitz.claude.values import (
    Block,
    Message,
    Prompt,
    Tool,
    ToolResult,
    ToolUse,
)
from kibitz_context.values import Context, Layer, LayerName

LONG = "def f(): ...\n" * 400  # more than any minimum of the 5.x line


def context(snapshot: str = LONG, changes: str = LONG, task: str = "Selection.") -> Context:
    def layer(name: LayerName, text: str) -> Layer:
        return Layer(name, text, len(text) // 3)

    return Context(
        root=Path("/r"),
        commit="c",
        snapshot=layer("snapshot", snapshot),
        changes=layer("changes", changes),
        task=layer("task", task),
    )


def prompt_of(given: Context | None = None, **changes: Any) -> Prompt:
    arguments: dict[str, Any] = {
        "rules": "Rules.",
        "task_blocks": ["The question?"],
        "tier": "standard",
        "model": "claude-sonnet-5-5",
        "max_tokens": 1000,
    }
    return build(given or context(), **{**arguments, **changes})


def layout(prompt: Prompt) -> list[tuple[str, str | None]]:
    """The first character of each system block, and its marker."""
    return [(block.text[0], block.marker) for block in prompt.system]


class TestLayout:
    def test_order_and_markers(self) -> None:
        prompt = prompt_of(context(snapshot="S" + LONG, changes="C" + LONG))
        assert layout(prompt) == [("R", None), ("S", "1h"), ("C", "5m")]
        assert prompt.messages == (Message("user", (Block("Selection."), Block("The question?"))),)

    def test_a_prefix_that_is_too_short_is_not_marked(self) -> None:
        prompt = prompt_of(context(snapshot="Small.", changes="Changes."))
        assert layout(prompt) == [("R", None), ("S", None), ("C", None)]

    def test_the_minimum_is_the_models(self) -> None:
        given = context(snapshot="S" + LONG, changes="")
        assert layout(prompt_of(given))[-1] == ("S", "1h")
        assert layout(prompt_of(given, model="claude-haiku-4-5"))[-1] == ("S", None)

    def test_changes_are_marked_when_only_both_together_are_long_enough(self) -> None:
        prompt = prompt_of(context(snapshot="Small.", changes="C" + LONG))
        assert layout(prompt) == [("R", None), ("S", None), ("C", "5m")]

    def test_empty_layers_make_no_blocks(self) -> None:
        prompt = prompt_of(context(snapshot="", changes=" \n", task=""), rules="")
        assert prompt.system == ()
        assert prompt.messages[0].content == (Block("The question?"),)

    def test_tools_have_one_order(self) -> None:
        tools = [Tool(name, "", {"type": "object"}) for name in ("b", "a", "c")]
        assert [tool.name for tool in prompt_of(tools=tools).tools] == ["a", "b", "c"]
        assert prompt_of(tools=tools) == prompt_of(tools=tools[::-1])

    def test_a_prompt_without_a_question_is_a_bug(self) -> None:
        with pytest.raises(ValueError, match="question"):
            prompt_of(context(task=""), task_blocks=[" "])


class TestReplyLimit:
    def test_thinking_comes_on_top_of_the_answer(self) -> None:
        fast = prompt_of(tier="fast", model="claude-haiku-5-5")
        assert fast.max_tokens == 1000
        assert prompt_of().max_tokens > 1000
        assert prompt_of(tier="deep", model="claude-opus-5-5").max_tokens > prompt_of().max_tokens

    def test_no_more_than_the_model_can_write(self) -> None:
        assert prompt_of(max_tokens=10**9).max_tokens == 128_000
        assert prompt_of(max_tokens=5_000, model="gemma").max_tokens == 5_000


class TestBytes:
    def test_of_a_whole_request(self) -> None:
        tool = Tool(
            "edit",
            "Edits.",
            {"type": "object", "properties": {"z": {}, "a": {}}},
            strict=True,
            eager_input_streaming=True,
        )
        prompt = Prompt(
            tier="standard",
            model="claude-sonnet-5-5",
            system=(Block("Rules."), Block("Snapshot.", "1h"), Block(" "), Block("C.", "5m")),
            messages=(
                Message("user", (Block("Q?"), Block(""))),
                Message("assistant", (ToolUse("t1", "edit", {"z": 1}),)),
                Message("user", (ToolResult("t1", "no", is_error=True),)),
            ),
            max_tokens=5,
            tools=(tool,),
            tool_choice="none",
            stop_sequences=("</x>",),
        )
        options = builtin().request_options(prompt.model, prompt.tier)
        assert json.dumps(wire.arguments(prompt, options)) == json.dumps(
            {
                "model": "claude-sonnet-5-5",
                "max_tokens": 5,
                "messages": [
                    {"role": "user", "content": [{"type": "text", "text": "Q?"}]},
                    {
                        "role": "assistant",
                        "content": [
                            {"type": "tool_use", "id": "t1", "name": "edit", "input": {"z": 1}}
                        ],
                    },
                    {
                        "role": "user",
                        "content": [
                            {
                                "type": "tool_result",
                                "tool_use_id": "t1",
                                "content": "no",
                                "is_error": True,
                            }
                        ],
                    },
                ],
                "stream": True,
                "system": [
                    {"type": "text", "text": "Rules."},
                    {
                        "type": "text",
                        "text": "Snapshot.",
                        "cache_control": {"type": "ephemeral", "ttl": "1h"},
                    },
                    {"type": "text", "text": "C.", "cache_control": {"type": "ephemeral"}},
                ],
                "tools": [
                    {
                        "name": "edit",
                        "description": "Edits.",
                        "input_schema": {"type": "object", "properties": {"z": {}, "a": {}}},
                        "strict": True,
                        "eager_input_streaming": True,
                    }
                ],
                "tool_choice": {"type": "none"},
                "stop_sequences": ["</x>"],
                "thinking": {"type": "adaptive"},
                "output_config": {"effort": "medium"},
            }
        )

    def test_half_a_surrogate_pair_can_be_sent(self) -> None:
        arguments = _arguments(prompt_of(context(task="a\ud83db — c")))
        assert arguments["messages"][0]["content"][0]["text"] == "a?b — c"

    def test_tool_choice_without_tools_is_not_sent(self) -> None:
        assert "tool_choice" not in _arguments(prompt_of(tool_choice="none"))

    def test_unknown_models_are_sent_neither_thinking_nor_effort(self) -> None:
        assert not {"thinking", "output_config"} & _arguments(prompt_of(model="gemma")).keys()

    def test_same_on_every_run(self) -> None:
        """Another process, another hash seed, another clock and locale: the same bytes."""
        script = (
            "import hashlib, json, sys; sys.path.insert(0, sys.argv[1])\n"
            "from test_prompt import _arguments, prompt_of\n"
            "from kibitz.claude.values import Tool\n"
            "tools = {Tool(n, 'd', {}).name for n in ('read', 'search', 'symbol', 'git')}\n"
            "tools = [Tool(n, 'd', {'type': 'object', 'x': n}) for n in tools]\n"
            "data = json.dumps(_arguments(prompt_of(tools=tools)))\n"
            "print(hashlib.sha256(data.encode()).hexdigest())"
        )
        seen = {
            subprocess.run(
                [sys.executable, "-c", script, str(Path(__file__).parent)],
                env={**os.environ, "PYTHONHASHSEED": seed, "TZ": zone, "LC_ALL": "C"},
                capture_output=True,
                text=True,
                check=True,
            ).stdout
            for seed, zone in (("1", "UTC"), ("2", "Asia/Tokyo"))
        }
        assert len(seen) == 1


class TestEstimates:
    def test_classes_follow_the_markers(self) -> None:
        prompt = Prompt(
            tier="fast",
            model="m",
            system=(Block("a" * 99), Block("b" * 100, "1h"), Block("c" * 100, "5m")),
            messages=(Message("user", (Block("d" * 100),)),),
            max_tokens=50,
        )
        cold = cold_usage(prompt, 1.0)
        assert cold.cache_write_1h_tokens == 100 + 101
        assert cold.cache_write_5m_tokens == 101
        assert cold.input_tokens == 101 + 8
        warm = warm_usage(prompt, 1.0)
        assert (warm.cache_read_tokens, warm.input_tokens) == (302, 109)
        assert worst_usage(prompt).output_tokens == 50

    def test_text_outside_ascii_is_denser(self) -> None:
        assert text_tokens("", 2.5) == 0
        assert text_tokens("x" * 250, 2.5) == 101
        assert text_tokens("漢" * 250, 2.5) >= 250


def _arguments(prompt: Prompt) -> Mapping[str, Any]:
    return wire.arguments(prompt, builtin().request_options(prompt.model, prompt.tier))
