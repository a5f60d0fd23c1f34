"""How the parts of the demo look: an answer, a finding, a diff, the bill."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.markdown import Markdown
from rich.padding import Padding
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from kibitz.bill import dollars
from kibitz.claude.spending.ledger_figures import Figures
from kibitz.demo.diff import Row
from kibitz.demo.editor import Diagnostic
from kibitz.demo.stage import Trimmed
from kibitz.plain_text import visible

CODE_THEME = "ansi_dark"
QUIET = "bright_black"
GUTTER_COLUMNS = 8  # number, sign and the blanks round them

_SEVERITIES = {
    1: ("error", "bold red"),
    2: ("warning", "bold yellow"),
    3: ("info", "bold blue"),
    4: ("hint", "bold cyan"),
}
_SIGN_STYLES = {"-": "red", "+": "green", " ": ""}


def markdown(text: str) -> RenderableType:
    """Markdown without blank rows round it; hyperlinks show where they lead."""
    return Trimmed(Markdown(text, code_theme=CODE_THEME, hyperlinks=False))


def quiet(text: str) -> Text:
    return Text(text, style=QUIET)


def done(text: str) -> RenderableType:
    """How an act ended: what came of it and what it cost, on one line if they fit."""
    return _Ending(visible(text))


class _Ending:
    def __init__(self, text: str) -> None:
        self._text = text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        parts = (
            [self._text] if len(self._text) + 2 <= options.max_width else self._text.split(" · ")
        )
        for number, part in enumerate(parts):
            yield Text.assemble(("  " if number else "✓ ", "bold green"), (part, QUIET))


def finding(
    found: Diagnostic, lines: Sequence[str], path: str, stated_line: int | None
) -> RenderableType:
    """One finding with the code around it.

    `stated_line`, from 1, is where the reply said that it is; None where nobody knows.
    """
    name, style = _SEVERITIES.get(found.severity, _SEVERITIES[1])
    where = f"{path}:{found.first_line + 1}"
    title, _, message = visible(found.message).partition("\n")
    parts: list[RenderableType] = [
        Text.assemble((name, style), "  ", (title, "bold"), "  ", (where, QUIET)),
        _excerpt(found, lines),
    ]
    if message:
        parts.append(_below_code(Text(message)))
    if stated_line is not None and stated_line != found.first_line + 1:
        where_from = (
            f"The reply says line {stated_line} but quotes line {found.first_line + 1}: "
            "there the finding stands."
        )
        parts.append(_below_code(quiet(where_from)))
    return Group(*parts)


def _below_code(text: Text) -> RenderableType:
    return Padding(text, (0, 0, 0, GUTTER_COLUMNS))


def _excerpt(found: Diagnostic, lines: Sequence[str]) -> RenderableType:
    """The lines of a finding with one more above and below, if there is anything on them."""
    first = max(0, found.first_line - 1)
    end = min(len(lines), found.last_line + 2)
    while first < found.first_line and not lines[first].strip():
        first += 1
    while end > found.last_line + 1 and not lines[end - 1].strip():
        end -= 1
    rows = []
    code = _highlighted("".join(lines[first:end]))
    for number, line in enumerate(code, first):
        is_meant = found.first_line <= number <= found.last_line
        mark = ("▌", "red") if is_meant else (" ", "")
        rows.append(Text.assemble((f"{number + 1:>5} ", QUIET), mark, " ", line))
        if number == found.last_line and found.suggestion:
            rows += [
                Text.assemble(("      + ", "green"), (suggested, "green"))
                for suggested in visible(found.suggestion).split("\n")
            ]
    return _unwrapped(rows)


def diff(hunks: Sequence[Sequence[Row]]) -> RenderableType:
    """A diff with line numbers; hunks are parted by a line."""
    rows: list[Text] = []
    for number, hunk in enumerate(hunks):
        if number:
            rows.append(quiet("      ⋮"))
        for row in hunk:
            style = _SIGN_STYLES[row.sign]
            text = visible(row.text).rstrip("\n")
            code = Text(text, style) if style else _highlighted(text)[0]
            rows.append(Text.assemble((f"{row.number:>5} ", QUIET), (row.sign, style), " ", code))
    return _unwrapped(rows)


def _highlighted(code: str) -> list[Text]:
    syntax = Syntax("", "python", theme=CODE_THEME, background_color="default")
    text = syntax.highlight(visible(code))
    text.rstrip()
    return list(text.split("\n", allow_blank=True))


def _unwrapped(rows: Sequence[Text]) -> RenderableType:
    for row in rows:
        row.no_wrap, row.overflow = True, "ellipsis"
    return Group(*rows)


def bill(rows: Sequence[tuple[str, Figures]], total: Figures) -> RenderableType:
    """The bill: a line for each request, then all of them."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_footer=True, header_style=QUIET)
    table.add_column("request", footer="total")
    for title, figure in (
        ("new", total.input_tokens),
        ("into cache", total.cache_write_tokens),
        ("from cache", total.cache_read_tokens),
        ("output", total.output_tokens),
    ):
        table.add_column(title, footer=f"{figure:,}", justify="right")
    table.add_column("cached", footer=_share(total), justify="right", footer_style="bold green")
    table.add_column("cost", footer=dollars(total.cost_usd), justify="right", footer_style="bold")
    for name, figures in rows:
        table.add_row(
            name,
            f"{figures.input_tokens:,}",
            f"{figures.cache_write_tokens:,}",
            f"{figures.cache_read_tokens:,}",
            f"{figures.output_tokens:,}",
            _share(figures),
            dollars(figures.cost_usd),
        )
    return Trimmed(table)


def cache_share(figures: Figures) -> float:
    """The share of the prompts' tokens that was read from the cache, 0 to 1."""
    read = figures.cache_read_tokens
    prompt = figures.input_tokens + figures.cache_write_tokens + read
    return read / prompt if prompt else 0.0


def _share(figures: Figures) -> str:
    return f"{cache_share(figures):.0%}"
