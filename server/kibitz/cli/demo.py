"""`kibitz demo`: the whole product in a minute, with no key and no editor."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from kibitz.cli.arguments import Common, Parser
from kibitz.cli.terminal import Terminal
from kibitz.errors import UserError

if TYPE_CHECKING:
    from kibitz.demo.sample import Sample
    from kibitz.demo.stage import Stage

EXIT_FAILED = 1


def run(arguments: list[str]) -> int:
    """Play the demo; returns 0 only if everything in it did what it should."""
    parser = _parser()
    options = parser.parse_args(arguments)
    settings = Common.of(options).settings
    if settings and not options.live:
        parser.error("--set counts with --live only: the scripted demo has settings of its own")
    if options.record is not None and options.live:
        parser.error("--record is for the scripted demo")
    terminal = Terminal.here()
    with _ended_in_order(), _folder() as folder:
        from kibitz.demo.sample import NAME, lay_out

        sample = lay_out(folder / NAME, os.environ)
        stage = _stage(terminal, unhurried=not options.fast)
        if options.live:
            return _live(terminal, stage, sample, settings)
        return _scripted(terminal, stage, sample, folder / "home", options)


def _parser() -> Parser:
    parser = Parser(
        "demo",
        "What kibitz does, acted out by the real server and a small editor on a sample "
        "repository: an explanation, a review, a refactoring, and the bill.  The replies are "
        "scripted and nobody is asked, unless you say --live.",
        examples=("kibitz demo", "kibitz demo --live"),
    )
    parser.add_argument(
        "--live", action="store_true", help="let Claude answer, with your key and settings"
    )
    parser.add_argument("--fast", action="store_true", help="do not wait for people to read")
    # How the picture in the README is made.
    parser.add_argument("--record", type=Path, metavar="FILE.svg", help=argparse.SUPPRESS)
    return parser


def _scripted(
    terminal: Terminal, stage: Stage, sample: Sample, home: Path, options: argparse.Namespace
) -> int:
    from kibitz.demo import judge, notices, picture, play, script

    pace = script.FOR_PEOPLE if terminal.out_is_terminal else script.FOR_PIPES
    if options.fast:
        pace = script.AT_ONCE
    replies = script.Script.read()
    notices.open_scripted(stage)
    played, counted = asyncio.run(play.scripted(stage, sample, home, replies, pace, os.environ))
    _require(*judge.faults_of_any(played), *judge.faults_of_scripted(played, replies, counted))
    notices.close_scripted(stage, played)
    if options.record is not None:
        try:
            picture.write(options.record, played, replies)
        except OSError as error:
            raise UserError(f"{options.record} cannot be written ({error.strerror}).") from error
    return 0


def _live(terminal: Terminal, stage: Stage, sample: Sample, settings: Mapping[str, str]) -> int:
    from kibitz.demo import judge, live, notices, play

    notices.open_live(stage, asyncio.run(live.offer(sample, settings, os.environ)))
    if terminal.out_is_terminal and sys.stdin.isatty():
        terminal.write("Go on? [y/N] ")
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            return 0
    played = asyncio.run(play.live(stage, sample, settings, os.environ))
    _require(*judge.faults_of_any(played))
    notices.close_live(stage, played)
    return 0


def _require(*faults: str) -> None:
    if faults:
        raise UserError(f"The demo has failed: {faults[0]}", EXIT_FAILED)


def _stage(terminal: Terminal, *, unhurried: bool) -> Stage:
    """The stage for stdout: it moves and has colours on a terminal that wants them."""
    from kibitz.demo.stage import Stage, console

    shown = console(
        terminal.out,
        is_terminal=terminal.out_is_terminal,
        has_colours=not os.environ.get("NO_COLOR"),
    )
    return Stage(shown, moves=shown.is_terminal, unhurried=unhurried and terminal.out_is_terminal)


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder for everything that the demo writes; nothing of it stays."""
    with tempfile.TemporaryDirectory(prefix="kibitz-demo-") as folder:
        yield Path(folder).resolve()


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """Let a polite end from outside (kill, a closed terminal) clean up as Ctrl-C does."""

    def interrupt(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001
        raise KeyboardInterrupt

    names = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {name: signal.signal(getattr(signal, name), interrupt) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)
