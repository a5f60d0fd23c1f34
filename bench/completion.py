"""Completion while somebody types: requests, dollars, and the time that is ours.

Keystrokes made from real additions, and recorded ones, are played on a virtual clock; replies are
scripted: what was really typed next in six of ten cases, another line of the file else.  Every
request is built by the product's own code and billed by the stand-in's prompt cache at the
catalogue's prices.
`--repositories PATH…` takes other clones than this one, `--traces FILE…` recorded typing.
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
from typing import Any
from unittest import mock

from bench import tables
from bench.completion_ways import FILE, ROOT, WAYS, Way
from bench.editing_traces import trace
from bench.typing_logs import Patch, Stroke, Typing, additions, typing
from kibitz.actions.brief import Brief
from kibitz.actions.complete import complete_prompt
from kibitz.actions.desk import Desk
from kibitz.actions.snapshot_size import FAST_SNAPSHOT_TOKENS
from kibitz.actions.values import Order
from kibitz.claude.models import catalogue
from kibitz.claude.prompts import wire
from kibitz.completion.filters import polished
from kibitz.completion.memory import Memory
from kibitz.completion.spot import Spot
from kibitz.completion.worth import why_not
from kibitz.settings import load
from kibitz.standin import models as standin_models
from kibitz.standin.cache import CacheUse, PromptCache
from kibitz.standin.prompt import prompt_blocks
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
# Of each trace; more of a longer one says the same.
STROKES = 5_000
# What comes at once and is longer nobody has typed.
LONGEST_KEYSTROKE = 20


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


class Typist:
    """Plays one sitting for one way; Claude's replies and their bill are here."""

    def __init__(self, typing: Typing, tally: Tally, cache_: PromptCache) -> None:
        self._typing = typing
        self._tally = tally
        self._cache = cache_
        self._text = typing.start
        self._next = 0  # the stroke that comes next
        self._cursor = 0

    async def play(self, way: Way) -> None:
        pending: asyncio.Task[tuple[str, str] | None] | None = None
        while self._next < len(self._typing.strokes):
            stroke = self._typing.strokes[self._next]
            if pending is not None:
                taken = await self._taken(pending, stroke.pause_seconds)
                pending = None
                if taken:
                    way.typed(self._text, self._take(*taken))
                    continue
            else:
                await asyncio.sleep(stroke.pause_seconds)
            before, self._text = self._text, stroke.applied(self._text)
            self._cursor = stroke.cursor
            self._next += 1
            self._tally.keystrokes += 1
            lengths = [len(patch.inserted) for patch in stroke.patches]
            self._tally.characters += sum(each for each in lengths if each <= LONGEST_KEYSTROKE)
            way.typed(before, stroke)
            if len(stroke.patches) == 1 and not self._is_paste(stroke):
                spot = Spot.at(self._text, self._cursor, self._typing.language)
                pending = asyncio.ensure_future(self._shown(way, spot))
        if pending is not None:
            pending.cancel()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0)

    @staticmethod
    def _is_paste(stroke: Stroke) -> bool:
        return len(stroke.patches[0].inserted) > LONGEST_KEYSTROKE

    async def _shown(self, way: Way, spot: Spot) -> tuple[str, str] | None:
        requests, number = self._tally.requests, self._next
        found = await way.suggest(spot, lambda place: self._ask(place, way))
        if found is not None and self._next == number:
            self._tally.shown += 1
            self._tally.shown_without_request += self._tally.requests == requests
            self._tally.stale += found[1] != self._text[self._cursor :]
            return found
        return None

    async def _taken(
        self, pending: asyncio.Task[tuple[str, str] | None], pause_seconds: float
    ) -> tuple[str, int] | None:
        """What is shown in this pause and taken, with the strokes that it stands for; None when
        the pause is over."""
        loop = asyncio.get_running_loop()
        until = loop.time() + pause_seconds
        await asyncio.wait([pending], timeout=max(0.0, pause_seconds - REACTION_SECONDS))
        found = pending.result() if pending.done() and not pending.cancelled() else None
        if found is not None and len(found[0]) >= LEAST_ACCEPTED:
            _, parts = self._typing.coming(self._next, self._cursor)
            if (count := parts.get(found[0])) is not None:
                await asyncio.sleep(REACTION_SECONDS)
                return found[0], count
        await asyncio.sleep(max(0.0, until - loop.time()))
        return None

    def _take(self, text: str, count: int) -> Stroke:
        """One keystroke for the text of so many."""
        taking = Stroke(0.0, (Patch(self._cursor, 0, text),))
        self._text = taking.applied(self._text)
        self._cursor += len(text)
        self._next += count
        self._tally.keystrokes += 1
        self._tally.characters += len(text)
        self._tally.accepted_characters += len(text)
        return taking

    async def _ask(self, spot: Spot, way: Way) -> AsyncGenerator[str, None]:
        tally = self._tally
        tally.requests += 1
        tally.uses.append(self._bill(spot, way.edits()))
        chance = random.Random(hashlib.sha256(spot.before.encode()).digest())
        await asyncio.sleep(chance.uniform(0.35, 0.9))
        text = f"<completion>{self._completion(spot, chance)}</completion>"
        for start in range(0, len(text), 8):
            tally.output_tokens += 3
            yield text[start : start + 8]
            await asyncio.sleep(3 / TOKENS_PER_SECOND)

    def _completion(self, spot: Spot, chance: random.Random) -> str:
        if self._text.startswith(spot.before) and chance.random() < RIGHT_SHARE:
            typed = self._text[len(spot.before) : self._cursor]
            rest = typed + self._typing.coming(self._next, self._cursor)[0]
            block = rest.partition("\n\n")[0]
            return block if spot.wants_block else block.partition("\n")[0]
        lines = [line.strip() for line in spot.before.splitlines()[-40:] if line.strip()]
        return chance.choice(lines) if lines else "pass"

    def _bill(self, spot: Spot, edits: Sequence[str]) -> CacheUse:
        prompt = complete_prompt(_desk(), _brief(self._typing.path), spot, edits)
        options = catalogue.builtin().request_options(prompt.model, prompt.tier)
        model = standin_models.find(MODEL)
        assert model is not None
        blocks = prompt_blocks(wire.arguments(prompt, options), model)
        minimum = catalogue.builtin().cache_minimum_tokens(MODEL)
        # Sittings follow each other within the hour for which the snapshot is kept.
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
        ROOT,
        None,
        Layer("snapshot", snapshot, estimate(snapshot)),
        Layer("changes", "", 0),
        Layer("task", "", 0),
        plan=Plan(snapshot_lifetime="1h", changes_lifetime=None),
    )
    order = Order("complete", ROOT, is_automatic=True)
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
    parser.add_argument(
        "--traces", nargs="+", type=Path, default=[], help="recorded typing; see editing_traces.py"
    )
    parser.add_argument("--strokes", type=int, default=STROKES, help="of each trace")
    parser.add_argument("--write", action="store_true", help="put the tables into the page")
    options = parser.parse_args(arguments)
    found = [
        addition
        for repository in options.repositories
        for addition in additions(repository, options.additions, SEED)
    ]
    sittings = [typing(each, SEED + number) for number, each in enumerate(found)]
    characters = sum(len(each.typed) for each in found)
    parts = [
        about()
        + f"{len(found)} additions of real commits, {characters:,} characters, with made-up "
        f"pauses.\n\n{report([play(sittings, make) for make in WAYS.values()])}"
    ]
    for path in options.traces:
        recorded = trace(path, SEED, options.strokes)
        parts.append(
            f"`{path.name}`: the first {len(recorded.strokes):,} changes that somebody really "
            f"made, with the pauses in between.\n\n"
            f"{report([play([recorded], make) for make in WAYS.values()])}"
        )
        sittings.append(recorded)
    parts.append(local(sittings))
    text = "\n".join(parts)
    print(text)
    if options.write:
        tables.write("completion", text)


