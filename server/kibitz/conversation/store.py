"""Where conversations are kept: every turn once, each with the one before it.

Turns only ever come to be; a conversation is the way from its last turn back to its first.  So
two terminals, or a document and its copy, may go on from the same turn, and both turns stay.
A conversation on the command line has an id; one in a document is found again by what stands in
the document.  The file is the user's alone, and what nobody has gone on with for a while is
removed.  Blocking: not for an event loop.
"""

from __future__ import annotations

import logging
import secrets
import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from kibitz import paths
from kibitz.conversation.document import Exchange
from kibitz.conversation.turns import FIRST_KEY, Turn, dumped, key_after, loaded
from kibitz_context.database import Database

FILE_NAME = "conversations.sqlite"

# Higher: old code and answers stay on the disk; lower: yesterday's question cannot be followed up.
KEPT_SECONDS = 30 * 24 * 3600.0
# Turns may hold pictures of a few megabytes.
MOST_TURNS = 1_000

_SCHEMA = """
CREATE TABLE turns (
    id INTEGER PRIMARY KEY,
    parent INTEGER,
    repository TEXT NOT NULL,
    key TEXT NOT NULL,
    at REAL NOT NULL,
    said TEXT NOT NULL
);
CREATE INDEX turns_by_key ON turns (repository, key);
CREATE TABLE threads (
    id TEXT PRIMARY KEY,
    repository TEXT NOT NULL,
    head INTEGER NOT NULL,
    at REAL NOT NULL,
    n_turns INTEGER NOT NULL,
    title TEXT NOT NULL
);
"""
_SCHEMA_VERSION = 1

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Kept:
    """A turn and where it is kept."""

    id: int
    key: str
    turn: Turn


@dataclass(frozen=True)
class Addition:
    """Turns to be kept behind `after` (None: from the first one on), each under its key."""

    after: Kept | None
    turns: tuple[tuple[str, Turn], ...]


@dataclass(frozen=True, slots=True)
class Thread:
    """A conversation on the command line: `title` is its first question, `at` when it was last
    gone on with (Unix seconds), `head` its last turn."""

    id: str
    repository: str
    head: int
    at: float
    n_turns: int
    title: str


class Conversations:
    """The conversations of all repositories, in one file of the state folder."""

    def __init__(self, state_folder: Path) -> None:
        self._database = Database(state_folder / FILE_NAME, _SCHEMA, _SCHEMA_VERSION)

    @classmethod
    def of_user(cls, environ: Mapping[str, str]) -> Conversations:
        """Those of the user.  Raises UserError when the state folder cannot be used."""
        return cls(paths.make_private(paths.state_folder(environ)))

    def threads(self, repository: str) -> list[Thread]:
        """Those of a repository, the one gone on with last first."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT id, repository, head, at, n_turns, title FROM threads"
                " WHERE repository = ? ORDER BY at DESC, id",
                (repository,),
            ).fetchall()
        return [Thread(*row) for row in rows]

    def turns(self, head: int | None) -> list[Kept]:
        """The turns up to `head`, oldest first; from the first one on that can be read."""
        found: list[Kept] = []
        with self._database.reading() as connection:
            while head is not None:
                row = connection.execute(
                    "SELECT parent, key, said FROM turns WHERE id = ?", (head,)
                ).fetchone()
                turn = _read(row[2]) if row is not None else None
                if turn is None:
                    break
                found.append(Kept(head, row[1], turn))
                head = row[0]
        return found[::-1]

    def known(self, repository: str, exchanges: Sequence[Exchange]) -> list[Kept]:
        """The turns of the first of `exchanges`, as many as were sent just so."""
        keys = list(accumulate(exchanges, key_after, initial=FIRST_KEY))[1:]
        for count in range(len(keys), 0, -1):
            with self._database.reading() as connection:
                row = connection.execute(
                    "SELECT id FROM turns WHERE repository = ? AND key = ?"
                    " ORDER BY id DESC LIMIT 1",
                    (repository, keys[count - 1]),
                ).fetchone()
            turns = self.turns(row[0]) if row is not None else []
            if len(turns) == count:
                return turns
        return []

    def add(self, repository: str, addition: Addition) -> int:
        """Keep turns; gives the last one's id."""
        with self._database.transaction() as connection:
            return _added(connection, repository, addition)

    def go_on(
        self, thread: Thread | None, repository: str, addition: Addition, title: str
    ) -> Thread:
        """As `add`, in a conversation on the command line: the one that it is in from now on.

        None begins one.  Where somebody else has gone on with `thread` meanwhile, the turn begins
        a conversation of its own that shares the turns before it.
        """
        with self._database.transaction() as connection:
            head = _added(connection, repository, addition)
            now = time.time()
            if thread is not None:
                moved = connection.execute(
                    "UPDATE threads SET head = ?, at = ?, n_turns = n_turns + 1"
                    " WHERE id = ? AND head = ?",
                    (head, now, thread.id, thread.head),
                )
                if moved.rowcount:
                    return Thread(
                        thread.id, repository, head, now, thread.n_turns + 1, thread.title
                    )
            begun = Thread(
                secrets.token_hex(4),
                repository,
                head,
                now,
                thread.n_turns + 1 if thread is not None else 1,
                thread.title if thread is not None else title,
            )
            connection.execute(
                "INSERT INTO threads (id, repository, head, at, n_turns, title)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (begun.id, repository, begun.head, begun.at, begun.n_turns, begun.title),
            )
            return begun


def _added(connection: sqlite3.Connection, repository: str, addition: Addition) -> int:
    now = time.time()
    _prune(connection, now)
    head = addition.after.id if addition.after is not None else None
    for key, turn in addition.turns:
        cursor = connection.execute(
            "INSERT INTO turns (parent, repository, key, at, said) VALUES (?, ?, ?, ?, ?)",
            (head, repository, key, now, dumped(turn)),
        )
        head = cursor.lastrowid
    assert head is not None, "something is added"
    # Who goes on with a conversation keeps all of it.
    connection.execute(
        "WITH RECURSIVE above(id) AS (SELECT ? UNION"
        " SELECT turns.parent FROM turns JOIN above ON turns.id = above.id"
        " WHERE turns.parent IS NOT NULL)"
        " UPDATE turns SET at = ? WHERE id IN above",
        (head, now),
    )
    return head


def _prune(connection: sqlite3.Connection, now: float) -> None:
    connection.execute("DELETE FROM turns WHERE at < ?", (now - KEPT_SECONDS,))
    connection.execute(
        "DELETE FROM turns WHERE id NOT IN"
        " (SELECT id FROM turns ORDER BY at DESC, id DESC LIMIT ?)",
        (MOST_TURNS - 1,),
    )
    connection.execute("DELETE FROM threads WHERE head NOT IN (SELECT id FROM turns)")


def _read(said: str) -> Turn | None:
    try:
        return loaded(said)
    except ValueError as error:
        _logger.warning("A turn of a conversation cannot be read: %s", error)
        return None
