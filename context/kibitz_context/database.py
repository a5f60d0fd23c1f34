"""A small SQLite file that several processes share, and that may be lost at any time.

Everything that is kept this way can be made anew, so a file that is damaged or was written by
another version is thrown away and begun again.  What stands in the tables is not known here.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

# Longer than any transaction in here takes; a process that waits so long has lost nothing but
# its patience.
BUSY_TIMEOUT_SECONDS = 10.0

_logger = logging.getLogger(__name__)


class Database:
    """A file with the tables of `schema`; `file` None keeps them in this process's memory.

    `version` is of the schema *and* of what the values mean.  Each block has its own connection,
    so that any thread may open one at any time.  Where no file can be made, memory has to do.
    """

    def __init__(self, file: Path | None, schema: str, version: int) -> None:
        self._file = file
        self._schema = schema
        self._version = version
        self._is_ready = False
        self._lock = threading.RLock()
        self._memory: sqlite3.Connection | None = None

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection to read with.  A file that turns out to be damaged is thrown away."""
        file = self._ready_file()
        if file is None:
            with self._lock:
                assert self._memory is not None
                yield self._memory
            return
        try:
            with contextlib.closing(_connected(file)) as connection:
                yield connection
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:
            with self._lock:
                self._is_ready = False
                _throw_away(file)
            raise

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A connection that alone may write until the block is left; an exception undoes it."""
        with self.reading() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def _ready_file(self) -> Path | None:
        """The file with its tables in it, or None where the tables are in memory."""
        with self._lock:
            if self._memory is not None:
                return None
            if self._file is not None and not (self._is_ready and self._file.exists()):
                try:
                    self._prepare(self._file)
                    self._is_ready = True
                except (OSError, sqlite3.Error) as error:
                    _logger.warning("%s cannot be used: %s", self._file.name, error)
                    self._file = None
            if self._file is None:
                self._memory = sqlite3.connect(
                    ":memory:", isolation_level=None, check_same_thread=False
                )
                self._memory.executescript(self._schema)
            return self._file

    def _prepare(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            self._make_tables(file)
        except sqlite3.OperationalError:
            # The disk is full, or the folder may not be written: a new file would fare no better.
            raise
        except sqlite3.DatabaseError:
            _throw_away(file)
            self._make_tables(file)

    def _make_tables(self, file: Path) -> None:
        with contextlib.closing(_connected(file)) as connection:
            (found,) = connection.execute("PRAGMA user_version").fetchone()
            if found == self._version:
                # What is damaged behind the header shows when the list of tables is read.
                connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
                return
            use_write_ahead_log(connection, BUSY_TIMEOUT_SECONDS)
            connection.execute("BEGIN IMMEDIATE")
            (found,) = connection.execute("PRAGMA user_version").fetchone()
            # Another process may have made them meanwhile.
            if found != self._version:
                tables = connection.execute(
                    "SELECT name FROM sqlite_master"
                    " WHERE type = 'table' AND name NOT GLOB 'sqlite_*'"
                ).fetchall()
                for (table,) in tables:
                    connection.execute(f'DROP TABLE "{table}"')
                for statement in self._schema.split(";"):
                    if statement.strip():
                        connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {self._version}")
            connection.execute("COMMIT")
        with contextlib.suppress(OSError):
            file.chmod(0o600)


def _connected(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(file, BUSY_TIMEOUT_SECONDS, isolation_level=None)
    # What a power cut takes can be made anew, and waiting for the disk would cost each request
    # more than all that it asks git.
    connection.execute("PRAGMA synchronous = OFF")
    return connection


def use_write_ahead_log(connection: sqlite3.Connection, patience_seconds: float) -> None:
    """Let others read the file of `connection` while one writes.

    SQLite does not wait, as it does elsewhere, for those who are doing so at the same moment:
    `sqlite3.OperationalError` is raised when they have not ended after `patience_seconds`.
    """
    deadline = time.monotonic() + patience_seconds
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
        else:
            return
        time.sleep(0.01)


def _throw_away(file: Path) -> None:
    for ending in ("", "-wal", "-shm", "-journal"):
        with contextlib.suppress(OSError):
            file.with_name(file.name + ending).unlink()
