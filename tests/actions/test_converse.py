"""Where a conversation puts its markers, and that each question finds the entry before it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kibitz.actions.converse import MOST_MARKERS, marked
from kibitz.actions.rounds import going_on
from kibitz.claude.models.catalogue import builtin
from kibitz.claude.prompts import wire
from kibitz.claude.values import Block, CacheLifetime, Message, Part, Prompt, ToolResult, ToolUse
from kibitz.standin.cache import PromptCache
from kibitz.standin.models import find
from kibitz.standin.prompt import prompt_blocks
from kibitz.standin.rules import Accepted, judge

MODEL = "claude-sonnet-5-5"
LONG = "def f(): ...\n" * 400


def prompt_of(system: list[CacheLifetime | None], messages: list[Message]) -> Prompt:
    blocks = tuple(Block(f"{number} {LONG}", marker) for number, marker in enumerate(system))
    return Prompt("standard", MODEL, blocks, tuple(messages), 1_000)


def asked(number: int, n_blocks: int) -> Message:
    parts: list[Part] = [Block(f"question {number}, part {part}") for part in range(n_blocks)]
    return Message("user", tuple(parts))


def calls(number: int, each: int) -> tuple[Part, ...]:
    return tuple(ToolUse(f"call_{number}_{each}_{call}", "search", {}) for call in range(2))


def markers(prompt: Prompt) -> int:
    parts = [*prompt.system, *(part for each in prompt.messages for part in each.content)]
    return sum(isinstance(part, Block | ToolResult) and part.marker is not None for part in parts)


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.integers(1, 45), st.integers(0, 8)), min_size=2, max_size=4),
    st.sampled_from([["1h"], ["1h", "5m"], ["1h", "5m", "5m"], ["5m", "5m"]]),
)
def test_each_question_reads_all_up_to_the_question_before(
    turns: list[tuple[int, int]], system: list[CacheLifetime | None]
) -> None:
    cache, model = PromptCache(), find(MODEL)
    assert model is not None
    options = builtin().request_options(MODEL, "standard")
    messages: list[Message] = []
    before = 0

    def send(prompt: Prompt) -> None:
        nonlocal before
        sent = wire.arguments(prompt, options)
        assert isinstance(judge(sent, "2026-10-21"), Accepted)
        lookup = cache.begin("here", prompt_blocks(sent, model), 512, 0.0)
        lookup.publish()
        assert lookup.use.read_tokens >= before
        before = lookup.use.read_tokens + lookup.use.write_tokens

    for number, (n_blocks, n_rounds) in enumerate(turns):
        prompt = marked(prompt_of(system, [*messages, asked(number, n_blocks)]), "5m")
        assert markers(prompt) <= MOST_MARKERS
        send(prompt)
        for each in range(n_rounds):
            # Looking around takes the fourth marker, of which the last one stays in the cache.
            prompt = going_on(prompt, calls(number, each), [("found", False)] * 2)
            send(prompt)
        messages = [
            *map(Message.without_markers, prompt.messages),
            Message("assistant", (Block(f"answer {number}"),)),
        ]


def test_without_caching_nothing_is_marked() -> None:
    prompt = prompt_of([None], [asked(0, 1)])
    assert marked(prompt, None) == prompt


@pytest.mark.parametrize(
    ("n_blocks", "expected"),
    [
        (1, [True, False, True, True]),  # snapshot, the log's two, the question
        (30, [True, False, False, True]),  # the question before as well
    ],
)
def test_the_snapshots_marker_goes_last(n_blocks: int, expected: list[bool]) -> None:
    answer = Message("assistant", (Block("Yes."),))
    messages = [asked(0, 1), answer, asked(1, n_blocks)]
    prompt = marked(prompt_of(["1h", "5m", "5m"], messages), "5m")
    last = prompt.messages[-1].content[-1]
    assert isinstance(last, Block)
    found = [block.marker is not None for block in prompt.system]
    assert [*found, last.marker is not None] == expected
