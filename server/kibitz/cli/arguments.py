"""Reading a command's arguments: the options that all commands share, and errors in a sentence."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, cast, get_args

from kibitz.errors import UserError
from kibitz.logs import Level


@dataclass(frozen=True, slots=True)
class Common:
    """What every command takes.  `settings` is what ``--set`` gave, later ones win."""

    settings: Mapping[str, str]
    log_level: Level | None = None
    verbose: bool = False
    yes: bool = False
    model: str | None = None

    @classmethod
    def of(cls, options: argparse.Namespace) -> Common:
        return cls(
            dict(cast("list[tuple[str, str]]", options.set or [])),
            options.log_level,
            getattr(options, "verbose", False),
            getattr(options, "yes", False),
            getattr(options, "model", None),
        )


class Parser(argparse.ArgumentParser):
    """The parser of one command.  A mistake is a UserError, not the end of the process."""

    def __init__(
        self, command: str, does: str, examples: Sequence[str] = (), more: str = ""
    ) -> None:
        listed = "".join(f"  {example}\n" for example in examples)
        parts = [f"examples:\n{listed}" if examples else "", more]
        super().__init__(
            prog=f"kibitz {command}",
            description=does,
            epilog="\n".join(part for part in parts if part),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        shared = self.add_argument_group("for every command")
        shared.add_argument(
            "--set",
            action="append",
            type=_key_and_value,
            metavar="KEY=VALUE",
            help="a setting for this run (see docs/settings.md); may be repeated",
        )
        shared.add_argument(
            "--log-level", choices=get_args(Level), help="also log to stderr, from this level on"
        )

    def add_model(self) -> None:
        self.add_argument("--model", metavar="M", help="any model id instead of the tier's")

    def add_verbose(self) -> None:
        """What goes with every request: whether to say what it was, and whether to send it."""
        self.add_argument(
            "--yes",
            action="store_true",
            help="send it also when it may cost more than `budget.request_usd`; the limits of the "
            "day and the month hold all the same",
        )
        self.add_argument(
            "--verbose",
            action="store_true",
            help="print on stderr what the request was in tokens and what it cost",
        )

    def _parse_optional(self, arg_string: str) -> Any:
        # Lines of stdin, `-:10-42`, are no option: nothing that begins so is one.
        return None if arg_string.startswith("-:") else super()._parse_optional(arg_string)

    def error(self, message: str) -> NoReturn:
        sentence = message[:1].upper() + message[1:]
        raise UserError(f"{sentence.rstrip('.')}; see `{self.prog} --help`.")


def positive(text: str) -> int:
    """A whole number above 0, for argparse."""
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def count(text: str) -> int:
    """A whole number, 0 as well, for argparse."""
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return int(text)


def _key_and_value(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    return key.strip(), value
