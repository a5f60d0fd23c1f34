"""With the plugin a stream is one undo step, whatever the user does meanwhile, and is marked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kibitz.standin import Reply
from support.neovim import NeovimWorkshop, open_with_plugin

pytestmark = pytest.mark.real

COUNT = 24
OLD = "".join(f"line_{number} = {number}\n" for number in range(COUNT))
#: Every third line is changed: each is a hunk of its own, and with plain LSP an undo step.
NEW = "".join(
    f"line_{number} = {'new' if number % 3 == 0 else number}\n" for number in range(COUNT)
)
HUNKS = COUNT // 3
FILES = {"report.py": f"{OLD}# the end\n"}
HALF = "line_12 = new"
REPLY = Reply(f"<replacement>\n{NEW}</replacement>", chunk_size=11)

MARKS = """
return vim.tbl_map(function(mark) return mark[2] + 1 end, vim.api.nvim_buf_get_extmarks(
  0, vim.api.nvim_get_namespaces()['kibitz.hunks'], 0, -1, {}))
"""


def begin(shop: NeovimWorkshop, reply: Reply) -> None:
    """Ask for the refactoring of all lines but the last one."""
    shop.standin.enqueue(reply)
    shop.editor.open("report.py")
    shop.editor.type(f"<Esc>:1,{COUNT}Kibitz refactor make them new<CR>")


def to_half(shop: NeovimWorkshop) -> None:
    """Wait until half of it stands, with the reply still waiting behind it."""
    shop.standin.reached(HALF).result()
    shop.editor.wait_for_line("line_9 = new")


def text(shop: NeovimWorkshop) -> str:
    return "".join(f"{line}\n" for line in shop.editor.lines())


def undo_steps(shop: NeovimWorkshop) -> list[str]:
    """The text after each `u`, until there is nothing more to undo."""
    found: list[str] = []
    shop.editor.type("<Esc>")
    while shop.editor.lua("return vim.fn.undotree().seq_cur") > 0:
        shop.editor.type("u")
        found.append(text(shop))
    return found


def wait_for_marks(shop: NeovimWorkshop, lines: list[int]) -> None:
    shop.editor.wait(f"vim.deep_equal((function() {MARKS} end)(), ...)", lines)


def changed_lines() -> list[int]:
    return [number + 1 for number in range(0, COUNT, 3)]


def test_a_whole_stream_is_one_undo_step(tmp_path: Path) -> None:
    with open_with_plugin(tmp_path, FILES) as shop:
        begin(shop, REPLY.hold_at(HALF))
        to_half(shop)
        shop.standin.release()
        message = shop.editor.wait_for_end()

        assert message.startswith(f"{HUNKS} changes")
        assert text(shop) == f"{NEW}# the end\n"
        wait_for_marks(shop, changed_lines())
        assert shop.editor.messages() == ""
        assert undo_steps(shop) == [f"{OLD}# the end\n"]
        # What was undone is nobody's to keep any more.
        wait_for_marks(shop, [])
        shop.editor.type("<C-r>")
        assert text(shop) == f"{NEW}# the end\n"


def test_a_change_in_the_middle_is_a_step_of_its_own(tmp_path: Path) -> None:
    with open_with_plugin(tmp_path, FILES) as shop:
        begin(shop, REPLY.hold_at(HALF))
        to_half(shop)
        shop.editor.type("Gomine<Esc>ggO# top<Esc>")
        shop.standin.release()
        shop.editor.wait_for_end()

        assert text(shop) == f"# top\n{NEW}# the end\nmine\n"
        steps = undo_steps(shop)
        half = NEW[: NEW.index(HALF)] + OLD[OLD.index("line_12") :]
        assert steps == [
            f"# top\n{half}# the end\nmine\n",
            f"{half}# the end\nmine\n",
            f"{half}# the end\n",
            f"{OLD}# the end\n",
        ]


def test_a_buffer_that_is_not_shown_any_more_gets_the_rest_in_one_step(tmp_path: Path) -> None:
    with open_with_plugin(tmp_path, {**FILES, "notes.md": "# Notes\n"}) as shop:
        begin(shop, REPLY.hold_at(HALF))
        to_half(shop)
        shop.editor.type(":edit notes.md<CR>Gomine<Esc>")
        shop.standin.release()
        shop.editor.wait_for_end()

        assert shop.editor.lines() == ["# Notes", "mine"]
        shop.editor.type(":buffer report.py<CR>")
        assert text(shop) == f"{NEW}# the end\n"
        assert undo_steps(shop) == [f"{OLD}# the end\n"]


def test_typing_on_in_insert_mode_keeps_every_character(tmp_path: Path) -> None:
    with open_with_plugin(tmp_path, FILES) as shop:
        begin(shop, REPLY.hold_at(HALF))
        to_half(shop)
        shop.editor.press("Gofirst")
        shop.editor.wait_for_line("first")
        shop.standin.release()
        for number in range(40):
            shop.editor.press(f" {number}")
        shop.editor.wait_for_end()
        shop.editor.press("<CR>last<Esc>")
        shop.editor.wait_for_line("last")

        typed = "first " + " ".join(map(str, range(40)))
        whole = f"{NEW}# the end\n{typed}\nlast\n"
        assert text(shop) == whole
        steps = undo_steps(shop)
        # The typing falls into few steps, and none of them mixes it with Claude's.
        assert steps[-1] == f"{OLD}# the end\n"
        assert len(steps) <= 5
        lines_of_claude = [step.partition("# the end")[0] for step in [whole, *steps]]
        lines_of_user = [step.partition("# the end")[2] for step in [whole, *steps]]
        for before, after in zip(range(len(steps)), range(1, len(steps) + 1), strict=True):
            changed = (
                lines_of_claude[before] != lines_of_claude[after],
                lines_of_user[before] != lines_of_user[after],
            )
            assert changed != (True, True), steps
        shop.editor.type("99<C-r>")
        assert text(shop) == whole


def test_the_cursor_and_the_view_stay_where_the_user_reads(tmp_path: Path) -> None:
    longer = Reply(f"<replacement>\n# new\n# lines\n{NEW}</replacement>", chunk_size=11)
    files = {"report.py": f"{OLD}# the end\n" + "below\n" * 60}
    with open_with_plugin(tmp_path, files) as shop:
        shop.editor.attach_screen(80, 12)
        begin(shop, longer.hold_at("# lines"))
        shop.standin.reached("# lines").result()
        shop.editor.type("<Esc>30Gzt3|")
        before = shop.editor.lua("return { vim.fn.line('.'), vim.fn.col('.'), vim.fn.winline() }")
        shop.standin.release()
        shop.editor.wait_for_end()
        after = shop.editor.lua("return { vim.fn.line('.'), vim.fn.col('.'), vim.fn.winline() }")

        assert after == [before[0] + 2, before[1], before[2]]


def test_one_change_is_kept_and_the_rest_reverted(tmp_path: Path) -> None:
    with open_with_plugin(tmp_path, FILES) as shop:
        begin(shop, REPLY)
        shop.editor.wait_for_end()
        wait_for_marks(shop, changed_lines())
        shop.editor.type("gg")
        places = []
        for word in ("next", "next", "prev"):
            shop.editor.type(f":Kibitz {word}<CR>")
            places.append(shop.editor.call("nvim_win_get_cursor", 0)[0])
        assert places == [4, 7, 4]

        shop.editor.type(":Kibitz keep<CR>")
        wait_for_marks(shop, [line for line in changed_lines() if line != 4])
        shop.editor.type(":Kibitz next<CR>:Kibitz revert<CR>")
        wait_for_marks(shop, [line for line in changed_lines() if line not in (4, 7)])
        assert shop.editor.lines()[3] == "line_3 = new"
        assert shop.editor.lines()[6] == "line_6 = 6"
        before = shop.editor.lua("return vim.fn.undotree().seq_cur")
        shop.editor.type(":Kibitz revert all<CR>")
        wait_for_marks(shop, [])

        kept = OLD.replace("line_3 = 3", "line_3 = new")
        assert text(shop) == f"{kept}# the end\n"
        assert shop.editor.lua("return vim.fn.undotree().seq_cur") == before + 1
        shop.editor.type(":Kibitz keep<CR>")
        shop.editor.wait("vim.fn.execute('messages'):find('no change of kibitz here', 1, true)")


def test_stop_leaves_what_stands(tmp_path: Path) -> None:
    with open_with_plugin(tmp_path, FILES) as shop:
        begin(shop, REPLY.hold_at(HALF))
        to_half(shop)
        shop.editor.type(":Kibitz stop<CR>")
        message = shop.editor.wait_for_end()
        exchange = shop.standin.journal.wait_for_disconnect().result()

        assert message == "Stopped: you stopped it"
        assert exchange.outcome == "client_closed"
        wait_for_marks(shop, [1, 4, 7, 10])
        assert len(undo_steps(shop)) == 1
        shop.editor.type(":Kibitz stop<CR>")
        shop.editor.wait("vim.fn.execute('messages'):find('nothing is running here', 1, true)")


def stale_edit(uri: str, **more: Any) -> dict[str, Any]:
    """An edit of the first line, for the text as it was opened."""
    start = {"line": 0, "character": 0}
    edit = {"range": {"start": start, "end": start}, "newText": "late\n"}
    document = {"uri": uri, "version": 1}
    return {"edit": {"documentChanges": [{"textDocument": document, "edits": [edit]}]}, **more}


ANSWER = """
local client = vim.lsp.get_clients({{ name = 'kibitz' }})[1]
return {}(nil, ..., {{ client_id = client.id, method = 'workspace/applyEdit' }})
"""


def test_a_stale_edit_is_refused_where_neovim_says_that_it_was_applied(tmp_path: Path) -> None:
    with open_with_plugin(tmp_path, FILES) as shop:
        uri = shop.editor.open("report.py")
        shop.editor.type("ggx")
        before = text(shop)

        def answer(handler: str, **more: Any) -> dict[str, Any]:
            return shop.editor.lua(ANSWER.format(handler), stale_edit(uri, **more))

        streamed = answer("vim.lsp.config.kibitz.handlers['kibitz/applyEdit']", undo="start")
        whole = answer("vim.lsp.config.kibitz.handlers['workspace/applyEdit']")
        own = answer("vim.lsp.handlers['workspace/applyEdit']")

        assert streamed["applied"] is False
        assert "newer" in streamed["failureReason"]
        assert whole["applied"] is False
        assert own["applied"] is True  # which is why the server looks at the text
        assert text(shop) == before


def test_nothing_that_the_server_says_makes_the_user_press_enter(tmp_path: Path) -> None:
    with open_with_plugin(tmp_path, FILES) as shop:
        shop.editor.attach_screen(60, 12)
        uri = shop.editor.open("report.py")
        params = stale_edit(uri, label="a long label " * 30)
        params["edit"]["documentChanges"][0]["textDocument"].pop("version")
        shop.editor.lua(
            """
            local params, message = ...
            local context = { client_id = vim.lsp.get_clients({ name = 'kibitz' })[1].id }
            local handlers = vim.lsp.config.kibitz.handlers
            handlers['workspace/applyEdit'](nil, params, context)
            handlers['window/showMessage'](nil, { type = 1, message = message }, context)
            """,
            params,
            "something went wrong, and that at length; " * 8,
        )
        mode = shop.editor.call("nvim_get_mode")

        assert mode == {"mode": "n", "blocking": False}
        assert shop.editor.lines()[0] == "late"
        # Cut off where it is shown, and whole where it is kept.
        assert shop.editor.messages().count("at length") == 8
