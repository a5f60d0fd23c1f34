"""Takes a run of batches to its end: in chunks, the cache first, through failures and restarts.

It knows the order in which things are written down and sent, so that no chunk is lost or sent
twice.  What is asked and what the replies mean is the caller's.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from kibitz.claude.batching.batch_books import BatchBooks
from kibitz.claude.batching.batch_run import BatchRun, Chunk, Counts, Item, ItemState
from kibitz.claude.batching.batches import (
    BatchRequest,
    BatchResult,
    BatchService,
    was_surely_not_sent,
)
from kibitz.claude.values import ClaudeFailure, Prompt

log = logging.getLogger(__name__)

# Our own bounds of a chunk, below the API's.  Larger: more to hold in memory and to send again
# after a failure; smaller: more batches to ask after.
CHUNK_REQUESTS = 2_000
CHUNK_BYTES = 48 * 1024 * 1024
# What is ready by then goes, so that Claude works while the next prompts are made.
CHUNK_SECONDS = 60.0

# Prompts are made partly in threads, and by git.  Higher: more is made that the next chunk gets.
PROMPTS_AT_ONCE = 4

# A request that was on its way when its sender died has arrived by then, if it ever does.
SETTLING_SECONDS = 10.0

FIRST_LOOK_SECONDS = 0.5
LONGEST_LOOK_SECONDS = 30.0
MOST_FAILURES_IN_A_ROW = 8

# Of the hour for which the cache keeps a prefix: what is sent later is preceded by one request
# that writes it again.
PREFIX_SECONDS = 50 * 60.0
# Fewer requests: waiting for the first one's entry takes longer than it saves.
LEAST_FOR_A_LEAD = 3

RECORDED_AT_ONCE = 200

_PASSING = frozenset(
    {"rate_limit", "overloaded", "network", "timeout", "dropped", "server_error", "not_an_api"}
)
MISSING = {"error": "missing"}
GONE = {"error": "gone"}
_NOT_FOUND = 404


BatchRecord = Callable[[str, BatchResult, float | None], None]
"""Hears of each result with the item's name and its cost in USD."""


class CannotAsk(Exception):
    """There is no prompt for an item any more; the text says why."""


class Asker(Protocol):
    """What a run is about.  Items are known by their names."""

    async def prompt(self, name: str) -> Prompt:
        """The prompt of an item.  Raises CannotAsk."""
        ...

    async def answered(self, name: str, result: BatchResult) -> Mapping[str, Any]:
        """What a reply says, as JSON; `problem` in it says that it is of no use."""
        ...


@dataclass(frozen=True, slots=True)
class RunProgress:
    """How far a run is.  `n_batches` are at the provider; `note` is news for the user, or ""."""

    counts: Counts
    n_batches: int
    note: str = ""


