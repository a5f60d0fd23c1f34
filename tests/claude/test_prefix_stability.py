"""What must not change the bytes in front of a marker: a list of ways to lose a cache.

The oracle is the stand-in's: it hashes requests as they come, with code of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import hashlib
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz.actions.tools import TOOLS
from kibitz.claude.anthropic_client import AnthropicClaude
from kibitz.claude.connection import Connection
from kibitz.claude.models.catalogue import builtin
from kibitz.claude.prompts import wire
from kibitz.claude.prompts.prefixes import prefixes
from kibitz.claude.prompts.prompt import build
from kibitz.claude.values import Block, Finished, Message, Prompt, Purpose, Tool, Usage
from kibitz.standin import StandIn, prompt_blocks
from kibitz.standin.models import find
from kibitz_context.values import Context, Layer, Plan

SNAPSHOT = "def f(): ...\n" * 1_000
PURPOSE = Purpose("explain", "/r")


def prompt_of(plan: Plan | None = None, **more: Any) -> Prompt:
    plan = plan or Plan(changes_log=("+ one\n" * 300,))
    changes = "".join(plan.changes_log)
    context = Context(
        Path("/r"),
        "c",
        Layer("snapshot", SNAPSHOT, 1),
        Layer("changes", changes, 1),
        Layer("task", more.pop("task", "The selection."), 1),
        plan=plan,
    )
    arguments: dict[str, Any] = {
        "rules": "Be brief.",
        "task_blocks": ["Why?"],
        "tier": "standard",
        "model": "claude-sonnet-5-5",
        "max_tokens": 1000,
        "tools": TOOLS,
    }
    return build(context, **{**arguments, **more})


def names(prompt: Prompt) -> list[bytes]:
    options = builtin().request_options(prompt.model, prompt.tier)
    return [prefix.name for prefix in prefixes(prompt, options)]


def seen_by_the_standin(prompt: Prompt) -> list[str]:
    """The keys of the prefixes up to the last marker, by the stand-in's reckoning."""
    options = builtin().request_options(prompt.model, prompt.tier)
    body = json.loads(json.dumps(wire.arguments(prompt, options)))
    model = find(prompt.model)
    assert model is not None
    blocks = prompt_blocks(body, model)
    last = max(number for number, block in enumerate(blocks) if block.marker)
    return [block.digest for block in blocks[len(prompt.tools) : last + 1]]


def sha256(value: object) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()


def test_the_bytes_of_the_tools() -> None:
    """They are the first bytes of every prompt: whoever changes one makes all entries of all users
    unreadable.  If that is meant, set the new hash here, and say so in the changelog."""
    options = builtin().request_options("claude-sonnet-5-5", "standard")
    sent = [wire.arguments(prompt_of(tools=TOOLS), options)["tools"]]
    assert sha256(sent) == "3dc24a2cdae02f4c549e33857626f5de875fd7d51548e6900a644586aef6de33"


@pytest.mark.parametrize(
    "change",
    [
        {"task": "Another selection."},
        {"task_blocks": ["What?", "And why?"]},
        {"max_tokens": 7},
        {"tool_choice": "none"},
        {"stop_sequences": ["</replacement>"]},
        {"tools": TOOLS[::-1]},
        {"tokens_factor": 1.7},
    ],
)
def test_what_differs_between_the_requests_of_a_tier(change: Any) -> None:
    assert names(prompt_of(**change)) == names(prompt_of())
    assert seen_by_the_standin(prompt_of(**change)) == seen_by_the_standin(prompt_of())


@pytest.mark.parametrize(
    "change",
    [
        {"rules": "Be long."},
        {"tools": (*TOOLS, Tool("more", "", {}))},
        {"tools": tuple(dataclasses.replace(tool, description="!") for tool in TOOLS)},
        {"model": "claude-opus-5-5"},
        {"tier": "deep"},
    ],
)
def test_what_is_another_prefix(change: Any) -> None:
    """Thinking and effort, too, although the stand-in renders them behind the system blocks: for
    some models they come before the tools, and nobody says for which."""
    assert not set(names(prompt_of(**change))) & set(names(prompt_of()))


