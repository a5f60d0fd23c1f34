"""Refactor: the buffer changes while the reply streams, and every character stays the user's."""

from __future__ import annotations

from pathlib import Path

import pytest

from kibitz.standin import Fault, Reply
from support.neovim import NeovimWorkshop, open_neovim

pytestmark = pytest.mark.real

OLD = """\
def report(orders):
    names = []
    for order in orders:
        names.append(order.name)
    names.sort()
    count = len(names)
    first = names[0]
    last = names[-1]
    print("orders:", count)
    print("first:", first)
    print("last:", last)
    total = 0
    for order in orders:
        total = total + order.price
    average = total / count
    print("average:", average)
    return total
"""
SIGNATURE = "def report(orders: list[Order]) -> float:\n"
TOTAL = "    total = sum(order.price for order in orders)\n"
AFTER_FIRST = OLD.replace("def report(orders):\n", SIGNATURE)
_start, _end = AFTER_FIRST.index("    total = 0\n"), AFTER_FIRST.index("    average =")
NEW = AFTER_FIRST[:_start] + TOTAL + AFTER_FIRST[_end:]
LAST = len(OLD.splitlines())

FILES = {"report.py": OLD}
#: Where the reply waits: once the first hunk is certain, and once the second one is.
FIRST, SECOND = "names = []\n", "return total\n"
REPLY = Reply(f"<replacement>\n{NEW}</replacement>", chunk_size=7)


def begin(shop: NeovimWorkshop, reply: Reply) -> None:
    """Ask for the refactoring of the whole file, by its code action."""
    shop.standin.enqueue(reply)
    shop.editor.open("report.py")
    shop.editor.select(1, LAST)
    shop.editor.run_action("Refactor: add types")


def to_first_hunk(shop: NeovimWorkshop) -> None:
    """Wait until the first hunk stands, with the reply still waiting behind it."""
    shop.standin.reached(FIRST).result()
    shop.editor.wait_for_line("list[Order]")
    shop.editor.type("<Esc>")


def text(shop: NeovimWorkshop) -> str:
    return "\n".join(shop.editor.lines()) + "\n"


def test_the_buffer_becomes_the_reply_while_it_streams(tmp_path: Path) -> None:
    with open_neovim(tmp_path, FILES) as shop:
        begin(shop, REPLY.hold_at(FIRST))
        to_first_hunk(shop)
        half = text(shop)
        shop.standin.release()
        message = shop.editor.wait_for_end()

        assert half == AFTER_FIRST
        assert text(shop) == NEW
        assert message.startswith("2 changes · ")
        assert shop.editor.messages() == ""
        # Nothing is written to the disk but by the user.
        assert (shop.root / "report.py").read_text() == OLD


def test_each_undo_takes_back_one_hunk(tmp_path: Path) -> None:
    with open_neovim(tmp_path, FILES) as shop:
        begin(shop, REPLY.hold_at(FIRST))
        to_first_hunk(shop)
        shop.standin.release()
        shop.editor.wait_for_end()

        assert shop.editor.lua("return vim.fn.undotree().seq_cur") == 2
        shop.editor.type("u")
        assert text(shop) == AFTER_FIRST
        shop.editor.type("u")
        assert text(shop) == OLD
        shop.editor.type("<C-r><C-r>")
        assert text(shop) == NEW


def test_only_the_words_that_change_are_touched(tmp_path: Path) -> None:
    with open_neovim(tmp_path, FILES) as shop:
        shop.editor.open("report.py")
        # A mark on the first word of each line: it goes when that is replaced.
        shop.editor.lua(
            """
            user.marks = vim.api.nvim_create_namespace('marks')
            for line = 0, vim.api.nvim_buf_line_count(0) - 1 do
              vim.api.nvim_buf_set_extmark(0, user.marks, line, 4, {
                end_row = line, end_col = 5, invalidate = true, undo_restore = false,
              })
            end
            """
        )
        begin(shop, REPLY)
        shop.editor.wait_for_end()
        marks = shop.editor.lua("return vim.api.nvim_buf_get_extmarks(0, user.marks, 0, -1, {})")

        kept = [number - 1 for number, _, _ in marks]
        gone = [12, 13]  # three lines become one, which is the first of them with other words
        assert kept == [line for line in range(LAST) if line not in gone]


def test_typing_elsewhere_meanwhile_survives(tmp_path: Path) -> None:
    with open_neovim(tmp_path, FILES) as shop:
        begin(shop, REPLY.hold_at(FIRST))
        to_first_hunk(shop)
        shop.editor.type("ggO# above<Esc>Go# below<Esc>")
        shop.standin.release()
        shop.editor.wait_for_end()

        assert text(shop) == f"# above\n{NEW}# below\n"


def test_typing_that_neovim_has_not_told_yet_survives(tmp_path: Path) -> None:
    slow = "vim.lsp.config('kibitz', { flags = { debounce_text_changes = 1000 } })"
    with open_neovim(tmp_path, FILES, more=slow) as shop:
        begin(shop, REPLY.hold_at("list[Order]"))
        shop.standin.reached().result()
        shop.editor.type("<Esc>ggO# above<Esc>")
        shop.standin.release()
        shop.editor.wait_for_end()

        assert text(shop) == f"# above\n{NEW}"