class BatchRunner:
    """Works on one run.  `tell` hears of everything that changes."""

    def __init__(
        self,
        run: BatchRun,
        service: BatchService,
        books: BatchBooks,
        asker: Asker,
        *,
        tell: Callable[[RunProgress], None] = lambda _: None,
        record: BatchRecord = lambda *_: None,
        chunk_requests: int = CHUNK_REQUESTS,
        chunk_bytes: int = CHUNK_BYTES,
        settling_seconds: float = SETTLING_SECONDS,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._run = run
        self._service = service
        self._books = books
        self._asker = asker
        self._tell = tell
        self._record = record
        self._chunk_requests = chunk_requests
        self._chunk_bytes = chunk_bytes
        self._settling_seconds = settling_seconds
        self._sleep = sleep
        self._failures: dict[str, int] = {}
        self._lead: int | None = None
        self._was_cancelled = False
        self._kept: dict[Item, BatchRequest] = {}  # made, but too much for the chunk

    @property
    def was_cancelled(self) -> bool:
        """Whether somebody has cancelled a batch at the provider; then no more is sent."""
        return self._was_cancelled

    async def go(self) -> None:
        """Send what waits and collect what comes, until every item has its outcome.

        Raises ClaudeFailure when it cannot go on now; another runner can, with the same run.
        Cancelled, it leaves what is at the provider there.
        """
        for chunk in self._run.chunks():
            if chunk.state == "planned":
                await self._take_back(chunk)
        pause_seconds = FIRST_LOOK_SECONDS
        while True:
            has_news = await self._patiently(self._collect)
            has_news |= await self._patiently(self._submit)
            counts, chunks = self._run.counts(), self._run.chunks()
            if not chunks and (not counts.waiting or self._was_cancelled):
                return
            if has_news:
                pause_seconds = FIRST_LOOK_SECONDS
                continue
            await self._sleep(pause_seconds)
            pause_seconds = min(pause_seconds * 1.6, LONGEST_LOOK_SECONDS)

    async def _patiently(self, step: Callable[[], Coroutine[Any, Any, bool]]) -> bool:
        """Take a step; what passes by itself is waited for, but not for ever."""
        name = step.__name__
        try:
            has_news = await step()
        except ClaudeFailure as failure:
            in_a_row = self._failures[name] = self._failures.get(name, 0) + 1
            lasts = failure.kind not in _PASSING or failure.facts.get("final")
            if lasts or in_a_row >= MOST_FAILURES_IN_A_ROW:
                raise
            log.info("batches could not be asked after or sent: %s", failure.kind)
            wanted_seconds = failure.retry_after_seconds or FIRST_LOOK_SECONDS * 2**in_a_row
            await self._sleep(min(wanted_seconds, 2 * LONGEST_LOOK_SECONDS))
            return False
        self._failures[name] = 0
        return has_news

    async def _collect(self) -> bool:
        """Look after everything that is at the provider; whether there was news."""
        has_news = False
        for chunk in self._run.chunks():
            if chunk.state == "submitting":
                has_news |= await self._find(chunk)
                continue
            assert chunk.batch_id is not None
            try:
                batch = await self._service.look(chunk.batch_id)
            except ClaudeFailure as failure:
                if failure.status != _NOT_FOUND:
                    raise
                # Somebody has deleted it.  Its price stays at the worst case.
                self._run.end(chunk, GONE, again=False)
                has_news = True
                continue
            if batch.state == "ended":
                await self._read(chunk)
                has_news = True
        return has_news

    async def _find(self, chunk: Chunk) -> bool:
        """Find out whether a chunk of which we never heard has become a batch.

        Batches have no names of their own.  Those that came after the newest one we knew of, and
        have as many requests, are candidates; the custom ids in the results of one that has ended
        say whose it is.
        """
        if time.time() - chunk.began < self._settling_seconds:
            return False
        async with contextlib.aclosing(self._service.newer_than(chunk.newest_before)) as newer:
            candidates = [
                batch
                async for batch in newer
                if batch.total == chunk.n_requests and not self._run.knows_batch(batch.id)
            ]
        for candidate in candidates:
            if candidate.state == "ended" and await self._is_ours(chunk, candidate.id):
                self._run.submitted(chunk, candidate.id)
                self._say("found a batch that was sent before")
                return True
        if any(candidate.state != "ended" for candidate in candidates):
            return False  # One of them may be ours, and to send it again would be to pay twice.
        await self._take_back(chunk)
        return True

    async def _is_ours(self, chunk: Chunk, batch_id: str) -> bool:
        async with contextlib.aclosing(self._service.results(batch_id)) as results:
            async for result in results:
                return self._run.item_of(chunk.number, result.custom_id) is not None
        return False

    async def _take_back(self, chunk: Chunk) -> None:
        """A chunk was never sent.  Its reservation goes first: a run that dies in between finds
        it as it was."""
        await asyncio.to_thread(self._books.release, self._run.tag(chunk.number))
        if chunk.n_requests == 1:
            self._run.wrote_prefix("", 0.0)  # It may have been the one that was to write it.
            self._lead = None
        self._run.withdraw(chunk)

    async def _read(self, chunk: Chunk) -> None:
        """Take in the results of a batch that has ended.  May be done again from the start."""
        assert chunk.batch_id is not None
        group: list[tuple[int, BatchResult]] = []
        async with contextlib.aclosing(self._service.results(chunk.batch_id)) as results:
            async for result in results:
                item = self._run.item_of(chunk.number, result.custom_id)
                if item is None:
                    continue
                group.append((item, result))
                if len(group) >= RECORDED_AT_ONCE:
                    await self._take_in(chunk, group)
                    group = []
        await self._take_in(chunk, group)
        written = self._run.prefix_written()
        if written is not None:
            self._run.wrote_prefix(written[0], time.time())
        self._run.end(chunk, MISSING)
        if self._lead == chunk.number:
            self._lead = None
        self._say("a batch has ended")

    async def _take_in(self, chunk: Chunk, group: list[tuple[int, BatchResult]]) -> None:
        if not group:
            return
        results = [result for _, result in group]
        await asyncio.to_thread(self._books.settle, self._run.tag(chunk.number), results)
        outcomes: list[tuple[int, ItemState, Mapping[str, Any]]] = []
        for item, result in group:
            name = self._run.name_of(item)
            if name is None:
                continue
            outcomes.append((item, *await self._outcome(name, result)))
        self._run.record(chunk, outcomes)
        self._say()

    async def _outcome(self, name: str, result: BatchResult) -> tuple[ItemState, Mapping[str, Any]]:
        if result.kind == "canceled":
            self._was_cancelled = True
        usage = result.usage
        cost_usd = self._books.cost_usd(usage)
        self._record(name, result, cost_usd)
        if result.kind != "succeeded":
            state: ItemState = "waiting" if result.may_be_sent_again else "failed"
            return state, {"error": result.error or result.kind, "message": result.message[:300]}
        said = await self._asker.answered(name, result)
        bill = {
            "usage": [
                usage.input_tokens,
                usage.cache_read_tokens,
                usage.cache_write_5m_tokens,
                usage.cache_write_1h_tokens,
                usage.output_tokens,
            ],
            "cost_usd": cost_usd,
        }
        return "failed" if said.get("problem") else "done", {**said, **bill}

    async def _submit(self) -> bool:
        """Send one more chunk, if there is something to send and it is time; whether it was."""
        if self._was_cancelled or self._is_lead_out():
            return False
        items, requests = await self._next_requests()
        if not requests:
            return False
        chunk = self._run.plan(items)
        requests = [
            BatchRequest(self._run.custom_id(chunk.number, item.number), request.prompt)
            for item, request in zip(items, requests, strict=True)
        ]
        exceeded = await asyncio.to_thread(
            self._books.reserve, self._run.tag(chunk.number), requests
        )
        if exceeded is not None:
            self._run.withdraw(chunk)
            if self._run.chunks():
                return False  # What is out costs less than its worst case, as a rule.
            raise exceeded.as_failure(requests[0].prompt.model)
        try:
            await self._send(chunk, requests)
        except ClaudeFailure as failure:
            if was_surely_not_sent(failure.kind, failure.facts.get("cause")):
                await self._take_back(chunk)
            raise
        return True

    async def _send(self, chunk: Chunk, requests: list[BatchRequest]) -> None:
        try:
            newest = await self._newest()
        except ClaudeFailure:
            await self._take_back(chunk)
            raise
        if (digest := _prefix_digest(requests[0].prompt)) is not None:
            self._run.wrote_prefix(digest, time.time())
            if len(requests) == 1:
                self._lead = chunk.number
        chunk = self._run.submitting(chunk, newest)
        batch = await self._service.submit(requests)
        self._run.submitted(chunk, batch.id)
        self._say(f"sent {len(requests)} request{'' if len(requests) == 1 else 's'}")

    async def _newest(self) -> str | None:
        async with contextlib.aclosing(self._service.newer_than(None)) as batches:
            async for batch in batches:
                return batch.id
        return None

    def _is_lead_out(self) -> bool:
        """Whether the request that writes the cache is still at the provider.  After a restart
        any single request may be the one."""
        chunks = self._run.chunks()
        return any(each.n_requests == 1 or each.number == self._lead for each in chunks)

    async def _next_requests(self) -> tuple[list[Item], list[BatchRequest]]:
        """The next chunk's items and their prompts; a single one where the cache is to be written
        first."""
        items: list[Item] = []
        requests: list[BatchRequest] = []
        n_bytes, after, is_full = 0, 0, False
        n_waiting = self._run.counts().waiting
        deadline = time.monotonic() + CHUNK_SECONDS
        while not is_full and not (requests and time.monotonic() > deadline):
            # The first by itself: what it has in common with the others is made with it.
            group = self._run.waiting(after, PROMPTS_AT_ONCE if requests else 1)
            if not group:
                break
            after = group[-1].number
            made = await asyncio.gather(*(self._request(item) for item in group))
            for item, request in zip(group, made, strict=True):
                if request is None:
                    continue
                n_bytes += self._service.request_bytes(request)
                if requests and (n_bytes > self._chunk_bytes or is_full):
                    is_full = True
                    self._kept[item] = request
                    continue
                items.append(item)
                requests.append(request)
                is_lead = len(requests) == 1 and n_waiting >= LEAST_FOR_A_LEAD
                is_full = len(requests) >= self._chunk_requests or (
                    is_lead and self._needs_lead(request)
                )
        return items, requests

    async def _request(self, item: Item) -> BatchRequest | None:
        if (kept := self._kept.pop(item, None)) is not None:
            return kept
        try:
            prompt = await self._asker.prompt(item.name)
        except CannotAsk as problem:
            self._run.refuse(item, {"problem": str(problem)})
            return None
        return BatchRequest(self._run.custom_id(0, item.number), prompt)

    def _needs_lead(self, request: BatchRequest) -> bool:
        digest = _prefix_digest(request.prompt)
        written = self._run.prefix_written()
        if digest is None:
            return False
        return written is None or written[0] != digest or time.time() - written[1] > PREFIX_SECONDS

    def _say(self, note: str = "") -> None:
        self._tell(RunProgress(self._run.counts(), len(self._run.chunks()), note))


def _prefix_digest(prompt: Prompt) -> str | None:
    """A name for what of a prompt asks for a cache entry; None where nothing does."""
    marked = [number for number, block in enumerate(prompt.system) if block.marker is not None]
    if not marked:
        return None
    texts = [block.text for block in prompt.system[: marked[-1] + 1]]
    said = json.dumps([prompt.model, prompt.tier, [tool.name for tool in prompt.tools], texts])
    return hashlib.sha256(said.encode()).hexdigest()
