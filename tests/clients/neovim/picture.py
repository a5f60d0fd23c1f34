"""Draws the picture of kibitz in Neovim, from the screen of a real one.

    .venv/bin/python tests/clients/neovim/picture.py docs/pictures/neovim.svg

needs what `make test-real` installs, and tmux.  The sample and the scripted replies are those of
`kibitz demo`: a review has found four things, and a refactoring is in the middle of its reply.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

sys.path.insert(0, str(Path(__file__).parents[2]))

from kibitz.demo.acts import INSTRUCTION
from kibitz.demo.sample import lay_out, region
from kibitz.demo.script import AT_ONCE, Script
from kibitz.standin import Reply, StandIn
from support.neovim import (
    DEADLINE_SECONDS,
    Neovim,
    connected,
    environment_of_user,
    nvim,
    plain_init,
    readme_block,
)

COLUMNS, ROWS = 110, 32
TOP_LINE = 18
#: Slow enough for the progress to be shown more than once.
PACE_SECONDS = 0.04
FILE = "fairshare/expenses.py"
#: The reply waits here: one function is written, the next one is still to come.
WAITS_AT = "    return shares\n"

INIT = """
vim.o.termguicolors = true
vim.o.number = true
vim.o.signcolumn = 'yes'
vim.o.laststatus = 2
vim.o.ruler = false
vim.o.showmode = false
vim.o.shortmess = vim.o.shortmess .. 'IF'
vim.diagnostic.config({
  underline = false,
  virtual_text = {
    spacing = 2,
    format = function(found) return vim.split(found.message, '\\n')[1] end,
  },
})
"""


# Neovim's own colours, for what it leaves to the terminal.
_THEME = TerminalTheme((20, 22, 27), (224, 226, 234), [(120, 124, 138)] * 8, None)

# As rich draws it, without its fonts from the network: a picture asks nobody for anything.
_SVG = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<title>kibitz in Neovim: findings of a review, and a refactoring that is being written</title>
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


def main(target: Path) -> None:
    """Act it out and write the picture as SVG."""
    script = Script.read()
    with tempfile.TemporaryDirectory() as folder, StandIn.in_thread() as standin:
        home = Path(folder) / "home"
        sample = lay_out(Path(folder) / "sample", os.environ)
        script.teach(standin, AT_ONCE)
        environment = environment_of_user(
            home,
            "\n".join((plain_init(), readme_block("LspProgress"), INIT)),
            ANTHROPIC_API_KEY="any",
            ANTHROPIC_BASE_URL=standin.base_url,
        )
        with neovim_on_a_screen(sample.root, environment) as (editor, screen):
            uri = editor.open(FILE)
            editor.run_action("Review file")
            editor.wait_for_end()
            reply = Reply(
                f"<replacement>\n{script.replacement}</replacement>",
                chunk_size=8,
                pace_seconds=PACE_SECONDS,
            )
            standin.enqueue(reply.hold_at(WAITS_AT))
            where = region("\n".join(editor.lines()), "def split(", "    return result")
            editor.execute(
                "kibitz.refactor",
                uri=uri,
                instruction=INSTRUCTION,
                range={
                    "start": {"line": where.first, "character": 0},
                    "end": {"line": where.end, "character": 0},
                },
            )
            standin.reached().result()
            editor.wait_for_line("left_over")
            editor.go_to(TOP_LINE)
            editor.type("zt")
            shown = screen.showing("left_over", "tokens so far", "All calls share")
            standin.release()
            editor.wait_for_end()
    target.write_text(as_svg(shown), "utf-8")


@dataclass(frozen=True)
class Screen:
    """What stands on the terminal in which Neovim runs."""

    tmux: Sequence[str]

    def showing(self, *texts: str) -> str:
        """The screen, with its colours as escape sequences, once all `texts` are on it."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while True:
            plain, coloured = (self._captured(*options) for options in ((), ("-e",)))
            if all(text in plain for text in texts):
                return coloured
            if time.monotonic() > deadline:
                sys.exit(f"the screen does not show {texts}:\n{plain}")

    def _captured(self, *options: str) -> str:
        command = (*self.tmux, "capture-pane", "-p", "-N", *options)
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@contextlib.contextmanager
def neovim_on_a_screen(
    folder: Path, environment: Mapping[str, str]
) -> Iterator[tuple[Neovim, Screen]]:
    """Neovim in a terminal of its own, which nobody sees."""
    program = shutil.which("tmux")
    if program is None:
        sys.exit("tmux is not installed; it is the terminal that the picture is taken of")
    with tempfile.TemporaryDirectory(prefix="nvim") as short:
        address, settings = Path(short) / "nvim", Path(short) / "tmux.conf"
        settings.write_text(
            "set -g default-terminal tmux-256color\n"
            "set -as terminal-features ',*:RGB'\n"
            "set -g status off\n"
            "set -s escape-time 0\n"
        )
        tmux = (program, "-S", str(Path(short) / "tmux"), "-f", str(settings))
        size = ("-x", str(COLUMNS), "-y", str(ROWS))
        run = (nvim(), "--listen", str(address))
        subprocess.run(
            [*tmux, "new-session", "-d", *size, *run], cwd=folder, env=environment, check=True
        )
        try:
            with connected(address) as connection:
                yield Neovim(psutil.Process(), connection), Screen(tmux)
        finally:
            subprocess.run([*tmux, "kill-server"], check=True)


def as_svg(screen: str) -> str:
    """The picture of a screen that is given with its escape sequences."""
    console = Console(
        record=True,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
        width=COLUMNS,
        legacy_windows=False,
    )
    for line in screen.splitlines():
        console.print(Text.from_ansi(line), no_wrap=True, crop=True)
    return console.export_svg(
        title="nvim fairshare/expenses.py", theme=_THEME, code_format=_SVG, unique_id="kibitz-nvim"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
