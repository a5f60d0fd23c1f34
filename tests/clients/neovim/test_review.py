"""Review: findings are diagnostics, in the list and at the line, one by one."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.findings import finding, reported
from support.neovim import open_neovim
from support.workshop import EXAMPLE

pytestmark = pytest.mark.real

FILES = {"prices.py": EXAMPLE}


SECOND = finding(
    severity="Error",
    start_line=13,
    end_line=13,
    quote="def with_tax(prices):",
    title="No currency",
    suggestion="",
)


def test_findings_appear_one_by_one_and_move_with_the_text(tmp_path: Path) -> None:
    with open_neovim(tmp_path, FILES) as shop:
        shop.standin.enqueue(reported(finding(), SECOND, chunk_size=9).hold_at("Error"))
        shop.editor.open("prices.py")
        shop.editor.run_action("Review file")
        shop.standin.reached().result()
        first = shop.editor.wait("#user.diagnostics() > 0 and user.diagnostics()")
        shop.standin.release()
        message = shop.editor.wait_for_end()
        both = shop.editor.lua("return user.diagnostics()")
        shop.editor.type("ggO# one<CR># two<Esc>")
        moved = shop.editor.wait("user.diagnostics()[1].line == 11 and user.diagnostics()")

        assert first == [
            {
                "line": 9,
                "columns": [8, 31],
                "severity": "WARN",
                "source": "kibitz",
                "code": "correctness",
                "message": "Sums floats\nCents are lost.",
            }
        ]
        assert "2 findings" in message
        assert [(one["line"], one["severity"]) for one in both] == [(9, "WARN"), (13, "ERROR")]
        assert [one["line"] for one in moved] == [11, 15]


def test_a_finding_is_jumped_to_and_applied(tmp_path: Path) -> None:
    with open_neovim(tmp_path, FILES) as shop:
        shop.standin.enqueue(reported(finding(), SECOND))
        shop.editor.open("prices.py")
        shop.editor.run_action("Review file")
        shop.editor.wait_for_end()
        shop.editor.type("]d")
        place = shop.editor.call("nvim_win_get_cursor", 0)
        titles = shop.editor.code_actions()
        shop.editor.run_action("Apply: Sums floats")
        shop.editor.wait_for_end()

        assert place == [9, 8]
        assert titles[:3] == [
            "Apply: Sums floats",
            "Explain: Sums floats",
            "Dismiss: Sums floats",
        ]
        expected = EXAMPLE.replace("result = result + price", "result += price")
        assert shop.editor.lines() == expected.splitlines()
        shop.editor.wait("#user.diagnostics() == 1")

        shop.editor.go_to(13)
        shop.editor.run_action("Dismiss: No currency")
        shop.editor.wait("#user.diagnostics() == 0")
        # A diagnostic of ours is nothing for the quick fix of other servers' ones.
        assert not [title for title in titles if title.startswith("Fix with Claude")]
