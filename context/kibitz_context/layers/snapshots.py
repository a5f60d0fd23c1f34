"""Snapshots that were built before, kept so that no process has to build one twice.

A snapshot is a pure function of what its key names, so any process reads the bytes that any
other one wrote.  Building is the business of `snapshot`, and of the indexer that calls it.
"""

from __future__ import annotations

import hashlib
import json
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from kibitz_context.database import Database
from kibitz_context.files.repository import Repository, TrackedFile
from kibitz_context.gate.baseline import Baseline, baseline, bases, opened
from kibitz_context.gate.gate import Gate
from kibitz_context.gate.secret_names import NAMED
from kibitz_context.gate.secret_shapes import SHAPED
from kibitz_context.layers import snapshot
from kibitz_context.layers.changes import changes_budget
from kibitz_context.layers.snapshot import SNAPSHOT_VERSION, OutlineOf, OutlineWorth, Snapshot
from kibitz_context.texts import symbols
from kibitz_context.values import FileUse, Layer, Omission

if TYPE_CHECKING:
    from kibitz_context.ranking.rank import Ranking

FILE_NAME = "snapshots.sqlite"

# Some ten repositories with two tiers and a few commits each.  Fewer: work on many repositories
# builds the same snapshot again and again, and a running prefix may lose its text.
MAX_SNAPSHOTS = 60
MAX_TOTAL_BYTES = 128 * 1024 * 1024
# Commits whose folders are remembered: names only.
MAX_COMMITS = 200
# Reading is using; to note it each time would be a write for every request.
USE_NOTED_AFTER_SECONDS = 3_600.0

_SCHEMA = """
CREATE TABLE snapshots (
    key TEXT PRIMARY KEY,
    text TEXT NOT NULL,
    tokens INTEGER NOT NULL,
    files TEXT NOT NULL,
    omitted TEXT NOT NULL,
    folder TEXT,
    lacking TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    used_at REAL NOT NULL
);
CREATE TABLE commits (number INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, folders TEXT NOT NULL)
"""
_SCHEMA_VERSION = 3

_logger = logging.getLogger(__name__)


def snapshot_key(
    repository: Repository, gate: Gate, base: Baseline, hidden: frozenset[str], max_tokens: int
) -> str:
    """Names the snapshot of `base`: a hash of everything that its text depends on.

    The repository's own place is part of it only because a partial or a shallow clone may lack
    what another clone has.
    """
    return _key(repository, gate, base.identity, base.folders, hidden, max_tokens)


def _key(
    repository: Repository,
    gate: Gate,
    identity: str,
    folders: Sequence[str],
    hidden: frozenset[str],
    max_tokens: int,
) -> str:
    place = repository.git.common_dir if repository.git is not None else repository.root
    parts = (
        str(place),
        identity,
        gate.signature(folders),
        sorted(hidden),
        max_tokens,
        SNAPSHOT_VERSION,
        symbols.VERSION,
        _secret_rules_digest(),
        # Of fewer commits there is less to tell which files change most.
        *(("shallow",) if repository.is_shallow else ()),
    )
    return _digest(repr(parts))


@cache
def _secret_rules_digest() -> str:
    """What older rules for secrets let through is not to be read again."""
    return _digest(repr((SHAPED, NAMED)))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


@dataclass(frozen=True)
class Wanted:
    """A snapshot that should be in the store: what it is of, and its name there."""

    repository: Repository
    gate: Gate
    commit: str
    hidden: frozenset[str]
    max_tokens: int
    key: str

    @cached_property
    def base(self) -> Baseline:
        """The files of the commit; those on the disk, and no commit, where it is damaged."""
        return baseline(self.repository, self.commit)


def wanted(
    repository: Repository, gate: Gate, max_tokens: int, store: SnapshotStore
) -> Wanted | None:
    """The snapshot that a new prefix would begin with; None without a commit, where there is
    nothing to prepare.

    Of a commit that `store` knows the files are not listed, unless somebody asks for them.
    """
    commit = bases(repository, changes_budget(max_tokens)).preferred
    return wanted_of(commit, repository, gate, max_tokens, store) if commit is not None else None


def wanted_of(
    commit: str, repository: Repository, gate: Gate, max_tokens: int, store: SnapshotStore
) -> Wanted | None:
    """As `wanted`, of `commit`; None where its folders cannot be read."""
    folders = store.folders(commit)
    if folders is None:
        base = baseline(repository, commit)
        if base.commit is None:
            return None
        folders = base.folders
        store.note_folders(commit, folders)
    hidden = repository.ignored(repository.forgotten(commit))
    key = _key(repository, gate, commit, folders, hidden, max_tokens)
    return Wanted(repository, gate, commit, hidden, max_tokens, key)


def build(
    wanted: Wanted,
    store: SnapshotStore,
    *,
    ranking: Ranking,
    outline_of: OutlineOf,
    outline_worth: OutlineWorth | None = None,
    check: Callable[[], None] = lambda: None,
) -> Snapshot:
    """Build a snapshot and store it.  `check` is called before each piece of work and may raise
    to give up."""
    with opened(wanted.repository, wanted.gate, check, wanted.base) as sources:
        built = snapshot.build(
            sources,
            wanted.hidden,
            wanted.max_tokens,
            ranking=ranking,
            outline_of=outline_of,
            outline_worth=outline_worth,
        )
    store.put(wanted.key, built)
    return built


