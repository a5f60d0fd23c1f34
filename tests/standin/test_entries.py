"""Entries of the prompt cache in a file: what one stand-in has written, the next one reads."""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path

import pytest

from kibitz.standin import CacheUse, PromptBlock, PromptCache
from kibitz.standin.entries import EntriesInFile, Entry

KEY = ("a workspace", "a digest")
PROMPT = [PromptBlock("system", "block 1", "digest", 1_000, 1, "5m")]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "standin.sqlite"


def ask(cache: PromptCache, now: float, scope: str = "ours") -> CacheUse:
    lookup = cache.begin(scope, PROMPT, 512, now)
    lookup.publish()
    return lookup.use


def test_the_next_process_reads_what_was_written(file: Path) -> None:
    one, other = (PromptCache(EntriesInFile(file)) for _ in range(2))
    assert ask(one, 0.0) == CacheUse(write_5m_tokens=1_000)
    assert ask(other, 200.0) == CacheUse(read_tokens=1_000)
    one.close()
    assert ask(one, 450.0) == CacheUse(read_tokens=1_000), "reading has renewed it"
    assert ask(other, 450.0, scope="theirs") == CacheUse(write_5m_tokens=1_000)
    assert ask(other, 750.0) == CacheUse(write_5m_tokens=1_000), "five minutes are over"
    one.close()
    other.close()


def test_what_has_expired_is_dropped(file: Path) -> None:
    entries = EntriesInFile(file)
    entries.put(KEY, Entry(300, 300.0))
    entries.sweep(299.0)
    assert entries.get(KEY) == Entry(300, 300.0)
    entries.sweep(300.0)
    assert entries.get(KEY) is None
    entries.close()


def test_nobody_learns_a_scope_from_it(file: Path) -> None:
    entries = EntriesInFile(file)
    entries.put(("sk-ant-a-key", "a digest"), Entry(300, 300.0))
    entries.close()
    assert b"sk-ant" not in file.read_bytes()


def test_a_damaged_file_is_forgotten_once(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    file.write_bytes(b"no database, and long enough to be none\n" * 200)
    entries = EntriesInFile(file)
    with caplog.at_level(logging.WARNING):
        entries.put(KEY, Entry(300, 300.0))
        assert entries.get(KEY) == Entry(300, 300.0), "in memory"
    (record,) = caplog.records
    assert "not kept for the next command" in record.message
    assert not file.exists()
    again = EntriesInFile(file)
    again.put(KEY, Entry(300, 300.0))
    again.close()
    assert file.exists()


def test_a_file_that_another_holds_is_left_alone(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kibitz.standin.entries._LONGEST_WAIT_SECONDS", 0.0)
    first = EntriesInFile(file)
    first.put(KEY, Entry(300, 300.0))
    first.close()
    holder = sqlite3.connect(file, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    entries = EntriesInFile(file)
    assert entries.get(KEY) is None
    holder.execute("ROLLBACK")
    holder.close()
    assert EntriesInFile(file).get(KEY) == Entry(300, 300.0)


def test_where_nothing_can_be_written_memory_will_do(tmp_path: Path) -> None:
    entries = EntriesInFile(tmp_path / "missing/standin.sqlite")
    entries.put(KEY, Entry(300, 300.0))
    assert entries.get(KEY) == Entry(300, 300.0)
    entries.sweep(400.0)
    entries.close()
