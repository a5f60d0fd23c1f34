"""`:Kibitz`, each of its subcommands, with what the user sees of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kibitz.standin import Fault, Reply, ToolCall
from support.findings import finding, reported
from support.neovim import NeovimWorkshop, open_with_plugin
from support.workshop import EXAMPLE

pytestmark = pytest.mark.real

FILES = {
    "prices.py": EXAMPLE,
    "notes.md": "# Notes\n",
    ".kibitz/prompts/haiku.md": "---\ntitle: Haiku\noutput: answer\n---\nWrite a haiku.\n",
}
ANSWER = "It adds the prices up.\n\nAn empty list gives 0.\n"
NEW_TOTAL = "def total(prices):\n    return sum(prices)\n"
OLD_TOTAL = EXAMPLE[EXAMPLE.index("def total") : EXAMPLE.index("\n\ndef with_tax")]
EDIT = Reply(f"<replacement>\n{NEW_TOTAL}</replacement>")
AFTER = EXAMPLE.replace(OLD_TOTAL, NEW_TOTAL)
SECOND = finding(
    start_line=13, end_line=13, quote="def with_tax(prices):", title="No currency", suggestion=""
)

SHOWN = """
for _, window in ipairs(vim.api.nvim_list_wins()) do
  local buffer = vim.api.nvim_win_get_buf(window)
  if vim.bo[buffer].filetype == 'kibitz' then
    local config = vim.api.nvim_win_get_config(window)
    return {
      lines = vim.api.nvim_buf_get_lines(buffer, 0, -1, true),
      title = vim.b[buffer].kibitz_title,
      running = vim.b[buffer].kibitz_running,
      float = config.relative ~= '',
      split = config.split,
      line = vim.api.nvim_win_get_cursor(window)[1],
      is_current = window == vim.api.nvim_get_current_win(),
    }
  end
