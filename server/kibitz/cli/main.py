"""The menu of commands, and what becomes of the things that can go wrong in any of them."""

from __future__ import annotations

import difflib
import importlib
import logging
import os
import sys
from collections.abc import Callable
from typing import cast

from kibitz import __version__, errors, paths
from kibitz.claude import telemetry
from kibitz.claude.values import ClaudeFailure
from kibitz.cli import logbook
from kibitz.cli.terminal import Terminal
from kibitz.errors import UserError
from kibitz.plain_text import one_line

COMMANDS = {
    "serve": "the language server, for an editor to start",
    "demo": "what kibitz does, in a minute, with no key and no editor",
    "explain": "explain a file, or some lines of it",
    "review": "review files: findings with their place and a suggestion",
    "refactor": "change code as told: a diff, or the change written",
    "ask": "ask about the repository, or about what is piped in",
    "context": "what would be sent, what it would cost and what was left out",
    "usage": "what was spent: by day, task, model or repository",
    "audit": "what was asked of Claude, request by request",
    "replay": "send a recorded request again, and compare the replies",
    "eval": "measure reviews or completions here, with your own key",
    "doctor": "check credentials, endpoint, models, settings, trust and budget",
    "setup": "what to tell an editor so that it starts kibitz",
    "trust": "let automatic features send this repository's code",
}

# Those that ask Claude for something.
ASKING = frozenset({"explain", "review", "refactor", "ask", "eval"})

EXIT_FAULT = (
    70  # "internal software error" of sysexits.h: no result of a command is mistaken for it
)
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141  # what a shell reports of a program that SIGPIPE ended

logger = logging.getLogger("kibitz.cli")


def run(arguments: list[str]) -> int:
    """Run any command but `serve`; returns the exit code and raises nothing."""
    terminal = Terminal.here()
    try:
        code = _dispatch(arguments, terminal)
        terminal.flush()
    except SystemExit as ending:  # argparse, after --help
        code = ending.code if isinstance(ending.code, int) else errors.EXIT_USAGE
    except BrokenPipeError:
        # The reader has what it wanted.  Python would complain when it flushes at its end.
        _silence_stdout()
        code = EXIT_BROKEN_PIPE
    except KeyboardInterrupt:
        code = EXIT_INTERRUPTED
    except Exception as error:  # noqa: BLE001 - a bug: one entry in the log, one sentence
        code = _told(error, terminal)
    finally:
        logbook.end()
    return code


def failure_told(error: Exception, terminal: Terminal) -> int | None:
    """Tell a failure that the user can do something about; its exit code, None for a bug."""
    match error:
        case UserError():
            terminal.note(error.sentence)
            return error.exit_code
        case ClaudeFailure():
            logger.info("Claude failed: %s (request %s)", error.kind, error.request_id)
            terminal.note(errors.sentence_for(error))
            return errors.exit_code_for(error)
        case _:
            return None


def _told(error: Exception, terminal: Terminal) -> int:
    try:
        code = failure_told(error, terminal)
        if code is None:
            if not logbook.has_begun():
                logbook.begin("info", terminal, on_stderr=False)
            logger.error("a fault in kibitz", exc_info=error)
            terminal.note(
                f"There is a fault in kibitz ({type(error).__name__}); please report it with the "
                f"last entry of {paths.log_file(os.environ)}."
            )
            code = EXIT_FAULT
    except BrokenPipeError:  # nobody reads stderr either
        code = EXIT_BROKEN_PIPE
    return code


def _dispatch(arguments: list[str], terminal: Terminal) -> int:
    match arguments:
        case []:
            terminal.err.write(_help())
            return errors.EXIT_USAGE
        case ["-h" | "--help" | "help"]:
            terminal.write(_help())
            return 0
        case ["help", name, *_]:
            return _command(name)(["--help"])
        case ["-V" | "--version", *_]:
            terminal.write(f"kibitz {__version__}\n")
            return 0
        case [name, *rest] if name in ASKING:
            command = _command(name)
            with telemetry.action(name):
                return command(rest)
        case [name, *rest]:
            return _command(name)(rest)
    raise AssertionError("unreachable")


def _command(name: str) -> Callable[[list[str]], int]:
    if name not in COMMANDS:
        nearest = difflib.get_close_matches(name, COMMANDS, 1)
        advice = f"did you mean `kibitz {nearest[0]}`?" if nearest else "see `kibitz --help`."
        raise UserError(f"There is no command {one_line(name, 40)!r}; {advice}")
    return cast(Callable[[list[str]], int], importlib.import_module(f"kibitz.cli.{name}").run)


def _help() -> str:
    commands = "".join(f"  {name:<10}{does}\n" for name, does in COMMANDS.items())
    return f"""\
kibitz: Claude in any editor that speaks LSP, and in the terminal.

usage: kibitz COMMAND [ARGUMENTS]

{commands}
examples:
  kibitz demo
  kibitz explain src/app.py:10-42
  kibitz review src/app.py --fail-on warning
  kibitz refactor src/app.py:10-42 "use a dataclass" | git apply
  git diff | kibitz ask "What could break?" -

`kibitz COMMAND --help` says more.  Results go to stdout, everything else to stderr.
exit codes: 0 fine, 1 findings at or above --fail-on, 2 usage or configuration,
            3 Claude unreachable, refused or cut off, 4 budget exhausted
"""


def _silence_stdout() -> None:
    """Let what is still in stdout's buffer go nowhere."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
    except (OSError, ValueError):  # no real file is behind it
        return