def test_typing_in_insert_mode_goes_on_while_the_reply_streams(tmp_path: Path) -> None:
    with open_neovim(tmp_path, FILES) as shop:
        begin(shop, REPLY.hold_at(FIRST))
        to_first_hunk(shop)
        shop.editor.call("nvim_input", "Go# be")
        shop.editor.wait_for_line("# be")
        shop.standin.release()
        shop.editor.wait_for_line("sum(")
        shop.editor.call("nvim_input", "low<Esc>")
        shop.editor.wait_for_line("# below")
        shop.editor.wait_for_end()

        assert text(shop) == f"{NEW}# below\n"


def test_what_would_go_over_typed_text_is_offered(tmp_path: Path) -> None:
    with open_neovim(tmp_path, FILES) as shop:
        begin(shop, REPLY.hold_at(FIRST))
        to_first_hunk(shop)
        shop.editor.type("13GA  # mine<Esc>")
        shop.standin.release()
        message = shop.editor.wait_for_end()

        assert "1 offered where you were typing" in message
        assert "    for order in orders:  # mine\n" in text(shop)


def test_undo_while_it_streams_stops_the_edit(tmp_path: Path) -> None:
    with open_neovim(tmp_path, FILES) as shop:
        begin(shop, REPLY.hold_at(FIRST))
        to_first_hunk(shop)
        shop.editor.type("u")
        shop.standin.release()
        message = shop.editor.wait_for_end()

        assert "Stopped" in message
        assert text(shop) == OLD


def test_stop_by_code_action_closes_the_stream(tmp_path: Path) -> None:
    with open_neovim(tmp_path, FILES) as shop:
        begin(shop, REPLY.hold_at(FIRST))
        to_first_hunk(shop)
        shop.editor.go_to(LAST)
        shop.editor.run_action("Stop: Refactor report.py:1-17")
        message = shop.editor.wait_for_end()
        exchange = shop.standin.journal.wait_for_disconnect().result()

        assert message == "Stopped: you stopped it"
        assert exchange.outcome == "client_closed"
        assert text(shop) == AFTER_FIRST
        assert shop.editor.messages() == ""

        shop.editor.go_to(1)
        shop.editor.run_action("Revert: Refactor")
        shop.editor.wait_for_end()
        assert text(shop) == OLD


def test_keep_one_change_and_revert_the_others(tmp_path: Path) -> None:
    with open_neovim(tmp_path, FILES) as shop:
        begin(shop, REPLY)
        shop.editor.wait_for_end()
        shop.editor.type("<Esc>ggO# typed<Esc>")
        shop.editor.go_to(2)
        titles = shop.editor.code_actions()
        shop.editor.run_action("Keep this change")
        shop.editor.wait("not vim.list_contains(user.code_actions(), 'Keep this change')")
        shop.editor.go_to(13)
        shop.editor.run_action("Revert: Refactor")
        shop.editor.wait_for_end()

        assert titles[:4] == [
            "Keep this change",
            "Revert this change",
            "Keep: Refactor report.py:1-17",
            "Revert: Refactor report.py:1-17",
        ]
        assert text(shop) == f"# typed\n{AFTER_FIRST}"
        assert not [title for title in shop.editor.code_actions() if "Revert" in title]


def test_what_was_changed_since_is_not_reverted(tmp_path: Path) -> None:
    with open_neovim(tmp_path, FILES) as shop:
        begin(shop, REPLY)
        shop.editor.wait_for_end()
        shop.editor.type("<Esc>1GA  # mine<Esc>")
        shop.editor.go_to(12)
        shop.editor.run_action("Revert: Refactor")
        shop.editor.wait_for_end()

        assert text(shop) == AFTER_FIRST.replace(SIGNATURE, SIGNATURE[:-1] + "  # mine\n")
        assert "not reverted" in shop.editor.messages()


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (Fault.drop("print("), "broke off in the middle of the reply"),
        (Fault.early_end("print("), "broke off in the middle of the reply"),
        (Fault.error_event("print("), "overloaded"),
    ],
)
def test_a_fault_puts_the_text_back(fault: Fault, told: str, tmp_path: Path) -> None:
    with open_neovim(tmp_path, FILES) as shop:
        begin(shop, REPLY.hold_at(FIRST).failing(fault))
        to_first_hunk(shop)
        shop.standin.release()
        message = shop.editor.wait_for_end()

        assert message.startswith("Failed")
        assert text(shop) == OLD
        assert told in shop.editor.messages()


def test_a_reply_that_is_no_replacement_is_told(tmp_path: Path) -> None:
    with open_neovim(tmp_path, FILES) as shop:
        begin(shop, Reply("It has its types already."))
        shop.editor.wait_for_end()

        assert text(shop) == OLD
        said = shop.editor.messages().replace("\n", " ")
        assert "Claude did not change the code: It has its types already." in said
