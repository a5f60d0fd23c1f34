"""Completion as ghost text, asked for by a command."""

from __future__ import annotations

import pytest

from kibitz.standin import Reply
from support.vscode import OpenWorkshop

pytestmark = pytest.mark.real

#: Whether a line of the editor shows a text; it writes blanks that do not break.
SHOWN = """(text) => [...document.querySelectorAll(".monaco-editor .view-line")]
  .some((line) => line.textContent.replace(/\\u00a0/g, " ").includes(text))"""
TEXT = "def area(width, height):\n    return \n"


def test_a_completion_is_shown_in_the_text_and_taken_with_tab(open_workshop: OpenWorkshop) -> None:
    with open_workshop({"area.py": TEXT}) as shop:
        window = shop.window
        shop.standin.enqueue(Reply("<completion>width * height</completion>"))
        window.open("area.py")
        window.wait_for_server()
        window.go_to(2, 11)
        window.palette("Kibitz: Complete at Cursor")
        window.page.wait_for_function(SHOWN, arg="return width * height")
        before = window.text()
        window.press("Tab")
        window.wait_for_text("return width * height")

        assert before == TEXT
        assert len(shop.standin.journal.messages) == 1


def test_typing_asks_for_nothing(open_workshop: OpenWorkshop) -> None:
    with open_workshop({"area.py": TEXT}) as shop:
        window = shop.window
        window.open("area.py")
        window.wait_for_server()
        window.go_to(2, 11)
        window.type("wid")
        window.wait_for_text("return wid")
        window.actions()  # Answered after everything that typing has sent.

        assert shop.standin.journal.messages == []
