"""What every request was and what it cost, for good: the record behind `kibitz usage`.

It knows rows and sums.  What may be spent is the budget's business, what things cost the
catalogue's.  Never holds code, prompts or answers.
"""

from __future__ import annotations

import datetime
import sqlite3
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from kibitz.claude.models.catalogue import Catalogue
from kibitz.claude.prompts.misses import Miss
from kibitz.claude.spending.budget import BATCH_HOST, WARMING_ACTIONS, spent_usd
from kibitz.claude.spending.days import Day
from kibitz.claude.spending.ledger_figures import (
    CacheReport,
    Figures,
    MissedRequest,
    Spent,
    Summary,
)
from kibitz.claude.spending.ledger_file import LedgerFile
from kibitz.claude.values import FailureKind, StopReason, Usage

Grouping = Literal["day", "task", "model", "repo"]
# "failed" is a bug of ours; what can go wrong without one is a kind of failure.
Outcome = Literal["finished", "cancelled", "killed", "failed"] | FailureKind

_COLUMN: Mapping[Grouping, str] = {
    "day": "day",
    "task": "action",
    "model": "model",
    "repo": "repository",
}


# How many requests of a model say how much its tokenizer makes of a text.  More: a new tokenizer
# behind an old name is noticed later; fewer: one unusual prompt counts for too much.
MOST_LEARNT_REQUESTS = 32
LEAST_LEARNT_REQUESTS = 3
# What the API adds to a short prompt is a large part of it.
LEAST_LEARNT_TOKENS = 1_000
# An endpoint may report anything.
LEAST_TOKENS_FACTOR, MOST_TOKENS_FACTOR = 0.4, 2.5


@dataclass(frozen=True, slots=True)
class SoFar:
    """What is known of a request at some moment.  Costs are None where no price is known."""

    usage: Usage
    cost_usd: float | None
    saved_usd: float | None


@dataclass(frozen=True, slots=True)
class Settlement:
    """How a request ended."""

    outcome: Outcome
    so_far: SoFar
    stop_reason: StopReason | None = None
    request_id: str | None = None
    first_token_seconds: float | None = None
    total_seconds: float | None = None
    miss: Miss | None = None


