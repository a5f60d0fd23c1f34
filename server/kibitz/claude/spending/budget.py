"""Spending limits that hold across all processes of the user.

Before a request is sent, the most that it can cost is reserved in the ledger's file, in one
transaction with the look at what is spent and reserved already; `Ledger.settle` puts what it did
cost in the reservation's place.  Nothing here knows prices or Claude.
"""

from __future__ import annotations

import dataclasses
import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kibitz.claude.spending.days import Day
from kibitz.claude.spending.ledger_file import LedgerFile
from kibitz.claude.spending.processes import ProcessIdentity, this_process, whereabouts
from kibitz.claude.values import ClaudeFailure, Limits, Purpose, Tier

Period = Literal["request", "day", "month", "keep_warm"]

# Actions that nobody has asked for: they only keep or make cache entries, under a cap of their own.
WARMING_ACTIONS = ("keep_warm", "pre_warm")

# A running request writes to its row every few seconds.  One of another machine or container,
# whose process cannot be looked for, counts as dead when it has not done so for this long.
UNTOUCHED_SECONDS = 900.0

# Requests of a batch are held by the batch and not by a process: they go on, and are paid for, when
# whoever sent them is gone.  A batch ends within a day; what is still not known of it an hour after
# that counts as the worst case, until somebody fetches its results.
BATCH_HOST = "batch"
LONGEST_BATCH_SECONDS = 25 * 3_600.0

# Sums of binary fractions are off by less than this, and nothing costs so little.
_ROUNDING_USD = 1e-9


@dataclass(frozen=True, slots=True)
class Planned:
    """A request that is about to be sent.

    `worst_case_usd` is None where no price is known; such a request cannot be bounded and is let
    through.  `warming_usd` is what one of the `WARMING_ACTIONS` takes of their cap until its cost
    is known; None: the worst case.  `estimated_tokens` is the length of the prompt before it is
    corrected by what was learnt, and what is expected of the cache is in tokens, too.  `confirmed`:
    the user wants it sent although it may cost more than one request may.
    """

    purpose: Purpose
    tier: Tier
    model: str
    worst_case_usd: float | None
    warming_usd: float | None = None
    estimated_tokens: int | None = None
    expected_read_tokens: int | None = None
    expected_write_tokens: int | None = None
    confirmed: bool = False

    @property
    def is_warming(self) -> bool:
        return self.purpose.action in WARMING_ACTIONS

    @property
    def taken_of_cap_usd(self) -> float | None:
        if not self.is_warming or self.worst_case_usd is None:
            return None
        return self.worst_case_usd if self.warming_usd is None else self.warming_usd


@dataclass(frozen=True, slots=True)
class Reservation:
    """The row in the ledger that stands for the request from now on."""

    request: int


@dataclass(frozen=True, slots=True)
class Exceeded:
    """Why a request must not be sent.  Amounts in USD.

    `waiting_may_help`: it would fit if no other request were running.
    """

    limit: Period
    limit_usd: float
    spent_usd: float
    reserved_usd: float
    needed_usd: float

    @property
    def waiting_may_help(self) -> bool:
        return self.spent_usd + self.needed_usd <= self.limit_usd + _ROUNDING_USD

    def as_failure(self, model: str) -> ClaudeFailure:
        return ClaudeFailure(
            "budget",
            model=model,
            facts={
                "limit": self.limit,
                "limit_usd": self.limit_usd,
                "spent_usd": self.spent_usd,
                "reserved_usd": self.reserved_usd,
                "needed_usd": self.needed_usd,
                "waiting_may_help": self.waiting_may_help,
            },
        )


