"""The picture of the demo in the README: its essence, drawn from what was really seen.

The same views as in the terminal, with less of them, so that it fits on a page.
``kibitz demo --fast --record docs/pictures/demo.svg`` draws it.
"""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme

from kibitz.demo import acts, views
from kibitz.demo.play import Played
from kibitz.demo.script import Script
from kibitz.demo.stage import THEME, heading
from kibitz.markdown_blocks import MarkdownBlocks
from kibitz_context.lines import split_lines

COLUMNS = 88
TITLE = "kibitz demo: an explanation, a review, a refactoring and the bill"
BLOCKS_OF_THE_EXPLANATION = 1
FINDINGS = 2
ROWS_OF_THE_DIFF = 13

# Foreground and background first, then the sixteen colours of a terminal.
_DARK = TerminalTheme(
    (22, 27, 34),
    (213, 220, 228),
    [
        (72, 79, 88),
        (255, 123, 114),
        (86, 211, 100),
        (227, 179, 65),
        (121, 192, 255),
        (210, 168, 255),
        (86, 212, 221),
        (201, 209, 217),
    ],
    [
        (125, 133, 144),
        (255, 161, 152),
        (126, 231, 135),
        (242, 204, 96),
        (165, 214, 255),
        (226, 197, 255),
        (179, 240, 255),
        (240, 246, 252),
    ],
)

# As rich draws it, without its fonts from the network: a picture asks nobody for anything.
_SVG = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<title>TITLE</title>
<style>
.{unique_id}-matrix {{
    font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
    font-size: {char_height}px;
    line-height: {line_height}px;
    font-variant-east-asian: full-width;
}}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def svg_format(title: str) -> str:
    """rich's format of a picture, with `title` for who cannot see it."""
    return _SVG.replace("TITLE", title)


def write(path: Path, played: Played, script: Script) -> None:
    """Write the picture as SVG."""
    console = Console(
        record=True,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
        width=COLUMNS,
        theme=THEME,
        highlight=False,
        markup=False,
        emoji=False,
    )
    _draw(console, played, script)
    svg = console.export_svg(
        title="kibitz demo", theme=_DARK, code_format=svg_format(TITLE), unique_id="kibitz-demo"
    )
    path.write_text(svg, "utf-8")


def _draw(console: Console, played: Played, script: Script) -> None:
    reviewed, refactored = played.reviewed, played.refactored
    blocks = MarkdownBlocks().feed(played.explained.markdown)
    findings = [
        views.finding(
            found,
            split_lines(reviewed.buffer.opened_with),
            acts.REVIEWED_FILE,
            script.stated_line(found.title),
        )
        for found in reviewed.findings[:FINDINGS]
    ]
    rows = [row for hunk in refactored.hunks for row in hunk][:ROWS_OF_THE_DIFF]
    for part in (
        heading("Explain", acts.EXPLAINED_FILE),
        *map(views.markdown, blocks[:BLOCKS_OF_THE_EXPLANATION]),
        views.quiet("…"),
        views.done(played.explained.ending),
        "",
        heading("Review", acts.REVIEWED_FILE),
        *(part for finding in findings for part in (finding, "")),
        views.done(reviewed.ending),
        "",
        heading("Refactor", f"“{acts.INSTRUCTION}”"),
        views.diff([rows]),
        views.quiet("      ⋮"),
        views.done(refactored.ending),
        "",
        heading("The bill", "the replies here are scripted, the prices are not"),
        views.bill(played.bill.rows, played.bill.total),
    ):
        console.print(part)
