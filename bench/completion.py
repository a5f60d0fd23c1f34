"""Completion while somebody types: requests, dollars, and the time that is ours.

Keystrokes made from real additions are played on a virtual clock; replies are scripted: what was
really typed next in six of ten cases, another line of the file else.  Every request is built by the
product's own code and billed by the stand-in's prompt cache at the catalogue's prices.
`--repositories PATH…` takes other clones than this one.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import random
import selectors
import statistics
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Protocol
from unittest import mock

from bench import tables
from bench.typing_logs import Addition, additions, keystrokes
from kibitz.actions.brief import Brief
from kibitz.actions.complete import complete_prompt
from kibitz.actions.desk import Desk
from kibitz.actions.snapshot_size import FAST_SNAPSHOT_TOKENS
from kibitz.actions.values import Order
from kibitz.claude import catalogue, wire
from kibitz.completion.filters import polished
from kibitz.completion.memory import Memory
from kibitz.completion.reader import CompletionReader
from kibitz.completion.spot import Spot
from kibitz.completion.worth import why_not
from kibitz.jobs import Jobs
from kibitz.settings import load
from kibitz.standin import models as standin_models
from kibitz.standin.cache import CacheUse, PromptCache
from kibitz.standin.prompt import prompt_blocks
from kibitz.suggestions import Suggestions
from kibitz_context.tokens import estimate
from kibitz_context.values import Context, Layer, Plan

MODEL = "claude-haiku-5-5"
SEED = 7
ADDITIONS = 60
RIGHT_SHARE = 0.6
# Who sees the right text takes it after so long.
REACTION_SECONDS = 0.45
LEAST_ACCEPTED = 4
TOKENS_PER_SECOND = 150.0

Ask = Callable[[Spot], AsyncGenerator[str, None]]


@dataclass(slots=True)
class Tally:
    """What came of the typing of one way of asking."""

    keystrokes: int = 0
    requests: int = 0
    shown: int = 0
    shown_without_request: int = 0
    stale: int = 0
    accepted_characters: int = 0
    characters: int = 0
    uses: list[CacheUse] = field(default_factory=list[CacheUse])
    output_tokens: int = 0

    @property
    def cost_usd(self) -> float:
        prices = catalogue.builtin().prices(MODEL, FAST_SNAPSHOT_TOKENS)
        assert prices is not None
        read, write, rest = (
            sum(use.read_tokens for use in self.uses) * prices.read,
            sum(
                use.write_5m_tokens * prices.write_5m + use.write_1h_tokens * prices.write_1h
                for use in self.uses
            ),
            sum(use.input_tokens for use in self.uses) * prices.input,
        )
        return read + write + rest + self.output_tokens * prices.output

    @property
    def read_share(self) -> float:
        total = sum(use.read_tokens + use.write_tokens + use.input_tokens for use in self.uses)
        return sum(use.read_tokens for use in self.uses) / total if total else 0.0


class Way(Protocol):
    """A way of answering: the text to show and the text behind the cursor it was made for."""

    def typed(self) -> None: ...
    async def suggest(self, spot: Spot, ask: Ask) -> tuple[str, str] | None: ...


class Kibitz:
    """As the product does it."""

    def __init__(self) -> None:
        self._suggestions = Suggestions(Jobs(_bug), now=asyncio.get_running_loop().time)

    def typed(self) -> None:
        self._suggestions.typed("file")

    async def suggest(self, spot: Spot, ask: Ask) -> tuple[str, str] | None:
        may_ask = why_not(spot) is None
        found = await self._suggestions.suggest("file", spot, ask if may_ask else None)
        return (found.text, spot.after) if found is not None else None


class Simple:
    """A request after each keystroke, or after a fixed pause; an older one is cancelled.  The
    cache, if there is one, knows the text before the cursor only."""

    def __init__(self, pause_seconds: float, *, has_cache: bool) -> None:
        self._pause_seconds = pause_seconds
        self._cache: dict[str, tuple[str, str]] | None = {} if has_cache else None
        self._running: asyncio.Task[Any] | None = None

    def typed(self) -> None:
        pass

    async def suggest(self, spot: Spot, ask: Ask) -> tuple[str, str] | None:
        if self._running is not None:
            self._running.cancel()
        self._running = asyncio.ensure_future(self._answer(spot, ask))
        try:
            return await self._running
        except asyncio.CancelledError:
            return None

    async def _answer(self, spot: Spot, ask: Ask) -> tuple[str, str] | None:
        if self._cache is not None and spot.before in self._cache:
            return self._cache[spot.before]
        await asyncio.sleep(self._pause_seconds)
        reader = CompletionReader(spot)
        async for piece in ask(spot):
            reader.feed(piece)
        reader.finish(closed=True)
        if not reader.text:
            return None
        if self._cache is not None:
            self._cache[spot.before] = (reader.text, spot.after)
        return reader.text, spot.after


WAYS: dict[str, Callable[[], Way]] = {
    "a request at each keystroke": lambda: Simple(0.0, has_cache=False),
    "350 ms pause, cache by what is before": lambda: Simple(0.35, has_cache=True),
    "kibitz": Kibitz,
}


class Typist:
    """Plays one addition for one way; Claude's replies and their bill are here."""

    def __init__(self, addition: Addition, tally: Tally, cache_: PromptCache, seed: int) -> None:
        self._addition = addition
        self._tally = tally
        self._cache = cache_
        self._chance = random.Random(seed)
        self._text = ""
        self._left = addition.typed

    async def play(self, way: Way) -> None:
        tally = self._tally
        tally.characters += len(self._addition.typed)
        pending: asyncio.Task[tuple[str, str] | None] | None = None
        while self._left:
            for stroke in list(keystrokes(self._left, self._chance)):
                if pending is not None and await self._accepts(pending, stroke.pause_seconds):
                    pending = None
                    break  # The rest of the text is typed from here.
                if pending is None:
                    await asyncio.sleep(stroke.pause_seconds)
                self._type(stroke.text)
                way.typed()
                tally.keystrokes += 1
                before = tally.requests
                spot = Spot(
                    self._addition.before + self._text,
                    self._addition.after,
                    self._addition.language,
                )
                pending = asyncio.ensure_future(self._shown(way, spot, before))
            else:
                break
        if pending is not None:
            pending.cancel()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0)

    async def _shown(self, way: Way, spot: Spot, requests: int) -> tuple[str, str] | None:
        found = await way.suggest(spot, self._ask)
        if found is not None and spot.before == self._addition.before + self._text:
            self._tally.shown += 1
            self._tally.shown_without_request += self._tally.requests == requests
            self._tally.stale += found[1] != spot.after
            return found
        return None

    async def _accepts(
        self, pending: asyncio.Task[tuple[str, str] | None], pause_seconds: float
    ) -> bool:
        """Whether what is shown in this pause is taken; else the pause is over."""
        loop = asyncio.get_running_loop()
        until = loop.time() + pause_seconds
        await asyncio.wait([pending], timeout=max(0.0, pause_seconds - REACTION_SECONDS))
        found = pending.result() if pending.done() and not pending.cancelled() else None
        if found is not None:
            text = found[0]
            if len(text) >= LEAST_ACCEPTED and self._left.startswith(text):
                await asyncio.sleep(REACTION_SECONDS)
                self._type(text)
                self._tally.keystrokes += 1
                self._tally.accepted_characters += len(text)
                return True
        await asyncio.sleep(max(0.0, until - loop.time()))
        return False

    def _type(self, text: str) -> None:
        if not text:
            self._text = self._text[:-1]
        else:
            self._text += text
        typed = self._addition.typed
        if typed.startswith(self._text):
            self._left = typed[len(self._text) :]

    async def _ask(self, spot: Spot) -> AsyncGenerator[str, None]:
        tally = self._tally
        tally.requests += 1
        tally.uses.append(self._bill(spot))
        chance = random.Random(hashlib.sha256(spot.before.encode()).digest())
        await asyncio.sleep(chance.uniform(0.35, 0.9))
        text = f"<completion>{self._completion(spot, chance)}</completion>"
        for start in range(0, len(text), 8):
            tally.output_tokens += 3
            yield text[start : start + 8]
            await asyncio.sleep(3 / TOKENS_PER_SECOND)

    def _completion(self, spot: Spot, chance: random.Random) -> str:
        typed = spot.before[len(self._addition.before) :]
        rest = self._addition.typed[len(typed) :]
        if self._addition.typed.startswith(typed) and chance.random() < RIGHT_SHARE:
            block = rest.partition("\n\n")[0]
            return block if spot.wants_block else block.partition("\n")[0]
        lines = [line.strip() for line in spot.before.splitlines()[-40:] if line.strip()]
        return chance.choice(lines) if lines else "pass"

    def _bill(self, spot: Spot) -> CacheUse:
        prompt = complete_prompt(_desk(), _brief(self._addition.path), spot)
        options = catalogue.builtin().request_options(prompt.model, prompt.tier)
        model = standin_models.find(MODEL)
        assert model is not None
        blocks = prompt_blocks(wire.arguments(prompt, options), model)
        minimum = catalogue.builtin().cache_minimum_tokens(MODEL)
        # Additions follow each other within the hour for which the snapshot is kept.
        now = asyncio.get_running_loop().time()
        lookup = self._cache.begin("workspace", blocks, minimum, now)
        lookup.publish()
        return lookup.use