class Budget:
    """The limits of one process over the ledger at `path`.  Its method blocks for a moment.

    Raises sqlite3.Error or OSError when the file cannot be used: without it no limit can be kept.
    """

    def __init__(self, path: Path, limits: Limits) -> None:
        self.path = path
        self.limits = limits
        self._file = LedgerFile(path)

    def reserve(self, planned: Planned) -> Reservation | Exceeded:
        """Begin the request's row with its reservation, or say which limit is in the way."""
        exceeded = self.over_one_request(planned)
        if exceeded is not None:
            return exceeded
        needed_usd = planned.worst_case_usd or 0.0
        limits = self.limits.lowered_to(planned.purpose.limits)
        now = time.time()
        day = Day.at(now)
        with self._file.transaction() as connection:
            _give_up_for_the_dead(connection, now)
            exceeded = _exceeded(connection, limits, day, needed_usd) if needed_usd else None
            exceeded = exceeded or _exceeded_cap(connection, limits, day, planned)
            if exceeded is not None:
                return exceeded
            return Reservation(_begin(connection, planned, now, day))

    def reserve_batch(self, batch: str, planned: Mapping[str, Planned]) -> Exceeded | None:
        """Begin the rows of a batch's requests, by custom id, or say which limit is in the way.

        All of them or none, in one transaction.  They stay reserved when this process ends: see
        `Ledger.settle_batch`.
        """
        if not planned:
            return None
        now = time.time()
        day = Day.at(now)
        holder = ProcessIdentity(BATCH_HOST, 0, batch)
        with self._file.transaction() as connection:
            _give_up_for_the_dead(connection, now)
            exceeded = self._exceeded_by(connection, day, tuple(planned.values()))
            if exceeded is None:
                for custom_id, each in planned.items():
                    _begin(connection, each, now, day, holder, custom_id)
        return exceeded

    def foresee(self, planned: Sequence[Planned]) -> Exceeded | None:
        """The limit that all of these requests together would exceed; nothing is reserved."""
        if not planned:
            return None
        now = time.time()
        with self._file.transaction() as connection:
            _give_up_for_the_dead(connection, now)
            return self._exceeded_by(connection, Day.at(now), planned)

    def _exceeded_by(
        self, connection: sqlite3.Connection, day: Day, planned: Sequence[Planned]
    ) -> Exceeded | None:
        limits = self.limits
        for each in planned:
            limits = limits.lowered_to(each.purpose.limits)
        most_usd = max(each.worst_case_usd or 0.0 for each in planned)
        if limits.request_usd is not None and _exceeds(most_usd, limits.request_usd):
            return Exceeded("request", limits.request_usd, 0.0, 0.0, most_usd)
        needed_usd = sum(each.worst_case_usd or 0.0 for each in planned)
        return _exceeded(connection, limits, day, needed_usd) if needed_usd else None

    def over_one_request(self, planned: Planned) -> Exceeded | None:
        """Why it must not be sent, whatever else is spent; needs no file."""
        limit_usd = self.limits.lowered_to(planned.purpose.limits).request_usd
        needed_usd = planned.worst_case_usd or 0.0
        if limit_usd is None or planned.confirmed or not _exceeds(needed_usd, limit_usd):
            return None
        return Exceeded("request", limit_usd, 0.0, 0.0, needed_usd)

    def close(self) -> None:
        self._file.close()


def _exceeds(amount_usd: float, limit_usd: float) -> bool:
    return amount_usd > limit_usd + _ROUNDING_USD


def spent_usd(connection: sqlite3.Connection, day: Day) -> Mapping[Literal["day", "month"], float]:
    """What counts as spent on a day and in its month."""
    row = connection.execute(
        "SELECT TOTAL(cost_usd) FILTER (WHERE day >= :day) AS day, TOTAL(cost_usd) AS month"
        " FROM requests WHERE day BETWEEN :month AND :latest",
        dataclasses.asdict(day),
    ).fetchone()
    return {"day": row["day"], "month": row["month"]}


def _exceeded(
    connection: sqlite3.Connection, limits: Limits, day: Day, needed_usd: float
) -> Exceeded | None:
    """The limit that this much more would exceed, if every running request cost its worst case."""
    # What a running request has spent so far is in both columns; it counts once.
    spent = spent_usd(connection, day)
    reserved = connection.execute(
        "SELECT TOTAL(more) FILTER (WHERE day >= :day) AS day, TOTAL(more) AS month FROM ("
        " SELECT day, MAX(COALESCE(reserved_usd, 0) - COALESCE(cost_usd, 0), 0) AS more"
        " FROM requests WHERE outcome = 'running' AND day BETWEEN :month AND :latest)",
        dataclasses.asdict(day),
    ).fetchone()
    periods: tuple[tuple[Literal["day", "month"], float | None], ...] = (
        ("day", limits.day_usd),
        ("month", limits.month_usd),
    )
    for period, limit_usd in periods:
        if limit_usd is not None and _exceeds(
            spent[period] + reserved[period] + needed_usd, limit_usd
        ):
            return Exceeded(period, limit_usd, spent[period], reserved[period], needed_usd)
    return None


