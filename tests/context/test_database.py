"""A file that may be lost at any time: several processes, damage, other versions, no disk."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from kibitz_context.database import Database, use_write_ahead_log

SCHEMA = "CREATE TABLE numbers (name TEXT PRIMARY KEY, value INTEGER NOT NULL);"


def opened(file: Path | None, version: int = 1, schema: str = SCHEMA) -> Database:
    return Database(file, schema, version)


def put(database: Database, name: str, value: int) -> None:
    with database.transaction() as connection:
        connection.execute("INSERT OR REPLACE INTO numbers VALUES (?, ?)", (name, value))


def got(database: Database) -> dict[str, int]:
    with database.reading() as connection:
        return dict(connection.execute("SELECT name, value FROM numbers").fetchall())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "new folder" / "x.sqlite"


def test_what_is_written_is_read_by_another(file: Path) -> None:
    put(opened(file), "a", 1)
    assert got(opened(file)) == {"a": 1}
    assert file.stat().st_mode & 0o777 == 0o600


def test_without_a_file_it_is_in_memory_and_for_any_thread() -> None:
    database = opened(None)
    thread = threading.Thread(target=put, args=(database, "a", 1))
    thread.start()
    thread.join()
    assert got(database) == {"a": 1}
    assert got(opened(None)) == {}


@pytest.mark.parametrize("where", ["file", "memory"])
def test_an_exception_undoes_what_was_written(file: Path, where: str) -> None:
    database = opened(file if where == "file" else None)
    put(database, "a", 1)
    with pytest.raises(ValueError, match="no"), database.transaction() as connection:
        connection.execute("DELETE FROM numbers")
        raise ValueError("no")
    assert got(database) == {"a": 1}


def test_another_version_begins_anew(file: Path) -> None:
    put(opened(file), "a", 1)
    newer = opened(file, 2, "CREATE TABLE numbers (name TEXT, value INTEGER, more TEXT);")
    assert got(newer) == {}
    with newer.reading() as connection:
        columns = connection.execute("PRAGMA table_info(numbers)").fetchall()
    assert len(columns) == 3


@pytest.mark.parametrize("content", [b"no database", b"SQLite format 3\0" + b"\xff" * 4_000, b""])
def test_a_damaged_file_is_made_anew(file: Path, content: bytes) -> None:
    file.parent.mkdir()
    file.write_bytes(content)
    database = opened(file)
    put(database, "a", 1)
    assert got(database) == {"a": 1}
    assert got(opened(file)) == {"a": 1}


def test_damage_that_shows_later_costs_one_failure(file: Path) -> None:
    database = opened(file)
    for number in range(2_000):
        put(database, f"a rather long name of number {number}", number)
    with database.reading() as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(file.read_bytes())
    content[8_192:] = b"\xff" * (len(content) - 8_192)
    file.write_bytes(content)
    with pytest.raises(sqlite3.DatabaseError):
        got(database)
    put(database, "b", 2)
    assert got(database) == {"b": 2}


def test_a_file_that_is_taken_away_is_made_again(file: Path) -> None:
    database = opened(file)
    put(database, "a", 1)
    for part in file.parent.iterdir():
        part.unlink()
    put(database, "b", 2)
    assert got(database) == {"b": 2}


def test_where_no_file_can_be_made_memory_has_to_do(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("not a folder")
    database = opened(tmp_path / "file" / "x.sqlite")
    with caplog.at_level(logging.WARNING):
        put(database, "a", 1)
    assert got(database) == {"a": 1}
    assert "x.sqlite cannot be used" in caplog.text


SCRIPT = """
import sys
from pathlib import Path
from kibitz_context.database import Database
database = Database(Path(sys.argv[1]), sys.argv[2], 1)
for _ in range(200):
    with database.transaction() as connection:
        ((value,),) = connection.execute("SELECT value FROM numbers WHERE name = 'n'")
        connection.execute("UPDATE numbers SET value = ? WHERE name = 'n'", (value + 1,))
"""


def test_no_process_loses_what_another_has_written(file: Path) -> None:
    database = opened(file)
    put(database, "n", 0)
    command = [sys.executable, "-c", SCRIPT, str(file), SCHEMA]
    running = [subprocess.Popen(command) for _ in range(3)]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    assert got(database) == {"n": 600}


def test_whoever_meets_another_who_prepares_the_file_waits(file: Path) -> None:
    file.parent.mkdir(exist_ok=True)
    refused = threading.Event()
    statements: list[str] = []

    class Connection(sqlite3.Connection):
        def execute(self, sql: str, /, *parameters: object) -> sqlite3.Cursor:
            statements.append(sql)
            try:
                return super().execute(sql, *parameters)
            except sqlite3.OperationalError:
                refused.set()
                raise

    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        waiting = sqlite3.connect(file, 0, factory=Connection, check_same_thread=False)
        thread = threading.Thread(target=use_write_ahead_log, args=(waiting, 60.0))
        thread.start()
        assert refused.wait(30)
        other.execute("COMMIT")
        thread.join()
    with contextlib.closing(waiting):
        assert waiting.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert len(statements) > 2


def test_many_may_make_the_same_file_at_once(file: Path) -> None:
    start = threading.Barrier(8)

    def make(number: int) -> None:
        start.wait(10)
        put(opened(file), str(number), number)

    threads = [threading.Thread(target=make, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got(opened(file))) == 8
