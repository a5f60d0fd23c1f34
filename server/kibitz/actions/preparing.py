"""Making ready what a request needs of a repository: its index of symbols and its snapshot.

That takes seconds in a large repository the first time, and nothing heavy may run in a server,
so there it happens in a process of its own, while the terminal does it by itself and waits.
Whoever does it, the result lies in the cache folder for all processes; without it a request goes
on with a small provisional snapshot.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from kibitz_context.gate import Gate
    from kibitz_context.repository import Repository


@dataclass(frozen=True)
class Subject:
    """What is to be prepared: a repository through a gate, for a snapshot of `max_tokens`."""

    repository: Repository
    gate: Gate
    max_tokens: int


@dataclass
class Preparation:
    """Something that is being prepared.

    `future` ends when it is ready, or with a sentence that says why it cannot be.  `done` of
    `total` files are indexed; both are 0 until that is known.
    """

    future: Future[str | None]
    done: int = 0
    total: int = 0

    def count(self, done: int, total: int) -> None:
        """Files were indexed.  Called in any thread."""
        self.done, self.total = done, total

    async def wait(self, seconds: float | None) -> bool:
        """Wait for the end, but no longer than that; whether it has come."""
        if not self.future.done():
            await asyncio.wait([asyncio.wrap_future(self.future)], timeout=seconds)
        return self.future.done()


class Preparer(Protocol):
    """Prepares repositories."""

    @property
    def longest_wait_seconds(self) -> float:
        """How long a request should wait for it; infinite where nothing is gained by going on."""
        ...

    def prepare(self, subject: Subject) -> Preparation:
        """Begin, or join what is being prepared already.  Does not block."""
        ...

    def look_at(self, subject: Subject, files: Sequence[str]) -> Preparation:
        """Index these files anew; paths are relative to the root.  Does not block."""
        ...


def is_missing(subject: Subject, model: str, cache: Path | None) -> bool:
    """Whether a request would have to go on with a provisional snapshot.  Runs git."""
    from kibitz_context import prefix, snapshots

    if cache is None:
        return False  # Without a place to put it, whoever needs a snapshot builds it.
    store = snapshots.store_in(cache)
    key = prefix.prefix_key(subject.gate, model, subject.max_tokens)
    sent = prefix.store_in(cache).get(key)
    if sent.was_sent and store.has(sent.snapshot_key):
        return False
    wanted = snapshots.wanted(subject.repository, subject.gate, subject.max_tokens)
    return wanted is not None and not store.has(wanted.key)
