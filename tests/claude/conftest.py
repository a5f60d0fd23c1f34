"""What the tests of the ledger and the budget share."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def connections_are_closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Newer Pythons warn of connections that are left to the garbage collector."""
    made: list[sqlite3.Connection] = []
    connect = sqlite3.connect

    def remembering(*arguments: Any, **named: Any) -> sqlite3.Connection:
        made.append(connect(*arguments, **named))
        return made[-1]

    monkeypatch.setattr(sqlite3, "connect", remembering)
    yield
    for connection in made:
        connection.close()
