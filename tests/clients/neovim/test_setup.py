"""The lines of the README are all that Neovim needs where there is no plugin."""

from __future__ import annotations

from pathlib import Path

import pytest

from kibitz.standin import Reply
from support.findings import finding, reported
from support.neovim import open_neovim, plain_init, readme_block
from support.plain_clients import configuration
from support.workshop import EXAMPLE

pytestmark = pytest.mark.real

FILES = {"prices.py": EXAMPLE, "notes.md": "# Notes\n"}


def test_five_lines_start_one_server_for_all_files(tmp_path: Path) -> None:
    with open_neovim(tmp_path, FILES) as shop:
        for name in FILES:
            uri = shop.editor.open(name)
            (client,) = shop.editor.lua(
                """
                return vim.tbl_map(function(client)
                  return { client.name, client.offset_encoding, client.root_dir,
                           client.server_info.name }
                end, vim.lsp.get_clients({ bufnr = 0 }))
                """
            )
            assert uri == (shop.root / name).as_uri()
            assert client == ["kibitz", "utf-8", str(shop.root), "kibitz"]

        assert len(plain_init().splitlines()) == 5
        assert len(shop.editor.servers()) == 1
        assert shop.editor.messages() == ""


def test_the_plugin_that_comes_with_kibitz_is_there_by_three_lines(tmp_path: Path) -> None:
    # Where `kibitz setup neovim-plugin --write` puts them; `init.lua` stays empty.
    written = tmp_path / "home" / "config" / "nvim" / "plugin" / "kibitz.lua"
    written.parent.mkdir(parents=True)
    written.write_text(configuration("neovim-plugin"))
    with open_neovim(tmp_path, FILES, init="") as shop:
        shop.editor.open("prices.py")
        assert shop.editor.lua("return vim.fn.exists(':Kibitz')") == 2
        assert shop.editor.lua("return vim.fn.getcompletion('kibitz-', 'help')[1]")
        assert shop.editor.lua(
            "return vim.lsp.get_clients()[1].capabilities.experimental.kibitz.applyEdit"
        )
        assert shop.editor.messages() == ""


def test_settings_reach_the_server(tmp_path: Path) -> None:
    with open_neovim(tmp_path, FILES, more=readme_block("settings = {")) as shop:
        found = [
            finding(title="Minor", severity="info"),
            finding(title="Major", severity="warning", quote="def with_tax(prices):"),
        ]
        shop.standin.enqueue(reported(*found))
        shop.editor.open("prices.py")
        shop.editor.run_action("Review file")
        shop.editor.wait_for_end()

        # `min_severity = 'warning'`
        (only,) = shop.editor.lua("return user.diagnostics()")
        assert only["message"].startswith("Major")
        assert shop.editor.messages() == ""


def test_what_is_wrong_with_the_settings_is_told_once(tmp_path: Path) -> None:
    wrong = """vim.lsp.config('kibitz', { settings = { kibitz = {
      base_url = 'http://127.0.0.1:9', reveiw = { on_save = true },
    } } })"""
    with open_neovim(tmp_path, FILES, more=wrong) as shop:
        shop.standin.enqueue(Reply("It adds."))
        shop.editor.open("prices.py")
        shop.editor.wait("vim.fn.execute('messages'):find('base_url', 1, true)")
        shop.editor.run_action("Explain file")
        message = shop.editor.wait_for_end()
        shop.editor.open("notes.md")
        log = Path(shop.editor.lua("return vim.lsp.get_log_path()")).read_text()

        # An editor's settings can come from a repository: they do not say where code is sent.
        assert "Answer shown" in message
        assert shop.editor.messages().count("base_url") == 1
        assert log.count("there is no setting `reveiw.on_save`") == 1
        assert log.count("did you mean `review.on_save`?") == 1


def test_the_status_line_tells_what_it_has_cost(tmp_path: Path) -> None:
    with open_neovim(tmp_path, FILES, more=readme_block("LspProgress")) as shop:
        shop.standin.enqueue(Reply("It adds.\n\nMore.\n").hold_at("adds."))
        shop.editor.open("prices.py")
        shop.editor.go_to(8)
        shop.editor.run_action("Explain this")
        shop.standin.reached().result()
        shop.editor.wait("user.status():find('Explain prices.py:6-10', 1, true)")
        shop.standin.release()
        shop.editor.wait("user.status():find('out, $', 1, true)")
