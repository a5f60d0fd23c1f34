"""What the plugin says of itself is true: its help, its health, its README, and its style."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from support.neovim import CLIENT, open_with_plugin, readme_block

pytestmark = pytest.mark.real

FILES = {"notes.md": "# Notes\n"}
CHECKOUT = CLIENT.parents[1]
LUA = sorted(CLIENT.rglob("*.lua"))
STYLUA = CHECKOUT / ".cache" / "lua-tools" / "node_modules"


def test_every_subcommand_key_colour_and_function_has_its_help(tmp_path: Path) -> None:
    doc = tmp_path / "doc"
    shutil.copytree(CLIENT / "doc", doc)
    with open_with_plugin(tmp_path, FILES) as shop:
        # A tag that stands twice is an error of `:helptags`.
        shop.editor.lua("vim.cmd.helptags(...)", str(doc))
        # `:help` finds them without a plugin manager, which would make them.
        assert (doc / "tags").read_text() == (CLIENT / "doc" / "tags").read_text()
        tags = {line.partition("\t")[0] for line in (doc / "tags").read_text().splitlines()}
        shop.editor.open("notes.md")
        subcommands = shop.editor.lua("return require('kibitz.command').described()")
        plugs = shop.editor.lua(
            """
            local found = {}
            for _, mode in ipairs({ 'n', 'x', 'i' }) do
              for _, map in ipairs(vim.api.nvim_get_keymap(mode)) do
                if vim.startswith(map.lhs, '<Plug>(kibitz-') then found[map.lhs] = true end
              end
            end
            return vim.tbl_keys(found)
            """
        )
        colours = shop.editor.lua("return vim.fn.getcompletion('Kibitz', 'highlight')")
        functions = shop.editor.lua("return vim.tbl_keys(require('kibitz'))")

        assert len(subcommands) > 20
        expected = {
            *(f":Kibitz-{name}" for name in subcommands),
            *plugs,
            *(f"hl-{name}" for name in colours),
            *(f"kibitz.{name}()" for name in functions),
        }
        assert expected - tags == set()
        # And nothing has help that is not there.
        assert {tag for tag in tags if tag.startswith(":Kibitz-")} <= expected
        assert {tag for tag in tags if tag.startswith("<Plug>")} == set(plugs)
        help_text = (CLIENT / "doc" / "kibitz.txt").read_text()
        linked = set(re.findall(r"\|((?::Kibitz|kibitz|<Plug>|g:kibitz)[^|]*)\|", help_text))
        assert linked - tags == set()
        assert shop.editor.messages() == ""


def test_what_the_readme_proposes_works_as_it_is_pasted(tmp_path: Path) -> None:
    pasted = "\n".join(
        readme_block(words) for words in ("kibitz-accept-word", "require'kibitz'.status()")
    )
    options = readme_block("vim.g.kibitz = {")
    with open_with_plugin(tmp_path, FILES, before=options, more=pasted) as shop:
        shop.editor.open("notes.md")
        mapped = shop.editor.lua("return vim.fn.maparg('<Leader>ke', 'n')")
        plug = shop.editor.lua("return vim.fn.maparg('<Plug>(kibitz-explain)', 'n')")

        assert mapped == "<Plug>(kibitz-explain)"
        assert plug == ":Kibitz explain<CR>"
        assert shop.editor.lua("return require('kibitz.options').faults()") == []
        assert shop.editor.lua("return require('kibitz.options').get().answer") == "float"
        assert shop.editor.messages() == ""
        # It names no subcommand that is not there.
        assert set(re.findall(r":Kibitz!? (\w+)", (CLIENT / "README.md").read_text())) <= {
            *shop.editor.lua("return vim.tbl_keys(require('kibitz.command').described())")
        }


def health(tmp_path: Path, before: str = "") -> str:
    with open_with_plugin(tmp_path, FILES, before=before) as shop:
        shop.editor.open("notes.md")
        shop.editor.lua("vim.cmd('checkhealth kibitz')")
        return "\n".join(shop.editor.lines())


def test_a_healthy_installation(tmp_path: Path) -> None:
    said = health(tmp_path)

    assert "OK Neovim 0." in said
    assert re.search(r"OK kibitz \S+ is running for \S+repository \(utf-8, 1 buffers\)", said)
    assert "OK completions are shown in the text" in said
    assert "kibitz doctor" in said
    assert "ERROR" not in said.partition("kibitz doctor ~")[0]
    assert "127.0.0.1" in said  # the endpoint that doctor has reached


def test_an_ill_one(tmp_path: Path) -> None:
    with open_with_plugin(
        tmp_path,
        FILES,
        before="vim.g.kibitz = { answer = 'below', anwser = 'float', hunks = 1 }",
        more="vim.lsp.config('kibitz', { cmd = { 'kibitz-that-is-not-there' } })",
    ) as shop:
        shop.editor.lua("vim.cmd.edit('notes.md')")
        shop.editor.lua("vim.cmd('checkhealth kibitz')")
        said = "\n".join(shop.editor.lines())

    assert "ERROR vim.g.kibitz: there is no option `anwser`" in said
    assert "`answer` must be one of: auto, split, vsplit, float" in said
    assert "`hunks` must be true or false" in said
    assert "ERROR `kibitz-that-is-not-there` is not found" in said


def test_nothing_is_loaded_before_it_is_needed(tmp_path: Path) -> None:
    loaded = "return vim.tbl_filter(function(name) return vim.startswith(name, 'kibitz') end, " \
             "vim.tbl_keys(package.loaded))"  # fmt: skip
    with open_with_plugin(tmp_path, FILES) as shop:
        shop.editor.lua("vim.lsp.enable('kibitz', false)")
        before = shop.editor.lua(loaded)
        shop.editor.lua("vim.lsp.enable('kibitz')")
        shop.editor.open("notes.md")
        after = shop.editor.lua(loaded)

        assert before == []
        assert {"kibitz.command", "kibitz.hunks", "kibitz.answers"}.isdisjoint(after)


@pytest.mark.skipif(not STYLUA.exists(), reason="`make test-real` installs StyLua")
def test_the_lua_is_formatted() -> None:
    run = subprocess.run(
        ["node", str(Path(__file__).with_name("stylua.mjs")), str(STYLUA), "--check", *LUA],
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout == ""


@pytest.mark.skipif(shutil.which("luacheck") is None, reason="luacheck is not installed")
def test_the_lua_is_linted() -> None:
    run = subprocess.run(
        ["luacheck", "--no-color", "-q", "."], cwd=CLIENT, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stdout
