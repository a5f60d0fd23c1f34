"""What was sent before: the base, the log and the leases of each prefix, kept between requests.

A prefix belongs to a work tree, a model and the settings that select content.  It outlives the
process, and several processes (two editors, a terminal) share it, so that they read one another's
cache entries.  What is to become of it is decided in `policy`; the texts are made in `gather`.
Nothing here is needed for a right answer: what is lost costs one write.
"""

from __future__ import annotations

import hashlib
import json
import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from kibitz_context.caching.policy import (
    LIFETIME_SECONDS,
    OPEN_TIMES_KEPT,
    REQUEST_TIMES_KEPT,
    Lease,
    TtlSetting,
)
from kibitz_context.caching.prefix_state import PrefixState, as_json, from_json
from kibitz_context.database import Database
from kibitz_context.gate.gate import Gate
from kibitz_context.values import CacheLifetime, Context, PrefixId, Prices

FILE_NAME = "prefixes.sqlite"
# Of every work tree there are a few: tiers, and settings that somebody tried.
MAX_PREFIXES = 200

_SCHEMA = """
CREATE TABLE prefixes (
    key TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    used_at REAL NOT NULL
);
"""
_SCHEMA_VERSION = 5

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PrefixRequest:
    """How the prefix of a request is to be kept, as far as the caller knows.

    `tokens_factor` is how many tokens of `model` there are to one that `tokens.estimate` tells.
    `max_prompt_tokens` bounds the whole prompt in tokens of the model, None: nothing does; of
    these `caller_tokens` are taken by what the caller adds behind the context, and `rules_tokens`
    by the tools and rules in front of it.  With `record` False nothing is remembered: the answer
    is what would be sent.  `keep_warm` is whether pings may be sent for this prefix.
    """

    model: str
    prices: Prices | None = None
    ttl: TtlSetting = "auto"
    record: bool = True
    tokens_factor: float = 1.0
    max_prompt_tokens: int | None = None
    caller_tokens: int = 0
    rules_tokens: int = 0
    keep_warm: bool = True


def prefix_key(gate: Gate, model: str, max_tokens: int) -> str:
    """Names the prefix of a work tree, a model and the settings that select content."""
    parts = (str(gate.root), model, gate.signature(()), max_tokens)
    return hashlib.sha256(repr(parts).encode("utf-8", "surrogateescape")).hexdigest()


class PrefixStore:
    """The prefixes of one cache folder, or of this process's memory; for any thread."""

    def __init__(self, cache_folder: Path | None) -> None:
        file = cache_folder / FILE_NAME if cache_folder is not None else None
        self._database = Database(file, _SCHEMA, _SCHEMA_VERSION)

    def get(self, key: str) -> PrefixState:
        """What is remembered; an empty state of what was never sent or is lost."""
        try:
            with self._database.reading() as connection:
                return _selected(connection, key)
        except sqlite3.Error as error:
            _logger.warning("What was sent before cannot be read: %s", error)
            return PrefixState()

    def update(self, key: str, change: Callable[[PrefixState], PrefixState]) -> PrefixState:
        """Replace the state by what `change` makes of it, while no other process can.

        `change` should be quick.  Where the state cannot be written, it is forgotten: the next
        request will not know of this one.
        """
        try:
            with self._database.transaction() as connection:
                before = _selected(connection, key)
                after = change(before)
                if after is not before:
                    connection.execute(
                        "INSERT OR REPLACE INTO prefixes VALUES (?, ?, ?)",
                        (key, json.dumps(as_json(after)), time.time()),
                    )
                if not before.was_sent:
                    connection.execute(
                        "DELETE FROM prefixes WHERE key NOT IN"
                        " (SELECT key FROM prefixes ORDER BY used_at DESC, key LIMIT ?)",
                        (MAX_PREFIXES,),
                    )
                return after
        except sqlite3.Error as error:
            _logger.warning("What was sent cannot be remembered: %s", error)
            return change(PrefixState())


def store_in(cache_folder: Path | None) -> PrefixStore:
    """The store of a cache folder, or this process's own; one for all who ask."""
    with _lock:
        if cache_folder not in _stores:
            _stores[cache_folder] = PrefixStore(cache_folder)
        return _stores[cache_folder]


_stores: dict[Path | None, PrefixStore] = {}
_lock = threading.Lock()


def state_of(prefix: PrefixId) -> PrefixState:
    """What is remembered of the prefix that a context belongs to."""
    return store_in(prefix.cache).get(prefix.key)


def began(context: Context, started_at: float | None = None, *, asked: bool = True) -> None:
    """Say that the response to a request with the prefix of `context` has begun.

    From then on its entries can be read: they live from `started_at` (Unix seconds, when the
    request was started; None: now).  `asked` is False for a ping, which is no request of the
    user's.  Does nothing for a context of which nothing is recorded.
    """
    prefix, plan = context.prefix, context.plan
    if prefix is None or plan is None:
        return
    start = time.time() if started_at is None else started_at
    blocks = len(plan.changes_log)

    def renewed(state: PrefixState) -> PrefixState:
        if asked:
            state = replace(state, request_times=_later(state.request_times, start))
        if state.generation != prefix.generation:
            return state
        if plan.snapshot_lifetime is not None:
            lease = _renewed(state.snapshot_lease, plan.snapshot_lifetime, start)
            state = replace(state, snapshot_lease=lease)
        if plan.changes_lifetime is not None and blocks:
            lease = _renewed(state.log_lease, plan.changes_lifetime, start)
            state = replace(state, log_lease=lease, log_blocks_leased=blocks)
        return state

    store_in(prefix.cache).update(prefix.key, renewed)


def missed(context: Context) -> None:
    """Say that the cache did not hold what it should have held: no entry is counted on.

    What the request has written instead counts again once `began` says so.
    """
    prefix = context.prefix
    if prefix is None:
        return

    def without_leases(state: PrefixState) -> PrefixState:
        if state.generation != prefix.generation:
            return state
        return state.without_leases()

    store_in(prefix.cache).update(prefix.key, without_leases)


def opened(prefix: PrefixId, now: float | None = None) -> PrefixState:
    """Remember that an editor has opened the repository; the state from before that."""
    moment = time.time() if now is None else now
    before = state_of(prefix)
    store_in(prefix.cache).update(
        prefix.key,
        lambda state: replace(
            state, open_times=tuple(sorted((*state.open_times, moment)))[-OPEN_TIMES_KEPT:]
        ),
    )
    return before


def _later(times: tuple[float, ...], start: float) -> tuple[float, ...]:
    return tuple(sorted((*times, start)))[-REQUEST_TIMES_KEPT:]


def _renewed(known: Lease | None, lifetime: CacheLifetime, start: float) -> Lease:
    """An entry that is read keeps the lifetime it was written with."""
    if known is not None and known.alive(start):
        lifetime = known.lifetime
    expires_at = start + LIFETIME_SECONDS[lifetime]
    if known is not None:
        expires_at = max(expires_at, known.expires_at)
    return Lease(lifetime, expires_at)


def _selected(connection: sqlite3.Connection, key: str) -> PrefixState:
    row = connection.execute("SELECT state FROM prefixes WHERE key = ?", (key,)).fetchone()
    if row is None:
        return PrefixState()
    try:
        return from_json(json.loads(row[0]))
    except (ValueError, TypeError, KeyError) as error:
        _logger.warning("What was sent before cannot be read: %s", error)
        return PrefixState()
