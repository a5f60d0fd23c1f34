"""A ledger that is damaged, locked, out of reach or on a full disk: nothing is sent uncounted, and
an answer that was paid for is given all the same.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kibitz.claude.metered import MeteredClaude
from kibitz.claude.spending import ledger_file
from kibitz.claude.spending.budget import Budget
from kibitz.claude.spending.ledger import Ledger
from kibitz.claude.values import Block, ClaudeFailure, Event, Finished, Limits, Message, Prompt
from kibitz.claude.values import Purpose as Why
from kibitz.errors import sentence_for
from support.scripted_claude import Scripted

PROMPT = Prompt(
    tier="standard",
    model="claude-sonnet-5-5",
    system=(),
    messages=(Message("user", (Block("Question?"),)),),
    max_tokens=1000,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "ledger.sqlite"


@pytest.fixture(autouse=True)
def nobody_waits_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_file, "BUSY_SECONDS", 0.1)


async def send(
    path: Path, while_it_runs: Callable[[], None] = lambda: None
) -> tuple[Scripted, list[Event] | ClaudeFailure]:
    ledger, claude = Ledger(path), Scripted()
    meter = MeteredClaude(claude, ledger, Budget(path, Limits(day_usd=1.0)))
    events: list[Event] = []
    try:
        async for event in meter.stream(PROMPT, Why("explain", "/r")):
            events.append(event)
            while_it_runs()
    except ClaudeFailure as failure:
        return claude, failure
    finally:
        await meter.aclose()
        ledger.close()
    return claude, events


async def refused(path: Path) -> str:
    """The sentence that is told when nothing could be sent."""
    claude, failure = await send(path)
    assert isinstance(failure, ClaudeFailure)
    assert failure.facts["limit"] == "ledger"
    assert not claude.prompts, "nothing is sent that could not be counted"
    sentence = sentence_for(failure)
    assert str(path)[:60] in sentence
    return sentence


@pytest.fixture
def locked(path: Path) -> Iterator[Path]:
    """Somebody writes and does not come to an end."""
    connection = ledger_file._open(path)
    connection.execute("BEGIN IMMEDIATE")
    yield path
    connection.execute("ROLLBACK")
    connection.close()


async def test_locked(locked: Path) -> None:
    assert "database is locked" in await refused(locked)


async def test_out_of_reach(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    await refused(tmp_path / "file" / "ledger.sqlite")


@pytest.mark.parametrize("n_bytes", [100, 5000])
async def test_damaged(path: Path, n_bytes: int) -> None:
    await send(path)
    data = bytearray(path.read_bytes())
    data[:n_bytes] = b"\xa5" * n_bytes
    path.write_bytes(data)
    for beside in path.parent.glob("ledger.sqlite-*"):
        beside.unlink()
    await refused(path)
    assert path.read_bytes() == bytes(data), "what is there is the user's to look at"


async def test_a_full_disk_before_it_is_sent(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await send(path)
    fill(monkeypatch, path)
    assert "full" in await refused(path)


async def test_when_there_is_room_again_all_is_well(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What failed once leaves no open transaction behind."""
    await send(path)
    file = ledger_file.LedgerFile(path)
    with pytest.raises(sqlite3.IntegrityError), file.transaction() as connection:
        connection.execute("INSERT INTO requests (id) VALUES (1)")
    with pytest.raises(RuntimeError), file.transaction() as connection:
        connection.execute("ROLLBACK")
        raise RuntimeError("as SQLite does on a full disk")
    with file.transaction() as connection:
        connection.execute("UPDATE requests SET action = 'review'")
    file.close()
    assert [key for key, _ in Ledger(path).summary(by="task").rows] == ["review"]


async def test_a_disk_that_fills_while_it_answers(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer was paid for: it is given, and its worst case stays reserved."""

    def fail(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    _, events = await send(path, lambda: monkeypatch.setattr(Ledger, "settle", fail))
    assert isinstance(events, list)
    assert isinstance(events[-1], Finished)
    monkeypatch.undo()
    connection = sqlite3.connect(path)
    outcome, reserved_usd = connection.execute(
        "SELECT outcome, reserved_usd FROM requests"
    ).fetchone()
    connection.close()
    assert outcome == "running"
    assert reserved_usd > 0.01


def fill(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    """From now on the file has all the pages that it will ever have, and no room in them."""
    connection = sqlite3.connect(path)
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.close()
    opened = ledger_file._open

    def open_full(where: Path) -> sqlite3.Connection:
        result = opened(where)
        result.execute(f"PRAGMA max_page_count = {pages}")
        row = (
            "INSERT INTO requests (at, day, repository, action, session, tier, model, outcome,"
            " touched, host, pid, process_started)"
            " VALUES (0, '', ?, '', '', '', '', 'finished', 0, '', 0, '')"
        )
        size = 2000
        while size:
            try:
                result.execute(row, ("x" * size,))
            except sqlite3.OperationalError:
                size //= 2
        return result

    monkeypatch.setattr(ledger_file, "_open", open_full)
