"""Completions in the text: asked for, typed along with, taken whole or in parts, dismissed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kibitz.standin import Reply
from support.neovim import NeovimWorkshop, open_with_plugin, readme_block
from support.workshop import EXAMPLE

pytestmark = pytest.mark.real

BEFORE = f"{EXAMPLE}\n\ndef mean(prices):\n    \n"
LINE = len(BEFORE.splitlines())
TEXT = "if not prices:\n        return 0\n    return total(prices) / len(prices)"

GHOST = """
local marks = vim.api.nvim_buf_get_extmarks(
  0, vim.api.nvim_get_namespaces()['kibitz.completion'], 0, -1, { details = true })
if not marks[1] then return '' end
local text = marks[1][4].virt_text[1][1]
for _, line in ipairs(marks[1][4].virt_lines or {}) do text = text .. '\\n' .. line[1][1] end
return text
"""


@contextmanager
def asked(tmp_path: Path, more: str = "") -> Iterator[NeovimWorkshop]:
    """Neovim in Insert mode in the body of a function, with a completion shown."""
    keys = f"{readme_block('kibitz-accept-word')}\n{more}"
    with open_with_plugin(tmp_path, {"prices.py": BEFORE}, more=keys) as shop:
        shop.standin.enqueue(Reply(f"<completion>{TEXT}</completion>", chunk_size=6))
        shop.editor.open("prices.py")
        shop.editor.press(f"{LINE}GA")
        shop.editor.wait("vim.api.nvim_get_mode().mode == 'i'")
        shop.editor.press("<C-Space>")
        wait_for_ghost(shop, TEXT)
        yield shop
        shop.editor.press("<Esc>")
        wait_for_ghost(shop, "")
        assert shop.editor.messages() == ""


def wait_for_ghost(shop: NeovimWorkshop, text: str) -> None:
    shop.editor.wait(f"(function() {GHOST} end)() == ...", text)


def wait_for_text(shop: NeovimWorkshop, end: str) -> None:
    whole = f"{BEFORE[:-1]}{end}".split("\n")
    shop.editor.wait("vim.deep_equal(vim.api.nvim_buf_get_lines(0, 0, -1, true), ...)", whole)


def test_all_of_it_is_taken_with_a_key(tmp_path: Path) -> None:
    with asked(tmp_path) as shop:
        shop.editor.press("<Tab>")
        wait_for_text(shop, TEXT)
        wait_for_ghost(shop, "")
        assert shop.editor.call("nvim_win_get_cursor", 0) == [LINE + 2, 38]
        # Without a completion the key does what it did.
        shop.editor.press("<Tab>")
        shop.editor.wait("vim.api.nvim_get_current_line():match('%)%s+$')")


def test_it_is_taken_word_by_word_and_line_by_line(tmp_path: Path) -> None:
    more = "vim.keymap.set('i', '<M-j>', '<Plug>(kibitz-accept-line)')"
    with asked(tmp_path, more) as shop:
        for taken in ("if", "if not", "if not prices", "if not prices:"):
            shop.editor.press("<M-l>")
            wait_for_text(shop, taken)
            wait_for_ghost(shop, TEXT.removeprefix(taken))
        shop.editor.press("<M-j>")
        wait_for_text(shop, "if not prices:\n        return 0")
        shop.editor.press("<Tab>")
        wait_for_text(shop, TEXT)


def test_who_types_along_sees_the_rest_and_who_does_not_sees_nothing(tmp_path: Path) -> None:
    with asked(tmp_path) as shop:
        shop.editor.press("if ")
        wait_for_ghost(shop, TEXT[3:])
        shop.editor.press("x")
        wait_for_ghost(shop, "")
        shop.editor.press("<BS>")
        # It is remembered: nobody asks Claude for what is known.
        wait_for_ghost(shop, TEXT[3:])
        assert len(shop.standin.journal.messages) == 1


def test_dismissed_and_left_it_is_gone_and_nothing_has_changed(tmp_path: Path) -> None:
    dismiss = "vim.keymap.set('i', '<C-g>', '<Plug>(kibitz-dismiss)')"
    with asked(tmp_path, dismiss) as shop:
        shop.editor.press("<C-g>")
        wait_for_ghost(shop, "")
        wait_for_text(shop, "")
        shop.editor.press("<C-Space>")
        wait_for_ghost(shop, TEXT)
        shop.editor.press("<Esc>")
        wait_for_ghost(shop, "")
        wait_for_text(shop, "")


#: The interface of Neovim 0.12, as its documentation has it.
NATIVE = """
vim.lsp.inline_completion = {
  is_enabled = function(filter)
    vim.validate('filter', filter, 'table', true)
    return true
  end,
  get = function() user.taken = true return true end,
}
vim.lsp.handlers['workspace/codeLens/refresh'] = function() user.refreshed = true end
"""


def test_what_neovim_itself_shows_is_taken_from_neovim(tmp_path: Path) -> None:
    with open_with_plugin(tmp_path, {"prices.py": BEFORE}, more=NATIVE) as shop:
        shop.editor.open("prices.py")
        shop.editor.press(f"{LINE}GAif")
        shop.editor.wait_for_line("    if")
        assert shop.editor.lua("return require('kibitz').accept()") is True
        assert shop.editor.lua("return user.taken") is True
        assert shop.standin.journal.messages == []


def test_what_else_neovim_has_itself_goes_on_with_the_plugin(tmp_path: Path) -> None:
    with open_with_plugin(tmp_path, {"prices.py": BEFORE}, more=NATIVE) as shop:
        shop.editor.open("prices.py")
        shop.editor.lua(
            "vim.lsp.config.kibitz.handlers['workspace/codeLens/refresh'](nil, nil, "
            "{ client_id = vim.lsp.get_clients()[1].id })"
        )
        shop.editor.lua("vim.cmd('checkhealth kibitz')")

        assert shop.editor.lua("return user.refreshed") is True
        shop.editor.wait_for_line("Neovim shows completions as you type, kibitz those that you ask")


def test_without_it_completion_is_in_the_list_of_names(tmp_path: Path) -> None:
    off = "vim.g.kibitz = { completion = false }"
    with open_with_plugin(tmp_path, {"prices.py": BEFORE}, before=off) as shop:
        shop.standin.enqueue(Reply(f"<completion>{TEXT}</completion>"))
        shop.editor.open("prices.py")
        provided = shop.editor.lua(
            "local it = vim.lsp.get_clients()[1].server_capabilities "
            "return { it.completionProvider ~= nil, it.inlineCompletionProvider ~= nil }"
        )
        shop.editor.go_to(LINE, 4)
        shop.editor.type(":set virtualedit=onemore<CR>$l:Kibitz complete<CR>")
        shop.editor.wait_for_end()

        assert provided == [True, False]
        wait_for_text(shop, TEXT)