class SnapshotStore:
    """The snapshots of one cache folder, or of this process's memory; for any thread.

    What cannot be read or written is as if it had never been stored: it can be built again.
    """

    def __init__(self, cache_folder: Path | None) -> None:
        file = cache_folder / FILE_NAME if cache_folder is not None else None
        self._database = Database(file, _SCHEMA, _SCHEMA_VERSION)

    def get(self, key: str) -> Snapshot | None:
        """The snapshot called `key`; None where it is not stored."""
        try:
            with self._database.reading() as connection:
                row = connection.execute(
                    "SELECT text, tokens, files, omitted, folder, used_at FROM snapshots"
                    " WHERE key = ?",
                    (key,),
                ).fetchone()
            if row is None:
                return None
            self._note_use(key, row[5])
            return _read(*row[:5])
        except (sqlite3.Error, ValueError, TypeError, KeyError) as error:
            _logger.warning("A stored snapshot cannot be read: %s", error)
            return None

    def has(self, key: str) -> bool:
        try:
            with self._database.reading() as connection:
                found = connection.execute("SELECT 1 FROM snapshots WHERE key = ?", (key,))
                return found.fetchone() is not None
        except sqlite3.Error:
            return False

    def lacking(self, key: str) -> tuple[str, ...] | None:
        """What the snapshot `key` lacks (`Snapshot.lacking`); None where it is not stored."""
        try:
            with self._database.reading() as connection:
                row = connection.execute(
                    "SELECT lacking FROM snapshots WHERE key = ?", (key,)
                ).fetchone()
            return tuple(json.loads(row[0])) if row is not None else None
        except (sqlite3.Error, ValueError, TypeError):
            return None

    def folders(self, commit: str) -> tuple[str, ...] | None:
        """The folders of `commit` (`Baseline.folders`), as they were noted; None: not yet."""
        try:
            with self._database.reading() as connection:
                row = connection.execute(
                    "SELECT folders FROM commits WHERE id = ?", (commit,)
                ).fetchone()
            return tuple(json.loads(row[0])) if row is not None else None
        except (sqlite3.Error, ValueError, TypeError):
            return None

    def note_folders(self, commit: str, folders: Sequence[str]) -> None:
        """Remember the folders of `commit`: they are the same for ever, and in every clone."""
        try:
            with self._database.transaction() as connection:
                connection.execute(
                    "INSERT OR REPLACE INTO commits (id, folders) VALUES (?, ?)",
                    (commit, json.dumps(folders)),
                )
                connection.execute(
                    "DELETE FROM commits WHERE number <= (SELECT max(number) FROM commits) - ?",
                    (MAX_COMMITS,),
                )
        except sqlite3.Error as error:
            _logger.warning("The folders of a commit cannot be stored: %s", error)

    def put(self, key: str, built: Snapshot) -> None:
        """Store `built`; the ones that were not used for longest make room for it."""
        layer = built.layer
        files = json.dumps([[use.path, use.tokens, use.form, use.score] for use in layer.files])
        omitted = json.dumps([[each.path, each.reason] for each in built.omitted])
        lacking = json.dumps(built.lacking)
        folder = _folder_as_json(built.folder) if built.folder is not None else None
        n_bytes = len(layer.text.encode()) + len(files) + len(omitted) + len(folder or "")
        values = (key, layer.text, layer.tokens, files, omitted, folder, lacking, n_bytes)
        try:
            with self._database.transaction() as connection:
                connection.execute(
                    "INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (*values, time.time()),
                )
                _make_room(connection)
        except sqlite3.Error as error:
            _logger.warning("A snapshot cannot be stored: %s", error)

    def _note_use(self, key: str, used_at: float) -> None:
        now = time.time()
        if abs(now - used_at) > USE_NOTED_AFTER_SECONDS:
            with self._database.transaction() as connection:
                connection.execute("UPDATE snapshots SET used_at = ? WHERE key = ?", (now, key))


def store_in(cache_folder: Path | None) -> SnapshotStore:
    """The store of a cache folder, or this process's own; one for all who ask."""
    with _lock:
        if cache_folder not in _stores:
            _stores[cache_folder] = SnapshotStore(cache_folder)
        return _stores[cache_folder]


_stores: dict[Path | None, SnapshotStore] = {}
_lock = threading.Lock()


def _read(text: str, tokens: int, files: str, omitted: str, folder: str | None) -> Snapshot:
    uses = tuple(FileUse(*fields) for fields in json.loads(files))
    return Snapshot(
        Layer("snapshot", text, tokens, uses),
        frozenset(use.path for use in uses if use.form == "full"),
        tuple(Omission(*fields) for fields in json.loads(omitted)),
        _folder_from_json(folder) if folder is not None else None,
    )


def _folder_as_json(folder: Baseline) -> str:
    files = [[file.path, file.blob_id, file.size_bytes] for file in folder.files]
    return json.dumps({"files": files, "texts": dict(folder.texts or {})})


def _folder_from_json(stored: str) -> Baseline:
    folder = json.loads(stored)
    files = tuple(TrackedFile(*fields) for fields in folder["files"])
    return Baseline(None, files, texts=folder["texts"])


def _make_room(connection: sqlite3.Connection) -> None:
    """Drop all but the last used ones that fit; the newest always stays."""
    total = 0
    rows = connection.execute("SELECT key, bytes FROM snapshots ORDER BY used_at DESC, key")
    for number, (key, n_bytes) in enumerate(rows.fetchall()):
        total += n_bytes
        if number > 0 and (number >= MAX_SNAPSHOTS or total > MAX_TOTAL_BYTES):
            connection.execute("DELETE FROM snapshots WHERE key = ?", (key,))
