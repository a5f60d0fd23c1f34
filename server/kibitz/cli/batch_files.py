"""The files and folders that a review was asked for, as they are called here and in git."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kibitz.cli.place import STDIN, absolute, parse_place, shown
from kibitz.errors import UserError
from kibitz_context.files.repository import Repository


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
