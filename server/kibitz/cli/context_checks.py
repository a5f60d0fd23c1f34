"""What `kibitz doctor` looks at of the cached prompt; nothing here sends or changes anything."""

from __future__ import annotations

import datetime
import sqlite3
import time
from collections.abc import Iterator, Mapping

from kibitz import paths
from kibitz.actions.preparing import Subject, gate_of, is_missing
from kibitz.actions.snapshot_size import snapshot_tokens
from kibitz.bill import dollars
from kibitz.claude.models.catalogue import Catalogue
from kibitz.claude.spending.ledger import Ledger
from kibitz.cli.checks import Check, fault, note, ok
from kibitz.models_file import KnownModels
from kibitz.settings import Settings
from kibitz.trust import Trust
from kibitz_context.caching import prefix
from kibitz_context.caching.prefix_state import PrefixState
from kibitz_context.files.repository import Repository

# Prices change a few times a year.
OLDEST_PRICES_DAYS = 270


def prices(known: KnownModels, today: datetime.date) -> Iterator[Check]:
    """How old the prices are, and everything in the user's own file that does not hold."""
    yield _age_of_prices(known, today)
    for problem in known.problems:
        yield fault("models.toml", problem)


def _age_of_prices(known: KnownModels, today: datetime.date) -> Check:
    age_days = (today - known.catalogue.as_of).days
    if age_days > OLDEST_PRICES_DAYS:
        return note(
            "prices",
            f"{known.summary}: that is {age_days} days ago; a newer kibitz has newer ones, and "
            f"{known.file} can say what holds",
        )
    return ok("prices", known.summary)


def index(
    found: Repository, settings: Settings, known: Catalogue, environ: Mapping[str, str]
) -> Check:
    """Whether the next request finds its snapshot prepared, and of which commit."""
    if found.head() is None:
        return note("index", "without a commit there is nothing that could be prepared")
    subject = _subject(found, settings, known)
    cache = paths.context_folder(environ)
    # Looked at first, since a doctor makes no folder.
    if not cache.exists() or is_missing(subject, settings.models.standard, cache):
        return note(
            "index",
            "this repository is not indexed yet; opening a file of it in an editor does that, or "
            "`kibitz context`",
        )
    state = _state(subject, settings, environ)
    if not state.was_sent or state.base is None:
        return ok("index", "the snapshot is prepared; nothing was sent of it yet")
    n_blocks = len(state.log.blocks)
    return ok(
        "index",
        f"the snapshot is that of commit {state.base[:12]}, {state.snapshot_tokens:,} tokens, with "
        f"{n_blocks} block{'' if n_blocks == 1 else 's'} of changes since",
    )


def keep_warm(
    found: Repository,
    settings: Settings,
    known: Catalogue,
    midnight: datetime.datetime,
    environ: Mapping[str, str],
) -> Check:
    """Whether the snapshot is kept in the cache across pauses, and what that has cost today."""
    context = settings.context
    if context.keep_warm == "off":
        return ok("keep-warm", "off, by `context.keep_warm`")
    ledger = Ledger(paths.ledger_file(environ))
    try:
        spent_usd = ledger.warming_usd(midnight)
    except (sqlite3.Error, OSError):
        spent_usd = 0.0  # That the ledger cannot be read is told of the budget.
    finally:
        ledger.close()
    text = f"{dollars(spent_usd)} of ${context.keep_warm_day_usd:,.2f} today"
    lease = _state(_subject(found, settings, known), settings, environ).snapshot_lease
    now = time.time()
    if lease is not None and lease.alive(now):
        until = datetime.datetime.fromtimestamp(lease.expires_at).astimezone()
        text += f"; the snapshot should be in the cache until {until:%H:%M}"
    else:
        text += "; the snapshot is not in the cache"
    if not Trust.load(paths.trust_file(environ)).is_trusted(found.root):
        return note("keep-warm", f"{text}; only trusted repositories are kept warm: `kibitz trust`")
    if spent_usd >= context.keep_warm_day_usd:
        return note("keep-warm", f"{text}; no more today, by `context.keep_warm_day_usd`")
    return ok("keep-warm", text)


def _subject(found: Repository, settings: Settings, known: Catalogue) -> Subject:
    gate = gate_of(found.root, settings.context)
    return Subject(found, gate, snapshot_tokens(settings, known, "standard"))


def _state(subject: Subject, settings: Settings, environ: Mapping[str, str]) -> PrefixState:
    cache = paths.context_folder(environ)
    if not cache.exists():
        return PrefixState()
    key = prefix.prefix_key(subject.gate, settings.models.standard, subject.max_tokens)
    return prefix.store_in(cache).get(key)
