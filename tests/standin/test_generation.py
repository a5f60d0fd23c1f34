"""Stop sequences, `max_tokens`, thinking and tool input: what the model would have produced."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz.standin import Reply, ToolCall, models
from kibitz.standin.generation import (
    Generated,
    TextBlock,
    ThinkingBlock,
    ToolBlock,
    fragments_of,
    generate,
)


def made(reply: Reply, model: str = "claude-sonnet-5-5", **body: Any) -> Generated:
    facts = models.find(model)
    assert facts is not None
    return generate(reply, {"max_tokens": 1_000, **body}, facts, seed="msg_1")


def text_of(generated: Generated) -> str:
    return "".join(block.text for block in generated.blocks if isinstance(block, TextBlock))


@pytest.mark.parametrize(
    ("text", "sequences", "kept", "stopped_by"),
    [
        ("one STOP two", ["STOP"], "one ", "STOP"),
        ("one two", ["STOP"], "one two", None),
        ("STOP", ["STOP"], "", "STOP"),
        ("ab</r>cd</r>", ["</r>"], "ab", "</r>"),
        ("one B two A", ["A", "B"], "one ", "B"),
        # Generation stops at the sequence that is complete first, wherever it begins.
        ("a long sequence", ["long sequence", "ng"], "a lo", "ng"),
        ("abc", ["abcd"], "abc", None),
    ],
)
def test_stop_sequences(text: str, sequences: list[str], kept: str, stopped_by: str | None) -> None:
    generated = made(Reply(text), stop_sequences=sequences)
    assert text_of(generated) == kept
    assert generated.stop_sequence == stopped_by
    assert generated.stop_reason == ("stop_sequence" if stopped_by else "end_turn")


@given(
    st.text("ab</r>", max_size=60),
    st.integers(1, 7),
    st.none() | st.integers(),
    st.lists(st.integers(1, 4), max_size=30),
)
def test_chunk_borders_never_matter(
    text: str, size: int, seed: int | None, cuts: list[int]
) -> None:
    """Nothing of a stop sequence is ever sent, however the reply was cut into pieces."""
    pieces, rest = [], text
    for cut in cuts:
        pieces.append(rest[:cut])
        rest = rest[cut:]
    expected = text.split("</r>")[0]
    for reply in (Reply([*pieces, rest]), Reply(text, chunk_size=size, chunk_seed=seed)):
        generated = made(reply, stop_sequences=["</r>"], max_tokens=1_000)
        assert text_of(generated) == expected
        assert (generated.stop_reason == "stop_sequence") == ("</r>" in text)


def test_scripted_pieces_are_sent_as_they_are() -> None:
    generated = made(Reply(["de", "f ", "f(", "):"]), stop_sequences=["):"])
    assert generated.blocks == (TextBlock(("de", "f ", "f(")),)


@given(st.text(max_size=200), st.integers(1, 9), st.none() | st.integers())
def test_fragments_add_up(text: str, size: int, seed: int | None) -> None:
    pieces = fragments_of(text, size, seed)
    assert "".join(pieces) == text
    assert all(pieces)
    assert pieces == fragments_of(text, size, seed)


def test_max_tokens_cuts_the_text() -> None:
    generated = made(Reply("x" * 100), max_tokens=10)
    assert text_of(generated) == "x" * 25
    assert (generated.stop_reason, generated.output_tokens) == ("max_tokens", 10)


def test_max_tokens_comes_before_a_stop_sequence_that_is_further_on() -> None:
    generated = made(Reply("x" * 100 + "STOP"), max_tokens=10, stop_sequences=["STOP"])
    assert (generated.stop_reason, generated.stop_sequence) == ("max_tokens", None)


def test_a_text_that_just_fits_is_not_cut() -> None:
    assert made(Reply("x" * 25), max_tokens=10).stop_reason == "end_turn"


def test_thinking_eats_max_tokens_until_nothing_is_left() -> None:
    generated = made(Reply("an answer", thinking="x" * 500), max_tokens=200)
    assert [type(block) for block in generated.blocks] == [ThinkingBlock]
    assert (generated.stop_reason, generated.thinking_tokens) == ("max_tokens", 200)


@pytest.mark.parametrize(
    ("model", "thinking", "shown"),
    [
        ("claude-opus-5-5", None, ""),
        ("claude-opus-5-5", {"type": "adaptive", "display": "summarized"}, "hm"),
        ("claude-opus-4-6", {"type": "adaptive"}, "hm"),
        ("claude-opus-4-6", None, None),
        ("claude-haiku-5-5", {"type": "disabled"}, None),
        ("claude-sonnet-5-5", {"type": "between_tools"}, None),
    ],
)
def test_thinking_is_shown_as_model_and_request_say(
    model: str, thinking: dict[str, Any] | None, shown: str | None
) -> None:
    generated = made(Reply("so", thinking="hm"), model, thinking=thinking)
    blocks = [block.shown for block in generated.blocks if isinstance(block, ThinkingBlock)]
    assert blocks == ([] if shown is None else [shown])
    assert generated.thinking_tokens == (0 if shown is None else 1)


CALL = ToolCall("report", {"findings": [{"line": 1}], "done": True, "note": "a, b"})
REPORT = {"name": "report", "input_schema": {"type": "object"}}


def test_a_call_comes_with_one_whole_member_at_a_time() -> None:
    (block,) = made(Reply(tool_calls=[CALL]), tools=[REPORT]).blocks
    assert isinstance(block, ToolBlock)
    assert block.fragments == ('{"findings": [{"line": 1}]', ', "done": true', ', "note": "a, b"}')
    assert block.input == CALL.input


def test_an_eager_call_comes_in_fragments() -> None:
    reply = Reply(tool_calls=[CALL], chunk_size=5)
    (block,) = made(reply, tools=[REPORT | {"eager_input_streaming": True}]).blocks
    assert isinstance(block, ToolBlock)
    assert max(map(len, block.fragments)) == 5
    assert json.loads("".join(block.fragments)) == CALL.input


def test_a_call_that_is_cut_off_does_not_parse() -> None:
    generated = made(Reply(tool_calls=[CALL]), max_tokens=10, tools=[REPORT])
    (block,) = generated.blocks
    assert isinstance(block, ToolBlock)
    assert "".join(block.fragments) == CALL.input_json[:25]
    assert (generated.stop_reason, block.input) == ("max_tokens", {})


def test_a_stop_sequence_ends_the_message_before_its_calls() -> None:
    generated = made(Reply("a STOP", tool_calls=[CALL]), stop_sequences=["STOP"])
    assert [type(block) for block in generated.blocks] == [TextBlock]


def test_calls_change_the_stop_reason() -> None:
    assert made(Reply("so:", tool_calls=[CALL])).stop_reason == "tool_use"


def test_a_script_may_say_why_it_stopped() -> None:
    refusal = made(Reply.refusal("I will not", category="cyber"))
    assert refusal.stop_reason == "refusal"
    assert refusal.stop_details == {"type": "refusal", "category": "cyber", "explanation": None}


def test_nothing_to_say_is_an_empty_message() -> None:
    generated = made(Reply())
    assert (generated.blocks, generated.stop_reason) == ((), "end_turn")


def test_prewarming_generates_nothing() -> None:
    generated = made(Reply("never said"), max_tokens=0)
    assert generated == Generated((), "max_tokens", None, None, 0, 0)
