"""`kibitz usage`: the ledger, summed up and drawn."""

from __future__ import annotations

import argparse
import datetime
import json
import os
import re
import sqlite3
from collections.abc import Iterator
from typing import TYPE_CHECKING

from kibitz import paths
from kibitz.bill import at_most, dollars
from kibitz.claude.prompts.misses import MissReason
from kibitz.claude.spending.days import midnight
from kibitz.claude.spending.ledger import Grouping, Ledger
from kibitz.claude.spending.ledger_figures import CacheReport, Figures, Summary
from kibitz.cli.arguments import Common, Parser
from kibitz.cli.terminal import Terminal
from kibitz.errors import UserError
from kibitz.plain_text import one_line
from kibitz.settings import load

if TYPE_CHECKING:
    from rich.console import RenderableType

BAR_COLUMNS = 24
UNKNOWN = "unknown"


def run(arguments: list[str]) -> int:
    parser = Parser(
        "usage",
        "What was spent: tokens by class, cost, what came from the cache and what that saved.",
        examples=(
            "kibitz usage --since 7d",
            "kibitz usage --since 2026-11-01 --by model",
            "kibitz usage --by repo --json",
        ),
    )
    parser.add_argument(
        "--since",
        type=since,
        metavar="D",
        help="a day (2026-11-01), today, yesterday, or how long ago: 12h, 7d, 4w; default: all",
    )
    parser.add_argument("--by", choices=("day", "task", "model", "repo"), default="day")
    parser.add_argument("--json", action="store_true", help="for programs")
    options = parser.parse_args(arguments)
    terminal = Terminal.here()
    by: Grouping = options.by
    ledger = Ledger(paths.ledger_file(os.environ))
    try:
        summary = ledger.summary(options.since, by)
        cache = ledger.cache_report(options.since)
    except (sqlite3.Error, OSError) as error:
        raise UserError(
            f"The ledger {ledger.path} cannot be read ({one_line(str(error), 100)}); move it away, "
            "and a new one is begun."
        ) from error
    finally:
        ledger.close()
    if options.json:
        terminal.write(json.dumps({**summary.as_json(), "cache": cache.as_json()}, indent=2) + "\n")
        return 0
    if not summary.total.requests:
        terminal.note("Nothing was asked of Claude in that time.")
        return 0
    with terminal.console_to_write() as console:
        console.print(_table(summary, by, draws=terminal.out_is_terminal))
    terminal.write(_in_words(summary.total))
    for line in _misses(cache):
        terminal.write(f"{line}\n")
    if terminal.err_is_terminal:
        _tell_limits(terminal, Common.of(options))
    return 0


def _table(summary: Summary, by: Grouping, *, draws: bool) -> RenderableType:
    from rich.bar import Bar
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column(by)
    if draws:
        table.add_column("", width=BAR_COLUMNS)
    for name in ("cost", "saved", "requests", "in", "from cache", "out"):
        table.add_column(name, justify="right", no_wrap=True)
    most_usd = max((figures.cost_usd for _, figures in summary.rows), default=0.0)
    rows = [(one_line(key) or "(none)", figures) for key, figures in summary.rows]
    for key, figures in (*rows, ("total", summary.total)):
        is_total = figures is summary.total
        bar: list[RenderableType] = []
        if draws:
            drawn = not is_total and most_usd > 0
            bar.append(Bar(most_usd, 0, figures.cost_usd, color="green") if drawn else "")
        table.add_row(Text(key), *bar, *_cells(figures), style="bold" if is_total else None)
    return table


def _cells(figures: Figures) -> list[str]:
    return [
        dollars(figures.cost_usd) if figures.is_cost_known else UNKNOWN,
        _signed(figures.saved_usd) if figures.is_cost_known else UNKNOWN,
        f"{figures.requests:,}",
        f"{figures.prompt_tokens:,}",
        f"{figures.cache_share:.0%}",
        f"{figures.output_tokens:,}",
    ]