def test_the_order_of_keys_in_a_schema_is_kept() -> None:
    one = Tool("a", "", {"type": "object", "properties": {"z": {}, "b": {}}})
    other = Tool("a", "", {"properties": {"b": {}, "z": {}}, "type": "object"})
    assert names(prompt_of(tools=(one,))) != names(prompt_of(tools=(other,)))
    options = builtin().request_options("claude-sonnet-5-5", "standard")
    (sent,) = wire.arguments(prompt_of(tools=(one,)), options)["tools"]
    assert list(sent["input_schema"]["properties"]) == ["z", "b"]


def test_a_marker_that_moves_keeps_the_names() -> None:
    grown = Plan(changes_log=("+ one\n" * 300, "+ two\n" * 300), changes_lifetime="1h")
    before, after = prompt_of(), prompt_of(grown)
    assert names(after)[: len(names(before))] == names(before)
    assert seen_by_the_standin(after)[: len(names(before))] == seen_by_the_standin(before)


blocks = st.lists(st.text("ab", min_size=1, max_size=3), max_size=4)


@given(blocks, blocks)
def test_equal_names_mean_equal_bytes(one: list[str], other: list[str]) -> None:
    def prompt(texts: list[str]) -> Prompt:
        system = tuple(Block(text, "5m") for text in texts)
        return Prompt("fast", "m", system, (Message("user", (Block("?"),)),), 1)

    same = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))
    assert len(set(names(prompt(one))) & set(names(prompt(other)))) == len(list(same))


def test_another_process_makes_the_same_bytes() -> None:
    """After a restart, under another hash seed, time zone, locale, folder and user."""
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from test_prefix_stability import names, prompt_of, seen_by_the_standin\n"
        "print([name.hex() for name in names(prompt_of())], seen_by_the_standin(prompt_of()))"
    )
    seen = set()
    for seed, zone, user, folder in (("1", "UTC", "ada", "/"), ("2", "Asia/Tokyo", "bob", "/tmp")):
        environment = {
            **os.environ,
            "PYTHONHASHSEED": seed,
            "TZ": zone,
            "LC_ALL": "C",
            "USER": user,
            "HOME": f"/home/{user}",
        }
        run = subprocess.run(
            [sys.executable, "-c", script, str(Path(__file__).parent)],
            env=environment,
            cwd=folder,
            capture_output=True,
            text=True,
            check=True,
        )
        seen.add(run.stdout)
    here = f"{[name.hex() for name in names(prompt_of())]} {seen_by_the_standin(prompt_of())}\n"
    assert seen == {here}


async def end_of(claude: AnthropicClaude, prompt: Prompt) -> Usage:
    async with contextlib.aclosing(claude.stream(prompt, PURPOSE)) as events:
        *_, end = [event async for event in events]
    assert isinstance(end, Finished)
    return end.usage


async def test_lifetimes_that_change_under_parallel_requests(standin: StandIn) -> None:
    """A policy may change its mind between two requests that are under way at the same time: none
    is refused for the order of its lifetimes, and all read what the first one wrote."""
    log = ("+ one\n" * 300, "+ two\n" * 300)
    lifetimes: list[Any] = [("1h", "5m"), ("1h", "1h"), ("5m", "5m"), ("5m", None), ("1h", None)]
    plans = [
        Plan(snapshot_lifetime=snapshot, changes_lifetime=changes, changes_log=log)
        for snapshot, changes in lifetimes
    ]
    claude = AnthropicClaude(Connection(base_url=standin.base_url, api_key="any", max_retries=0))
    try:
        written = await end_of(claude, prompt_of(plans[0]))
        usages = await asyncio.gather(*(end_of(claude, prompt_of(plan)) for plan in plans))
    finally:
        await claude.aclose()
    assert {exchange.status for exchange in standin.journal.messages} == {200}
    assert all(usage.cache_write_tokens == 0 for usage in usages)
    assert {usage.cache_read_tokens for usage in usages} == {
        written.cache_write_tokens,
        written.cache_write_1h_tokens,
    }
