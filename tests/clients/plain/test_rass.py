"""eglot has one server for a buffer: rassumfrassum makes kibitz and another server one."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from kibitz.standin import Reply
from support.emacs import open_emacs
from support.plain_clients import configuration
from support.raw_client import KIBITZ_TINY
from support.workshop import EXAMPLE

pytestmark = pytest.mark.real

NEW = EXAMPLE[EXAMPLE.index("def total") : EXAMPLE.index("\n\ndef with")].replace(
    "result = result + price", "result += price"
)


def test_kibitz_beside_another_server(tmp_path: Path) -> None:
    if not (Path(sys.executable).with_name("rass").exists() or shutil.which("rass")):
        pytest.skip("rass is not here: `pip install rassumfrassum` brings it")
    # The other server in place of `pylsp`, as the README says.
    words = " ".join(f'"{word}"' for word in KIBITZ_TINY)
    init = configuration("rass").replace('"pylsp"', words)
    with open_emacs(tmp_path, {"prices.py": EXAMPLE}, init, "eglot") as shop:
        shop.editor.open(shop.root / "prices.py")
        assert sum("serve" in each.cmdline() for each in shop.editor.terminal.descendants()) >= 2
        shop.editor.select(6, 10)
        shop.standin.enqueue(Reply(f"<replacement>\n{NEW}</replacement>"))
        shop.editor.run_action("Refactor: simplify")
        shop.editor.wait_for_text("result += price")
        expected = EXAMPLE.replace("result = result + price", "result += price")
        assert shop.editor.text() == expected
