"""The server's life: found or not, killed, started again; and what the status item says of it."""

from __future__ import annotations

import psutil
import pytest

from kibitz.standin import Reply
from support.code_server import DEADLINE_SECONDS
from support.vscode import OpenWorkshop

pytestmark = pytest.mark.real


def test_the_status_item_says_what_was_spent(open_workshop: OpenWorkshop) -> None:
    with open_workshop() as shop:
        window = shop.window
        shop.standin.enqueue(Reply("Adds all prices.").hold_at("prices"))
        window.open("prices.py")
        window.wait_for_server()
        window.go_to(8)
        window.palette("Kibitz: Explain")
        shop.standin.reached("prices").result()
        busy = window.status_label("Explain prices.py")
        shop.standin.release()
        ready = window.status_label("ready", "today", "from the cache")
        window.status().click()
        title = window.page.locator(".quick-input-title", has_text="kibitz").inner_text()

        assert "Explain prices.py:6-10" in busy
        assert "of $10.00 today" in ready
        assert "of $10.00 today" in title
        window.page.locator(".quick-input-list .monaco-list-row", has_text="Doctor").wait_for()


def test_a_server_that_was_killed_is_there_again(open_workshop: OpenWorkshop) -> None:
    with open_workshop() as shop:
        window = shop.window
        window.open("prices.py")
        window.wait_for_server()
        before = shop.servers()
        with shop.new_server():
            for process in before:
                process.kill()
        shop.standin.enqueue(Reply("Adds all prices."))
        window.go_to(8)
        window.palette("Kibitz: Explain")
        window.preview().get_by_text("Adds all prices.").wait_for()

        after = shop.servers()
        assert len(before) == len(after) == 1
        assert before != after


def test_without_a_server_one_is_told_how_to_have_it(open_workshop: OpenWorkshop) -> None:
    with open_workshop(server="/nowhere/kibitz") as shop:
        window = shop.window
        window.open("prices.py")
        window.status_label("did not start")
        message = window.page.locator(".notification-toast", has_text="is not running")
        message.first.wait_for()

        assert message.first.get_by_role("button", name="Show the log").count() == 1


def test_the_server_ends_with_the_window(open_workshop: OpenWorkshop) -> None:
    with open_workshop() as shop:
        shop.window.open("prices.py")
        shop.window.wait_for_server()
        running = shop.servers()
    _, alive = psutil.wait_procs(running, DEADLINE_SECONDS)

    assert len(running) == 1
    assert alive == []


def test_the_doctor_says_how_the_server_was_found(open_workshop: OpenWorkshop) -> None:
    with open_workshop() as shop:
        window = shop.window
        window.open("prices.py")
        window.wait_for_server()
        window.palette("Kibitz: Doctor")
        window.wait("vscode.window.activeTextEditor?.document.isUntitled")
        report = window.text()

        assert "server: running, " in report
        assert "(setting)" in report
        assert "any" not in [line.split(":")[-1].strip() for line in report.splitlines()]


def test_settings_that_nobody_has_set_are_not_sent(open_workshop: OpenWorkshop) -> None:
    # Else a default of the extension would go over what stands in the user's own file.
    user_file = "completion.trigger = 'off'\n[budget]\nday_usd = 3\n"
    with open_workshop(user_file=user_file) as shop:
        window = shop.window
        window.open("prices.py")
        window.wait_for_server()
        shop.standin.enqueue(Reply("Adds all prices."))
        window.go_to(8)
        window.palette("Kibitz: Explain")
        window.status_label("ready", "of $3.00 today")
        assert window.notifications().count() == 0
