"""The key: from the walkthrough into the secret storage, to the server, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from kibitz.standin import Reply
from support.code_server import CodeServer
from support.vscode import OpenWorkshop

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
    # A token that somebody has put into the settings is not taken, and they are told.
    in_settings = {"ANTHROPIC_AUTH_TOKEN": "a-token-in-settings"}
    with open_workshop(accepted_keys={KEY}, environment=in_settings) as shop:
        window, page = shop.window, shop.window.page
        window.open("prices.py")
        window.wait_for_server()
        told = window.notifications().filter(has_text="not taken from settings")
        told.filter(has_text="ANTHROPIC_AUTH_TOKEN").first.wait_for()
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
        window.notifications().filter(has_text="does not accept").first.wait_for()

        assert kind == "password"
        # With their key, and then with that of the environment, which is none for this server.
        assert [each.status for each in shop.standin.journal.messages] == [200, 401]
        for folder in (code_server.data, code_server.home, shop.home, shop.root):
            assert holding(folder, KEY) == []
