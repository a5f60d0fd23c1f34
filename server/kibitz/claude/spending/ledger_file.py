"""The ledger's SQLite file: one row a request, shared by all processes of the user.

It knows the schema and how to open the file; what the rows mean is known in `ledger` and `budget`.
"""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

from kibitz_context.database import use_write_ahead_log

# Other processes hold the write lock for a millisecond or so; this is for a suspended one.
BUSY_SECONDS = 20.0

# What makes a file of each version out of one of the version before.  A released one never changes.
#
# A running request has its reservation in `reserved_usd` and its process in the last columns.  All
# that is known of it so far is in its row, so that a killed one counts as what was last known.
_VERSION_1 = """
CREATE TABLE requests (
    id INTEGER PRIMARY KEY,
    at REAL NOT NULL,                      -- seconds since 1970, UTC
    day TEXT NOT NULL,                     -- the user's calendar day, YYYY-MM-DD
    repository TEXT NOT NULL,
    action TEXT NOT NULL,
    session TEXT NOT NULL,
    tier TEXT NOT NULL,
    model TEXT NOT NULL,
    input_tokens INTEGER NOT NULL DEFAULT 0,
    cache_read_tokens INTEGER NOT NULL DEFAULT 0,
    cache_write_5m_tokens INTEGER NOT NULL DEFAULT 0,
    cache_write_1h_tokens INTEGER NOT NULL DEFAULT 0,
    output_tokens INTEGER NOT NULL DEFAULT 0,
    cost_usd REAL,                         -- NULL: the model's price is not known
    saved_usd REAL,                        -- against the same request without a cache
    outcome TEXT NOT NULL,                 -- running, finished, cancelled, killed or a failure
    stop_reason TEXT,
    request_id TEXT,
    first_token_seconds REAL,
    total_seconds REAL,
    reserved_usd REAL,                     -- the worst case, while it is running
    touched REAL NOT NULL,                 -- when the row was last written to
    host TEXT NOT NULL,
    pid INTEGER NOT NULL,
    process_started TEXT NOT NULL
);
-- With the cost in it, sums need not touch the rows.
CREATE INDEX requests_by_day ON requests (day, cost_usd);
CREATE INDEX requests_running ON requests (day) WHERE outcome = 'running';
"""

# What was expected of the cache and of the estimate of tokens, beside what came of it.
_VERSION_2 = """
ALTER TABLE requests ADD COLUMN estimated_tokens INTEGER;  -- of the prompt, before any correction
ALTER TABLE requests ADD COLUMN expected_read_tokens INTEGER;  -- NULL: nothing was expected
ALTER TABLE requests ADD COLUMN expected_write_tokens INTEGER;
ALTER TABLE requests ADD COLUMN cache_miss TEXT;  -- why less was read than could have been
ALTER TABLE requests ADD COLUMN cache_missed_tokens INTEGER;
ALTER TABLE requests ADD COLUMN warming_usd REAL;  -- what it takes of the cap while it runs
CREATE INDEX requests_by_model ON requests (model, id) WHERE estimated_tokens IS NOT NULL;
CREATE INDEX requests_missed ON requests (at) WHERE cache_miss IS NOT NULL;
"""

_COMMENT = re.compile(r"--.*")
_VERSIONS = (_VERSION_1, _VERSION_2)
SCHEMA_VERSION = len(_VERSIONS)


class LedgerFile:
    """An open ledger.  Every call blocks; threads take turns.  Opened on first use.

    Raises sqlite3.Error or OSError when the file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._turn = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """One write transaction: nobody else writes from its beginning to its end."""
        with self._turn:
            connection = self._opened()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                _roll_back(connection)
                raise

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        with self._turn:
            yield self._opened()

    def close(self) -> None:
        with self._turn:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = _open(self.path)
        return self._connection


def _open(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Made before SQLite makes it, because what was asked and paid is nobody else's business; the
    # files that SQLite puts beside it get the same permissions.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    if os.name == "posix" and path.stat().st_mode & 0o077:
        path.chmod(0o600)
    connection = sqlite3.connect(
        path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    try:
        connection.row_factory = sqlite3.Row
        use_write_ahead_log(connection, BUSY_SECONDS)
        # In WAL mode this survives the death of any process; only a power cut may lose the last
        # rows, and never the file.
        connection.execute("PRAGMA synchronous = NORMAL")
        _make_schema(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _make_schema(connection: sqlite3.Connection) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == SCHEMA_VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA_VERSION:
            raise sqlite3.DatabaseError("the ledger was written by a newer version of kibitz")
        for script in _VERSIONS[version:]:
            for statement in filter(None, map(str.strip, _COMMENT.sub("", script).split(";"))):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        _roll_back(connection)
        raise


def _roll_back(connection: sqlite3.Connection) -> None:
    # On a full disk SQLite has done so by itself, and would complain of being asked to.
    if connection.in_transaction:
        connection.execute("ROLLBACK")