@cache
def _desk() -> Desk:
    return Desk(mock.Mock(), lambda _: load(None, None, {}, {}).settings)


@cache
def _brief(path: str) -> Brief:
    """A brief with a snapshot as long as the fast tier's; what it says does not matter."""
    snapshot = "".join(f"def name_{number}(value): return {number}\n" for number in range(9_999))
    snapshot = snapshot[: int(FAST_SNAPSHOT_TOKENS * 2.5)]
    context = Context(
        Path("/repository"),
        None,
        Layer("snapshot", snapshot, estimate(snapshot)),
        Layer("changes", "", 0),
        Layer("task", "", 0),
        plan=Plan(snapshot_lifetime="1h", changes_lifetime=None),
    )
    order = Order("complete", Path("/repository"), is_automatic=True)
    settings = load(None, None, {}, {}).settings
    return Brief(order, settings, context, "fast", MODEL, path, "", (), "", 0, 0, 1.0, mock.Mock())


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop whose clock jumps to the next timer when there is nothing to do."""

    def __init__(self) -> None:
        self.now = 0.0
        super().__init__(_Jumping(self))

    def time(self) -> float:
        return self.now


class _Jumping(selectors.SelectSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        events = super().select(0)
        if not events and timeout:
            # A little more than asked for, or a timer due at once would never be.
            self._loop.now += timeout + 1e-9
        return events


def main(arguments: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench completion")
    parser.add_argument("--repositories", nargs="+", type=Path, default=[Path.cwd()])
    parser.add_argument("--additions", type=int, default=ADDITIONS, help="of each repository")
    parser.add_argument("--write", action="store_true", help="put the tables into the page")
    options = parser.parse_args(arguments)
    found = [
        addition
        for repository in options.repositories
        for addition in additions(repository, options.additions, SEED)
    ]
    text = report(found, [play(found, make) for make in WAYS.values()])
    print(text)
    if options.write:
        tables.write("completion", text)


def play(found: Sequence[Addition], make: Callable[[], Way]) -> Tally:
    """All additions typed one after the other, with one cache of prompts."""
    tally, prompt_cache = Tally(), PromptCache()

    async def typing() -> None:
        for number, addition in enumerate(found):
            await Typist(addition, tally, prompt_cache, SEED + number).play(make())

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(typing())
    return tally


def report(found: Sequence[Addition], tallies: Sequence[Tally]) -> str:
    rows = []
    for name, tally in zip(WAYS, tallies, strict=True):
        per_thousand = 1_000 / tally.keystrokes
        rows.append(
            (
                name,
                f"{tally.keystrokes:,}",
                f"{tally.requests * per_thousand:.0f}",
                f"{1 - tally.requests / tally.keystrokes:.0%}",
                f"${tally.cost_usd * per_thousand:.3f}",
                f"${tally.cost_usd * 1_000 / tally.characters:.3f}",
                f"{tally.read_share:.0%}",
                f"{tally.shown * per_thousand:.0f}",
                f"{tally.shown_without_request * per_thousand:.0f}",
                f"{tally.stale}",
                f"{tally.accepted_characters / tally.characters:.0%}",
            )
        )
    header = (
        *("", "keystrokes", "requests per 1,000", "keystrokes without a request"),
        *(
            "cost per 1,000",
            "cost per 1,000 characters of text",
            "input read from the cache",
            "shown per 1,000",
        ),
        *("of them without a request", "stale", "of the text taken"),
    )
    return (
        f"{len(found)} additions, {sum(len(each.typed) for each in found):,} characters; seed "
        f"{SEED}; {MODEL} at the catalogue's prices of {catalogue.builtin().as_of}; a snapshot of "
        f"{FAST_SNAPSHOT_TOKENS:,} tokens. Keystrokes are made of real additions with made-up "
        f"pauses; replies are scripted, {RIGHT_SHARE:.0%} of them what was really typed next, and "
        f"whoever sees the right text takes it.\n\n{tables.table(header, rows)}\n{_local(found)}"
    )


def _local(found: Sequence[Addition]) -> str:
    """What is computed here at a keystroke."""
    memory = Memory()
    places: list[tuple[Spot, str]] = []
    for addition in found:
        for end in range(0, len(addition.typed), 7):
            before = addition.before + addition.typed[:end]
            reply = addition.typed[end:]
            places.append((Spot(before, addition.after, addition.language), reply))
            memory.remember(addition.path, places[-1][0], reply)
    parts: dict[str, Callable[[Spot, str], object]] = {
        "the gate": lambda spot, _: why_not(spot),
        "looking for what was made before": lambda spot, _: memory.find("file", spot),
        "all filters": lambda spot, reply: polished(reply, spot),
    }
    rows = []
    for name, part in parts.items():
        milliseconds = []
        for spot, reply in places:
            fresh = Spot(spot.before, spot.after, spot.language)
            began = time.perf_counter()
            part(fresh, reply)
            milliseconds.append((time.perf_counter() - began) * 1_000)
        cuts = statistics.quantiles(milliseconds, n=20)
        rows.append((name, f"{statistics.median(milliseconds):.2f}", f"{cuts[-1]:.2f}"))
    return tables.table((f"{len(places):,} places", "p50, ms", "p95, ms"), rows)


def _bug(_job: object, error: BaseException) -> None:
    raise error
