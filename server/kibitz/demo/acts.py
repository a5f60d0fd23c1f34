"""The three acts and the bill: each asks for something as an editor does and shows what comes.

An act returns what it has seen, so that somebody can judge it afterwards; it judges nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import RenderableType

from kibitz.claude.spending.ledger import Ledger
from kibitz.claude.spending.ledger_figures import Figures
from kibitz.demo import views
from kibitz.demo.buffer import Buffer
from kibitz.demo.diff import Row, counts, hunks
from kibitz.demo.editor import Diagnostic, Edited, Editor, Happening, Published, Reported, Said
from kibitz.demo.sample import Region, Sample, region
from kibitz.demo.stage import Growing, Stage
from kibitz.errors import UserError
from kibitz.markdown_blocks import MarkdownBlocks
from kibitz.visible_text import VisibleText
from kibitz_context.lines import split_lines

EXPLAINED_FILE = "fairshare/settle.py"
REVIEWED_FILE = "fairshare/expenses.py"
INSTRUCTION = "Divide to the cent, and let no call see what another one has computed."

EXPLAIN_KIND, REVIEW_KIND = "source.kibitz.explain", "source.kibitz.review"
REFACTOR_KIND, QUICKFIX_KIND = "refactor.rewrite.kibitz", "quickfix.kibitz"

# A cursor at the top, and nothing selected.
WHOLE = Region(0, 0)

StatedLine = Callable[[str], int | None]
"""The line that the reply gives for a finding with that title, where it is known."""


@dataclass(frozen=True, slots=True)
class Explained:
    """`hover` is what is shown afterwards when the pointer rests on the code."""

    markdown: str
    hover: str
    ending: str


@dataclass(frozen=True, slots=True)
class Reviewed:
    """`publications` counts how often diagnostics were published."""

    buffer: Buffer
    findings: tuple[Diagnostic, ...]
    publications: int
    ending: str


@dataclass(frozen=True, slots=True)
class Refactored:
    """`menu` is what the menu at the edited lines offers afterwards."""

    before: str
    after: str
    region: Region
    n_edits: int
    menu: tuple[str, ...]
    ending: str

    @property
    def hunks(self) -> list[list[Row]]:
        return difference(self.before, self.after)


@dataclass(frozen=True, slots=True)
class Bill:
    """The ledger's figures for each of the requests, in their order, and for all of them."""

    rows: tuple[tuple[str, Figures], ...]
    total: Figures


def explained_region(text: str) -> Region:
    return region(text, "def settle", "    return transfers")


def refactored_region(text: str) -> Region:
    return region(text, "def split", "    return result")


async def explain(stage: Stage, editor: Editor, sample: Sample) -> Explained:
    """Explain a function; the answer is shown as it streams."""
    buffer = await editor.open(sample.path(EXPLAINED_FILE))
    where = explained_region(buffer.text)
    stage.heading("1  Explain", f"{EXPLAINED_FILE}:{where.shown}")
    action = await _choice(stage, editor, buffer, where, EXPLAIN_KIND)
    job = await editor.choose(action)
    said, ending = "", ""
    with stage.growing() as growing:
        growing.status("…")
        answer = _Answer(growing)
        async for happening in editor.until_end(job):
            if isinstance(happening, Said):
                said += happening.text
                answer.feed(happening.text)
            else:
                ending = _progress(growing, happening) or ending
        answer.finish()
    hover = await editor.hover(buffer, where.first)
    if hover:
        stage.show(views.quiet("Hovering over these lines shows it again, while they stand."))
    stage.show(views.done(ending))
    return Explained(said, hover, ending)


async def review(stage: Stage, editor: Editor, sample: Sample, stated_line: StatedLine) -> Reviewed:
    """Review a file; each finding is shown when its diagnostic is published."""
    buffer = await editor.open(sample.path(REVIEWED_FILE))
    stage.heading("2  Review", REVIEWED_FILE)
    action = await _choice(stage, editor, buffer, WHOLE, REVIEW_KIND)
    job = await editor.choose(action)
    found: tuple[Diagnostic, ...] = ()
    publications, ending = 0, ""
    with stage.growing() as growing:
        growing.status("…")
        async for happening in editor.until_end(job):
            if isinstance(happening, Published) and happening.uri == buffer.uri:
                publications += 1
                for diagnostic in happening.diagnostics:
                    if diagnostic not in found:
                        line = stated_line(diagnostic.title)
                        shown = views.finding(diagnostic, buffer.lines, REVIEWED_FILE, line)
                        growing.show(shown, "")
                found = happening.diagnostics
            else:
                ending = _progress(growing, happening) or ending
    stage.show(views.done(ending))
    return Reviewed(buffer, found, publications, ending)


