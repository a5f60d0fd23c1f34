"""The ledger: rows in, sums out, in the shape of `kibitz usage --json`."""

from __future__ import annotations

import datetime
import sqlite3
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kibitz.claude.models.catalogue import builtin
from kibitz.claude.spending.budget import Budget, Limits, Planned, Reservation
from kibitz.claude.spending.ledger import Ledger, Settlement, SoFar
from kibitz.claude.spending.ledger_figures import CacheReport, Figures
from kibitz.claude.spending.ledger_file import SCHEMA_VERSION
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
        assert (total.without_price, total.is_cost_known) == (1, False)
        assert (total.as_json()["cost_usd"], total.as_json()["saved_usd"]) == (None, None)

    def test_one_price_of_two_is_known(self, path: Path) -> None:
        record(path, cost_usd=None)
        record(path, cost_usd=0.5)
        total = Ledger(path).summary().total
        assert (total.without_price, total.as_json()["cost_usd"]) == (1, 0.5)

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


VERSION_1 = """
CREATE TABLE requests (id INTEGER PRIMARY KEY, at REAL NOT NULL, day TEXT NOT NULL,
    repository TEXT NOT NULL, action TEXT NOT NULL, session TEXT NOT NULL, tier TEXT NOT NULL,
    model TEXT NOT NULL, input_tokens INTEGER NOT NULL DEFAULT 0,
    cache_read_tokens INTEGER NOT NULL DEFAULT 0,
    cache_write_5m_tokens INTEGER NOT NULL DEFAULT 0,
    cache_write_1h_tokens INTEGER NOT NULL DEFAULT 0, output_tokens INTEGER NOT NULL DEFAULT 0,
    cost_usd REAL, saved_usd REAL, outcome TEXT NOT NULL, stop_reason TEXT, request_id TEXT,
    first_token_seconds REAL, total_seconds REAL, reserved_usd REAL, touched REAL NOT NULL,
    host TEXT NOT NULL, pid INTEGER NOT NULL, process_started TEXT NOT NULL);
CREATE INDEX requests_by_day ON requests (day, cost_usd);
CREATE INDEX requests_running ON requests (day) WHERE outcome = 'running';
INSERT INTO requests (at, day, repository, action, session, tier, model, input_tokens, cost_usd,
    saved_usd, outcome, touched, host, pid, process_started, reserved_usd) VALUES
    (1000.0, '2026-11-01', '/r', 'explain', '', 'standard', 'm', 7, 0.5, 0.1, 'finished', 1000.0,
     'h', 1, 's', NULL),
    (2000.0, '2026-11-02', '/r', 'review', '', 'standard', 'm', 8, NULL, NULL, 'cancelled',
     2000.0, 'h', 1, 's', NULL);
PRAGMA user_version = 1;
"""


class TestOlderFile:
    @pytest.fixture
    def old(self, path: Path) -> Path:
        path.parent.mkdir()
        connection = sqlite3.connect(path)
        connection.executescript(VERSION_1)
        connection.close()
        return path

    def test_keeps_every_row(self, old: Path) -> None:
        ledger = Ledger(old)
        summary = ledger.summary(by="task")
        assert [(key, figures.input_tokens) for key, figures in summary.rows] == [
            ("explain", 7),
            ("review", 8),
        ]
        assert summary.total.cost_usd == 0.5
        assert ledger.cache_report() == CacheReport()
        assert ledger.tokens_factor("claude-sonnet-5-5", builtin()) == 1.0
        record(old, "ask")
        assert ledger.summary().total.requests == 3

    def test_ends_up_as_a_new_one(self, old: Path, tmp_path: Path) -> None:
        def shape(path: Path) -> tuple[object, ...]:
            Ledger(path).summary()
            connection = sqlite3.connect(path)
            columns = connection.execute("PRAGMA table_info(requests)").fetchall()
            indices = connection.execute(
                "SELECT name FROM sqlite_master WHERE type = 'index' ORDER BY name"
            ).fetchall()
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            connection.close()
            return columns, indices, version

        new = tmp_path / "new.sqlite"
        record(new)
        assert shape(old) == shape(new)

    def test_two_processes_may_open_it_at_once(self, old: Path) -> None:
        with ThreadPoolExecutor(8) as threads:
            totals = list(threads.map(lambda _: Ledger(old).summary().total.requests, range(8)))
        assert totals == [2] * 8


class TestTokensFactor:
    MODEL = "claude-sonnet-5-5"

    def learn(self, path: Path, real: int, estimated: int, model: str = MODEL) -> None:
        planned = Planned(Purpose("explain"), "standard", model, 0.1, estimated_tokens=estimated)
        reservation = Budget(path, Limits()).reserve(planned)
        assert isinstance(reservation, Reservation)
        usage = Usage(input_tokens=real // 2, cache_read_tokens=real - real // 2)
        Ledger(path).settle(reservation.request, Settlement("finished", SoFar(usage, 0.1, 0.0)))

    def factor(self, path: Path, model: str = MODEL) -> float:
        return Ledger(path).tokens_factor(model, builtin())

    def test_before_anything_is_known_it_is_the_tokenizers(self, path: Path) -> None:
        assert self.factor(path) == 1.0
        assert self.factor(path, "claude-haiku-4-5") == pytest.approx(2.5 / 3.4)
        self.learn(path, 13_000, 10_000)
        self.learn(path, 13_000, 10_000)
        assert self.factor(path) == 1.0, "two are not enough"

    def test_is_the_median_of_the_last_ones(self, path: Path) -> None:
        for real in (9_000, 13_000, 99_000):
            self.learn(path, real, 10_000)
        assert self.factor(path) == 1.3
        for real in (13_000, 8_000):
            for _ in range(32):
                self.learn(path, real, 10_000)
        assert self.factor(path) == 0.8, "old ones are forgotten"
        assert self.factor(path, "claude-opus-5-5") == 1.0, "each model has its own"

    def test_is_bounded(self, path: Path) -> None:
        for _ in range(3):
            self.learn(path, 10**9, 10_000)
        assert self.factor(path) == 2.5

    def test_short_prompts_and_failed_requests_teach_nothing(self, path: Path) -> None:
        for _ in range(3):
            self.learn(path, 2_000, 900)
            self.learn(path, 0, 10_000)
        assert self.factor(path) == 1.0


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
