"""What is known of an order before its prompt is written."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from kibitz.actions.task_text import tagged
from kibitz.actions.values import Order
from kibitz.claude.values import Tier
from kibitz.settings import Settings
from kibitz_context.lines import LineTable
from kibitz_context.values import Context

if TYPE_CHECKING:
    from kibitz.actions.preparing import Subject


@dataclass(frozen=True)
class Brief:
    """An order with everything that is needed to write its prompt.

    All words in here are as they may be sent: what somebody asks, what a linter quotes and what
    a project's settings say hold secrets no less often than code does.  `text` is the document's
    (same offsets as the document's own), `review_instructions` are the settings'; `secrets` are
    those of the text and of what was asked, for putting them back into an edit;
    `path` is relative to the repository root, as Claude sees it.  `first_line` and `end_line`
    (zero-based, half-open) are the whole lines that the order is about.  `tokens_factor` is how
    many tokens of the model there are to one that we estimate.  `subject` is the repository with
    the gate that all of it has passed.
    """

    order: Order
    settings: Settings
    context: Context
    tier: Tier
    model: str
    path: str
    text: str
    secrets: tuple[tuple[str, str], ...]
    review_instructions: str
    first_line: int
    end_line: int
    tokens_factor: float
    subject: Subject

    @property
    def lines(self) -> list[str]:
        return LineTable(self.text).lines

    @property
    def region_lines(self) -> list[str]:
        return self.lines[self.first_line : self.end_line]

    def region(self, shown: str) -> str:
        """The region as it stands in the task: `shown`, between tags that name the place."""
        return tagged("region", shown, path=self.path, first_line=self.first_line + 1)


def shown_path(path: Path | None, uri: str, root: Path) -> str:
    """How a document is called in a prompt and in messages: relative to the repository."""
    if path is None:
        try:
            name = unquote(urlsplit(uri).path).replace("\\", "/").rpartition("/")[2]
        except ValueError:
            name = ""
        return name if name.strip(".") else "untitled"
    for candidate in (path, Path(os.path.realpath(path))):
        try:
            return candidate.relative_to(root).as_posix()
        except ValueError:
            continue
    return path.name
