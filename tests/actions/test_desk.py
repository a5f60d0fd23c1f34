"""The desk: what is prepared, remembered and shown around each request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import pytest

from kibitz.actions.answer import ask, explain
from kibitz.actions.brief import Brief
from kibitz.actions.desk import Desk, limits_of
from kibitz.actions.snapshot_size import FAST_SNAPSHOT_TOKENS, snapshot_tokens
from kibitz.actions.values import Begun, Indexing, Order, Said, Step
from kibitz.claude.models.catalogue import builtin
from kibitz.claude.values import Event, Limits, Prompt, Purpose, Tier
from kibitz.settings import Settings, load
from kibitz_context.caching import prefix
from support.preparing import Builder
from support.scripted_claude import Scripted
from support.workshop import make_repository

FILES = {
    "prices.py": "def total(prices):\n    return sum(prices)\n",
    "table.py": "".join(f"ROW_{n} = {n * n}\n" for n in range(800)),
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_repository(tmp_path / "repository", FILES)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    folder = tmp_path / "cache"
    folder.mkdir()
    return folder


SETTINGS = load(None, None, {}, {"XDG_CONFIG_HOME": "/nonexistent"}).settings


def desk_of(
    claude: Scripted,
    cache: Path | None,
    builder: Builder | None = None,
    settings: Settings = SETTINGS,
) -> Desk:
    return Desk(claude, lambda _: settings, cache=cache, preparer=builder)  # type: ignore[arg-type]


async def steps_of(desk: Desk, root: Path) -> list[Step]:
    return [step async for step in ask(Order("ask", root, instruction="Why?"), desk)]


async def test_a_request_waits_for_the_index_and_says_how_far_it_is(
    root: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kibitz.actions.briefing.PROGRESS_SECONDS", 0.01)
    builder, claude = Builder(cache, at_once=False), Scripted()
    desk = desk_of(claude, cache, builder)
    seen: list[Step] = []
    async for step in ask(Order("ask", root, instruction="Why?"), desk):
        seen.append(step)
        if len(seen) == 1:
            assert not claude.prompts
            builder.running[0][1].count(1, 2)
        if step == Indexing(1, 2):
            builder.finish()
    assert seen[0] == Indexing(0, 0)
    assert Indexing(1, 2) in seen
    assert Indexing(1, 2).words == "Indexing … 1 of 2 files"
    assert "ROW_799" in claude.prompts[0].system[1].text


async def test_what_is_prepared_is_not_prepared_again(root: Path, cache: Path) -> None:
    builder = Builder(cache)
    for _ in range(2):
        await steps_of(desk_of(Scripted(), cache, builder), root)
    assert len(builder.asked) == 1


async def test_a_request_that_has_waited_long_enough_goes_on_with_less(
    root: Path, cache: Path
) -> None:
    builder, claude = Builder(cache, longest_wait_seconds=0.0, at_once=False), Scripted()
    desk = desk_of(claude, cache, builder)
    await steps_of(desk, root)
    assert claude.prompts[0].expectation is not None
    assert claude.prompts[0].expectation.provisional
    assert not any("ROW_799" in block.text for block in claude.prompts[0].system)
    builder.finish()
    await steps_of(desk, root)
    assert any("ROW_799" in block.text for block in claude.prompts[1].system)
    assert not claude.prompts[1].expectation.provisional


async def test_what_cannot_be_prepared_is_not_waited_for_again(
    root: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    builder = Builder(cache, problem="It cannot be written.")
    desk = desk_of(Scripted(), cache, builder)
    for _ in range(3):
        await steps_of(desk, root)
    assert len(builder.asked) == 1
    monkeypatch.setattr("kibitz.actions.briefing.AGAIN_SECONDS", 0.0)
    desk = desk_of(Scripted(), cache, builder)
    for _ in range(2):
        await steps_of(desk, root)
    assert len(builder.asked) == 3


async def test_the_second_request_reads_what_the_first_has_written(root: Path, cache: Path) -> None:
    claude = Scripted()
    first = await steps_of(desk_of(claude, cache, Builder(cache)), root)
    second = await steps_of(desk_of(claude, cache, Builder(cache)), root)
    (one,) = [step.usage for step in first if isinstance(step, Begun)]
    (two,) = [step.usage for step in second if isinstance(step, Begun)]
    assert (one.cache_read_tokens, two.cache_write_tokens) == (0, 0)
    assert two.cache_read_tokens == one.cache_write_tokens > 0
    assert claude.prompts[0].expectation.blocks_alive == 0
    assert claude.prompts[1].expectation.blocks_alive == 2, "another process knows of it"


async def test_an_entry_that_was_not_there_is_not_counted_on(root: Path, cache: Path) -> None:
    claude = Scripted()
    desk = desk_of(claude, cache, Builder(cache))
    await steps_of(desk, root)
    claude.known.clear()
    await steps_of(desk, root)
    claude.known.clear()
    claude.caches = False
    await steps_of(desk, root)
    await steps_of(desk, root)
    alive = [prompt.expectation.blocks_alive for prompt in claude.prompts]
    assert alive == [0, 2, 2, 0], "an endpoint without a cache has no entries"


async def test_a_request_without_a_response_leaves_no_lease(root: Path, cache: Path) -> None:
    class Failing(Scripted):
        async def stream(self, prompt: Prompt, purpose: Purpose) -> AsyncGenerator[Event, None]:
            self.prompts.append(prompt)
            raise ConnectionError
            yield

    failing = Failing()
    desk = desk_of(failing, cache, Builder(cache))
    for _ in range(2):
        with pytest.raises(ConnectionError):
            await steps_of(desk, root)
    assert failing.prompts[1].expectation.blocks_alive == 0


async def test_looking_remembers_nothing(root: Path, cache: Path) -> None:
    desk = desk_of(Scripted(), cache, Builder(cache))
    order = Order("ask", root, instruction="Why?")
    async for _ in desk.prepare(order):
        pass
    briefs = [await desk.brief(order, record=False) for _ in range(2)]
    assert [brief.context.prefix for brief in briefs] == [None, None]
    assert [brief.context.plan.step for brief in briefs if brief.context.plan] == ["first"] * 2
    key = prefix.prefix_key(desk.subject(desk.repository(root), "standard").gate, briefs[0].model,
                            SETTINGS.context.max_tokens)  # fmt: skip
    assert not prefix.store_in(cache).get(key).was_sent


async def test_the_fast_tier_has_a_small_snapshot_of_its_own(root: Path, cache: Path) -> None:
    builder, claude = Builder(cache), Scripted()
    desk = desk_of(claude, cache, builder)
    for tier in ("fast", "standard"):
        order = Order("ask", root, instruction="Why?", tier=tier)  # type: ignore[arg-type]
        assert [step async for step in ask(order, desk) if isinstance(step, Said)]
    assert [subject.max_tokens for subject in builder.asked] == [
        FAST_SNAPSHOT_TOKENS,
        SETTINGS.context.max_tokens,
    ]
    small = replace(SETTINGS, context=replace(SETTINGS.context, max_tokens=1_000))
    assert snapshot_tokens(small, builtin(), "fast") == 1_000


@pytest.mark.parametrize(
    ("tier", "request_usd", "tokens"),
    [
        ("standard", 0.5, 60_000),
        ("deep", 0.5, 22_000),
        ("deep", 1.1, 60_000),
        ("deep", 0.01, 16_000),
        ("fast", 0.05, FAST_SNAPSHOT_TOKENS),
    ],
)
def test_a_snapshot_is_what_one_request_may_cost(
    tier: Tier, request_usd: float, tokens: int
) -> None:
    budget = replace(SETTINGS.budget, request_usd=request_usd)
    context = replace(SETTINGS.context, max_tokens=60_000)
    settings = replace(SETTINGS, budget=budget, context=context)
    assert snapshot_tokens(settings, builtin(), tier) == tokens
    assert snapshot_tokens(settings, builtin(), "deep", "an-unpriced-model") == 60_000


async def test_whoever_follows_hears_of_each_response_that_has_begun(
    root: Path, cache: Path
) -> None:
    heard: list[tuple[Brief, Prompt]] = []
    claude = Scripted()
    desk = Desk(
        claude,  # type: ignore[arg-type]
        lambda _: SETTINGS,
        cache=cache,
        preparer=Builder(cache),
        follow=lambda brief, prompt: heard.append((brief, prompt)),
    )
    await steps_of(desk, root)
    ((brief, prompt),) = heard
    assert prompt is claude.prompts[0]
    assert brief.context.prefix is not None


async def test_the_limits_of_keep_warm_go_with_each_request(root: Path, cache: Path) -> None:
    claude = Scripted()
    await steps_of(desk_of(claude, cache, Builder(cache)), root)
    assert claude.purposes[0].limits == Limits(0.5, 10.0, 100.0, 0.25)
    off = replace(SETTINGS, context=replace(SETTINGS.context, keep_warm="off"))
    assert limits_of(off).keep_warm_day_usd == 0.0


async def test_stopping_while_it_waits_sends_nothing(root: Path, cache: Path) -> None:
    builder, claude = Builder(cache, at_once=False), Scripted()
    desk = desk_of(claude, cache, builder)
    waiting = asyncio.ensure_future(steps_of(desk, root))
    while not builder.running:
        await asyncio.sleep(0.001)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not claude.prompts
    builder.finish()


async def test_a_document_that_may_not_be_sent_is_refused_after_preparing(
    root: Path, cache: Path
) -> None:
    from kibitz.errors import UserError
    from kibitz_context.document import Document

    (root / ".env").write_text("KEY=1\n")
    document = Document((root / ".env").as_uri(), root / ".env", "KEY=1\n")
    desk = desk_of(Scripted(), cache, Builder(cache))
    with pytest.raises(UserError, match="hold credentials"):
        async for _ in explain(Order("explain", root, document), desk):
            pass
