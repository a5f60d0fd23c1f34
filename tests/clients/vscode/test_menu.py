"""The extension from its package: what it offers, and that it asks Claude only when told to."""

from __future__ import annotations

import pytest

from support.vscode import OpenWorkshop

pytestmark = pytest.mark.real


def test_the_menu_and_the_palette_offer_what_kibitz_can_do(open_workshop: OpenWorkshop) -> None:
    with open_workshop() as shop:
        window = shop.window
        window.open("prices.py")
        window.wait_for_server()
        window.go_to(8)
        titles = window.menu().all_inner_texts()
        window.press("Escape")
        names = window.palette_offers("Kibitz: ")

        for title in ("Explain this", "Review this", "Refactor…", "Document this", "Explain file"):
            assert title in titles
        assert "Kibitz: Doctor" in names
        # Nothing has been changed and nothing runs: there is nothing to keep or stop.
        assert not [name for name in names if "Keep" in name or "Stop" in name]
        assert shop.standin.journal.messages == []


def test_the_source_menu_has_them_under_the_servers_own_kinds(open_workshop: OpenWorkshop) -> None:
    with open_workshop() as shop:
        window = shop.window
        window.open("prices.py")
        window.wait_for_server()
        window.go_to(8)
        kinds = window.wait(
            "(await vscode.commands.executeCommand('vscode.executeCodeActionProvider',"
            " vscode.window.activeTextEditor.document.uri, new vscode.Range(7, 0, 7, 0),"
            " 'source.kibitz')).map((action) => action.kind.value)"
        )

        assert kinds
        assert all(kind.startswith("source.kibitz") for kind in kinds)
