"""Where the entries of the prompt cache are: in memory, or in a file for several processes.

The service forgets nothing when a client ends.  A stand-in that is started with each command has
to write its entries down to be like it.  Knows no prompt: an entry's name is a digest.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

logger = logging.getLogger(__name__)

# Scope (a workspace) and digest of the prefix.
Key = tuple[str, str]

_SWEEP_ABOVE_ENTRIES = 10_000
# Other processes hold the file for no longer than it takes to write a few rows.
_LONGEST_WAIT_SECONDS = 5.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (
    name TEXT PRIMARY KEY, lifetime_seconds INTEGER NOT NULL, expires_at REAL NOT NULL
) WITHOUT ROWID
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """Lives until `expires_at`, and from each use on for `lifetime_seconds`."""

    lifetime_seconds: int
    expires_at: float


class Entries(Protocol):
    """The entries of all scopes, live and expired."""

    def get(self, key: Key) -> Entry | None: ...

    def put(self, key: Key, entry: Entry) -> None: ...

    def sweep(self, now: float) -> None:
        """Drop what has expired, if there is much of it."""
        ...

    def close(self) -> None: ...


class EntriesInMemory:
    """Implements `Entries` for one stand-in."""

    def __init__(self) -> None:
        self._entries: dict[Key, Entry] = {}

    def get(self, key: Key) -> Entry | None:
        return self._entries.get(key)

    def put(self, key: Key, entry: Entry) -> None:
        self._entries[key] = entry

    def sweep(self, now: float) -> None:
        if len(self._entries) > _SWEEP_ABOVE_ENTRIES:
            live = {key: entry for key, entry in self._entries.items() if entry.expires_at > now}
            self._entries = live

    def close(self) -> None:
        pass


class EntriesInFile:
    """Implements `Entries` with a SQLite file that any number of processes share.

    Nothing of a prompt, a scope or a credential is in it.  Where it cannot be used, entries are
    kept in memory; a damaged one is removed, so that the next process makes it anew.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._connection: sqlite3.Connection | None = None
        self._memory: EntriesInMemory | None = None

    def get(self, key: Key) -> Entry | None:
        if self._memory is not None:
            return self._memory.get(key)
        try:
            row = (
                self._open()
                .execute(
                    "SELECT lifetime_seconds, expires_at FROM entries WHERE name = ?", (_name(key),)
                )
                .fetchone()
            )
        except sqlite3.Error as error:
            return self._given_up(error).get(key)
        return Entry(*row) if row is not None else None

    def put(self, key: Key, entry: Entry) -> None:
        if self._memory is not None:
            self._memory.put(key, entry)
            return
        values = (_name(key), entry.lifetime_seconds, entry.expires_at)
        try:
            self._open().execute("INSERT OR REPLACE INTO entries VALUES (?, ?, ?)", values)
        except sqlite3.Error as error:
            self._given_up(error).put(key, entry)

    def sweep(self, now: float) -> None:
        if self._memory is None:
            # Few are ever live, and each command sweeps once.
            with contextlib.suppress(sqlite3.Error):
                self._open().execute("DELETE FROM entries WHERE expires_at <= ?", (now,))

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = sqlite3.connect(
                self._file, timeout=_LONGEST_WAIT_SECONDS, isolation_level=None
            )
            self._connection.execute("PRAGMA synchronous = OFF")
            self._connection.execute(_SCHEMA)
        return self._connection

    def _given_up(self, error: sqlite3.Error) -> EntriesInMemory:
        logger.warning("The stand-in's cache is not kept for the next command: %s", error)
        self.close()
        # That it is locked or may not be written is an `OperationalError`; else it is damaged.
        if not isinstance(error, sqlite3.OperationalError):
            with contextlib.suppress(OSError):
                self._file.unlink()
        self._memory = EntriesInMemory()
        return self._memory


def _name(key: Key) -> str:
    return hashlib.sha256("\0".join(key).encode()).hexdigest()
