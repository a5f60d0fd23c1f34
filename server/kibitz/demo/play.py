"""The play: a server, an editor and the three acts, with the stand-in or with Claude.

Whatever it starts has ended when it returns, however it returns.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kibitz import paths
from kibitz.demo import acts
from kibitz.demo.acts import Bill, Explained, Refactored, Reviewed
from kibitz.demo.editor import Editor
from kibitz.demo.sample import Sample, without_git_variables
from kibitz.demo.script import Pace, Script
from kibitz.demo.stage import Stage
from kibitz.demo.views import quiet
from kibitz.errors import UserError
from kibitz.standin import Clock, StandIn

# Longer than it ever takes: past them something hangs.
LONGEST_SCRIPTED_SECONDS = 120.0
LONGEST_LIVE_SECONDS = 600.0

EXIT_FAILED = 1

# -P: a folder in the sample must not be taken for a module.
SERVER = (sys.executable, "-P", "-m", "kibitz", "serve")

# What would let something of the user's into the scripted demo, or its requests out of it.
_OWN = ("ANTHROPIC_", "KIBITZ_", "XDG_")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@dataclass(frozen=True, slots=True)
class Played:
    """Everything that was seen."""

    explained: Explained
    reviewed: Reviewed
    refactored: Refactored
    bill: Bill


@dataclass(frozen=True, slots=True)
class Counted:
    """What the stand-in counted itself, apart from kibitz's ledger."""

    prompt_tokens: int
    output_tokens: int
    cost_usd: float


async def scripted(
    stage: Stage, sample: Sample, home: Path, script: Script, pace: Pace, environ: Mapping[str, str]
) -> tuple[Played, Counted]:
    """Play with the stand-in, in a home folder of the demo's own.

    Raises UserError when something does not come to its end.
    """
    async with _within(LONGEST_SCRIPTED_SECONDS), StandIn(clock=Clock.real()) as standin:
        script.teach(standin, pace)
        environment = scripted_environment(environ, home, standin.base_url)
        played = await _play(stage, sample, environment, script.stated_line)
        return played, _counted(standin)


async def live(
    stage: Stage, sample: Sample, settings: Mapping[str, str], environ: Mapping[str, str]
) -> Played:
    """Play with Claude, by the user's own settings, budget and ledger.

    `settings` are those of the command line.  Raises UserError like `scripted`.
    """
    given = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    environment = without_git_variables(environ)
    async with _within(LONGEST_LIVE_SECONDS):
        return await _play(stage, sample, environment, lambda _: None, given)


def scripted_environment(environ: Mapping[str, str], home: Path, base_url: str) -> dict[str, str]:
    """An environment in which kibitz finds the stand-in and nothing of the user's."""
    kept = {
        name: value
        for name, value in without_git_variables(environ).items()
        if not name.startswith(_OWN) and name.upper() not in _PROXIES
    }
    folders = {
        "XDG_CONFIG_HOME": home / "config",
        "XDG_STATE_HOME": home / "state",
        "XDG_CACHE_HOME": home / "cache",
    }
    return {
        **kept,
        "HOME": str(home),
        **{name: str(folder) for name, folder in folders.items()},
        "ANTHROPIC_BASE_URL": base_url,
        "ANTHROPIC_API_KEY": "no-key-at-all",
        "NO_PROXY": "127.0.0.1",
    }


async def _play(
    stage: Stage,
    sample: Sample,
    environment: Mapping[str, str],
    stated_line: acts.StatedLine,
    options: Sequence[str] = (),
) -> Played:
    async with Editor.started([*SERVER, *options], sample.root, environment) as editor:
        kind = "a git repository" if sample.has_git else "a folder, as there is no git here"
        stage.show(
            quiet(
                f"The sample is {sample.root.name}, {sample.n_files} files, {kind}. kibitz serve "
                f"is process {editor.process_id}; it answered the editor after "
                f"{editor.initialized_after_seconds * 1000:.0f} ms and was loaded after "
                f"{editor.ready_after_seconds * 1000:.0f} ms."
            )
        )
        await stage.pause(1.5)
        explained = await acts.explain(stage, editor, sample)
        await stage.pause(1.5)
        reviewed = await acts.review(stage, editor, sample, stated_line)
        await stage.pause(1.5)
        refactored = await acts.refactor(stage, editor, reviewed.buffer)
        await stage.pause(1.0)
    bill = acts.bill(stage, paths.ledger_file(environment), sample)
    return Played(explained, reviewed, refactored, bill)


@contextlib.asynccontextmanager
async def _within(seconds: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise UserError(
            f"The demo was stopped: it had not come to its end after {seconds:.0f} s.", EXIT_FAILED
        ) from error


def _counted(standin: StandIn) -> Counted:
    exchanges = standin.journal.messages
    uses = [exchange.cache_use for exchange in exchanges]
    return Counted(
        sum(use.input_tokens + use.read_tokens + use.write_tokens for use in uses),
        sum(exchange.output_tokens for exchange in exchanges),
        sum(exchange.cost_usd or 0.0 for exchange in exchanges),
    )
