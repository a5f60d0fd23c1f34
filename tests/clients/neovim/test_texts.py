"""What is not plain ASCII with Unix line ends comes out as it went in, to the byte."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from kibitz.standin import Reply
from support.neovim import open_neovim

pytestmark = pytest.mark.real


@dataclass(frozen=True)
class Case:
    """A file before and after, and what Claude writes: always with plain line ends."""

    name: str
    before: str
    reply: str
    after: str


CASES = [
    Case(
        "characters outside the basic plane",
        "# 🦆 é 漢\nname = '𝒳🦆'\nprint(name)  # 🦆\nend = 1\n",
        "# 🦆 é 漢\nname = '🦆𝒳é'\nprint(name)  # 🦆\nend = '🦆'\n",
        "# 🦆 é 漢\nname = '🦆𝒳é'\nprint(name)  # 🦆\nend = '🦆'\n",
    ),
    Case(
        "dos line ends",
        "one = 1\r\ntwo = 2\r\nprint(one)\r\nprint(two)\r\n",
        "one = 1\ntwo = 22\nprint(one)\nprint(one + two)\nprint(two)\n",
        "one = 1\r\ntwo = 22\r\nprint(one)\r\nprint(one + two)\r\nprint(two)\r\n",
    ),
    Case(
        "no final newline, last line changed",
        "one = 1\nprint(one)\nlast = 3",
        "one = 1\nprint(one)\nlast = 4\n",
        "one = 1\nprint(one)\nlast = 4",
    ),
    Case(
        "no final newline, lines added at the end",
        "one = 1\nprint(one)\nlast = 3",
        "one = 1\nprint(one)\nlast = 3\nmore = 4\n",
        "one = 1\nprint(one)\nlast = 3\nmore = 4",
    ),
    Case(
        "no final newline, last line deleted",
        "one = 1\nprint(one)\nlast = 3",
        "one = 1\nprint(one)\n",
        "one = 1\nprint(one)",
    ),
    Case(
        "form feed and other characters that end no line",
        "first = 1\n\x0c\ndef page():\n    return '\u2028 \x85'\nlast = 1\n",
        "first = 1\n\x0c\ndef page():\n    return '\u2028 \x85!'\nlast = 2\n",
        "first = 1\n\x0c\ndef page():\n    return '\u2028 \x85!'\nlast = 2\n",
    ),
    Case(
        "tabs",
        "def page():\n\tone = 1\n\treturn one\n",
        "def page():\n\tone = 1\n\ttwo = 2\n\treturn two\n",
        "def page():\n\tone = 1\n\ttwo = 2\n\treturn two\n",
    ),
    Case(
        "byte order mark",
        "\ufeffone = 1\nprint(one)\n",
        "one = 2\nprint(one)\n",
        "\ufeffone = 2\nprint(one)\n",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_file_on_the_disk_is_right_to_the_byte(case: Case, tmp_path: Path) -> None:
    # Neovim adds a final newline by itself when it writes; a user who cares says not to.
    with open_neovim(tmp_path, {"odd.py": case.before}, more="vim.o.fixendofline = false") as shop:
        shop.standin.enqueue(Reply(f"<replacement>\n{case.reply}</replacement>", chunk_size=3))
        uri = shop.editor.open("odd.py")
        job = shop.editor.execute("kibitz.refactor", uri=uri, instruction="Change it")
        message = shop.editor.wait_for_end(job)
        shop.editor.type(":w<CR>")
        written = (shop.root / "odd.py").read_bytes().decode()

        assert "change" in message
        assert written == case.after
        assert "LSP[" not in shop.editor.messages()

        shop.editor.go_to(2)
        shop.editor.execute("kibitz.revert", uri=uri)
        shop.editor.wait_for_end()
        shop.editor.type(":w<CR>")
        assert (shop.root / "odd.py").read_bytes().decode() == case.before
