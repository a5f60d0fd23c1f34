"""The key: from the walkthrough into the secret storage, to the server, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from kibitz.standin import Reply
from support.vscode import CodeServer, OpenWorkshop

pytestmark = pytest.mark.real

KEY = "sk-ant-api03-a-key-of-somebody"
STEPS = (
    "Have the server",
    "Give it a key",
    "Let it explain something",
    "Let it change something",
    "See what it costs",
)


def holding(folder: Path, text: str) -> list[Path]:
    """The files below a folder in which `text` stands."""
    needle = text.encode()
    return [file for file in folder.rglob("*") if file.is_file() and needle in file.read_bytes()]


def test_the_walkthrough_leads_to_a_key_that_only_the_server_gets(
    open_workshop: OpenWorkshop, code_server: CodeServer
) -> None:
    with open_workshop(has_key=False, accepted_keys={KEY}) as shop:
        window, page = shop.window, shop.window.page
        window.open("prices.py")
        window.wait_for_server()
        window.palette("Kibitz: Get Started")
        walkthrough = page.locator(".gettingStartedContainer")
        for step in STEPS:
            walkthrough.get_by_role("heading", name=step).wait_for()
        # The server runs: that step is done.
        steps = walkthrough.locator(".getting-started-step")
        steps.and_(page.locator("[aria-checked=true]")).filter(has_text=STEPS[0]).wait_for()
        walkthrough.get_by_role("heading", name=STEPS[1]).click()
        walkthrough.get_by_role("button", name="Set the API key").click()
        box = page.locator(".quick-input-widget input:visible").first
        box.wait_for()
        kind = box.get_attribute("type")
        with shop.new_server():
            window.answer(KEY)
        shop.standin.enqueue(Reply("Adds all prices."))
        window.open("prices.py")
        window.go_to(8)
        window.palette("Kibitz: Explain")
        window.preview().get_by_text("Adds all prices.").wait_for()
        with shop.new_server():
            window.palette("Kibitz: Forget API Key")
        window.open("prices.py")
        window.palette("Kibitz: Explain File")
        refused = window.notifications().filter(has_text="key")
        refused.first.wait_for()

        assert kind == "password"
        assert len(shop.standin.journal.messages) == 1
        for folder in (code_server.data, code_server.home, shop.home, shop.root):
            assert holding(folder, KEY) == []
