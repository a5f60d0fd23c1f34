"""Answers beside the code, and where they are read again."""

from __future__ import annotations

import pytest

from kibitz.standin import Reply
from support.vscode import OpenWorkshop

pytestmark = pytest.mark.real

FIRST, SECOND = "Adds all prices.", "It does not round."
ANSWER = (
    f"{FIRST}\n\n![x](https://example.invalid/leak.png) <b onclick='x()'>bold</b>\n\n"
    f"[run](command:workbench.action.closeWindow)\n\n{SECOND}\n"
)


def test_an_explanation_streams_in_beside_the_code(open_workshop: OpenWorkshop) -> None:
    with open_workshop() as shop:
        window = shop.window
        shop.standin.enqueue(Reply(ANSWER, chunk_size=9).hold_at("It does"))
        window.open("prices.py")
        window.wait_for_server()
        window.go_to(8)
        window.palette("Kibitz: Explain")
        shop.standin.reached("It does").result()
        page = window.preview()
        page.get_by_text(FIRST).wait_for()
        n_second = page.get_by_text(SECOND).count()
        shop.standin.release()
        page.get_by_text(SECOND).wait_for()

        assert n_second == 0
        # What a model wrote is shown, and does nothing.
        assert page.locator("img").count() == 0
        assert page.locator("[onclick]").count() == 0
        assert page.locator("a[href^='command:']").count() == 0
        # The code has kept the focus: one reads, and goes on typing.
        assert window.ask("return vscode.window.activeTextEditor.document.fileName").endswith(
            "prices.py"
        )


def test_the_explanation_is_shown_again_on_hover(open_workshop: OpenWorkshop) -> None:
    with open_workshop() as shop:
        window = shop.window
        shop.standin.enqueue(Reply(FIRST))
        window.open("prices.py")
        window.wait_for_server()
        window.go_to(8)
        window.palette("Kibitz: Explain")
        window.preview().get_by_text(FIRST).wait_for()
        window.open("prices.py")
        window.go_to(7, 6)
        window.palette("Show or Focus Hover")

        window.page.locator(".monaco-hover", has_text=FIRST).first.wait_for()
        assert len(shop.standin.journal.messages) == 1


def test_a_conversation_is_a_document_that_one_sends_from(open_workshop: OpenWorkshop) -> None:
    with open_workshop() as shop:
        window = shop.window
        shop.standin.enqueue(Reply("Nobody but the tests."))
        window.open("prices.py")
        window.wait_for_server()
        window.go_to(1)
        window.palette("Kibitz: New Conversation")
        window.wait("vscode.window.activeTextEditor?.document.fileName.endsWith('.kibitz.md')")
        window.wait_for_cursor("Ln 8, Col 1")  # behind the heading, where the question goes
        window.type("Who calls total?")
        window.wait_for_text("Who calls total?")
        window.press("Control+Enter")
        window.wait_for_text("Nobody but the tests.")

        assert "Who calls total?" in str(shop.standin.journal.last.request.body)
