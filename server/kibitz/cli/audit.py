"""`kibitz audit`: what was asked of Claude, request by request."""

from __future__ import annotations

import datetime
import json
import os
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

from kibitz import paths
from kibitz.bill import dollars
from kibitz.claude.auditing.audit_file import AuditFile
from kibitz.cli.arguments import Common, Parser, positive
from kibitz.cli.terminal import Terminal
from kibitz.cli.usage import since
from kibitz.errors import UserError
from kibitz.plain_text import one_line
from kibitz.settings import load

SHOWN = 50


def run(arguments: list[str]) -> int:
    parser = Parser(
        "audit",
        "What was asked of Claude, request by request: a list, or one record as a whole.",
        examples=(
            "kibitz audit --since today",
            "kibitz audit 19ab12f0c3d-4e5f6a",
            "kibitz audit --json | jq 'select(.outcome != \"finished\")'",
        ),
        more="Bodies are kept where the setting `audit` is `full`; see docs/audit.md.\n",
    )
    parser.add_argument("id", metavar="ID", nargs="?", help="a record, or how its id begins")
    parser.add_argument(
        "--since", type=since, metavar="D", help="a day, today, yesterday, or 12h, 7d, 4w ago"
    )
    parser.add_argument(
        "--last", type=positive, metavar="N", default=SHOWN, help=f"how many at most ({SHOWN})"
    )
    parser.add_argument(
        "--json", action="store_true", help="all of them, one JSON object a line, without bodies"
    )
    options = parser.parse_args(arguments)
    terminal = Terminal.here()
    if options.id is not None:
        record = find(options.id)
        terminal.write(json.dumps(record, indent=2) + "\n")
        return 0
    records = _read(options.since)
    if options.json:
        for record in records:
            terminal.write(json.dumps(_without_bodies(record)) + "\n")
        return 0
    _list(terminal, records, options.last, options)
    return 0


def find(record_id: str) -> dict[str, Any]:
    """The record of that id, or the only one whose id begins so.  Raises UserError."""
    found: dict[str, Any] | None = None
    for record in _read(None):
        known = str(record.get("id", ""))
        if known == record_id:
            return record
        if known.startswith(record_id):
            if found is not None and found["id"] != known:
                raise UserError(
                    f"Several records begin with {one_line(record_id, 40)!r}; write more of the "
                    "id, as `kibitz audit` lists it."
                )
            found = record
    if found is None:
        raise UserError(
            f"There is no record {one_line(record_id, 40)!r}; `kibitz audit` lists those there are."
        )
    return found


def _read(earliest: datetime.datetime | None) -> Iterator[dict[str, Any]]:
    folder = paths.audit_folder(os.environ)
    try:
        yield from AuditFile(folder).records(earliest)
    except OSError as error:
        raise UserError(
            f"The audit in {folder} cannot be read ({error.strerror}); check its rights."
        ) from error


def _without_bodies(record: Mapping[str, Any]) -> dict[str, Any]:
    has_bodies = record.get("request") is not None
    kept = {name: value for name, value in record.items() if name not in ("request", "reply")}
    return {**kept, "has_bodies": has_bodies}


def _list(terminal: Terminal, records: Iterator[dict[str, Any]], most: int, options: Any) -> None:
    last: deque[dict[str, Any]] = deque(maxlen=most)
    n_records = 0
    for record in records:
        n_records += 1
        last.append(_without_bodies(record))
    if not n_records:
        level = load(None, None, Common.of(options).settings, os.environ).settings.audit
        why = "; the setting `audit` is off" if level == "off" else ""
        terminal.note(f"Nothing was recorded in that time{why}.")
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for name in ("id", "when", "action", "repository", "model"):
        table.add_column(name, no_wrap=name in ("id", "when"))
    for name in ("in", "from cache", "out", "cost", "seconds"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("outcome")
    for record in sorted(last, key=lambda each: str(each.get("at"))):
        style = None if record.get("outcome") == "finished" else "yellow"
        table.add_row(*(Text(one_line(cell, 80)) for cell in _cells(record)), style=style)
    with terminal.console_to_write() as console:
        console.print(table)
    if n_records > len(last):
        terminal.note(f"{n_records - len(last):,} older ones are not shown; --last N shows more.")


def _cells(record: Mapping[str, Any]) -> list[str]:
    usage: Mapping[str, int] = record.get("usage") or {}
    read = usage.get("cache_read_tokens", 0)
    prompt = sum(
        usage.get(name, 0)
        for name in ("input_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens")
    )
    prompt += read
    cost_usd, seconds = record.get("cost_usd"), record.get("total_seconds")
    n_calls = len(record.get("tool_calls") or ())
    calls = f" ({n_calls} tool call{'' if n_calls == 1 else 's'})" if n_calls else ""
    outcome = str(record.get("outcome"))
    if outcome == "finished":
        outcome = str(record.get("stop_reason") or outcome)
    return [
        str(record.get("id")),
        _local_time(record.get("at")),
        str(record.get("action")) + (" (batch)" if record.get("batch") else ""),
        PurePath(str(record.get("repository") or "")).name,
        str(record.get("model")),
        f"{prompt:,}",
        f"{read / prompt:.0%}" if prompt else "0%",
        f"{usage.get('output_tokens', 0):,}",
        dollars(cost_usd) if isinstance(cost_usd, int | float) else "unknown",
        f"{seconds:.1f}" if isinstance(seconds, int | float) else "",
        outcome + calls,
    ]


def _local_time(at: object) -> str:
    try:
        moment = datetime.datetime.fromisoformat(str(at)).astimezone()
    except ValueError:
        return ""
    return moment.strftime("%Y-%m-%d %H:%M:%S")
