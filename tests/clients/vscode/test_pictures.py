"""The pictures of kibitz in VS Code, taken of the real one: what they show is checked on the way.

The sample and the scripted replies are those of `kibitz demo`.  The pictures are the README's,
so they are written into the checkout: `docs/pictures/vscode-*.png`.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kibitz.demo.acts import INSTRUCTION, explained_region
from kibitz.demo.sample import lay_out, region
from kibitz.demo.script import AT_ONCE, Script
from kibitz.standin import Reply
from support.vscode import OpenWorkshop

pytestmark = pytest.mark.real

PICTURES = Path(__file__).parents[3] / "docs" / "pictures"
FILE, EXPLAINED = "fairshare/expenses.py", "fairshare/settle.py"
#: The reply waits here: one function is written, the next one is still to come.
WAITS_AT = "    return shares\n"
THEMES = {
    "light": "Default Light Modern",
    "dark": "Default Dark Modern",
    "contrast": "Default High Contrast",
}
SETTINGS = {
    "editor.fontSize": 13,
    "breadcrumbs.enabled": False,
    "window.commandCenter": False,
    "window.title": "${activeEditorShort}${separator}${rootName}",
}


@pytest.mark.parametrize("name", THEMES)
def test_findings_and_a_refactoring_that_is_being_written(
    open_workshop: OpenWorkshop, tmp_path: Path, name: str
) -> None:
    script = Script.read()
    sample = lay_out(tmp_path / "fairshare", os.environ)
    settings = {**SETTINGS, "workbench.colorTheme": THEMES[name]}
    with open_workshop(root=sample.root, settings=settings) as shop:
        window, page = shop.window, shop.window.page
        script.teach(shop.standin, AT_ONCE)
        window.open(FILE)
        window.wait_for_server()
        window.palette("Kibitz: Review File")
        window.show_view("kibitz")
        page.get_by_role("treeitem", name="All calls share").wait_for()
        window.status_label("ready")
        reply = Reply(f"<replacement>\n{script.replacement}</replacement>", chunk_size=8)
        shop.standin.enqueue(reply.hold_at(WAITS_AT))
        window.open(FILE)
        where = region(window.text(), "def split(", "    return result")
        window.select(where.first + 1, where.end)
        window.palette("Kibitz: Refactor…")
        window.answer(INSTRUCTION)
        shop.standin.reached().result()
        window.wait_for_text("left_over")
        window.go_to(where.first + 3)
        page.locator(".codelens-decoration a", has_text="Stop").wait_for()
        page.mouse.move(0, 0)
        window.picture(PICTURES / f"vscode-{name}.png")
        shop.standin.release()
        page.locator(".codelens-decoration a", has_text="Keep").first.wait_for()
        if name == "dark":
            window.picture(PICTURES / "vscode-changes.png")


def test_an_explanation_beside_the_code(open_workshop: OpenWorkshop, tmp_path: Path) -> None:
    script = Script.read()
    sample = lay_out(tmp_path / "fairshare", os.environ)
    settings = {
        **SETTINGS,
        "workbench.colorTheme": THEMES["light"],
        "workbench.sideBar.location": "left",
    }
    with open_workshop(root=sample.root, settings=settings) as shop:
        window, page = shop.window, shop.window.page
        script.teach(shop.standin, AT_ONCE)
        window.open(EXPLAINED)
        window.wait_for_server()
        where = explained_region(window.text())
        window.palette("View: Close Primary Side Bar")
        window.go_to(where.first + 2, 4)
        window.palette("Kibitz: Explain")
        window.preview().get_by_text("assert sum").wait_for()
        window.status_label("ready", "from the cache")
        page.mouse.move(0, 0)
        window.picture(PICTURES / "vscode-explain.png")
