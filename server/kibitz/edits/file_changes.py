"""One file of an edit that touches several: what it was, what it becomes, and what to mind."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from kibitz.edits.check import UNCHECKED, Checked
from kibitz.edits.passages import Replacement


@dataclass(frozen=True, slots=True)
class FileChange:
    """The file `path`, relative to the root with ``/``, which lies at `file`.

    `before` is its text without a byte order mark, None for a file that does not exist yet, and
    `changes` turn it into `after`; offsets count code points.  `checked` says whether it is in
    order.  `protection` is why the user is asked first, None for a file that may be changed like
    any other.
    """

    path: str
    file: Path
    before: str | None
    after: str
    changes: tuple[Replacement, ...]
    checked: Checked = UNCHECKED
    protection: str | None = None

    @property
    def is_new(self) -> bool:
        return self.before is None
