"""Making ready what a request needs of a repository: its index of symbols and its snapshot.

That takes seconds in a large repository the first time, and nothing heavy may run in a server,
so there it happens in a process of its own, while the terminal does it by itself and waits.
Whoever does it, the result lies in the cache folder for all processes; without it a request goes
on with a small provisional snapshot.
"""

from __future__ import annotations

import asyncio
import logging
import math
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from kibitz.conversation.document import FILE_ENDING

if TYPE_CHECKING:
    from kibitz.settings import Context
    from kibitz_context.files.repository import Repository
    from kibitz_context.gate.gate import Gate
    from kibitz_context.indexer import Prepared, Request
    from kibitz_context.indexing.parser_process import ParserProcess
    from kibitz_context.texts.symbols import Symbols
    from kibitz_context.worker import Worker

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Subject:
    """What is to be prepared: a repository through a gate, for a snapshot of `max_tokens`."""

    repository: Repository
    gate: Gate
    max_tokens: int

    def request(self) -> Request:
        from kibitz_context.indexer import Request

        return Request.of(self.repository, self.gate, self.max_tokens)


def gate_of(root: Path, context: Context) -> Gate:
    """The gate that everything passes which kibitz chooses to send of a repository."""
    from kibitz_context.gate.gate import Gate

    # What is said about a repository is no part of it, wherever it is kept.
    exclude = (*context.exclude, f"*{FILE_ENDING}")
    return Gate(root, include=context.include, exclude=exclude)


@dataclass
class Preparation:
    """Something that is being prepared: `done` of `total` files are indexed.

    Both are 0 until that is known.  `future` ends when it is ready, or when it cannot be.
    """

    future: Future[Prepared]
    done: int = 0
    total: int = 0

    def count(self, done: int, total: int) -> None:
        """Files were indexed.  Called in any thread."""
        self.done, self.total = done, total

    @property
    def has_failed(self) -> bool:
        return self.future.done() and self.future.result().problem is not None

    async def wait(self, seconds: float | None) -> bool:
        """Wait for the end, but no longer than that; whether it has come."""
        if not self.future.done():
            await asyncio.wait([asyncio.wrap_future(self.future)], timeout=seconds)
        if not self.future.done():
            return False
        if (problem := self.future.result().problem) is not None:
            logger.warning("%s", problem)
        return True


class Preparer(Protocol):
    """Prepares repositories.  `longest_wait_seconds` is what a request should wait for it."""

    longest_wait_seconds: float

    def prepare(self, subject: Subject) -> Preparation:
        """Begin, or join what is being prepared already.  Imports what is slow, but does not wait
        for it: for a thread."""
        ...

    def look_at(self, subject: Subject, files: Sequence[str]) -> Preparation:
        """Index these files anew; paths are relative to the root.  As `prepare`."""
        ...

    def parse(self, path: str, text: str) -> Symbols:
        """What a text defines and uses, which nobody has indexed.  Blocking."""
        ...

    def syntax_faults(self, path: str, text: str) -> int | None:
        """How many places of a text do not parse; None where that cannot be told.  Blocking."""
        ...

    def close(self) -> None:
        """Stop whatever runs.  Blocking."""
        ...


class InOtherProcess:
    """Implements `Preparer` for a server; its processes are begun when they are first needed.

    Texts are parsed in one of their own: a request must not wait for the index of a repository.
    """

    # Longer: a user looks at a progress that will not come to its end soon; shorter: a snapshot
    # that would have been ready in a moment is done without, and written twice.
    longest_wait_seconds = 4.0

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._worker: Worker | None = None
        self._parser: ParserProcess | None = None
        self._is_closed = False
        self._lock = threading.Lock()

    def prepare(self, subject: Subject) -> Preparation:
        preparation = Preparation(Future())
        preparation.future = self._running().prepare(subject.request(), preparation.count)
        return preparation

    def look_at(self, subject: Subject, files: Sequence[str]) -> Preparation:
        return Preparation(self._running().look_at(subject.request(), files))

    def parse(self, path: str, text: str) -> Symbols:
        return self._parsing().symbols(path, text)

    def syntax_faults(self, path: str, text: str) -> int | None:
        return self._parsing().faults(path, text)

    def _parsing(self) -> ParserProcess:
        with self._lock:
            if self._parser is None:
                from kibitz_context.indexing.parser_process import ParserProcess

                self._parser = ParserProcess()
            parser = self._parser
            if self._is_closed:
                # A request that is being ended may still get here.
                parser.close()
        return parser

    def close(self) -> None:
        with self._lock:
            self._is_closed = True
        if self._worker is not None:
            self._worker.close()
        if self._parser is not None:
            self._parser.close()

    def _running(self) -> Worker:
        with self._lock:
            if self._worker is None:
                from kibitz_context.worker import Worker

                self._worker = Worker(self._cache)
            return self._worker


class InThisProcess:
    """Implements `Preparer` for a command in the terminal: its user waits for the answer anyway,
    and pays less for a snapshot that is whole from the first request on."""

    longest_wait_seconds = math.inf

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._threads = ThreadPoolExecutor(1, "kibitz-index")
        self._ended = threading.Event()

    def prepare(self, subject: Subject) -> Preparation:
        preparation = Preparation(Future())
        preparation.future = self._threads.submit(self._prepare, subject, preparation)
        return preparation

    def look_at(self, subject: Subject, files: Sequence[str]) -> Preparation:
        from kibitz_context import indexer

        request, cache = subject.request(), self._cache
        return Preparation(
            self._threads.submit(lambda: indexer.look_at(request, files, cache_folder=cache))
        )

    def parse(self, path: str, text: str) -> Symbols:
        from kibitz_context.texts.symbols import symbols

        return symbols(path, text)

    def syntax_faults(self, path: str, text: str) -> int | None:
        from kibitz_context.texts.syntax_faults import syntax_faults

        return syntax_faults(path, text)

    def close(self) -> None:
        self._ended.set()
        self._threads.shutdown()

    def _prepare(self, subject: Subject, preparation: Preparation) -> Prepared:
        from kibitz_context import indexer

        try:
            return indexer.prepare(
                subject.request(),
                cache_folder=self._cache,
                progress=preparation.count,
                should_stop=self._ended.is_set,
            )
        except indexer.PrepareStopped:
            return indexer.Prepared(problem="Indexing was stopped.")


def is_missing(subject: Subject, model: str, cache: Path | None) -> bool:
    """Whether a request would have to go on with a provisional snapshot.  Runs git."""
    from kibitz_context.caching import prefix
    from kibitz_context.layers import snapshots

    if cache is None:
        return False  # Without a place to put it, whoever needs a snapshot builds it.
    store = snapshots.store_in(cache)
    repository, gate, max_tokens = subject.repository, subject.gate, subject.max_tokens
    sent = prefix.store_in(cache).get(prefix.prefix_key(gate, model, max_tokens))
    # What was sent goes on, as long as its commit is there and the same of it may be sent; but a
    # folder's snapshot does not outlive the folder's first commit.
    if sent.was_sent and sent.base is not None and store.has(sent.snapshot_key):
        (base,) = repository.commits([sent.base])
        same = snapshots.wanted_of(base, repository, gate, max_tokens, store) if base else None
        if same is not None and same.key == sent.snapshot_key:
            return False
    wanted = snapshots.wanted(repository, gate, max_tokens, store)
    return wanted is not None and not store.has(wanted.key)
