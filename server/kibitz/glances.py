"""Short explanations that were made for hovers, kept by the code that they are about.

The same code is never asked about twice, whichever file it has moved to and whichever process asks.
What is kept can be made anew, so the file may be thrown away at any time.
"""

from __future__ import annotations

import hashlib
import logging
import sqlite3
import time
from pathlib import Path

from kibitz_context.database import Database

logger = logging.getLogger(__name__)

# Higher: more is kept, about half a kB each; lower: old code is asked about again.
MOST_KEPT = 4_000

_VERSION = 1
_SCHEMA = "CREATE TABLE glances (key BLOB PRIMARY KEY, markdown TEXT, used_at REAL) WITHOUT ROWID;"


def key_of(code: str, language: str, model: str) -> bytes:
    """What the explanation of `code` by `model` is kept under."""
    digest = hashlib.blake2b(digest_size=20)
    for part in (model, language, code):
        digest.update(part.encode("utf-8", "surrogatepass"))
        digest.update(b"\0")
    return digest.digest()


class Glances:
    """The kept explanations.  Each call reads or writes a file: not for the event loop."""

    def __init__(self, file: Path | None) -> None:
        self._database = Database(file, _SCHEMA, _VERSION)

    def find(self, key: bytes) -> str | None:
        """The explanation under `key`, if there is one."""
        try:
            with self._database.transaction() as connection:
                row = connection.execute(
                    "UPDATE glances SET used_at = ? WHERE key = ? RETURNING markdown",
                    (time.time(), key),
                ).fetchone()
        except sqlite3.Error as error:
            logger.info("kept explanations cannot be read: %s", error)
            return None
        return str(row[0]) if row is not None else None

    def keep(self, key: bytes, markdown: str) -> None:
        """Keep an explanation; what was not looked at for longest makes room."""
        try:
            with self._database.transaction() as connection:
                connection.execute(
                    "INSERT OR REPLACE INTO glances VALUES (?, ?, ?)", (key, markdown, time.time())
                )
                connection.execute(
                    "DELETE FROM glances WHERE key IN "
                    "(SELECT key FROM glances ORDER BY used_at DESC LIMIT -1 OFFSET ?)",
                    (MOST_KEPT,),
                )
        except sqlite3.Error as error:
            logger.info("an explanation could not be kept: %s", error)
