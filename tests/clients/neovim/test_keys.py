"""The keys that a user presses, menus and questions of Neovim included."""

from __future__ import annotations

from pathlib import Path

import pytest

from kibitz.standin import Reply
from support.neovim import open_neovim
from support.workshop import EXAMPLE

pytestmark = pytest.mark.real

FILES = {"prices.py": EXAMPLE}
NEW_TOTAL = "def total(prices):\n    return sum(prices)\n"
OLD_TOTAL = EXAMPLE[EXAMPLE.index("def total") : EXAMPLE.index("\n\ndef with_tax")]
REPLY = Reply(f"<replacement>\n{NEW_TOTAL}</replacement>")
AFTER = EXAMPLE.replace(OLD_TOTAL, NEW_TOTAL)


def test_gra_on_a_selection(tmp_path: Path) -> None:
    with open_neovim(tmp_path, FILES) as shop:
        shop.standin.enqueue(REPLY)
        shop.editor.open("prices.py")
        shop.editor.select(6, 10)
        number = 1 + shop.editor.code_actions().index("Refactor: simplify")
        shop.editor.press("gra")
        shop.editor.wait_for_question()
        shop.editor.press(f"{number}<CR>")
        shop.editor.wait_for_end()

        assert shop.editor.lines() == AFTER.splitlines()
        task = shop.standin.journal.last.request.last_user_text
        assert "simpler to read" in task


def test_a_question_of_the_server_is_answered_with_a_number(tmp_path: Path) -> None:
    with open_neovim(tmp_path, FILES) as shop:
        shop.standin.enqueue(REPLY)
        shop.editor.open("prices.py")
        shop.editor.select(6, 10)
        number = 1 + shop.editor.code_actions().index("Refactor…")
        shop.editor.press("gra")
        shop.editor.wait_for_question()
        shop.editor.press(f"{number}<CR>")
        shop.editor.wait_for_question(2)
        shop.editor.press("1<CR>")
        shop.editor.wait_for_end()

        assert shop.editor.lines() == AFTER.splitlines()
        assert "simpler to read" in shop.standin.journal.last.request.last_user_text


def test_a_question_that_is_left_ends_the_job(tmp_path: Path) -> None:
    with open_neovim(tmp_path, FILES) as shop:
        shop.editor.open("prices.py")
        shop.editor.select(6, 10)
        number = 1 + shop.editor.code_actions().index("Refactor…")
        shop.editor.press("gra")
        shop.editor.wait_for_question()
        shop.editor.press(f"{number}<CR>")
        shop.editor.wait_for_question(2)
        shop.editor.press("<Esc>")

        assert shop.editor.wait_for_end() == "Nothing chosen"
        assert shop.editor.lines() == EXAMPLE.splitlines()
        assert shop.standin.journal.messages == []


def test_the_comment_above_the_code_says_what_to_do(tmp_path: Path) -> None:
    marked = EXAMPLE.replace("def total", "# kibitz: use the built-in sum\ndef total")
    with open_neovim(tmp_path, {"prices.py": marked}) as shop:
        shop.standin.enqueue(REPLY)
        shop.editor.open("prices.py")
        shop.editor.go_to(8)
        shop.editor.run_action("Do what the comment says: use the built-in sum")
        shop.editor.wait_for_end()

        assert shop.editor.lines() == AFTER.splitlines()
        task = shop.standin.journal.last.request.last_user_text
        assert "<instruction>\nuse the built-in sum\n" in task


def test_k_shows_the_explanation_again(tmp_path: Path) -> None:
    with open_neovim(tmp_path, FILES) as shop:
        shop.standin.enqueue(Reply("It adds the prices up.\n"))
        shop.editor.open("prices.py")
        shop.editor.go_to(8)
        shop.editor.run_action("Explain this")
        shop.editor.wait_for_end()
        shop.editor.press("K")

        shown = shop.editor.wait("user.floating_text()")
        assert "It adds the prices up." in shown
