"""Layers → blocks and markers → the bytes on the wire."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kibitz.claude.models.catalogue import builtin
from kibitz.claude.prompts import wire
from kibitz.claude.prompts.estimate import cold_usage, text_tokens, warm_usage, worst_usage
from kibitz.claude.prompts.prompt import PLACEHOLDER, build, warming
from kibitz.claude.values import (
    Block,
    Expectation,
    Message,
    Prompt,
    Tool,
    ToolResult,
    ToolUse,
)
from kibitz.standin.models import find
from kibitz.standin.prompt import prompt_blocks
from kibitz.standin.rules import Accepted, judge
from kibitz_context.values import Context, Layer, LayerName, Plan

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


def planned(plan: Plan, snapshot: str = "S" + LONG, **more: Any) -> Context:
    changes = "".join(plan.changes_log) + plan.changes_tail
    given = context(snapshot=snapshot, changes=changes)
    return dataclasses.replace(given, plan=plan, **more)


class TestPlan:
    def test_the_log_is_cached_at_its_end_and_the_tail_is_not(self) -> None:
        plan = Plan(changes_log=("1" + LONG, "2" + LONG), changes_tail="T" + LONG)
        assert layout(prompt_of(planned(plan))) == [
            ("R", None),
            ("S", "1h"),
            ("1", None),
            ("2", "5m"),
            ("T", None),
        ]

    def test_no_lifetime_means_no_marker(self) -> None:
        plan = Plan(snapshot_lifetime=None, changes_lifetime=None, changes_log=("1" + LONG,))
        assert [marker for _, marker in layout(prompt_of(planned(plan)))] == [None, None, None]

    def test_both_for_an_hour(self) -> None:
        plan = Plan(changes_lifetime="1h", changes_log=("1" + LONG,))
        assert layout(prompt_of(planned(plan)))[1:] == [("S", "1h"), ("1", "1h")]

    def test_longer_ones_come_first(self) -> None:
        plan = Plan(snapshot_lifetime="5m", changes_lifetime="1h", changes_log=("1",))
        with pytest.raises(ValueError, match="1 h"):
            prompt_of(planned(plan))

    def test_blank_blocks_are_left_out_and_nothing_else_moves(self) -> None:
        plan = Plan(changes_log=("1" + LONG, " \n", "2" + LONG, ""), log_blocks_alive=3)
        prompt = prompt_of(planned(plan))
        assert layout(prompt)[2:] == [("1", None), ("2", "5m")]
        assert prompt.expectation == Expectation(blocks_alive=4)

    @pytest.mark.parametrize(("alive", "n_log", "marked"), [(1, 21, {20, 0}), (1, 20, {19})])
    def test_an_entry_out_of_reach_is_marked_again(
        self, alive: int, n_log: int, marked: set[int]
    ) -> None:
        log = tuple(f"{number} {LONG}" for number in range(n_log))
        plan = Plan(changes_log=log, log_blocks_alive=alive, snapshot_alive=True)
        blocks = prompt_of(planned(plan)).system[2:]
        assert {number for number, block in enumerate(blocks) if block.marker} == marked

    @pytest.mark.parametrize(
        ("plan", "blocks_alive"),
        [
            (Plan(), 0),
            (Plan(snapshot_alive=True, step="keep"), 2),
            (Plan(changes_log=("1", "2"), snapshot_alive=True, log_blocks_alive=1), 3),
            (Plan(changes_log=("1", "2"), snapshot_alive=True, log_blocks_alive=2), 4),
        ],
    )
    def test_what_is_expected_of_the_cache(self, plan: Plan, blocks_alive: int) -> None:
        expectation = Expectation(blocks_alive, plan.step)
        assert prompt_of(planned(plan)).expectation == expectation

    def test_what_is_too_short_has_no_entry_to_expect(self) -> None:
        plan = Plan(snapshot_alive=True, step="keep")
        assert prompt_of(planned(plan, "Small.")).expectation == Expectation(0, "keep")

    def test_a_provisional_snapshot_is_said_to_be_one(self) -> None:
        expectation = prompt_of(planned(Plan(), provisional=True)).expectation
        assert expectation == Expectation(0, "first", provisional=True)

    def test_without_a_plan_nothing_is_expected(self) -> None:
        assert prompt_of().expectation is None

    def test_the_learnt_factor_moves_markers_and_no_bytes(self) -> None:
        text = "x" * 1_200  # 480 tokens by the catalogue, of 512 that are needed
        short = prompt_of(planned(Plan(), text))
        longer = prompt_of(planned(Plan(), text), tokens_factor=1.3)
        assert [block.marker for block in short.system] == [None, None]
        assert [block.marker for block in longer.system] == [None, "1h"]
        assert [b.text for b in short.system] == [b.text for b in longer.system]


texts = st.one_of(st.sampled_from(["", " ", "\n"]), st.integers(1, 9_000).map("x".__mul__))
lifetimes = st.sampled_from([None, "5m", "1h"])


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    snapshot, changes = draw(lifetimes), draw(lifetimes)
    log = tuple(draw(st.lists(texts, max_size=50)))
    return Plan(
        snapshot_lifetime=snapshot,
        changes_lifetime="5m" if (snapshot, changes) == ("5m", "1h") else changes,
        changes_log=log,
        changes_tail=draw(texts),
        step=draw(st.sampled_from(["first", "keep", "fold", "rebuild"])),
        snapshot_alive=draw(st.booleans()),
        log_blocks_alive=draw(st.integers(0, len(log))),
    )


@given(
    plan=plans(),
    rules=texts,
    snapshot=texts,
    model=st.sampled_from(["claude-sonnet-5-5", "claude-haiku-4-5", "claude-opus-4-7", "gemma"]),
    factor=st.one_of(st.none(), st.floats(0.4, 2.5)),
)
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_plan_makes_a_prompt_that_the_api_takes(
    plan: Plan, rules: str, snapshot: str, model: str, factor: float | None
) -> None:
    prompt = prompt_of(planned(plan, snapshot), rules=rules, model=model, tokens_factor=factor)

    wanted = [rules, snapshot, *plan.changes_log, plan.changes_tail]
    assert [b.text for b in prompt.system] == [text for text in wanted if text.strip()]
    markers = [block.marker for block in prompt.system if block.marker]
    assert len(markers) <= 3, "one is left for whoever goes on talking"
    assert markers == sorted(markers), "an hour before five minutes"
    if plan.snapshot_lifetime is None and plan.changes_lifetime is None:
        assert markers == []
    assert prompt.system == () or plan.changes_tail.strip() == "" or not prompt.system[-1].marker
    chars_per_token = builtin().chars_per_token(model) if factor is None else 2.5 / factor
    tokens = 0
    for block in prompt.system:
        tokens += text_tokens(block.text, chars_per_token)
        if block.marker is not None:
            assert tokens >= builtin().cache_minimum_tokens(model)
    assert prompt.expectation is not None
    assert prompt.expectation.blocks_alive <= len(prompt.system)
    body = _arguments(prompt)
    known = find(model)
    if known is not None:
        assert judge(json.loads(json.dumps(body)), "2026-10-21") == Accepted(known)


class TestWarming:
    def test_ends_with_the_last_marker(self) -> None:
        plan = Plan(changes_log=("1" + LONG,), changes_tail="T")
        tools = [Tool("a", "", {"type": "object"})]
        prompt = prompt_of(planned(plan), tools=tools, tool_choice="none", stop_sequences=["</x>"])
        request = warming(prompt)
        assert request is not None
        assert request.system == prompt.system[:3]
        assert request.tools == prompt.tools
        assert (request.max_tokens, request.stop_sequences) == (0, ())
        assert request.messages == (Message("user", (Block(PLACEHOLDER),)),)
        assert warming(request) == request

    def test_without_a_marker_there_is_nothing_to_keep(self) -> None:
        assert warming(prompt_of(context(snapshot="Small.", changes=""))) is None

    def test_it_has_the_prefixes_of_real_traffic(self) -> None:
        """One byte, one option that differs, and it would warm what nobody reads."""
        tools = [Tool("a", "", {"type": "object"})]
        plan = Plan(changes_log=("1" + LONG,))
        prompt = prompt_of(planned(plan), tools=tools, tool_choice="none")
        request = warming(prompt)
        assert request is not None
        known = find(prompt.model)
        assert known is not None
        real, warm = (
            [block.digest for block in prompt_blocks(_arguments(each), known)]
            for each in (prompt, request)
        )
        assert real[:4] == warm[:4]


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
