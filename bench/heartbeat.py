"""How long an event loop waits while a repository is indexed and requests are gathered."""

from __future__ import annotations

import asyncio
import gc
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kibitz.front import SWITCH_INTERVAL_SECONDS
from kibitz_context.files.repository import Repository
from kibitz_context.gate.gate import Gate
from kibitz_context.gather import Focus, gather
from kibitz_context.indexer import Request
from kibitz_context.indexing.parser_process import ParserProcess
from kibitz_context.lines import Span
from kibitz_context.worker import Worker

HEADER = (
    "an event loop's longest wait",
    "idle ms",
    "while indexing ms",
    "and gathering ms",
    "times idle",
    "about 1 MB ms",
    "times idle",
    "one gathering ms",
)
# Of one sort each, while the index is made.
GATHERINGS = 12
LARGE_FOCUS_CLASSES = 7_000


def measure(root: Path, cache: Path, max_tokens: int) -> tuple[str, ...]:
    """How long an event loop of this process was not served, see `HEADER` and `Waits`.

    `cache` holds the repository; while it is indexed once more elsewhere, requests are gathered
    about unsaved texts of its files, and about one of nearly a megabyte.
    """

    async def beat(until: asyncio.Future[object]) -> Waits:
        waits: list[float] = []
        last = time.perf_counter()
        while not until.done():
            await asyncio.sleep(0.001)
            now = time.perf_counter()
            waits.append(now - last)
            last = now
        until.result()
        return Waits.of(waits)

    async def measured() -> tuple[Waits, ...]:
        await asyncio.to_thread(about.gather, 0)
        # As a server does when it has started: looking through what stays is no part of this.
        gc.freeze()
        sys.setswitchinterval(SWITCH_INTERVAL_SECONDS)
        idle = await beat(asyncio.ensure_future(asyncio.sleep(2.0)))
        first = worker.prepare(request, lambda *_: None)
        busy = await beat(asyncio.ensure_future(asyncio.to_thread(first.result)))
        shutil.rmtree(anew)
        again = Worker(anew)
        try:
            done = again.prepare(request, lambda *_: None)
            gathering = await beat(asyncio.ensure_future(asyncio.to_thread(about.gather_many)))
            large = await beat(asyncio.ensure_future(asyncio.to_thread(about.gather_large)))
            await asyncio.to_thread(done.result)
        finally:
            await asyncio.to_thread(again.close)
        return idle, busy, gathering, large

    usual_interval = sys.getswitchinterval()
    anew = cache.with_name("anew")
    shutil.rmtree(anew, ignore_errors=True)
    request = Request(root, max_tokens)
    worker, about = Worker(anew), Requests(root, cache, max_tokens)
    try:
        idle, busy, gathering, large = asyncio.run(measured())
        alone = [about.gather(number) for number in range(GATHERINGS)]
    finally:
        worker.close()
        about.close()
        gc.unfreeze()
        sys.setswitchinterval(usual_interval)
        shutil.rmtree(anew, ignore_errors=True)
    return (
        *map(str, (idle, busy, gathering)),
        f"{gathering.longest / idle.longest:.1f}",
        str(large),
        f"{large.longest / idle.longest:.1f}",
        f"{statistics.median(alone) * 1_000:.0f}",
    )


@dataclass(frozen=True)
class Waits:
    """How long a loop that wanted to sleep for 1 ms was away: the longest, and 99 of 100."""

    longest: float
    usual: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Waits:
        ordered = sorted(seconds)
        return cls(ordered[-1], ordered[int(0.99 * len(ordered))])

    def __str__(self) -> str:
        return f"{self.longest * 1_000:.1f} ({self.usual * 1_000:.1f})"


class Requests:
    """Gathers as a server does, about texts that nobody has saved."""

    def __init__(self, root: Path, cache: Path, max_tokens: int) -> None:
        self._root, self._cache, self._max_tokens = root, cache, max_tokens
        listed = subprocess.run(
            ["git", "ls-files", "*.py"], cwd=root, capture_output=True, check=True, text=True
        )
        self._paths = listed.stdout.splitlines()
        self._parser = ParserProcess()
        prepared = Worker(cache)
        prepared.prepare(Request(root, max_tokens)).result()
        prepared.close()

    def close(self) -> None:
        self._parser.close()

    def gather(self, number: int) -> float:
        """Gather about one file; says the seconds."""
        path = self._paths[number * 37 % len(self._paths)]
        text = (self._root / path).read_text("utf-8")
        return self._gather(path, f"{text}\n\ndef added_{time.time_ns()}(): ...\n")

    def gather_many(self) -> None:
        for number in range(GATHERINGS):
            self.gather(number)

    def gather_large(self) -> None:
        classes = (
            f"class Buffer{number} : public Base {{\n  int count = {number};\n public:\n"
            f"  int limit{number}(int a) {{\n    return helper{number}(a) + count;\n  }}\n}};\n"
            for number in range(LARGE_FOCUS_CLASSES)
        )
        self._gather("large.cpp", "".join(classes))

    def _gather(self, path: str, text: str) -> float:
        started = time.perf_counter()
        repository = Repository.find(self._root)
        middle = len(text) // 2
        gather(
            repository,
            Gate(repository.root),
            max_tokens=self._max_tokens,
            focus=Focus(path, text, Span(middle, middle + 400)),
            overlays={self._root / path: text},
            question="Handle the limit of the buffer.",
            cache=self._cache,
            parse=self._parser.symbols,
        )
        return time.perf_counter() - started