end
"""


@contextmanager
def opened(tmp_path: Path, **options: str) -> Iterator[NeovimWorkshop]:
    """Neovim with the plugin and the example open."""
    with open_with_plugin(tmp_path, FILES, **options) as shop:
        shop.editor.open("prices.py")
        yield shop


def do(shop: NeovimWorkshop, words: str) -> None:
    """Type a command line."""
    shop.editor.type(f"<Esc>:{words}<CR>")


def shown(shop: NeovimWorkshop) -> dict[str, object]:
    return shop.editor.lua(SHOWN)


def answer_of(shop: NeovimWorkshop, words: str) -> tuple[str, str]:
    """The title and the text of the answer that a command gives."""
    shop.standin.enqueue(Reply(ANSWER, chunk_size=5))
    do(shop, words)
    shop.editor.wait_for_end()
    answer = shown(shop)
    assert isinstance(answer["lines"], list)
    return str(answer["title"]), "\n".join(answer["lines"])


def asked(shop: NeovimWorkshop) -> str:
    return shop.standin.journal.last.request.last_user_text


def wait_for_message(shop: NeovimWorkshop, words: str) -> None:
    shop.editor.wait("vim.fn.execute('messages'):gsub('\\n', ' '):find(..., 1, true)", words)


def test_answers_stream_into_a_window(tmp_path: Path) -> None:
    with opened(tmp_path) as shop:
        shop.editor.go_to(8)
        shop.standin.enqueue(Reply(ANSWER, chunk_size=5).hold_at("adds"))
        do(shop, "Kibitz explain")
        shop.standin.reached().result()
        shop.editor.wait(f"(function() {SHOWN} end)().lines[1] ~= ''")
        half = shown(shop)
        shop.standin.release()
        shop.editor.wait_for_end()
        whole = shown(shop)

        assert half["running"] is True
        assert ANSWER.startswith("\n".join(half["lines"]))
        assert half["title"] == "Explain prices.py:6-10"
        assert half["is_current"] is False
        assert whole["running"] is False
        assert "\n".join(whole["lines"]) == ANSWER
        assert whole["line"] == 1  # it is read from its beginning
        assert "An empty list gives 0." in shop.editor.lua("return user.hover()")

        assert answer_of(shop, "6,7Kibitz explain why?") == ("Answer prices.py:6-7", ANSWER)
        assert "why?" in asked(shop)
        assert answer_of(shop, "Kibitz ask who calls it?") == ("Ask prices.py", ANSWER)
        assert "who calls it?" in asked(shop)
        assert answer_of(shop, "Kibitz prompt haiku")[1] == ANSWER
        assert "Write a haiku." in asked(shop)
        do(shop, "Kibitz usage")
        assert "Usage" in shop.editor.wait(
            f"(function() local it = (function() {SHOWN} end)() "
            "return it and not it.running and it.title:find('Usage') and it.title end)()"
        )
        # One window for all of them, in which `q` is enough.
        assert len(shop.editor.call("nvim_list_wins")) == 2
        do(shop, "Kibitz answer")
        assert shown(shop)["is_current"] is True
        shop.editor.type("q")
        assert len(shop.editor.call("nvim_list_wins")) == 1
        assert shop.editor.messages() == ""


@pytest.mark.parametrize("kind", ["float", "split", "vsplit"])
def test_the_window_is_where_the_user_wants_it(kind: str, tmp_path: Path) -> None:
    with opened(tmp_path, before=f"vim.g.kibitz = {{ answer = '{kind}' }}") as shop:
        answer_of(shop, "Kibitz explain")
        answer = shown(shop)

        assert answer["float"] == (kind == "float")
        assert answer.get("split") == {"split": "below", "vsplit": "right"}.get(kind)


def test_a_question_is_asked_for_and_a_fault_is_told_once(tmp_path: Path) -> None:
    with opened(tmp_path) as shop:
        shop.editor.lua(
            "vim.ui.input = function(given, use) user.prompt = given.prompt use('by whom?') end"
        )
        assert answer_of(shop, "Kibitz ask")[0] == "Ask prices.py"
        assert shop.editor.lua("return user.prompt") == "Ask: "
        assert "by whom?" in asked(shop)

        shop.standin.enqueue(Fault.status_code(401))
        do(shop, "Kibitz explain")
        assert shop.editor.wait_for_end() == "Failed"
        wait_for_message(shop, "does not accept the API key")
        assert shop.editor.messages().count("API key") == 1
        answer = shown(shop)
        assert "The answer ends here." in "\n".join(answer["lines"])  # type: ignore[arg-type]


def test_changes_by_command_by_input_and_by_menu(tmp_path: Path) -> None:
    with opened(tmp_path) as shop:
        shop.editor.lua(
            "vim.ui.input = function(given, use) user.prompt = given.prompt use('use sum') end"
        )
        shop.standin.enqueue(EDIT)
        shop.editor.go_to(8)
        do(shop, "Kibitz refactor")
        shop.editor.wait_for_end()
        assert shop.editor.lines() == AFTER.splitlines()
        assert "<instruction>\nuse sum" in asked(shop)
        shop.editor.type("u")

        shop.standin.enqueue(EDIT)
        shop.editor.select(6, 10)
        shop.editor.run_action("Refactor…")
        shop.editor.wait_for_end()
        assert shop.editor.lua("return user.prompt") == "Refactor: "
        assert shop.editor.lines() == AFTER.splitlines()
        shop.editor.type("<Esc>u")

        # What the comment says needs no words.
        shop.editor.type("5Go# kibitz: use the built-in sum<Esc>")
        shop.standin.enqueue(EDIT)
        shop.editor.go_to(8)
        shop.editor.run_action("Do what the comment says")
        shop.editor.wait_for_end()
        assert "use the built-in sum" in asked(shop)
        shop.editor.type("<Esc>uu")

        shop.standin.enqueue(EDIT)
        do(shop, "6,10Kibitz document")
        shop.editor.wait_for_end()
        assert "documentation comments" in asked(shop)
        shop.editor.type("u")

        shop.editor.lua(
            """
            vim.diagnostic.set(vim.api.nvim_create_namespace('other'), 0, { {
              lnum = 7, col = 4, end_lnum = 7, end_col = 7, message = 'price is odd',
              source = 'other', severity = vim.diagnostic.severity.ERROR } })
            """
        )
        shop.standin.enqueue(EDIT)
        shop.editor.go_to(8)
        do(shop, "Kibitz fix")
        shop.editor.wait_for_end()
        assert "price is odd" in asked(shop)
        shop.editor.go_to(1)
        do(shop, "Kibitz fix")
        wait_for_message(shop, "there is no diagnostic to fix here")


def test_a_change_of_several_files_is_marked_in_each(tmp_path: Path) -> None:
    marks = (
        "#vim.api.nvim_buf_get_extmarks(0, vim.api.nvim_get_namespaces()['kibitz.hunks'], "
        "0, -1, {}) == 1"
    )

    def edit(path: str, old: str, new: str) -> ToolCall:
        return ToolCall("edit_file", {"path": path, "edits": [{"old_text": old, "new_text": new}]})

    with opened(tmp_path) as shop:
        shop.standin.enqueue(
            Reply(
                tool_calls=[
                    edit("prices.py", "RATE = 0.2", "RATE = 0.3"),
                    edit("notes.md", "# Notes", "# Rates"),
                ]
            ),
            Reply("Done."),
        )
        do(shop, "Kibitz! refactor change the rate everywhere")
        shop.editor.wait_for_end()
        assert "RATE = 0.3" in shop.editor.lines()
        shop.editor.wait(marks)
        do(shop, "edit notes.md")
        shop.editor.wait("user.is_attached()")
        assert shop.editor.lines() == ["# Rates"]
        shop.editor.wait(marks)
        do(shop, "Kibitz revert all")
        shop.editor.wait_for_line("# Notes")
        do(shop, "buffer prices.py")
        assert "RATE = 0.3" in shop.editor.lines()


def test_the_menu_holds_what_is_of_kibitz(tmp_path: Path) -> None:
    with opened(tmp_path) as shop:
        shop.editor.lua(
            """
            vim.ui.select = function(items)
              user.titles = vim.tbl_map(function(item) return item.action.title end, items)
            end
            """
        )
        do(shop, "6,7Kibitz")
        titles = shop.editor.wait("user.titles")
        assert titles[0] == "Explain selection"
        assert "Refactor…" in titles
        assert "Haiku" in titles


def test_findings_are_listed_applied_and_dismissed(tmp_path: Path) -> None:
    with opened(tmp_path) as shop:
        shop.standin.enqueue(reported(finding(), SECOND, chunk_size=9).hold_at("No currency"))
        do(shop, "Kibitz review")
        shop.standin.reached().result()
        shop.editor.wait("#user.diagnostics() == 1")
        do(shop, "Kibitz findings")
        shop.standin.release()
        shop.editor.wait_for_end()
        shop.editor.wait("#vim.fn.getqflist() == 2")
        listed = shop.editor.lua("return vim.fn.getqflist()")
        do(shop, "cclose")

        assert [entry["lnum"] for entry in listed] == [9, 13]
        assert listed[0]["text"] == "Sums floats: Cents are lost."

        shop.editor.go_to(9)
        do(shop, "Kibitz apply")
        shop.editor.wait("#user.diagnostics() == 1")
        assert "        result += price" in shop.editor.lines()
        shop.editor.go_to(13)
        do(shop, "Kibitz dismiss")
        shop.editor.wait("#user.diagnostics() == 0")
        shop.editor.wait("#vim.fn.getqflist() == 0")
        do(shop, "Kibitz apply")
        wait_for_message(shop, "there is nothing to apply here")

        # What is not committed: of a file that is not open, too.
        shop.standin.enqueue(reported(finding(path="notes.md", start_line=2, end_line=2,
                                              quote="more", title="Vague", suggestion="")),
                             reported())  # fmt: skip
        (shop.root / "notes.md").write_text("# Notes\nmore\n")
        do(shop, "Kibitz changes")
        shop.editor.wait_for_end()
        do(shop, "Kibitz findings")
        shop.editor.wait("#vim.fn.getqflist() > 0")
        assert "notes.md" in shop.editor.lua(
            "return vim.api.nvim_buf_get_name(vim.fn.getqflist()[1].bufnr)"
        )


def test_a_conversation_opens_where_one_types_and_is_answered_there(tmp_path: Path) -> None:
    with opened(tmp_path) as shop:
        do(shop, "6,7Kibitz chat What is it for?")
        shop.editor.wait("vim.b.kibitz_conversation and user.is_attached()")
        name = shop.editor.call("nvim_buf_get_name", 0)
        assert name.endswith(".kibitz.md")
        assert "What is it for?" in shop.editor.lines()
        # No second server for a file of the cache folder.
        assert shop.editor.lua("return #vim.lsp.get_clients({ name = 'kibitz' })") == 1

        shop.standin.enqueue(Reply("For *sums*.\n"))
        do(shop, "Kibitz send")
        shop.editor.wait_for_line("For *sums*.")
        shop.editor.wait("user.take_end()")
        assert shop.editor.lines()[-2:] == ["## You", ""]
        assert "prices.py:6-7" in asked(shop)
        shop.editor.type("<Esc>u")
        assert not any("sums" in line for line in shop.editor.lines())


def test_what_it_is_doing_and_has_cost(tmp_path: Path) -> None:
    statusline = "vim.o.statusline = \"%{v:lua.require'kibitz'.status()}\""
    with opened(tmp_path, more=statusline) as shop:
        shop.standin.enqueue(Reply(ANSWER, chunk_size=5).hold_at("adds"))
        shop.editor.go_to(8)
        do(shop, "Kibitz explain")
        shop.standin.reached().result()
        shop.editor.wait("user.status():find('kibitz: Explain prices.py:6-10', 1, true)")
        shop.standin.release()
        shop.editor.wait_for_end()
        shop.editor.wait("user.status():match('^kibitz %$%d+%.%d%d today$')")
        do(shop, "Kibitz status")
        wait_for_message(shop, "of $10.00 today")
        do(shop, "Kibitz trust")
        wait_for_message(shop, "is trusted")
        do(shop, "Kibitz toggle")
        wait_for_message(shop, "as you type")
        do(shop, "Kibitz trust revoke")
        wait_for_message(shop, "not trusted any more")
        do(shop, "Kibitz context")
        shop.editor.wait(
            f"(function() local it = (function() {SHOWN} end)() "
            "return it and it.title:find('Context') end)()"
        )
        do(shop, "Kibitz nonsense")
        wait_for_message(shop, "there is no `:Kibitz nonsense`")

        first = shop.editor.lua("return vim.lsp.get_clients({ name = 'kibitz' })[1].id")
        do(shop, "buffer prices.py | Kibitz restart")
        shop.editor.wait(
            "user.is_attached() and vim.lsp.get_clients({ name = 'kibitz' })[1].id ~= ...", first
        )
        shop.editor.wait("#vim.lsp.get_clients({ name = 'kibitz' }) == 1")


def test_words_are_completed(tmp_path: Path) -> None:
    with opened(tmp_path) as shop:

        def completed(line: str) -> list[str]:
            return shop.editor.lua("return vim.fn.getcompletion(..., 'cmdline')", line)

        assert completed("Kibitz re") == ["refactor", "restart", "revert", "review"]
        assert completed("Kibitz revert ") == ["all"]
        assert completed("1,3Kibitz trust r") == ["revoke"]
        assert completed("Kibitz prompt ") == ["haiku"]
        assert completed("Kibitz explain w") == []


def test_a_buffer_without_kibitz_says_where_to_look(tmp_path: Path) -> None:
    with opened(tmp_path) as shop:
        do(shop, "enew")
        do(shop, "Kibitz explain")
        wait_for_message(shop, "checkhealth kibitz")
