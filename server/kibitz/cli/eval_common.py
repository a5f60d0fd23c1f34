"""What both evaluations need: configurations to compare, and the user's consent to the cost."""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias, TypeVar, cast, get_args

from kibitz.bill import dollars
from kibitz.claude.values import Tier
from kibitz.cli.arguments import Parser
from kibitz.cli.terminal import Terminal
from kibitz.cli.workplace import Workplace
from kibitz.errors import EXIT_BUDGET, UserError
from kibitz.evaluation.results import Results
from kibitz.plain_text import one_line


@dataclass(frozen=True, slots=True)
class Configuration:
    """One of those that are compared: a tier or a model, with further instructions or without.

    `name` tells it from the others, and from one of the same name whose words were others.
    """

    name: str
    tier: Tier | None
    model: str | None
    instructions: str = ""


class Named(Protocol):
    """A case of an evaluation."""

    @property
    def id(self) -> str: ...


class Figures(Protocol):
    """What a configuration has come to."""

    def as_json(self) -> dict[str, Any]: ...


Case = TypeVar("Case", bound=Named)
Todo: TypeAlias = Sequence[tuple[Configuration, Sequence[Case]]]


def add_configurations(parser: Parser) -> None:
    """The options that say what is compared, and how much it may cost."""
    parser.add_argument(
        "--tier",
        action="append",
        choices=get_args(Tier),
        help="ask this tier's model; give it several times to compare tiers",
    )
    parser.add_argument(
        "--model", action="append", metavar="M", help="ask this model; may be repeated as well"
    )
    parser.add_argument(
        "--most-usd",
        type=_usd,
        metavar="USD",
        help="stop when this evaluation has cost so much; the budget holds besides",
    )
    parser.add_argument(
        "--again", action="store_true", help="forget the results of an earlier run, and pay anew"
    )
    parser.add_argument("--json", action="store_true", help="the figures for programs")
    parser.add_verbose()


def configurations(
    options: argparse.Namespace, default: Tier, prompts: Sequence[str] = ()
) -> list[Configuration]:
    """What is to be compared; `default` is the tier where none is named, and the files `prompts`
    hold further instructions.  Raises UserError for a file that cannot be read."""
    asked: list[tuple[str, Tier | None, str | None]] = [
        *((tier, cast(Tier, tier), None) for tier in dict.fromkeys(options.tier or ())),
        *((model, None, model) for model in dict.fromkeys(options.model or ())),
    ]
    if not asked:
        asked = [(default, default, None)]
    words = [_words(path) for path in prompts]
    found: list[Configuration] = []
    for name, tier, model in asked:
        found.append(Configuration(name, tier, model))
        for title, text in words:
            found.append(Configuration(f"{name}, {title}", tier, model, text))
    return found


def missing(
    compared: Sequence[Configuration], cases: Sequence[Case], results: Results
) -> list[tuple[Configuration, list[Case]]]:
    """What has no result yet, for each configuration."""
    return [
        (each, [case for case in cases if results.get(each.name, case.id) is None])
        for each in compared
    ]


async def agree_on(
    at: Workplace,
    results: Results,
    todo: Todo[Case],
    words: tuple[str, str],
    likely_usd: Callable[[Todo[Case]], Awaitable[float | None]],
    warning: str = "",
) -> int:
    """Say what is to be done and what it costs, and ask whether to go on; how much it is.

    `words` are how many cases there are, and what is made of them.  Raises UserError where the
    user does not want to.
    """
    n_todo = sum(len(waiting) for _, waiting in todo)
    n_cases, made = words
    at.terminal.note(
        f"{n_cases}, {len(todo)} configurations: {n_todo} {made} to be made; results are kept in "
        f"{results.path}."
    )
    if n_todo:
        at.terminal.note(f"That {cost_words(await likely_usd(todo))}.")
        if warning:
            at.terminal.note(warning)
        must_agree(at.terminal, yes=at.common.yes)
    return n_todo


def tell_figures(
    at: Workplace,
    about: Mapping[str, Any] | None,
    figures: Sequence[Figures],
    header: Sequence[str],
    rows: Sequence[Sequence[Any]],
) -> None:
    """The figures on stdout: as a document that begins with `about`, else as a table."""
    if about is None:
        print_table(at.terminal, header, rows)
        return
    document = {**about, "configurations": [each.as_json() for each in figures]}
    at.terminal.write(json.dumps(document, indent=2) + "\n")


def must_agree(terminal: Terminal, *, yes: bool) -> None:
    """Ask the user whether to go on.  Raises UserError when the answer is no, or when there is
    nobody to ask and `--yes` was not given."""
    if yes:
        return
    if not (terminal.err_is_terminal and sys.stdin is not None and sys.stdin.isatty()):
        raise UserError("Nobody is there to be asked whether to go on; add `--yes`.")
    with terminal.asking("Go on? [y/N] "):
        answer = sys.stdin.readline()
    if answer.strip().lower() not in ("y", "yes"):
        raise UserError("Stopped; nothing was sent.")


def cost_words(usd: float | None) -> str:
    """What a number of requests is likely to cost, as the end of a sentence."""
    if usd is None:
        return "costs an unknown amount: no price is known"
    return f"costs about {dollars(usd)}"


def shown_usd(usd: float | None) -> str:
    return "–" if usd is None else dollars(usd)


@dataclass
class Purse:
    """What this run has spent of the most that it may; both in USD."""

    most_usd: float | None
    spent_usd: float = 0.0

    @property
    def is_empty(self) -> bool:
        return self.most_usd is not None and self.spent_usd >= self.most_usd

    def stopped(self) -> UserError:
        """Why no more is asked."""
        return UserError(
            f"Stopped: it has cost {dollars(self.spent_usd)} of at most "
            f"{dollars(self.most_usd or 0.0)}. The same command with a larger --most-usd goes on "
            "from here.",
            EXIT_BUDGET,
        )


def print_table(terminal: Terminal, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """A table on stdout."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for number, title in enumerate(header):
        table.add_column(title, justify="right" if number else "left")
    for row in rows:
        table.add_row(*map(str, row))
    with terminal.console_to_write() as console:
        console.print(table)


def _words(path: str) -> tuple[str, str]:
    """The name and the text of a file with instructions."""
    try:
        text = Path(path).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{one_line(path, 200)} cannot be read as text.") from error
    if not text:
        raise UserError(f"{one_line(path, 200)} is empty.")
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return f"{one_line(Path(path).stem, 40)}#{digest}", text


def _usd(text: str) -> float:
    try:
        usd = float(text)
    except ValueError:
        usd = 0.0
    if not 0 < usd < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not an amount above 0")
    return usd