def _exceeded_cap(
    connection: sqlite3.Connection, limits: Limits, day: Day, planned: Planned
) -> Exceeded | None:
    """Whether the day's cap of requests that only keep the cache warm leaves no room for one.

    A request that reads what is believed to be in the cache takes the price of reading it.  Its
    worst case, the entry being gone, would take the whole cap for a single one; if it comes to
    that, the cost is known from then on and there are no more of them that day.
    """
    needed_usd, limit_usd = planned.taken_of_cap_usd, limits.keep_warm_day_usd
    if needed_usd is None or limit_usd is None:
        return None
    row = connection.execute(
        "SELECT TOTAL(cost_usd) AS spent, TOTAL(MAX(COALESCE(warming_usd, 0)"
        " - COALESCE(cost_usd, 0), 0)) FILTER (WHERE outcome = 'running') AS reserved"
        " FROM requests WHERE day BETWEEN :day AND :latest AND action IN (:first, :second)",
        {
            "day": day.day,
            "latest": day.latest,
            "first": WARMING_ACTIONS[0],
            "second": WARMING_ACTIONS[1],
        },
    ).fetchone()
    if _exceeds(row["spent"] + row["reserved"] + needed_usd, limit_usd):
        return Exceeded("keep_warm", limit_usd, row["spent"], row["reserved"], needed_usd)
    return None


def _begin(
    connection: sqlite3.Connection,
    planned: Planned,
    now: float,
    day: Day,
    holder: ProcessIdentity | None = None,
    request_id: str | None = None,
) -> int:
    process = holder or this_process()
    unknown_price = planned.worst_case_usd is None
    values = {
        "at": now,
        "day": day.day,
        "repository": planned.purpose.repository,
        "action": planned.purpose.action,
        "session": planned.purpose.session,
        "tier": planned.tier,
        "model": planned.model,
        "cost_usd": None if unknown_price else 0.0,
        "saved_usd": None if unknown_price else 0.0,
        "outcome": "running",
        "request_id": request_id,
        "reserved_usd": planned.worst_case_usd,
        "warming_usd": planned.taken_of_cap_usd,
        "estimated_tokens": planned.estimated_tokens,
        "expected_read_tokens": planned.expected_read_tokens,
        "expected_write_tokens": planned.expected_write_tokens,
        "touched": now,
        "host": process.host,
        "pid": process.pid,
        "process_started": process.started,
    }
    cursor = connection.execute(
        f"INSERT INTO requests ({', '.join(values)}) VALUES ({', '.join(':' + v for v in values)})",
        values,
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def _give_up_for_the_dead(connection: sqlite3.Connection, now: float) -> None:
    """Close the rows whose process is gone: they keep what was last known of their cost."""
    running = connection.execute(
        "SELECT DISTINCT host, pid, process_started, MAX(touched) AS touched FROM requests"
        " WHERE outcome = 'running' GROUP BY host, pid, process_started"
    ).fetchall()
    for row in running:
        process = ProcessIdentity(row["host"], row["pid"], row["process_started"])
        if process.host == BATCH_HOST:
            if now - row["touched"] > LONGEST_BATCH_SECONDS:
                connection.execute(
                    "UPDATE requests SET outcome = 'killed', cost_usd = reserved_usd,"
                    " reserved_usd = NULL"
                    " WHERE outcome = 'running' AND host = ? AND process_started = ?",
                    (process.host, process.started),
                )
            continue
        match whereabouts(process):
            case "here":
                continue
            case "unknown" if now - row["touched"] < UNTOUCHED_SECONDS:
                continue
        connection.execute(
            "UPDATE requests SET outcome = 'killed', reserved_usd = NULL WHERE outcome = 'running'"
            " AND host = ? AND pid = ? AND process_started = ?",
            (process.host, process.pid, process.started),
        )
