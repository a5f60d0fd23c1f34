"""Draws the pictures of kibitz in Neovim, from the screen of a real one.

    .venv/bin/python tests/clients/neovim/picture.py docs/pictures

needs what `make test-real` installs, and tmux.  The sample and the scripted replies are those of
`kibitz demo`, and the plugin is installed as its README says.
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
from kibitz.demo.picture import svg_format
from kibitz.demo.sample import lay_out, region
from kibitz.demo.script import AT_ONCE, Script
from kibitz.standin import Reply, StandIn
from support.neovim import (
    CLIENT,
    DEADLINE_SECONDS,
    Neovim,
    connected,
    environment_of_user,
    nvim,
    plugin_init,
    readme_block,
)

COLUMNS, ROWS = 110, 32
TOP_LINE, CHANGED_LINE = 18, 30
#: Slow enough for the progress to be shown more than once.
PACE_SECONDS = 0.04
FILE, EXPLAINED_FILE = "fairshare/expenses.py", "fairshare/settle.py"
#: The reply waits here: one function is written, the next one is still to come.
WAITS_AT = "    return shares\n"

EXPLANATION = """\
`split` divides **whole cents**, so that nothing is lost to rounding: 100 cents for three people
are 34, 33 and 33.

- `divmod` gives what everybody bears, and how many cents are left over.
- Those go to the first ones in the list, one cent each.

Nobody bears more than one cent more than the others. Since the order of `people` is that of the
sentence that was read, the same expense is always divided in the same way.
"""

INIT = """
vim.o.termguicolors = true
vim.o.number = true
vim.o.signcolumn = 'yes'
vim.o.laststatus = 3
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


def main(folder: Path) -> None:
    """Act it out and write the pictures as SVG."""
    for name, scene in SCENES.items():
        with on_stage() as stage:
            shown = scene(stage)
        (folder / f"{name}.svg").write_text(as_svg(shown), "utf-8")


@dataclass(frozen=True)
class Stage:
    """What a scene is played with."""

    editor: Neovim
    screen: Screen
    standin: StandIn
    script: Script


@contextlib.contextmanager
def on_stage() -> Iterator[Stage]:
    """Neovim with the plugin, in the sample, on a screen."""
    script = Script.read()
    with tempfile.TemporaryDirectory() as folder, StandIn.in_thread() as standin:
        home = Path(folder) / "home"
        (home / "src").mkdir(parents=True)
        (home / "src" / "kibitz").symlink_to(CLIENT.parents[1])
        sample = lay_out(Path(folder) / "sample", os.environ)
        script.teach(standin, AT_ONCE)
        environment = environment_of_user(
            home,
            "\n".join((plugin_init(), readme_block("require'kibitz'.status()"), INIT)),
            ANTHROPIC_API_KEY="any",
            ANTHROPIC_BASE_URL=standin.base_url,
        )
        with neovim_on_a_screen(sample.root, environment) as (editor, screen):
            yield Stage(editor, screen, standin, script)


def refactor(stage: Stage, *, hold_at: str | None) -> None:
    """Ask for the refactoring of the demo, whose reply waits at a place or does not."""
    editor = stage.editor
    reply = Reply(
        f"<replacement>\n{stage.script.replacement}</replacement>",
        chunk_size=8,
        pace_seconds=PACE_SECONDS,
    )
    stage.standin.enqueue(reply if hold_at is None else reply.hold_at(hold_at))
    where = region("\n".join(editor.lines()), "def split(", "    return result")
    editor.type(f":{where.first + 1},{where.end}Kibitz refactor {INSTRUCTION}<CR>")


def scene_of_an_edit(stage: Stage) -> str:
    """A review has found four things, and a refactoring is in the middle of its reply."""
    editor = stage.editor
    editor.open(FILE)
    editor.type(":Kibitz review<CR>")
    editor.wait_for_end()
    refactor(stage, hold_at=WAITS_AT)
    stage.standin.reached().result()
    editor.wait_for_line("left_over")
    editor.go_to(TOP_LINE)
    editor.type("zt")
    shown = stage.screen.showing("left_over", "tokens so far", "All calls share")
    stage.standin.release()
    editor.wait_for_end()
    return shown


def scene_of_changes(stage: Stage) -> str:
    """The refactoring is done and marked, and an answer is being written below."""
    editor = stage.editor
    editor.open(FILE)
    refactor(stage, hold_at=None)
    editor.wait_for_end()
    editor.go_to(CHANGED_LINE)
    editor.type("zt")
    stage.screen.showing("1/6")
    reply = Reply(EXPLANATION, chunk_size=8, pace_seconds=PACE_SECONDS)
    stage.standin.enqueue(reply.hold_at(EXPLANATION[-40:]))
    editor.lua("vim.g.kibitz = { answer = 'split' }")
    editor.type(":30Kibitz explain why the first ones?<CR>")
    stage.standin.reached().result()
    shown = stage.screen.showing("1/6", "tokens so far", "the others")
    stage.standin.release()
    editor.wait_for_end()
    return shown


def scene_of_a_completion(stage: Stage) -> str:
    """A completion is shown behind the cursor."""
    editor = stage.editor
    editor.open(EXPLAINED_FILE)
    text = (
        "for name, cents in sorted(balances.items()):\n"
        "        if cents < 0:\n"
        '            print(f"{name} owes {-cents / 100:.2f}")'
    )
    stage.standin.enqueue(Reply(f"<completion>{text}</completion>"))
    editor.lua("vim.keymap.set('i', '<C-Space>', '<Plug>(kibitz-complete)')")
    editor.press("Go<CR><CR>def print_debts(balances: dict[str, int]) -> None:<CR>")
    editor.press('"""Print who owes what, by name."""<Esc>zzo<C-Space>')
    shown = stage.screen.showing("owes {-cents")
    editor.press("<Esc>")
    return shown


SCENES = {
    "neovim": scene_of_an_edit,
    "neovim-changes": scene_of_changes,
    "neovim-completion": scene_of_a_completion,
}


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
        title="nvim",
        theme=_THEME,
        code_format=svg_format("kibitz in Neovim"),
        unique_id="kibitz-nvim",
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
