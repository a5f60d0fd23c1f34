"""Completion and hover in a Neovim without the plugin: omni completion, the command, `K`."""

from __future__ import annotations

from pathlib import Path

import pytest

from kibitz.standin import Reply
from support.neovim import NeovimWorkshop, open_neovim
from support.workshop import EXAMPLE

pytestmark = pytest.mark.real

UNFINISHED = f"{EXAMPLE}\n\ndef mean(prices):\n    return \n"
LINE = len(UNFINISHED.splitlines())
MEAN = "total(prices) / len(prices)"


def insert_at_the_end(shop: NeovimWorkshop) -> None:
    shop.editor.open("prices.py")
    shop.editor.press(f"{LINE}GA")
    shop.editor.wait("vim.api.nvim_get_mode().mode == 'i'")


def wait_for_line(shop: NeovimWorkshop, text: str) -> None:
    shop.editor.wait("vim.api.nvim_get_current_line() == ...", text)


def test_omni_completion_offers_it_and_puts_it_in(tmp_path: Path) -> None:
    with open_neovim(tmp_path, {"prices.py": UNFINISHED}) as shop:
        shop.standin.enqueue(Reply(f"<completion>{MEAN}</completion>", chunk_size=5))
        insert_at_the_end(shop)
        shop.editor.press("<C-x><C-o>")
        shop.editor.wait("vim.fn.complete_info({ 'items' }).items[1]")
        (item,) = shop.editor.lua("return vim.fn.complete_info({ 'items' }).items")
        assert item["abbr"] == MEAN
        shop.editor.press("<C-y>")
        wait_for_line(shop, f"    return {MEAN}")
        assert len(shop.standin.journal.messages) == 1
        assert shop.editor.messages() == ""


def test_several_lines_are_taken_one_at_a_time(tmp_path: Path) -> None:
    """Neovim indents each line of what it takes from a list once more."""
    start = UNFINISHED.replace("return \n", "\n")
    body = "items = list(prices)\n    return total(items) / len(items)"
    with open_neovim(tmp_path, {"prices.py": start}) as shop:
        shop.standin.enqueue(Reply(f"<completion>{body}</completion>"))
        insert_at_the_end(shop)
        for number, line in enumerate(body.splitlines()):
            if number:
                shop.editor.press("<CR>")
            shop.editor.press("<C-x><C-o>")
            shop.editor.wait("vim.fn.complete_info({ 'items' }).items[1]")
            shop.editor.press("<C-y>")
            wait_for_line(shop, f"    {line.strip()}")
        assert "\n".join(shop.editor.lines()).endswith(f"def mean(prices):\n    {body}")
        assert len(shop.standin.journal.messages) == 1


def test_with_a_word_that_was_begun_it_replaces_the_word(tmp_path: Path) -> None:
    with open_neovim(tmp_path, {"prices.py": UNFINISHED.rstrip("\n") + "tot\n"}) as shop:
        shop.standin.enqueue(Reply("<completion>al(prices)</completion>"))
        insert_at_the_end(shop)
        shop.editor.press("<C-x><C-o>")
        shop.editor.wait("vim.fn.complete_info({ 'items' }).items[1]")
        shop.editor.press("<C-y>")
        wait_for_line(shop, "    return total(prices)")


def test_the_command_puts_it_into_the_text_as_one_undo_step(tmp_path: Path) -> None:
    with open_neovim(tmp_path, {"prices.py": UNFINISHED}) as shop:
        shop.standin.enqueue(Reply(f"<completion>{MEAN}</completion>"))
        uri = shop.editor.open("prices.py")
        at = {"line": LINE - 1, "character": len("    return ")}
        shop.editor.go_to(LINE)
        job = shop.editor.execute("kibitz.complete", uri=uri, range={"start": at, "end": at})
        shop.editor.wait_for_end(job)
        assert shop.editor.lines()[-1] == f"    return {MEAN}"
        shop.editor.press("u")
        shop.editor.wait("vim.api.nvim_buf_get_lines(0, -2, -1, true)[1] == '    return '")


def test_typing_asks_nobody(tmp_path: Path) -> None:
    with open_neovim(tmp_path, {"prices.py": UNFINISHED}) as shop:
        shop.editor.lua(
            "vim.lsp.config('kibitz', {}) vim.api.nvim_create_autocmd('LspAttach', { callback = "
            "function(event) vim.lsp.completion.enable(true, event.data.client_id, event.buf, "
            "{ autotrigger = true }) end })"
        )
        insert_at_the_end(shop)
        shop.editor.press("total(prices)")
        wait_for_line(shop, "    return total(prices)")
        shop.editor.execute("kibitz.usage")
        assert shop.standin.journal.messages == []


def test_k_asks_once_where_the_user_wants_it(tmp_path: Path) -> None:
    wants = "vim.lsp.config('kibitz', { settings = { kibitz = { hover = { mode = 'ask' } } } })"
    with open_neovim(tmp_path, {"prices.py": EXAMPLE}, more=wants) as shop:
        shop.standin.enqueue(Reply("It adds the prices up. <img src=x>"))
        uri = shop.editor.open("prices.py")
        shop.editor.execute("kibitz.trust", uri=uri)
        for line in (8, 9):
            shop.editor.go_to(line)
            shop.editor.press("K")
            assert "It adds the prices up." in shop.editor.wait("user.floating_text()")
            shop.editor.press("<Esc>jk")
            shop.editor.wait("not user.floating_text()")
        assert len(shop.standin.journal.messages) == 1