def play(sittings: Sequence[Typing], make: Callable[[Typing], Way]) -> Tally:
    """All sittings one after the other, with one cache of prompts."""
    tally, prompt_cache = Tally(), PromptCache()

    async def playing() -> None:
        for sitting in sittings:
            await Typist(sitting, tally, prompt_cache).play(make(sitting))

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(playing())
    return tally


def about() -> str:
    return (
        f"Seed {SEED}; {MODEL} at the catalogue's prices of {catalogue.builtin().as_of}; a "
        f"snapshot of {FAST_SNAPSHOT_TOKENS:,} tokens. Replies are scripted, {RIGHT_SHARE:.0%} of "
        f"them what was really typed next, and whoever sees the right text takes it.\n\n"
    )


def report(tallies: Sequence[Tally]) -> str:
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
    return tables.table(header, rows)


def local(sittings: Sequence[Typing]) -> str:
    """What is computed here at a keystroke."""
    memory = Memory()
    places: list[tuple[Spot, str]] = []
    for sitting in sittings:
        text = sitting.start
        for number, stroke in enumerate(sitting.strokes):
            text = stroke.applied(text)
            if number % 7 or len(stroke.patches) != 1:
                continue
            spot = Spot.at(text, stroke.cursor, sitting.language)
            reply = sitting.coming(number + 1, stroke.cursor)[0]
            places.append((spot, reply))
            memory.remember(FILE, spot, reply)
    parts: dict[str, Callable[[Spot, str], object]] = {
        "the gate": lambda spot, _: why_not(spot),
        "reuse: looking for what was made before": lambda spot, _: memory.find(FILE, spot),
        "post-processing: all filters": lambda spot, reply: polished(reply, spot),
    }
    rows = []
    for name, part in parts.items():
        milliseconds = []
        for spot, reply in places:
            fresh = Spot(spot.before, spot.after, spot.language)
            began = time.thread_time()
            part(fresh, reply)
            milliseconds.append((time.thread_time() - began) * 1_000)
        cuts = statistics.quantiles(milliseconds, n=20)
        rows.append((name, f"{statistics.median(milliseconds):.2f}", f"{cuts[-1]:.2f}"))
    return tables.table(
        (f"locally, {len(places):,} places", "p50, ms of CPU", "p95, ms of CPU"), rows
    )
