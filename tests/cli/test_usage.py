"""Usage: the ledger, summed up."""

from __future__ import annotations

import contextlib
import datetime
import json
import sqlite3
import time

import pytest

from kibitz.claude.spending.days import midnight
from kibitz.cli.usage import since
from support.command_line import CommandLine


@pytest.mark.parametrize(
    ("written", "days"),
    [("today", 0), ("Yesterday", 1), ("1d", 0), ("7d", 6), ("2w", 13), ("0d", 0)],
)
def test_whole_days(written: str, days: int) -> None:
    moment = since(written)
    assert moment.time() == datetime.time()
    assert midnight().date() - moment.date() == datetime.timedelta(days=days)


def test_moments() -> None:
    assert since("2026-11-01").replace(tzinfo=None) == datetime.datetime(2026, 11, 1)  # noqa: DTZ001
    assert since("2026-11-01").tzinfo is not None
    assert since("2026-11-01T10:00+02:00").utcoffset() == datetime.timedelta(hours=2)
    ago = datetime.datetime.now().astimezone() - since("12h")
    assert abs(ago - datetime.timedelta(hours=12)) < datetime.timedelta(minutes=1)


@pytest.mark.parametrize("written", ["soon", "2026-13-01", "7y", "-3d", "999999w", ""])
def test_what_is_no_time(commands: CommandLine, written: str) -> None:
    outcome = commands.run("usage", f"--since={written}")
    assert (outcome.code, outcome.out) == (2, "")
    assert "is no time; write a day (2026-11-01), today" in outcome.err


def test_the_figures(commands: CommandLine) -> None:
    commands.run("explain", "prices.py")
    commands.run("explain", "prices.py")
    commands.run("ask", "Why?")
    summary = json.loads(commands.run("usage", "--by", "task", "--json").out)
    assert [row["key"] for row in summary["rows"]] == ["explain", "ask"]
    uses = [exchange.cache_use for exchange in commands.asked]
    assert summary["total"] == {
        "requests": 3,
        "cost_usd": pytest.approx(sum(each.cost_usd or 0 for each in commands.asked)),
        "saved_usd": summary["total"]["saved_usd"],
        "input_tokens": sum(use.input_tokens for use in uses),
        "cache_read_tokens": sum(use.read_tokens for use in uses),
        "cache_write_tokens": sum(use.write_5m_tokens + use.write_1h_tokens for use in uses),
        "output_tokens": sum(each.output_tokens for each in commands.asked),
    }
    assert set(summary["rows"][0]) == {"key", *summary["total"]}


@pytest.mark.parametrize(
    ("by", "key"),
    [("model", "claude-sonnet-5-5"), ("task", "explain"), ("day", None), ("repo", None)],
)
def test_a_table_for_people(commands: CommandLine, by: str, key: str | None) -> None:
    commands.run("explain", "prices.py")
    key = key or {"day": midnight().date().isoformat(), "repo": str(commands.root)}[by]
    outcome = commands.run("usage", "--by", by)
    header, row, total, words = outcome.out.splitlines()
    assert header.split() == [by, "cost", "saved", "requests", "in", "from", "cache", "out"]
    assert row.startswith(f"{key} ")
    assert total.startswith("total ")
    assert "Without the cache: $0." in words
    assert "\x1b" not in outcome.out
    assert outcome.err == ""


def test_nothing_yet(commands: CommandLine) -> None:
    outcome = commands.run("usage")
    assert (outcome.code, outcome.out) == (0, "")
    assert outcome.err == "kibitz: Nothing was asked of Claude in that time.\n"
    assert json.loads(commands.run("usage", "--json").out)["rows"] == []


def test_a_ledger_that_is_none(commands: CommandLine) -> None:
    ledger = commands.home / "state" / "kibitz" / "ledger.sqlite"
    ledger.parent.mkdir(parents=True)
    ledger.write_bytes(b"this is not a database" * 100)
    outcome = commands.run("usage")
    assert (outcome.code, outcome.out) == (2, "")
    assert f"The ledger {ledger} cannot be read" in outcome.err


