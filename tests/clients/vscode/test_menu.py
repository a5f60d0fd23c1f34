"""What the extension offers and where; it asks Claude only when it is told to."""

from __future__ import annotations

import pytest

from kibitz.standin import Reply
from support.vscode import OpenWorkshop
from support.workshop import EXAMPLE

pytestmark = pytest.mark.real

PROMPT = "---\ntitle: Praise this\n---\nSay what is good about this code.\n"
FILES = {"prices.py": EXAMPLE, ".kibitz/prompts/praise.md": PROMPT}


def test_menus_palette_and_keys_offer_what_kibitz_can_do(open_workshop: OpenWorkshop) -> None:
    with open_workshop(FILES) as shop:
        window, page = shop.window, shop.window.page
        window.open("prices.py")
        window.wait_for_server()
        window.go_to(8)
        names = window.palette_offers("Kibitz: ")
        kinds = window.wait(
            "(await vscode.commands.executeCommand('vscode.executeCodeActionProvider',"
            " vscode.window.activeTextEditor.document.uri, new vscode.Range(7, 0, 7, 0),"
            " 'source.kibitz')).map((action) => action.kind.value)"
        )
        # By the keyboard alone: the context menu, and in it ours.
        window.press("Shift+F10")
        menu = page.locator(".monaco-menu").first
        menu.get_by_role("menuitem", name="kibitz").wait_for()
        while menu.locator(".action-item.focused").all_inner_texts() != ["kibitz"]:
            window.press("ArrowDown")
        window.press("ArrowRight")
        entries = page.locator(".monaco-submenu .action-label")
        entries.first.wait_for()
        in_context = entries.all_inner_texts()
        window.press("Escape")
        window.press("Escape")
        asked_so_far = list(shop.standin.journal.messages)
        shop.standin.enqueue(Reply("It is short."), Reply("Adds all prices."))
        window.open("prices.py")
        window.palette("Kibitz: Run Own Prompt…")
        page.locator(".quick-input-list .monaco-list-row", has_text="Praise this").wait_for()
        window.press("Enter")
        window.preview().get_by_text("It is short.").wait_for()
        window.open("prices.py")
        titles = window.menu().all_inner_texts()
        window.menu_choose("Explain this")
        shop.standin.journal.wait_for_request(2).result()
        window.palette("Kibitz: Show Log")
        page.locator(".panel .view-line", has_text="kibitz").first.wait_for()

        for title in ("Explain this", "Review this", "Refactor…", "Document this", "Praise this"):
            assert title in titles
        assert {"Kibitz: Doctor", "Kibitz: Write Tests", "Kibitz: Ask…"} <= set(names)
        # Nothing has been changed and nothing runs: there is nothing to keep or stop.
        assert not [name for name in names if "Keep" in name or "Stop" in name]
        assert {"Explain", "Refactor…", "Write Tests"} <= set(in_context)
        assert kinds
        assert all(kind.startswith("source.kibitz") for kind in kinds)
        assert asked_so_far == []