def _in_words(total: Figures) -> str:
    """What the cache was worth: writing to it costs more than plain input, reading much less."""
    words = (
        f"{total.input_tokens:,} tokens read plainly, {total.cache_write_tokens:,} written to the "
        f"cache, {total.cache_read_tokens:,} read from it ({total.cache_share:.0%} of all), "
        f"{total.output_tokens:,} written by Claude. "
    )
    if total.is_cost_known:
        of = total.cost_usd + total.saved_usd
        share = f" ({total.saved_usd / of:.0%})" if of > 0 and total.saved_usd > 0 else ""
        words += (
            f"Without the cache: {dollars(max(of, 0.0))}; saved: {_signed(total.saved_usd)}{share}."
        )
    if total.without_price:
        words += (
            f" What {_requests(total.without_price)} cost is unknown: there is no price for "
            "their models; models.toml can give one."
        )
    return f"{words.strip()}\n"


_REASONS: dict[MissReason, str] = {
    "expired": "had expired",
    "rebuilt": "were written anew for another commit",
    "folded": "were written anew without what no longer held",
    "provisional": "belonged to a snapshot that was not ready",
    "no_cache": "are of an endpoint without a cache",
    "model_changed": "were of another model",
    "tools_changed": "came after other tools",
    "system_changed": "came after a changed beginning",
    "messages_changed": "came after a changed message",
    "unexplained": "are missing without an explanation",
}


def _misses(cache: CacheReport) -> Iterator[str]:
    """What was not read from the cache, by reason; each that has none on a line of its own."""
    if not cache.misses:
        return
    yield "Not read from the cache, though it once was or should have been there:"
    for reason, requests, tokens in cache.misses:
        yield f"  {tokens:,} tokens in {_requests(requests)} {_REASONS.get(reason, reason)}"
        if reason == "unexplained":
            for each in cache.unexplained:
                named = f" ({one_line(each.request_id, 60)})" if each.request_id else ""
                yield (
                    f"    {each.at:%Y-%m-%d %H:%M} {each.action} with {one_line(each.model, 60)}: "
                    f"{each.cache_read_tokens:,} of {each.expected_read_tokens:,} tokens{named}"
                )


def _requests(count: int) -> str:
    return "1 request" if count == 1 else f"{count:,} requests"


def _tell_limits(terminal: Terminal, common: Common) -> None:
    budget = load(None, None, common.settings, os.environ).settings.budget
    ledger = Ledger(paths.ledger_file(os.environ))
    spent = ledger.spent()
    ledger.close()
    terminal.line(
        f"today {dollars(spent.day_usd)} of {at_most(budget.day_usd)}, this month "
        f"{dollars(spent.month_usd)} of {at_most(budget.month_usd)}"
    )


def since(text: str) -> datetime.datetime:
    """A moment as a user writes it, for argparse: a day, or how long ago."""
    written = text.strip().lower()
    days_ago = {"today": 0, "yesterday": 1}.get(written)
    if days_ago is not None:
        return midnight(days_ago)
    try:
        if ago := re.fullmatch(r"([0-9]{1,6})\s*([hdw])", written):
            number, unit = int(ago[1]), ago[2]
            if unit == "h":
                return datetime.datetime.now().astimezone() - datetime.timedelta(hours=number)
            # Whole days, as the table has them: "7d" is today and the six before it.
            return midnight(max(0, number * (7 if unit == "w" else 1) - 1))
        moment = datetime.datetime.fromisoformat(written)
        return moment if moment.tzinfo is not None else moment.astimezone()
    except (ValueError, OverflowError) as error:
        raise argparse.ArgumentTypeError(
            f"{one_line(text, 40)!r} is no time; write a day (2026-11-01), today, yesterday, "
            "or how long ago (12h, 7d, 4w)"
        ) from error


def _signed(usd: float) -> str:
    return f"-{dollars(-usd)}" if usd < 0 else dollars(usd)
