"""A repository to look around in."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from kibitz.looking import toolbox
from kibitz.looking.sight import Sight
from kibitz.looking.toolbox import Result
from kibitz_context.files.repository import Repository
from kibitz_context.gate.gate import Gate
from support.git_folder import GitFolder, git_folder

TOKEN = "ghp_" + "k3Jd82Hs0Qm4Zx7Vb1Nc9Lp5Rt6Yw2Ae8Gf0"

FILES: dict[str, str | bytes] = {
    "shop/prices.py": "RATE = 0.2\n\n\ndef total(prices):\n    return sum(prices)\n",
    "shop/cart.py": (
        "from shop.prices import total\n\n\nclass Cart:\n    def total(self):\n"
        "        return total(self.prices)\n"
    ),
    "settings.py": f'KEY = "{TOKEN}"\nDEBUG = False\n',
    ".env": f"TOKEN={TOKEN}\n",
    ".gitignore": "*.log\n",
    "build.log": "total: 3\n",
    "picture.png": b"\x89PNG\0total",
    "docs/notes.md": "# Notes\n\nThe total is in cents.\n",
}


@dataclass
class Looker:
    """Calls tools as Claude does."""

    made: GitFolder
    buffers: dict[Path, str] = field(default_factory=dict[Path, str])
    cache: Path | None = None
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    focus: str = ""

    @property
    def sight(self) -> Sight:
        root = self.made.root
        gate = Gate(root, include=self.include, exclude=self.exclude)
        return Sight(Repository.find(root), gate, self.buffers, self.focus, self.cache)

    def call(self, tool: str, **arguments: Any) -> Result:
        return toolbox.answer(self.sight, tool, json.dumps(arguments))

    def ok(self, tool: str, **arguments: Any) -> str:
        """The text of a call that is answered."""
        result = self.call(tool, **arguments)
        assert result.outcome == "answered", result.text
        return result.text

    def refused(self, tool: str, **arguments: Any) -> str:
        """The sentence of a call that is not."""
        result = self.call(tool, **arguments)
        assert result.outcome == "refused", result.text
        assert "\n" not in result.text
        return result.text

    def type(self, path: str, text: str) -> None:
        """A buffer that is not saved."""
        self.buffers[self.made.root / path] = text


@pytest.fixture
def look(tmp_path: Path) -> Looker:
    return Looker(git_folder(tmp_path.resolve() / "root", FILES))


@pytest.fixture
def make_look(tmp_path: Path) -> Callable[[Mapping[str, str | bytes]], Looker]:
    return lambda files: Looker(git_folder(tmp_path.resolve() / "other", files))
