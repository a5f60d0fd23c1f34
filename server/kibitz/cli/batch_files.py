"""Which files of a repository a review of all of it looks at, and why it leaves out the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kibitz.cli.place import MOST_CHARACTERS, STDIN, absolute, parse_place, shown
from kibitz.errors import UserError
from kibitz_context import kinds
from kibitz_context.gate import Gate
from kibitz_context.repository import Repository
from kibitz_context.values import Refused

TOO_LARGE = "it is too large to be looked at in one go"
EMPTY = "it is empty"


@dataclass
class Choice:
    """Goes through the tracked files at or below `under`, all of them where that is empty.

    `left_out` counts reasons while `texts` is gone through.  A file that was named itself is
    looked at even if it is generated; what the gate refuses is never looked at.
    """

    repository: Repository
    gate: Gate
    under: tuple[str, ...] = ()
    left_out: Counter[str] = field(default_factory=Counter[str])

    def texts(self) -> Iterator[tuple[str, str]]:
        """The files that are to be reviewed, in their order: path and text as it may be sent."""
        for file in self.repository.tracked():
            path = file.path
            if self.under and not any(_is_at_or_below(path, folder) for folder in self.under):
                continue
            reason = self._reason_by_name(path)
            if reason is None:
                answer = self.gate.read_listed(path)
                if isinstance(answer, Refused):
                    reason = answer.reason
                elif (reason := self._reason_by_text(path, answer.text)) is None:
                    yield path, answer.text
                    continue
            self.left_out[reason] += 1

    def told(self) -> str:
        """What was left out, in one sentence; "" for nothing."""
        if not self.left_out:
            return ""
        n_files = self.left_out.total()
        reasons = ", ".join(
            f"{count:,} because {reason}" for reason, count in self.left_out.most_common()
        )
        return f"{n_files:,} file{' is' if n_files == 1 else 's are'} left out: {reasons}."

    def _reason_by_name(self, path: str) -> str | None:
        if reason := self.gate.name_refusal(path):
            return reason
        if not self.gate.includes(path):
            return "it is not in context.include"
        return None if self._is_named(path) else kinds.unwanted_name(path)

    def _reason_by_text(self, path: str, text: str) -> str | None:
        if not text.strip():
            return EMPTY
        if len(text) > MOST_CHARACTERS:
            return TOO_LARGE
        return None if self._is_named(path) else kinds.unwanted_text(text)

    def _is_named(self, path: str) -> bool:
        return path in self.under or self.gate.names_explicitly(path)


def named(places: Sequence[str], repository: Repository) -> tuple[str, ...]:
    """The files and folders that were named, relative to the root of `repository`; empty for all.

    Raises UserError for what is no file or folder of this repository, and for lines: a batch is
    for whole files.
    """
    found: set[str] = set()
    for text in places:
        place = parse_place(text)
        if text == STDIN or place.first_line is not None:
            raise UserError(
                f"--batch reviews whole files of a repository; leave out {shown(text)}, or review "
                "it without --batch."
            )
        path = absolute(text)
        if not path.exists():
            raise UserError(f"{shown(text)} does not exist.")
        real = path.resolve()
        if not real.is_relative_to(repository.root):
            raise UserError(
                f"{shown(text)} is not in the repository {repository.root}; review one repository "
                "at a time."
            )
        below = real.relative_to(repository.root).as_posix()
        if below == ".":
            return ()
        found.add(below)
    return tuple(sorted(found))


def shown_from_here(root: Path, path: str) -> str:
    """A file of the repository as the user would write it here."""
    try:
        return (root / path).relative_to(Path.cwd()).as_posix()
    except ValueError:
        return path


def _is_at_or_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder + "/")
