"""The ledger: rows in, sums out, in the shape of `kibitz usage --json`."""

from __future__ import annotations

import datetime
import sqlite3
import stat
import time
from pathlib import Path

import pytest

from kibitz.claude.budget import Budget, Limits, Planned, Reservation
from kibitz.claude.ledger import Figures, Ledger, Settlement, SoFar
from kibitz.claude.ledger_file import SCHEMA_VERSION
from kibitz.claude.values import Purpose, Usage

USAGE = Usage(
    input_tokens=1,
    cache_read_tokens=20,
    cache_write_5m_tokens=100,
    cache_write_1h_tokens=200,
    output_tokens=4000,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "ledger.sqlite"


def record(
    path: Path,
    action: str = "explain",
    *,
    repository: str = "/r",
    model: str = "claude-sonnet-5-5",
    cost_usd: float | None = 0.5,
) -> None:
    """One request from its beginning to its end."""
    planned = Planned(Purpose(action, repository), "standard", model, cost_usd)
    reservation = Budget(path, Limits()).reserve(planned)
    assert isinstance(reservation, Reservation)
    saved_usd = None if cost_usd is None else 0.25
    settlement = Settlement("finished", SoFar(USAGE, cost_usd, saved_usd), "end_turn", "req_1")
    Ledger(path).settle(reservation.request, settlement)


class TestSummary:
    def test_of_nothing(self, path: Path) -> None:
        summary = Ledger(path).summary()
        assert (summary.total, summary.rows) == (Figures(), ())
        assert not path.exists(), "looking does not leave traces"

    def test_shape(self, path: Path) -> None:
        record(path)
        record(path, cost_usd=0.1)
        sums = {
            "requests": 2,
            "cost_usd": 0.6,
            "saved_usd": 0.5,
            "input_tokens": 2,
            "cache_read_tokens": 40,
            "cache_write_tokens": 600,
            "output_tokens": 8000,
        }
        assert Ledger(path).summary(by="task").as_json() == {
            "total": sums,
            "rows": [{"key": "explain", **sums}],
        }

    def test_groups_are_ordered_by_cost(self, path: Path) -> None:
        record(path, "explain", repository="/a", model="m1", cost_usd=0.1)
        record(path, "review", repository="/a", model="m1", cost_usd=0.3)
        record(path, "ask", repository="/b", model="m2", cost_usd=0.2)
        ledger = Ledger(path)
        assert [key for key, _ in ledger.summary(by="task").rows] == ["review", "ask", "explain"]
        assert [key for key, _ in ledger.summary(by="repo").rows] == ["/a", "/b"]
        assert [key for key, _ in ledger.summary(by="model").rows] == ["m1", "m2"]

    def test_price_that_is_not_known_counts_tokens_only(self, path: Path) -> None:
        record(path, cost_usd=None)
        total = Ledger(path).summary().total
        assert (total.requests, total.cost_usd, total.output_tokens) == (1, 0.0, 4000)

    def test_days_are_the_users_own(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        try:
            for at in (
                datetime.datetime(2026, 11, 21, 14, 59, tzinfo=datetime.UTC),
                datetime.datetime(2026, 11, 21, 15, 1, tzinfo=datetime.UTC),
            ):
                moment = at.timestamp()
                monkeypatch.setattr(time, "time", lambda moment=moment: moment)
                record(path)
        finally:
            monkeypatch.undo()
            time.tzset()
        rows = Ledger(path).summary(by="day").rows
        assert [key for key, _ in rows] == ["2026-11-21", "2026-11-22"]

    def test_since(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(time, "time", lambda: 1_000_000.0)
        record(path)
        at = datetime.datetime.fromtimestamp(1_000_000, datetime.UTC)
        ledger = Ledger(path)
        assert ledger.summary(at).total.requests == 1
        assert ledger.summary(at + datetime.timedelta(seconds=1)).total.requests == 0

    def test_of_one_repository(self, path: Path) -> None:
        record(path, "explain", repository="/a")
        record(path, "review", repository="/b")
        summary = Ledger(path).summary(by="task", repository="/a")
        assert (summary.total.requests, [key for key, _ in summary.rows]) == (1, ["explain"])

    def test_a_running_request_counts_as_what_is_known_of_it(self, path: Path) -> None:
        planned = Planned(Purpose("explain"), "standard", "m", 1.0)
        reservation = Budget(path, Limits()).reserve(planned)
        assert isinstance(reservation, Reservation)
        ledger = Ledger(path)
        assert ledger.summary().total == Figures(requests=1)
        ledger.note(reservation.request, SoFar(USAGE, 0.2, 0.0))
        assert ledger.summary().total.cost_usd == 0.2


class TestFile:
    def test_is_the_users_alone(self, path: Path) -> None:
        path.parent.mkdir()
        path.touch(0o644)
        record(path)
        for file in path.parent.iterdir():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file.name

    def test_holds_what_was_asked_for(self, path: Path) -> None:
        record(path)
        connection = sqlite3.connect(path)
        connection.row_factory = sqlite3.Row
        row = dict(connection.execute("SELECT * FROM requests").fetchone())
        connection.close()
        assert (
            row.items()
            >= {
                "repository": "/r",
                "action": "explain",
                "tier": "standard",
                "model": "claude-sonnet-5-5",
                "outcome": "finished",
                "stop_reason": "end_turn",
                "request_id": "req_1",
                "cache_write_1h_tokens": 200,
                "reserved_usd": None,
            }.items()
        )

    def test_of_a_newer_version_is_left_alone(self, path: Path) -> None:
        record(path)
        connection = sqlite3.connect(path)
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
        connection.close()
        with pytest.raises(sqlite3.DatabaseError, match="newer"):
            Ledger(path).summary()

    def test_that_is_not_a_database(self, path: Path) -> None:
        path.parent.mkdir()
        path.write_text("nonsense " * 200)
        with pytest.raises(sqlite3.DatabaseError):
            Ledger(path).summary()
        assert path.read_text().startswith("nonsense"), "nothing of the user's is overwritten"
