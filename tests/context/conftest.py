"""The clock on the wall of an editor that asks about a repository."""

from __future__ import annotations

import pytest

from support.asking_editor import Clock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("time.time", lambda: clock.now)
    return clock