class Ledger:
    """The ledger at `path`.  Every method blocks for a moment: call it off the event loop.

    Rows are begun by `budget.Budget.reserve`, because a request and its reservation must come
    into being together.  Raises sqlite3.Error or OSError when the file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = LedgerFile(path)

    def note(self, request: int, so_far: SoFar) -> None:
        """Write down what is known of a running request, in case its process dies."""
        with self._file.transaction() as connection:
            connection.execute(
                f"UPDATE requests SET {_SO_FAR}, touched = :touched"
                " WHERE id = :id AND outcome = 'running'",
                {**_so_far(so_far), "touched": time.time(), "id": request},
            )

    def settle(self, request: int, settlement: Settlement) -> None:
        """Close a request and give up its reservation, in one step.

        A request that was taken for dead meanwhile (a machine that slept) is set right.
        """
        with self._file.transaction() as connection:
            _settle(connection, request, settlement)

    def settle_batch(self, batch: str, settlements: Mapping[str, Settlement]) -> None:
        """Close requests of a batch that were begun by `Budget.reserve_batch`, by custom id.

        A request that is closed already stays as it is, unless it was taken for lost: then what
        is known of it now takes the worst case's place.
        """
        with self._file.transaction() as connection:
            rows = connection.execute(
                "SELECT id, request_id FROM requests"
                " WHERE host = ? AND process_started = ? AND outcome IN ('running', 'killed')",
                (BATCH_HOST, batch),
            ).fetchall()
            for row in rows:
                if (settlement := settlements.get(row["request_id"])) is not None:
                    _settle(connection, row["id"], settlement)

    def release_batch(self, batch: str) -> None:
        """Give up the reservations of a batch that was never sent: its requests were none."""
        with self._file.transaction() as connection:
            connection.execute(
                "DELETE FROM requests WHERE host = ? AND process_started = ?"
                " AND outcome IN ('running', 'killed')",
                (BATCH_HOST, batch),
            )

    def summary(
        self,
        since: datetime.datetime | None = None,
        by: Grouping = "day",
        *,
        repository: str | None = None,
    ) -> Summary:
        """Sums of all requests that were begun at or after `since`, running ones included.

        `since` must know its time zone; `repository` leaves the requests of all others out.  A
        ledger that does not exist yet is empty.
        """
        if not self.path.exists():
            return Summary(Figures(), ())
        column = _COLUMN[by]
        order = column if by == "day" else f"COALESCE(SUM(cost_usd), 0) DESC, {column}"
        where = "at >= :earliest AND (:repository IS NULL OR repository = :repository)"
        wanted = {
            "earliest": 0.0 if since is None else since.timestamp(),
            "repository": repository,
        }
        with self._file.reading() as connection:
            (total,) = connection.execute(
                f"SELECT {_FIGURES} FROM requests WHERE {where}", wanted
            ).fetchall()
            rows = connection.execute(
                f"SELECT {column} AS key, {_FIGURES} FROM requests WHERE {where}"
                f" GROUP BY {column} ORDER BY {order}",
                wanted,
            ).fetchall()
        return Summary(_figures(total), tuple((row["key"], _figures(row)) for row in rows))

    def cache_report(self, since: datetime.datetime | None = None) -> CacheReport:
        """What the cache did for requests that were begun at or after `since`.  The unexplained
        misses are all of them, in their order."""
        if not self.path.exists():
            return CacheReport()
        earliest = (0.0 if since is None else since.timestamp(),)
        with self._file.reading() as connection:
            (sums,) = connection.execute(
                "SELECT COALESCE(SUM(expected_read_tokens), 0) AS expected,"
                " COALESCE(SUM(cache_read_tokens), 0) AS read FROM requests"
                " WHERE at >= ? AND expected_read_tokens IS NOT NULL",
                earliest,
            ).fetchall()
            misses = connection.execute(
                "SELECT cache_miss, COUNT(*) AS requests, SUM(cache_missed_tokens) AS tokens"
                " FROM requests WHERE at >= ? AND cache_miss IS NOT NULL GROUP BY cache_miss"
                " ORDER BY tokens DESC, cache_miss",
                earliest,
            ).fetchall()
            unexplained = connection.execute(
                "SELECT at, repository, action, model, expected_read_tokens, cache_read_tokens,"
                " cache_missed_tokens, request_id FROM requests"
                " WHERE at >= ? AND cache_miss = 'unexplained' ORDER BY at, id",
                earliest,
            ).fetchall()
        return CacheReport(
            sums["expected"],
            sums["read"],
            tuple((row["cache_miss"], row["requests"], row["tokens"]) for row in misses),
            tuple(
                MissedRequest(datetime.datetime.fromtimestamp(at).astimezone(), *others)
                for at, *others in unexplained
            ),
        )

    def tokens_factor(self, model: str, known_models: Catalogue) -> float:
        """What an estimate of `kibitz_context.tokens` is to be multiplied by for this model.

        What was learnt; what the catalogue knows of the model's tokenizer, as long as nothing was.
        """
        learnt = self.learnt_tokens_factor(model)
        return known_models.tokens_factor(model) if learnt is None else learnt

    def learnt_tokens_factor(self, model: str) -> float | None:
        """The median of what the last requests had of tokens for each estimated one, within
        bounds; None as long as there are too few of them."""
        if not self.path.exists():
            return None
        with self._file.reading() as connection:
            rows = connection.execute(
                f"SELECT CAST({_PROMPT_TOKENS} AS REAL) / estimated_tokens AS factor FROM requests"
                " WHERE model = :model AND estimated_tokens IS NOT NULL"
                f" AND estimated_tokens >= :least AND {_PROMPT_TOKENS} > 0"
                " ORDER BY id DESC LIMIT :most",
                {"model": model, "least": LEAST_LEARNT_TOKENS, "most": MOST_LEARNT_REQUESTS},
            ).fetchall()
        if len(rows) < LEAST_LEARNT_REQUESTS:
            return None
        factor: float = statistics.median(row["factor"] for row in rows)
        return min(max(factor, LEAST_TOKENS_FACTOR), MOST_TOKENS_FACTOR)

    def spent(self) -> Spent:
        """What the budget counts of today and of this month, running requests included as far as
        they are known.  `cache_share` is today's."""
        if not self.path.exists():
            return Spent()
        day = Day.today()
        with self._file.reading() as connection:
            usd = spent_usd(connection, day)
            (today,) = connection.execute(
                f"SELECT {_FIGURES} FROM requests WHERE day BETWEEN :day AND :latest",
                {"day": day.day, "latest": day.latest},
            ).fetchall()
        return Spent(usd["day"], usd["month"], _figures(today).cache_share)

    def warming_usd(self, since: datetime.datetime) -> float:
        """What requests that only keep or make cache entries have cost since then."""
        if not self.path.exists():
            return 0.0
        with self._file.reading() as connection:
            (row,) = connection.execute(
                "SELECT TOTAL(cost_usd) AS usd FROM requests WHERE at >= ? AND action IN (?, ?)",
                (since.timestamp(), *WARMING_ACTIONS),
            ).fetchall()
        return float(row["usd"])

    def close(self) -> None:
        self._file.close()


