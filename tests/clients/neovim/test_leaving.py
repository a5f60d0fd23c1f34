"""However Neovim goes, nothing is left running and nothing more is paid for."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from kibitz.standin import Reply
from support.neovim import (
    DEADLINE_SECONDS,
    NeovimWorkshop,
    descendants,
    open_neovim,
    still_running,
)
from support.raw_client import clean_environment
from support.workshop import EXAMPLE

pytestmark = pytest.mark.real

FILES = {"prices.py": EXAMPLE}
REPLIES = {
    "Explain file": Reply("It adds the prices up.\n").hold_at("adds"),
    "Refactor: add types": Reply(f"<replacement>\n{EXAMPLE}").hold_at("def total"),
}


def begin(shop: NeovimWorkshop, action: str) -> list[psutil.Process]:
    """Let Claude be in the middle of a reply; gives the processes that Neovim has started."""
    shop.standin.enqueue(REPLIES[action])
    shop.editor.open("prices.py")
    shop.editor.run_action(action)
    shop.standin.reached().result()
    assert shop.editor.servers()
    return descendants(shop.editor.process)


@pytest.mark.parametrize("action", REPLIES)
@pytest.mark.parametrize("keys", [":wq<CR>", ":qa!<CR>", "SIGKILL", "SIGTERM", "SIGHUP"])
def test_nothing_is_left_when_the_editor_ends_in_the_middle(
    keys: str, action: str, tmp_path: Path
) -> None:
    with open_neovim(tmp_path, FILES) as shop:
        started = begin(shop, action)
        if keys.startswith(":"):
            shop.editor.call("nvim_input", keys)
        else:
            shop.editor.process.send_signal(getattr(signal, keys))
        shop.standin.journal.wait_for_disconnect().result()

        assert still_running(started, DEADLINE_SECONDS) == []
        assert (shop.root / "prices.py").read_text() == EXAMPLE
        assert requests_in_ledger(shop) == 1


def test_the_server_ends_when_it_is_disabled(tmp_path: Path) -> None:
    with open_neovim(tmp_path, FILES) as shop:
        started = begin(shop, "Explain file")
        shop.editor.lua("vim.lsp.enable('kibitz', false)")
        shop.standin.journal.wait_for_disconnect().result()

        assert still_running(started, DEADLINE_SECONDS) == []


def requests_in_ledger(shop: NeovimWorkshop) -> int:
    """How many requests `kibitz usage` knows of."""
    answer = subprocess.run(
        [str(Path(sys.executable).with_name("kibitz")), "usage", "--json"],
        env=clean_environment(shop.home),
        capture_output=True,
        check=True,
    )
    return json.loads(answer.stdout)["total"]["requests"]
