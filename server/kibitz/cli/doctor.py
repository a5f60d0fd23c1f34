"""`kibitz doctor`: one line a check, each with what to do about it."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from pathlib import Path

from kibitz.backend import Backend
from kibitz.claude.spending.days import midnight
from kibitz.claude.values import ClaudeFailure, ModelFacts
from kibitz.cli import (
    checks,
    context_checks,
    editor_checks,
    logbook,
    model_checks,
    provider_checks,
)
from kibitz.cli.arguments import Common, Parser
from kibitz.cli.checks import Check
from kibitz.cli.terminal import Terminal
from kibitz.errors import UserError
from kibitz.settings import load
from kibitz_context.files.repository import Repository

# An endpoint that does not answer in this time is told to be unreachable; higher: a doctor that
# seems to hang; lower: a slow gateway that works is called broken.
ENDPOINT_SECONDS = 10.0

SUBJECT_COLUMNS = 17
_STYLES = {"ok": "green", "note": "yellow", "fault": "bold red"}


def run(arguments: list[str]) -> int:
    parser = Parser(
        "doctor",
        "Check everything that kibitz needs: one line each, with what to do about it.",
        examples=(
            "kibitz doctor",
            "kibitz doctor --set base_url=https://gateway.example",
            "kibitz doctor --editor",
            "kibitz doctor --editor neovim",
        ),
        more="Nothing is spent.  Exits with 2 when something is set up wrongly, 3 when Claude\n"
        "cannot be reached, 4 when the budget is used up.\n",
    )
    parser.add_argument(
        "--editor",
        metavar="NAME|FILE",
        nargs="?",
        const="",
        help="only what an editor can do with kibitz: the one that started it last, the last one "
        "of that name, or the one whose `initialize` is in a JSON file",
    )
    options = parser.parse_args(arguments)
    common = Common.of(options)
    terminal = Terminal.here()
    if options.editor is not None:
        for check in editor_checks.checks(editor_checks.found(options.editor, os.environ)):
            _show(terminal, check)
        return 0
    codes = []
    for check in _checks(terminal, common):
        _show(terminal, check)
        codes.append(check.exit_code)
    # The first thing to mend decides.
    return min((code for code in codes if code), default=0)


def _checks(terminal: Terminal, common: Common) -> Iterator[Check]:
    """The checks in the order in which things depend on each other, each when it is done."""
    environ = os.environ
    found = Repository.find(Path.cwd())
    loaded = load(found.root, None, common.settings, environ)
    settings = loaded.settings
    yield checks.version()
    yield from checks.settings_files(loaded, found.root, environ)
    yield checks.folders(environ)
    logbook.begin(
        common.log_level or settings.log.level, terminal, on_stderr=common.log_level is not None
    )
    own = load(None, None, common.settings, environ).settings
    backend = Backend(own, environ)
    outcome, seconds = asyncio.run(_models(backend))
    if own.provider == "local":
        yield from provider_checks.local(backend, outcome)
    elif own.provider in provider_checks.CLOUDS:
        yield from provider_checks.cloud(outcome)
    else:
        yield from checks.reached(own, environ, outcome, seconds * 1000)
    known = backend.known_models()
    listed = outcome if isinstance(outcome, tuple) else None
    yield from model_checks.models(settings, listed, known.catalogue)
    yield from context_checks.prices(known, midnight().date())
    yield checks.editor(environ)
    yield checks.repository(found)
    yield context_checks.index(found, settings, known.catalogue, environ)
    yield checks.trust(found.root, environ)
    yield context_checks.keep_warm(found, settings, known.catalogue, midnight(), environ)
    yield checks.budget(settings, environ, known.catalogue)


async def _models(
    backend: Backend,
) -> tuple[tuple[ModelFacts, ...] | ClaudeFailure | UserError, float]:
    """What the endpoint lists, or why it does not; and the seconds that asking took."""
    asked = time.monotonic()
    try:
        async with asyncio.timeout(ENDPOINT_SECONDS):
            await backend.warm_up()
            asked = time.monotonic()
            models = await backend.models()
            return models, time.monotonic() - asked
    except (ClaudeFailure, UserError) as failure:
        return failure, time.monotonic() - asked
    except TimeoutError:
        address = checks.endpoint(backend.settings, os.environ)
        return ClaudeFailure("timeout", endpoint=address), time.monotonic() - asked
    finally:
        await backend.aclose()


def _show(terminal: Terminal, check: Check) -> None:
    verdict, subject = f"{check.verdict:<6}", f"{check.subject:<{SUBJECT_COLUMNS}}"
    if not terminal.out_is_terminal:
        terminal.write(f"{verdict}{subject}{check.text}\n")
        return
    from rich.text import Text

    with terminal.console_to_write() as console:
        line = Text.assemble((verdict, _STYLES[check.verdict]), (subject, "bold"), check.text)
        console.print(line, soft_wrap=True)
