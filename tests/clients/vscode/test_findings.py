"""Findings: in the Problems view, and in a view of their own."""

from __future__ import annotations

import pytest

from kibitz.standin import Reply, ToolCall
from support.vscode import OpenWorkshop
from support.workshop import EXAMPLE

pytestmark = pytest.mark.real

BY_HAND, RATE = "Adds by hand", "Say what the rate is of"
FINDINGS = [
    {
        "path": "prices.py", "severity": "warning", "category": "correctness",
        "start_line": 9, "end_line": 9, "quote": "        result = result + price",
        "title": BY_HAND, "message": "Use the operator.", "suggestion": "        result += price",
    },
    {
        "path": "prices.py", "severity": "hint", "category": "style",
        "start_line": 3, "end_line": 3, "quote": "RATE = 0.2",
        "title": RATE, "message": "A name such as TAX_RATE.", "suggestion": "",
    },
]  # fmt: skip
REPLY = Reply(tool_calls=[ToolCall("report_findings", {"findings": FINDINGS})])


def test_findings_are_shown_filtered_applied_and_dismissed(open_workshop: OpenWorkshop) -> None:
    with open_workshop() as shop:
        window = shop.window
        page = window.page
        shop.standin.enqueue(REPLY)
        window.open("prices.py")
        window.wait_for_server()
        window.palette("Kibitz: Review File")
        window.show_view("kibitz")
        # The Problems view has items of these names, too.
        view = page.locator(".part.sidebar")
        found = {title: view.get_by_role("treeitem", name=title) for title in (BY_HAND, RATE)}
        for item in found.values():
            item.wait_for()
        problems = window.ask(
            "return vscode.languages.getDiagnostics()"
            ".flatMap(([, each]) => each.map((one) => `${one.source}: ${one.message}`))"
        )
        window.palette("View: Focus Problems")
        page.locator(".markers-panel .monaco-list-row", has_text=BY_HAND).wait_for()

        window.palette("Kibitz: Filter Findings")
        page.locator(".quick-input-list .monaco-list-row", has_text="Hints").click()
        page.locator(".quick-input-widget .monaco-button", has_text="OK").click()
        found[RATE].wait_for(state="detached")
        page.get_by_text("Shown: 1 of 2").wait_for()
        window.palette("Kibitz: Show All Findings")
        found[RATE].wait_for()

        nameless = window.nameless_icons()
        found[RATE].click()
        window.press("Delete")
        found[RATE].wait_for(state="detached")
        found[BY_HAND].hover()
        found[BY_HAND].get_by_label("Apply Suggestion").click()
        window.wait_for_text("result += price")
        found[BY_HAND].wait_for(state="detached")

        assert any(problem.startswith(f"kibitz: {BY_HAND}") for problem in problems)
        assert len(problems) == 2
        assert nameless == []
        assert window.text() == EXAMPLE.replace("result = result + price", "result += price")


def test_a_finding_that_has_no_suggestion_offers_none(open_workshop: OpenWorkshop) -> None:
    with open_workshop() as shop:
        window = shop.window
        shop.standin.enqueue(REPLY)
        window.open("prices.py")
        window.wait_for_server()
        window.palette("Kibitz: Review File")
        window.show_view("kibitz")
        item = window.page.get_by_role("treeitem", name=RATE)
        item.hover()
        item.get_by_label("Dismiss Finding").wait_for()

        assert item.get_by_label("Apply Suggestion").count() == 0
