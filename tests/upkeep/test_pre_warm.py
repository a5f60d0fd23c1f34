"""Writing an entry ahead: only where the policy says so, exactly the prefix, and never twice."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch

import pytest

from kibitz.actions.answer import ask
from kibitz.actions.desk import Desk
from kibitz.actions.values import Order
from kibitz.claude.values import Prompt, Purpose, Usage
from kibitz.settings import load
from kibitz.upkeep import pre_warm
from kibitz.upkeep.pre_warm import Opened
from kibitz_context.caching import prefix
from kibitz_context.caching.prefix_state import PrefixState
from kibitz_context.values import PrefixId
from support.preparing import Builder
from support.scripted_claude import Scripted
from support.workshop import make_repository

SETTINGS = load(None, None, {}, {"XDG_CONFIG_HOME": "/nonexistent"}).settings
HOUR = 3_600.0
FILES = {"a.py": "A = 1\n", "table.py": "".join(f"ROW_{n} = {n * n}\n" for n in range(500))}


@dataclass
class Purse:
    """As much of a `Backend` as pre-warming needs."""

    claude: Scripted
    spent_usd: float = 0.0

    async def warm(self, prompt: Prompt, purpose: Purpose) -> Usage:
        return await self.claude.warm(prompt, purpose)

    async def warming_spent_today_usd(self) -> float:
        return self.spent_usd

    def tokens_factor(self, model: str) -> float:
        return 1.0


@dataclass
class Mornings:
    """A user who opens a repository each morning, and perhaps asks something."""

    root: Path
    desk: Desk
    claude: Scripted
    purse: Purse
    now: float = 1_800_000_000.0

    def opened(self) -> Opened:
        repository = self.desk.repository(self.root)
        return pre_warm.opened(repository, self.desk, SETTINGS, self.purse)  # type: ignore[arg-type]

    async def warm(self, at: Opened) -> bool:
        return await pre_warm.pre_warm(at, self.desk, self.purse)  # type: ignore[arg-type]

    async def ask(self) -> None:
        async for _ in ask(Order("ask", self.root, instruction="Why?"), self.desk):
            pass

    async def usual(self, days: int = 8) -> None:
        for _ in range(days):
            self.opened()
            self.now += 60.0
            await self.ask()
            self.now += 24 * HOUR

    @property
    def state(self) -> PrefixState:
        subject = self.desk.subject(self.desk.repository(self.root), "standard")
        key = prefix.prefix_key(subject.gate, SETTINGS.models.standard, subject.max_tokens)
        return prefix.state_of(PrefixId(key, 0, self.desk.cache))


@pytest.fixture
def mornings(tmp_path: Path) -> Mornings:
    cache = tmp_path / "cache"
    cache.mkdir()
    claude = Scripted()
    desk = Desk(claude, lambda _: SETTINGS, cache=cache, preparer=Builder(cache))  # type: ignore[arg-type]
    root = make_repository(tmp_path / "repository", FILES)
    return Mornings(root, desk, claude, Purse(claude))


async def test_who_always_asks_finds_the_entry_written(mornings: Mornings) -> None:
    with patch("time.time", lambda: mornings.now):
        await mornings.usual()
        mornings.claude.known.clear()
        n_asked = len(mornings.claude.prompts)
        times = mornings.state.request_times
        assert await mornings.warm(mornings.opened())
        ((prompt, purpose),) = mornings.claude.warmed
        assert (purpose.action, purpose.interactive) == ("pre_warm", False)
        assert purpose.repository == str(mornings.root)
        assert "ROW_499" in prompt.system[-1].text
        assert prompt.system[-1].marker is not None
        assert mornings.state.request_times == times, "nobody has asked anything"
        mornings.now += 60.0
        await mornings.ask()
        sent = mornings.claude.prompts[n_asked]
        assert [block.text for block in sent.system[: len(prompt.system)]] == [
            block.text for block in prompt.system
        ]
        assert sent.expectation is not None
        assert sent.expectation.blocks_alive == len(prompt.system)


async def test_of_a_stranger_nothing_is_sent(mornings: Mornings) -> None:
    with patch("time.time", lambda: mornings.now):
        assert not await mornings.warm(mornings.opened())
        await mornings.usual(days=2)
        assert not await mornings.warm(mornings.opened())
    assert not mornings.claude.warmed


async def test_an_entry_that_is_alive_is_not_written_again(mornings: Mornings) -> None:
    with patch("time.time", lambda: mornings.now):
        await mornings.usual()
        assert await mornings.warm(mornings.opened())
        mornings.now += 60.0
        assert not await mornings.warm(mornings.opened())
    assert len(mornings.claude.warmed) == 1


async def test_the_cap_of_the_day_holds(mornings: Mornings) -> None:
    with patch("time.time", lambda: mornings.now):
        await mornings.usual()
        mornings.purse.spent_usd = SETTINGS.context.keep_warm_day_usd
        assert not await mornings.warm(mornings.opened())
    assert not mornings.claude.warmed


async def test_keep_warm_off_switches_it_off(mornings: Mornings) -> None:
    with patch("time.time", lambda: mornings.now):
        await mornings.usual()
        off = replace(SETTINGS, context=replace(SETTINGS.context, keep_warm="off"))
        assert not await mornings.warm(replace(mornings.opened(), settings=off))
    assert not mornings.claude.warmed


async def test_what_fails_leaves_no_lease(mornings: Mornings) -> None:
    with patch("time.time", lambda: mornings.now):
        await mornings.usual()
        mornings.claude.warming_fails = True
        before = mornings.state.snapshot_lease
        assert not await mornings.warm(mornings.opened())
        assert mornings.state.snapshot_lease == before
