"""Explain: the answer opens beside the code, and the hover keeps it."""

from __future__ import annotations

from pathlib import Path

import pytest

from kibitz.standin import Fault, Reply
from support.neovim import open_neovim
from support.workshop import EXAMPLE

pytestmark = pytest.mark.real

FILES = {"prices.py": EXAMPLE}
ANSWER = "It adds the prices up.\n\nAn empty list gives 0.\n"


def test_the_answer_opens_in_a_window_and_stays_in_the_hover(tmp_path: Path) -> None:
    with open_neovim(tmp_path, FILES) as shop:
        shop.standin.enqueue(Reply(ANSWER, chunk_size=7))
        shop.editor.open("prices.py")
        shop.editor.go_to(8)
        shop.editor.run_action("Explain this")
        message = shop.editor.wait_for_end()
        shown = shop.editor.wait("user.shown_answer()")

        assert "\n".join(shown["lines"]) + "\n" == f"# Explain prices.py:6-10\n\n{ANSWER}"
        assert Path(shown["name"]).is_relative_to(shop.home / "cache" / "kibitz" / "answers")
        assert "Answer shown" in message
        assert "$" in message
        # The user goes on in the code, where the explanation is now kept.
        assert shop.editor.lines() == EXAMPLE.splitlines()
        assert "An empty list gives 0." in shop.editor.lua("return user.hover()")

        shop.editor.type("ggO# one<CR># two<Esc>")
        shop.editor.go_to(10)
        assert "An empty list gives 0." in shop.editor.lua("return user.hover()")
        shop.editor.go_to(5)
        assert shop.editor.lua("return user.hover()") is None

        shop.editor.go_to(10)
        shop.editor.type("A  # changed<Esc>")
        assert shop.editor.lua("return user.hover()") is None
        assert len(shop.standin.journal.messages) == 1


def test_only_the_selection_is_asked_about(tmp_path: Path) -> None:
    with open_neovim(tmp_path, FILES) as shop:
        shop.standin.enqueue(Reply(ANSWER))
        shop.editor.open("prices.py")
        shop.editor.select(8, 9)
        shop.editor.run_action("Explain selection")
        shop.editor.wait_for_end()

        task = shop.standin.journal.last.request.last_user_text
        assert "8\t    for price in prices:\n9\t        result = result + price\n</region>" in task


def test_a_failure_is_one_message(tmp_path: Path) -> None:
    with open_neovim(tmp_path, FILES) as shop:
        shop.standin.enqueue(Fault.status_code(401))
        shop.editor.open("prices.py")
        shop.editor.run_action("Explain file")

        assert shop.editor.wait_for_end() == "Failed"
        assert "does not accept the API key" in shop.editor.messages()
        assert shop.editor.messages().count("LSP[") == 1
