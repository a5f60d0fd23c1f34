"""Whether the demo has shown what it says: the difference between a demo and a film.

Each function returns what is wrong, in sentences; nothing when all is well.
"""

from __future__ import annotations

from collections.abc import Iterator

from kibitz.claude.spending.ledger_figures import Figures
from kibitz.demo.play import Counted, Played
from kibitz.demo.script import Script

REQUESTS = ("explain", "review", "refactor")
_ROUNDING_USD = 1e-6


def faults_of_any(played: Played) -> Iterator[str]:
    """What must hold whoever answers."""
    if not played.explained.markdown.strip():
        yield "The explanation was empty."
    if not played.explained.hover:
        yield "The explanation was not kept for the hover."
    if not played.reviewed.publications:
        yield "No diagnostics were published."
    if played.refactored.after == played.refactored.before:
        yield "The refactoring changed nothing."
    elif not {"Keep", "Revert"} <= {title.partition(":")[0] for title in played.refactored.menu}:
        yield "The menu does not offer to keep or to revert the edit."
    if tuple(name for name, _ in played.bill.rows) != REQUESTS:
        yield "The ledger does not hold the three requests."


def faults_of_scripted(played: Played, script: Script, counted: Counted) -> Iterator[str]:
    """What must hold besides when every reply is known."""
    if played.explained.markdown != script.explanation:
        yield "The explanation is not the one that was sent."
    text = played.reviewed.buffer.opened_with
    expected = {(title, line) for title, line in _places(script, text)}
    found = {(each.title, each.first_line) for each in played.reviewed.findings}
    if found != expected:
        yield "The findings are not those that were sent, each at the line that it quotes."
    if played.reviewed.publications < len(expected):
        yield "The findings were not published one by one."
    if played.refactored.after != script.rewritten(text, played.refactored.region):
        yield "The refactored text is not the one that was sent."
    total = played.bill.total
    if (_prompt_tokens(total), total.output_tokens) != (
        counted.prompt_tokens,
        counted.output_tokens,
    ) or abs(total.cost_usd - counted.cost_usd) > _ROUNDING_USD:
        yield "The ledger and the stand-in have counted differently."
    if any(not figures.cache_read_tokens for _, figures in played.bill.rows[1:]):
        yield "A later request did not read the repository from the cache."


def _places(script: Script, text: str) -> Iterator[tuple[str, int]]:
    """Title and line, from 0, of each scripted finding whose quote is in the text."""
    lines = text.splitlines()
    for finding in script.findings:
        if finding["quote"] in lines:
            yield finding["title"], lines.index(finding["quote"])


def _prompt_tokens(figures: Figures) -> int:
    return figures.input_tokens + figures.cache_write_tokens + figures.cache_read_tokens
