"""What is known of the texts of a repository: symbols, who defines and uses a name, and words.

One SQLite file for a repository, shared by its work trees and by any number of processes, keyed
by git's id of a content: a branch that was seen before costs nothing, and one edit costs one
file.  It holds what texts were at many commits; whoever asks knows which of them are there now,
and which of their paths the gate lets through.  Everything in it can be made anew.
"""

from __future__ import annotations

import hashlib
import logging
import re
import sqlite3
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import TypeVar

from kibitz_context.database import Database
from kibitz_context.files.repository import Repository, TrackedFile
from kibitz_context.gate.secret_names import NAMED
from kibitz_context.gate.secret_shapes import SHAPED
from kibitz_context.texts import symbols as symbols_module
from kibitz_context.texts.languages import language_of
from kibitz_context.texts.mentions import Mentioning, Mentions
from kibitz_context.texts.packing import compressed, decompressed, names_in, unpacked, written
from kibitz_context.texts.symbols import EXTENSION, Symbols

# With every change of the tables below, or of what `words` makes of a text.
_TABLES_VERSION = 2

# More entries are mostly texts that are long gone: then all begin anew.
MAX_ENTRIES = 400_000
MAX_COMPLETE = 200
# The hundredth use of a word says nothing that the fourth has not.
MAX_COUNTED_USES = 4
# Of what a search finds, so many are looked through for what is wanted.
MAX_SEARCHED = 2_000

# SQLite takes at least 999 parameters in one statement, everywhere.
_BATCH = 900
# With more files it is quicker to read all keys than to ask for each.
_MANY_FILES = 3_000

# Neither table keeps its text: what was put in can be found, and never be read again.
_SCHEMA = """
CREATE TABLE entries (
    id INTEGER PRIMARY KEY,
    blob BLOB NOT NULL,
    language TEXT NOT NULL,
    symbols BLOB NOT NULL
);
CREATE UNIQUE INDEX entries_by_blob ON entries (blob, language);
CREATE TABLE complete (id INTEGER PRIMARY KEY, key TEXT UNIQUE NOT NULL, n_files INTEGER NOT NULL);
CREATE VIRTUAL TABLE names USING fts5 (
    defined, used,
    content = '', columnsize = 0, detail = column, tokenize = "ascii tokenchars '_$^'"
);
CREATE VIRTUAL TABLE words USING fts5 (
    word, content = '', tokenize = "ascii tokenchars '_'"
);
CREATE VIRTUAL TABLE words_by_files USING fts5vocab (words, row);
INSERT INTO words (words, rank) VALUES ('hashsize', 1048576)
"""

_Read = TypeVar("_Read")

_logger = logging.getLogger(__name__)