_TOKENS = (
    "input_tokens",
    "cache_read_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "output_tokens",
)
_PROMPT_TOKENS = (
    "(input_tokens + cache_read_tokens + cache_write_5m_tokens + cache_write_1h_tokens)"
)
_SO_FAR = ", ".join(f"{column} = :{column}" for column in (*_TOKENS, "cost_usd", "saved_usd"))
_FIGURES = (
    "COUNT(*) AS requests, TOTAL(cost_usd) AS cost_usd, TOTAL(saved_usd) AS saved_usd,"
    " COALESCE(SUM(input_tokens), 0) AS input_tokens,"
    " COALESCE(SUM(cache_read_tokens), 0) AS cache_read_tokens,"
    " COALESCE(SUM(cache_write_5m_tokens + cache_write_1h_tokens), 0) AS cache_write_tokens,"
    " COALESCE(SUM(output_tokens), 0) AS output_tokens,"
    " COUNT(*) FILTER (WHERE cost_usd IS NULL) AS without_price"
)


def _settle(connection: sqlite3.Connection, request: int, settlement: Settlement) -> None:
    connection.execute(
        f"UPDATE requests SET {_SO_FAR}, touched = :touched, outcome = :outcome,"
        " stop_reason = :stop_reason, request_id = :request_id,"
        " first_token_seconds = :first_token_seconds, total_seconds = :total_seconds,"
        " cache_miss = :cache_miss, cache_missed_tokens = :cache_missed_tokens,"
        " reserved_usd = NULL WHERE id = :id",
        {
            **_so_far(settlement.so_far),
            "touched": time.time(),
            "outcome": settlement.outcome,
            "stop_reason": settlement.stop_reason,
            "request_id": settlement.request_id,
            "first_token_seconds": settlement.first_token_seconds,
            "total_seconds": settlement.total_seconds,
            "cache_miss": settlement.miss and settlement.miss.reason,
            "cache_missed_tokens": settlement.miss and settlement.miss.tokens,
            "id": request,
        },
    )


def _so_far(so_far: SoFar) -> dict[str, Any]:
    tokens = {column: getattr(so_far.usage, column) for column in _TOKENS}
    return {**tokens, "cost_usd": so_far.cost_usd, "saved_usd": so_far.saved_usd}


def _figures(row: Mapping[str, Any]) -> Figures:
    # A billionth of a dollar is less than any token costs; the rest is noise of binary fractions.
    return Figures(
        requests=row["requests"],
        cost_usd=round(row["cost_usd"], 9),
        saved_usd=round(row["saved_usd"], 9),
        input_tokens=row["input_tokens"],
        cache_read_tokens=row["cache_read_tokens"],
        cache_write_tokens=row["cache_write_tokens"],
        output_tokens=row["output_tokens"],
        without_price=row["without_price"],
    )