def test_a_price_that_is_not_known(commands: CommandLine) -> None:
    commands.set("KIBITZ_MODELS_STANDARD", "claude-sonnet-5-5")
    commands.set("KIBITZ_PROVIDER", "compatible")
    explained = commands.run("explain", "prices.py", "--verbose")
    assert "cost unknown" in explained.err
    summary = json.loads(commands.run("usage", "--by", "model", "--json").out)
    (row,) = summary["rows"]
    for figures in (row, summary["total"]):
        assert (figures["cost_usd"], figures["saved_usd"]) == (None, None)
        assert figures["output_tokens"] > 0
    header, row, total, words = commands.run("usage").out.splitlines()
    assert row.split()[1:4] == total.split()[1:4] == ["unknown", "unknown", "1"]
    assert "What 1 request cost is unknown" in words
    assert "$" not in header + row + total + words


def test_what_was_not_read_from_the_cache(commands: CommandLine) -> None:
    commands.run("explain", "prices.py")
    ledger = commands.home / "state" / "kibitz" / "ledger.sqlite"
    with contextlib.closing(sqlite3.connect(ledger)) as connection:
        connection.execute(
            "UPDATE requests SET cache_miss = 'unexplained', cache_missed_tokens = 5000,"
            " expected_read_tokens = 6000, cache_read_tokens = 1000, request_id = 'req_7'"
        )
        connection.execute(
            "INSERT INTO requests (at, day, repository, action, session, tier, model, outcome,"
            " touched, host, pid, process_started, cache_miss, cache_missed_tokens)"
            " SELECT at, day, repository, 'ask', session, tier, model, 'finished', touched, host,"
            " pid, process_started, 'expired', 9000 FROM requests"
        )
        connection.commit()
    *_, told, expired, unexplained, which = commands.run("usage").out.splitlines()
    assert told.startswith("Not read from the cache")
    assert expired == "  9,000 tokens in 1 request had expired"
    assert unexplained == "  5,000 tokens in 1 request are missing without an explanation"
    assert which.endswith("explain with claude-sonnet-5-5: 1,000 of 6,000 tokens (req_7)")
    cache = json.loads(commands.run("usage", "--json").out)["cache"]
    assert (cache["expected_read_tokens"], cache["read_tokens"]) == (6000, 1000)
    assert [miss["reason"] for miss in cache["misses"]] == ["expired", "unexplained"]
    (each,) = cache["unexplained"]
    assert (each["missed_tokens"], each["request_id"]) == (5000, "req_7")
    assert datetime.datetime.fromisoformat(each["at"]).tzinfo is not None
    assert json.loads(commands.run("usage", "--json", "--since", "2099-01-01").out)["cache"] == {
        "expected_read_tokens": 0,
        "read_tokens": 0,
        "misses": [],
        "unexplained": [],
    }


def test_a_stand_in_that_each_command_starts_forgets_nothing(
    commands: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with the service, an entry is missed when its time is over, and not before."""
    monkeypatch.setenv("KIBITZ_PROVIDER", "standin")
    monkeypatch.delenv("ANTHROPIC_BASE_URL")
    commands.write("shop.py", "def checkout(cart):\n    return sum(cart)\n\n\n" * 60)
    commands.commit()

    def cache() -> dict[str, object]:
        assert commands.run("ask", "Why?").code == 0
        found: dict[str, object] = json.loads(commands.run("usage", "--json").out)["cache"]
        return found

    assert cache()["read_tokens"] == 0
    report = cache()
    assert report["read_tokens"] != 0
    assert (report["misses"], report["unexplained"]) == ([], [])
    later = time.time
    monkeypatch.setattr(time, "time", lambda: later() + 2 * 3_600)
    report = cache()
    assert report["unexplained"] == []
    assert [each["reason"] for each in report["misses"]] == ["expired"]  # type: ignore[attr-defined]