class Index:
    """The index of one repository; any thread may ask, any process may open the same file.

    Whatever goes wrong with the file costs the time of indexing again: what cannot be read is
    answered as if it were not there.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    def open(cls, file: Path | None) -> Index:
        """The index in `file`, made when it is not there; None: in memory.

        A file that is damaged or from another version is thrown away.  A folder that cannot be
        written gives an index in memory.
        """
        return cls(Database(file, _SCHEMA, _version()))

    def missing(self, files: Iterable[TrackedFile]) -> list[TrackedFile]:
        """Those of `files` that are not in the index, each content once, in their order."""
        wanted = {_key(file): file for file in files if file.blob_id}
        try:
            with self._database.reading() as connection:
                known = set(_known_keys(connection, list(wanted)))
        except sqlite3.Error as error:
            _logger.warning("The index cannot be read: %s", error)
            known = set()
        return [file for key, file in wanted.items() if key not in known]

    def add(self, entries: Iterable[tuple[str, str, Symbols, Mapping[str, int]]]) -> None:
        """Put in (blob, path, symbols, words with their counts), all of them at once.

        An entry that is already there stays as it is.  Raises sqlite3.Error when the file cannot
        be written.
        """
        self.add_written(
            (blob, path, written(found), words) for blob, path, found, words in entries
        )

    def add_written(self, entries: Iterable[tuple[str, str, bytes, Mapping[str, int]]]) -> None:
        """As `add`, of symbols as `packing.written` makes them."""
        with self._database.transaction() as connection:
            (count,) = connection.execute("SELECT max(id) FROM entries").fetchone()
            if (count or 0) > MAX_ENTRIES:
                _empty(connection)
            for blob, path, raw, words in entries:
                done = connection.execute(
                    "INSERT OR IGNORE INTO entries (blob, language, symbols) VALUES (?, ?, ?)",
                    (*_key(TrackedFile(path, blob)), compressed(raw)),
                )
                if done.rowcount != 1:
                    continue
                number = done.lastrowid
                defined, used = names_in(raw)
                if defined or used:
                    connection.execute(
                        "INSERT INTO names (rowid, defined, used) VALUES (?, ?, ?)",
                        (number, _defined(defined), " ".join(map(_token, used))),
                    )
                if words:
                    connection.execute(
                        "INSERT INTO words (rowid, word) VALUES (?, ?)", (number, _repeated(words))
                    )

    def complete(self, key: str) -> int | None:
        """How many files there are of what was noted as complete; None when it was not."""
        try:
            with self._database.reading() as connection:
                row = connection.execute(
                    "SELECT n_files FROM complete WHERE key = ?", (key,)
                ).fetchone()
                return row[0] if row is not None else None
        except sqlite3.Error:
            return None

    def note_complete(self, key: str, n_files: int) -> None:
        """Note that all `n_files` files of what `key` names are in the index.

        It holds for as long as they are.  Raises sqlite3.Error when it cannot be written.
        """
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO complete (key, n_files) VALUES (?, ?)", (key, n_files)
            )
            connection.execute(
                "DELETE FROM complete WHERE id <= (SELECT max(id) FROM complete) - ?",
                (MAX_COMPLETE,),
            )

    def symbols(self, blobs: Iterable[str]) -> dict[str, Symbols]:
        """The symbols of the contents that are known, by blob.

        Of a content that was read as two languages (``a.h``, ``a.c``) the one whose name comes
        first; `symbols_of` tells them apart.
        """
        found: dict[str, Symbols] = {}
        for blob, _, data in self._rows(dict.fromkeys(blobs), unpacked):
            if blob not in found:
                found[blob] = data
        return found

    def symbols_of(self, files: Iterable[TrackedFile]) -> dict[str, Symbols]:
        """The symbols of the files that are known, by path."""
        return self._by_path(files, unpacked)

    def mentions_of(self, files: Iterable[TrackedFile]) -> dict[str, Mentions]:
        """What the files mention that are known, by path: a tenth of the memory of `symbols_of`,
        for all files at once."""
        mentioning = Mentioning()
        numbers = self._by_path(files, lambda data: mentioning.add(decompressed(data)))
        found = mentioning.all()
        return {path: found[number] for path, number in numbers.items()}

    def _by_path(
        self, files: Iterable[TrackedFile], read: Callable[[bytes], _Read]
    ) -> dict[str, _Read]:
        paths: dict[tuple[str, str], list[str]] = {}
        for file in files:
            if file.blob_id:
                paths.setdefault((file.blob_id, _language(file.path)), []).append(file.path)
        found: dict[str, _Read] = {}
        for blob, language, data in self._rows(dict.fromkeys(blob for blob, _ in paths), read):
            for path in paths.get((blob, language), ()):
                found[path] = data
        return found

    def definers(self, names: Iterable[str]) -> dict[str, frozenset[str]]:
        """The contents that define each name, as far as there are any."""
        return self._having("defined", names)

    def users(self, names: Iterable[str]) -> dict[str, frozenset[str]]:
        """The contents that use each name, as far as there are any."""
        return self._having("used", names)

    def frequencies(self, words: Iterable[str]) -> dict[str, int]:
        """In how many contents each word is, as far as it is in any."""
        found: dict[str, int] = {}
        try:
            with self._database.reading() as connection:
                for word in dict.fromkeys(words):
                    row = connection.execute(
                        "SELECT doc FROM words_by_files WHERE term = ?", (word,)
                    ).fetchone()
                    if row is not None:
                        found[word] = row[0]
        except sqlite3.Error as error:
            _logger.warning("The index cannot be read: %s", error)
        return found

    def search(
        self, words: Sequence[str], limit: int, among: Container[str] | None = None
    ) -> list[tuple[str, float]]:
        """Contents that hold any of `words`, by BM25: (blob, score), the best first.

        With `among` only those of them; they are looked for among the `MAX_SEARCHED` best of all
        that is known, since the index also holds what files were at other commits.
        """
        terms = [word for word in dict.fromkeys(words) if _WORD.fullmatch(word)]
        if not terms or limit <= 0:
            return []
        scores: dict[str, float] = {}
        last = 0.0
        try:
            with self._database.reading() as connection:
                rows = connection.execute(
                    "SELECT entries.blob, -found.score FROM"
                    " (SELECT rowid AS id, bm25(words) AS score FROM words WHERE words MATCH ?"
                    " ORDER BY score LIMIT ?) AS found CROSS JOIN entries ON entries.id = found.id",
                    (
                        " OR ".join(f'"{word}"' for word in terms),
                        limit if among is None else MAX_SEARCHED,
                    ),
                )
                for blob, score in rows:
                    # Which of those with one score come first must not depend on their order.
                    if len(scores) >= limit and score < last:
                        break
                    name = _text(blob)
                    if name not in scores and (among is None or name in among):
                        scores[name] = last = score
        except sqlite3.Error as error:
            _logger.warning("The index cannot be searched: %s", error)
        return sorted(scores.items(), key=lambda each: (-each[1], each[0]))[:limit]

    def count(self) -> int:
        """How many entries there are."""
        try:
            with self._database.reading() as connection:
                (count,) = connection.execute("SELECT count(*) FROM entries").fetchone()
                return int(count)
        except sqlite3.Error:
            return 0

    def _rows(
        self, blobs: Iterable[str], read: Callable[[bytes], _Read]
    ) -> Iterator[tuple[str, str, _Read]]:
        """Blob, language and what is read of the symbols of each known content, in that order."""
        wanted = iter(blobs)
        try:
            with self._database.reading() as connection:
                while batch := [_bytes(blob) for blob in islice(wanted, _BATCH)]:
                    rows = connection.execute(
                        "SELECT blob, language, symbols FROM entries"
                        f" WHERE blob IN ({','.join('?' * len(batch))}) ORDER BY blob, language",
                        batch,
                    )
                    for blob, language, data in rows:
                        yield _text(blob), language, read(data)
        except (sqlite3.Error, ValueError) as error:
            _logger.warning("The index cannot be read: %s", error)

    def _having(self, column: str, names: Iterable[str]) -> dict[str, frozenset[str]]:
        found: dict[str, frozenset[str]] = {}
        try:
            with self._database.reading() as connection:
                for name in dict.fromkeys(names):
                    rows = connection.execute(
                        "SELECT DISTINCT entries.blob FROM names"
                        " JOIN entries ON entries.id = names.rowid WHERE names MATCH ?",
                        (f'{column} : "{_token(name)}"',),
                    ).fetchall()
                    if rows:
                        found[name] = frozenset(_text(blob) for (blob,) in rows)
        except sqlite3.Error as error:
            _logger.warning("The index cannot be searched: %s", error)
        return found


def index_file(repository: Repository, cache_folder: Path) -> Path:
    """Where the index of `repository` is kept; its work trees share one."""
    git = repository.git
    place = git.common_dir if git is not None else repository.root
    name = hashlib.sha256(str(place).encode("utf-8", "surrogateescape")).hexdigest()[:24]
    return cache_folder / "index" / f"{name}.sqlite"


@lru_cache(maxsize=16)
def _opened(file: Path) -> Index:
    return Index.open(file)


def index_of(repository: Repository, cache_folder: Path) -> Index:
    """The index of `repository` in a cache folder; one for all who ask in this process."""
    return _opened(index_file(repository, cache_folder))


@lru_cache(maxsize=1)
def _version() -> int:
    """Names the tables, the parsers' answers, and which secrets never came in."""
    parts = (_TABLES_VERSION, symbols_module.VERSION, SHAPED, NAMED)
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:4], "big") >> 1


