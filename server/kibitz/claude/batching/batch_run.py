"""The state of one run of batches, on disk: what is to be asked, what was sent, what came back.

One SQLite file a run.  It is written before and after everything that cannot be taken back, so
that a process that dies at any moment loses nothing and sends nothing twice.  Knows items by name
and their outcomes as JSON; never holds a prompt.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

ItemState = Literal["waiting", "sent", "done", "failed"]
ChunkState = Literal["planned", "submitting", "submitted"]

# The first try, and one more for what went wrong at the provider.
MOST_TRIES = 2

_SCHEMA = """
CREATE TABLE run (
    id TEXT NOT NULL,
    began REAL NOT NULL,
    about TEXT NOT NULL,          -- JSON: what the run is about, in the caller's words
    prefix TEXT,                  -- the cached prefix that was written last, by its digest
    prefix_at REAL                -- when it was last written or read
);
CREATE TABLE chunks (
    number INTEGER PRIMARY KEY,
    state TEXT NOT NULL,
    batch_id TEXT,
    n_requests INTEGER NOT NULL,
    began REAL NOT NULL,
    newest_before TEXT            -- the newest batch of the workspace before this one was sent
);
CREATE TABLE items (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL DEFAULT 'waiting',
    tries INTEGER NOT NULL DEFAULT 0,
    chunk INTEGER,
    outcome TEXT                  -- JSON
);
CREATE INDEX items_by_state ON items (state, number);
CREATE INDEX items_by_chunk ON items (chunk) WHERE state = 'sent';
"""
_VERSION = 1


class RunIsBusyError(Exception):
    """Another process works on the same run."""


@dataclass(frozen=True, slots=True)
class Item:
    number: int
    name: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """Requests that are one batch.  `batch_id` is None while nobody knows whether there is one."""

    number: int
    state: ChunkState
    batch_id: str | None
    n_requests: int
    began: float
    newest_before: str | None


@dataclass(frozen=True, slots=True)
class Counts:
    """How many items are in which state."""

    waiting: int = 0
    sent: int = 0
    done: int = 0
    failed: int = 0

    @property
    def total(self) -> int:
        return self.waiting + self.sent + self.done + self.failed


class BatchRun:
    """The run in the file at `path`, held for this process alone until it is closed.

    Every method blocks for a moment.  Raises sqlite3.Error or OSError when the file cannot be
    used, RunIsBusyError when another process has it.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection
        row = connection.execute("SELECT id, began, about FROM run").fetchone()
        self.id: str = row["id"]
        self.began: float = row["began"]
        self.about: Mapping[str, Any] = json.loads(row["about"])

    @classmethod
    def resume(cls, path: Path) -> Self | None:
        """The run that is there and not finished; None where there is none that can be read."""
        if not path.exists():
            return None
        connection = _open(path)
        try:
            if _version(connection) == _VERSION:
                return cls(path, connection)
        except BaseException:
            connection.close()
            raise
        connection.close()
        return None

    @classmethod
    def begin(cls, path: Path, about: Mapping[str, Any], names: Iterable[str]) -> Self:
        """A new run over items of these names, in the place of one of another version.

        Raises RunIsBusyError when another process has begun the same one meanwhile.
        """
        connection = _open(path)
        try:
            version = _version(connection)
            if version == _VERSION:
                raise RunIsBusyError
            if version:
                connection.close()
                path.unlink()
                connection = _open(path)
            with _transaction(connection):
                for statement in filter(str.strip, _SCHEMA.split(";")):
                    connection.execute(statement)
                connection.execute(
                    "INSERT INTO run (id, began, about) VALUES (?, ?, ?)",
                    (secrets.token_hex(5), time.time(), json.dumps(about)),
                )
                connection.executemany(
                    "INSERT INTO items (name) VALUES (?)", ((name,) for name in names)
                )
                connection.execute(f"PRAGMA user_version = {_VERSION}")
            return cls(path, connection)
        except BaseException:
            connection.close()
            raise

    def close(self) -> None:
        self._connection.close()

    def custom_id(self, chunk: int, item: int) -> str:
        """The name of an item's request.  It says which run and which chunk it belongs to."""
        return f"kibitz-{self.id}-{chunk}-{item}"

    def name_of(self, item: int) -> str | None:
        row = self._connection.execute(
            "SELECT name FROM items WHERE number = ?", (item,)
        ).fetchone()
        return None if row is None else str(row["name"])

    def item_of(self, chunk: int, custom_id: str) -> int | None:
        """The item that a custom id names; None for the request of another chunk or run."""
        prefix = f"kibitz-{self.id}-{chunk}-"
        number = custom_id.removeprefix(prefix)
        is_ours = custom_id.startswith(prefix) and number.isascii() and number.isdigit()
        return int(number) if is_ours else None

    def tag(self, chunk: int) -> str:
        """What the ledger calls a chunk."""
        return f"{self.id}-{chunk}"

    def counts(self) -> Counts:
        rows = self._connection.execute("SELECT state, COUNT(*) FROM items GROUP BY state")
        return Counts(**dict(rows.fetchall()))

    def waiting(self, after: int = 0, most: int = 1_000) -> list[Item]:
        """Items that are to be sent, in their order, from the one after `after` on."""
        rows = self._connection.execute(
            "SELECT number, name FROM items WHERE state = 'waiting' AND number > ?"
            " ORDER BY number LIMIT ?",
            (after, most),
        )
        return [Item(row["number"], row["name"]) for row in rows]

    def names_waiting(self) -> Iterator[str]:
        rows = self._connection.execute(
            "SELECT name FROM items WHERE state = 'waiting' ORDER BY name"
        )
        for row in rows:
            yield row["name"]

    def chunks(self) -> list[Chunk]:
        """The chunks of which something is still to come, in their order."""
        rows = self._connection.execute("SELECT * FROM chunks ORDER BY number").fetchall()
        return [Chunk(**dict(row)) for row in rows]

    def plan(self, items: Sequence[Item]) -> Chunk:
        """Make a chunk of these items.  Nothing has been sent of it."""
        with _transaction(self._connection):
            row = self._connection.execute(
                "SELECT MAX(COALESCE((SELECT MAX(number) FROM chunks), 0),"
                " COALESCE((SELECT MAX(chunk) FROM items), 0)) + 1 AS number"
            ).fetchone()
            number = int(row["number"])
            self._connection.execute(
                "INSERT INTO chunks (number, state, n_requests, began) VALUES (?, 'planned', ?, ?)",
                (number, len(items), time.time()),
            )
            self._connection.executemany(
                "UPDATE items SET state = 'sent', chunk = ?, tries = tries + 1 WHERE number = ?",
                ((number, item.number) for item in items),
            )
        return Chunk(number, "planned", None, len(items), time.time(), None)

    def submitting(self, chunk: Chunk, newest_before: str | None) -> Chunk:
        """From now on there may be a batch, of which we might never hear."""
        now = time.time()
        with _transaction(self._connection):
            self._connection.execute(
                "UPDATE chunks SET state = 'submitting', began = ?, newest_before = ?"
                " WHERE number = ?",
                (now, newest_before, chunk.number),
            )
        return Chunk(chunk.number, "submitting", None, chunk.n_requests, now, newest_before)

    def submitted(self, chunk: Chunk, batch_id: str) -> Chunk:
        with _transaction(self._connection):
            self._connection.execute(
                "UPDATE chunks SET state = 'submitted', batch_id = ? WHERE number = ?",
                (batch_id, chunk.number),
            )
        return Chunk(
            chunk.number, "submitted", batch_id, chunk.n_requests, chunk.began, chunk.newest_before
        )

    def withdraw(self, chunk: Chunk) -> None:
        """The chunk was never sent: its items wait as before."""
        with _transaction(self._connection):
            self._connection.execute(
                "UPDATE items SET state = 'waiting', tries = tries - 1"
                " WHERE chunk = ? AND state = 'sent'",
                (chunk.number,),
            )
            self._connection.execute("DELETE FROM chunks WHERE number = ?", (chunk.number,))

    def refuse(self, item: Item, outcome: Mapping[str, Any]) -> None:
        """An item that waits is not sent, and this is why."""
        with _transaction(self._connection):
            self._connection.execute(
                "UPDATE items SET state = 'failed', outcome = ?"
                " WHERE number = ? AND state = 'waiting'",
                (json.dumps(outcome), item.number),
            )

    def record(
        self, chunk: Chunk, outcomes: Iterable[tuple[int, ItemState, Mapping[str, Any]]]
    ) -> None:
        """What became of items of a chunk.  "waiting" sends one again, if it has a try left, and
        is "failed" otherwise.  An item that has its outcome keeps it."""
        with _transaction(self._connection):
            self._connection.executemany(
                "UPDATE items SET outcome = :outcome, state = CASE"
                f" WHEN :state = 'waiting' AND tries >= {MOST_TRIES} THEN 'failed'"
                " ELSE :state END WHERE number = :number AND chunk = :chunk AND state = 'sent'",
                (
                    {
                        "number": number,
                        "state": state,
                        "outcome": json.dumps(outcome),
                        "chunk": chunk.number,
                    }
                    for number, state, outcome in outcomes
                ),
            )

    def end(self, chunk: Chunk, missing: Mapping[str, Any], *, again: bool = True) -> None:
        """All results of a chunk are recorded.  An item without one gets `missing` as its outcome
        and is sent `again`, if it has a try left."""
        with _transaction(self._connection):
            self._connection.execute(
                "UPDATE items SET outcome = ?, state = CASE WHEN tries >= ? THEN 'failed'"
                " ELSE 'waiting' END WHERE chunk = ? AND state = 'sent'",
                (json.dumps(missing), MOST_TRIES if again else 0, chunk.number),
            )
            self._connection.execute("DELETE FROM chunks WHERE number = ?", (chunk.number,))

    def knows_batch(self, batch_id: str) -> bool:
        row = self._connection.execute("SELECT 1 FROM chunks WHERE batch_id = ?", (batch_id,))
        return row.fetchone() is not None

    def prefix_written(self) -> tuple[str, float] | None:
        """The prefix that a request of this run has put into the cache, and when."""
        row = self._connection.execute("SELECT prefix, prefix_at FROM run").fetchone()
        return (row["prefix"], row["prefix_at"]) if row["prefix"] is not None else None

    def wrote_prefix(self, prefix: str, at: float) -> None:
        with _transaction(self._connection):
            self._connection.execute("UPDATE run SET prefix = ?, prefix_at = ?", (prefix, at))

    def outcomes(self) -> Iterator[tuple[str, ItemState, Mapping[str, Any]]]:
        """Name, state and outcome of all items that have one, by name."""
        rows = self._connection.execute(
            "SELECT name, state, outcome FROM items WHERE state IN ('done', 'failed') ORDER BY name"
        )
        for row in rows:
            yield row["name"], row["state"], json.loads(row["outcome"]) or {}

    def finish(self) -> None:
        """Everything has its outcome and was shown: nothing of the run is kept."""
        self.close()
        self.path.unlink(missing_ok=True)


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _version(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def _open(path: Path) -> sqlite3.Connection:
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    connection = sqlite3.connect(path, timeout=0.2, isolation_level=None, check_same_thread=False)
    try:
        connection.row_factory = sqlite3.Row
        # The lock on the file says that this process works on the run; the system takes it away
        # from a process that dies.  Written through to the disk: what was sent has its price.
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("COMMIT")
    except sqlite3.OperationalError as error:
        connection.close()
        if "locked" in str(error):
            raise RunIsBusyError from error
        raise
    except BaseException:
        connection.close()
        raise
    return connection