async def refactor(stage: Stage, editor: Editor, buffer: Buffer) -> Refactored:
    """Refactor two functions of the reviewed text; its diff grows with every edit."""
    before = buffer.text
    where = refactored_region(before)
    stage.heading("3  Refactor", f"{REVIEWED_FILE}:{where.shown}")
    stage.show(f"“{INSTRUCTION}”", "")
    action = await _choice(stage, editor, buffer, where, REFACTOR_KIND)
    job = await editor.choose(action, instruction=INSTRUCTION)
    n_edits, ending = 0, ""
    with stage.growing() as growing:
        growing.status("…")
        async for happening in editor.until_end(job):
            if isinstance(happening, Edited) and happening.uri == buffer.uri:
                n_edits += 1
                growing.grow(views.diff(difference(before, happening.after)))
                if not stage.moves:
                    growing.show(views.quiet(_edit_line(n_edits, happening)))
            else:
                ending = _progress(growing, happening) or ending
        growing.finish(views.diff(difference(before, buffer.text)), "")
    menu = await editor.menu(buffer, where.first, where.end, QUICKFIX_KIND)
    titles = tuple(str(item["title"]) for item in menu)
    edits = f"{n_edits} edit{'s' if n_edits != 1 else ''} of the open text"
    stage.show(views.quiet(f"{edits}. {_offered(titles)}"))
    stage.show(views.done(ending))
    return Refactored(before, buffer.text, where, n_edits, titles, ending)


def bill(stage: Stage, ledger_path: Path, sample: Sample) -> Bill:
    """What the ledger of the server holds about the sample."""
    ledger = Ledger(ledger_path)
    try:
        summary = ledger.summary(by="task", repository=str(sample.root))
    finally:
        ledger.close()
    order = {"explain": 0, "review": 1, "refactor": 2}
    rows = sorted(summary.rows, key=lambda row: order.get(row[0], len(order)))
    found = Bill(tuple(rows), summary.total)
    stage.heading("4  The bill", "tokens and cost of each request, from the server's ledger")
    stage.show(views.bill(found.rows, found.total), "")
    return found


def difference(before: str, after: str) -> list[list[Row]]:
    return hunks(split_lines(before), split_lines(after))


class _Answer:
    """An answer in Markdown that grows: blocks that are complete are shown for good."""

    def __init__(self, growing: Growing) -> None:
        self._growing = growing
        self._visible = VisibleText()
        self._blocks = MarkdownBlocks()

    def feed(self, piece: str) -> None:
        self._show(self._blocks.feed(self._visible.feed(piece)))

    def finish(self) -> None:
        self._show([*self._blocks.feed(self._visible.finish()), *self._blocks.finish()])
        self._growing.finish("")

    def _show(self, final: Sequence[str]) -> None:
        shown = [part for block in final for part in _block(block)]
        self._growing.grow(views.markdown(self._blocks.open), *shown)


def _block(block: str) -> Sequence[RenderableType]:
    # The blank line that parts it from the next one.
    return [views.markdown(block), ""] if block.endswith("\n\n") else [views.markdown(block)]


async def _choice(
    stage: Stage, editor: Editor, buffer: Buffer, where: Region, kind: str
) -> dict[str, Any]:
    """The first entry of a kind in the menu of these lines, or the one for the whole file."""
    begun_at = time.perf_counter()
    menu = await editor.menu(buffer, where.first, where.end, kind)
    milliseconds = (time.perf_counter() - begun_at) * 1000
    # The last one of a command is about the whole file; what comes after it is about more.
    same = [each for each in menu if each["command"]["command"] == menu[0]["command"]["command"]]
    choice = same[-1 if where == WHOLE else 0] if same else None
    if choice is None:
        raise UserError(f"The menu offers nothing of the kind {kind}.", 1)
    asked = f"The menu was there in {milliseconds:.1f} ms; “{choice['title']}” is chosen."
    stage.show(views.quiet(asked), "")
    return choice


def _progress(growing: Growing, happening: Happening) -> str:
    """Show how far a job is; how it ended, "" before."""
    if not isinstance(happening, Reported):
        return ""
    if happening.ended:
        return happening.message
    growing.status(happening.message)
    return ""


def _edit_line(number: int, edited: Edited) -> str:
    added, removed = counts(difference(edited.before, edited.after))
    return f"edit {number}: version {edited.version} of the text, +{added} -{removed} lines"


def _offered(titles: Sequence[str]) -> str:
    wanted = [title for title in titles if title.startswith(("Keep:", "Revert:"))]
    return f"The menu there now offers “{'” and “'.join(wanted)}”." if wanted else ""