def _language(path: str) -> str:
    language = language_of(path)
    return language.name if language is not None else ""


def _key(file: TrackedFile) -> tuple[bytes, str]:
    return _bytes(file.blob_id), _language(file.path)


def _known_keys(
    connection: sqlite3.Connection, wanted: Sequence[tuple[bytes, str]]
) -> Iterator[tuple[bytes, str]]:
    if len(wanted) > _MANY_FILES:
        yield from connection.execute("SELECT blob, language FROM entries")
        return
    for start in range(0, len(wanted), _BATCH):
        batch = [blob for blob, _ in wanted[start : start + _BATCH]]
        yield from connection.execute(
            f"SELECT blob, language FROM entries WHERE blob IN ({','.join('?' * len(batch))})",
            batch,
        )


def _empty(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM entries")
    connection.execute("DELETE FROM complete")
    for table in ("names", "words"):
        connection.execute(f"INSERT INTO {table} ({table}) VALUES ('delete-all')")


def _bytes(blob: str) -> bytes:
    """A blob's id as it is stored; what is no id of git's is found by nobody."""
    try:
        return bytes.fromhex(blob)
    except ValueError:
        return blob.encode("utf-8", "surrogatepass")


def _text(blob: bytes) -> str:
    return blob.hex()


def _defined(named: Iterable[tuple[str, str]]) -> str:
    names = {name for name, kind in named if kind != EXTENSION}
    return " ".join(map(_token, sorted(names)))


_WORD = re.compile(r"[a-z0-9_]+")
_PLAIN = re.compile(r"[a-z0-9_$\x80-\U0010ffff]+")
_ESCAPED = re.compile(r"[^a-z0-9_$\x80-\U0010ffff]")


@lru_cache(maxsize=4_096)
def _token(name: str) -> str:
    """`name` as one token for the tokenizer, which ignores case and splits at punctuation."""
    if _PLAIN.fullmatch(name):
        return name
    return _ESCAPED.sub(_escape, name).encode("utf-8", "replace").decode()


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    # No letter is a digit, so that no two names have the same token.
    return f"^{character.lower()}" if character.isupper() else f"^{ord(character)}^"


def _repeated(words: Mapping[str, int]) -> str:
    parts: list[str] = []
    for word, count in words.items():
        if count == 1:
            parts.append(word)
        else:
            parts += (word,) * (count if count < MAX_COUNTED_USES else MAX_COUNTED_USES)
    return " ".join(parts)
