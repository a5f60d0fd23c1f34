"""Commits of real histories, each as a question with a known answer.

A case is a commit that changed a few source files: one of them is given, the others are to be
found, by what was there before the commit and nothing else.  Which commits and which file is
given follows from the seed, so a reader with the same clone gets the same cases.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kibitz_context import kinds
from kibitz_context.files import git_commands
from kibitz_context.files.git_commands import GitFolder
from kibitz_context.files.repository import Repository, TrackedFile

# One file alone has no companions; more are a sweep, and cannot be among the first five.
LEAST_FILES = 2
MOST_FILES = 6
MOST_PATHS = 20

_COMMIT = re.compile(rb"\x01[0-9a-f]{40,64}\Z")


@dataclass(frozen=True)
class Clone:
    """A repository to ask, with or without a work tree, under the name it is reported by."""

    name: str
    repository: Repository

    @property
    def folder(self) -> GitFolder:
        assert self.repository.git is not None
        return self.repository.git

    @property
    def head(self) -> str:
        commit = self.repository.head()
        assert commit is not None
        return commit


@dataclass(frozen=True)
class Case:
    """A commit, its parent, its message, the file that is given and those to be found."""

    commit: str
    parent: str
    seconds: int
    message: str
    given: str
    wanted: tuple[str, ...]


def clone(argument: str) -> Clone | str:
    """The clone at ``PATH`` or ``NAME=PATH``, or what is wrong with it."""
    name, separator, place = argument.rpartition("=")
    path = Path(place).resolve()
    if (path / "HEAD").is_file() and (path / "objects").is_dir():
        repository = Repository(path, GitFolder(path, path, path))
    else:
        repository = Repository.find(path)
    if repository.head() is None:
        return f"{place}: {repository.problem or 'no commits'}"
    default = repository.root.name.removesuffix(".git")
    return Clone(name if separator else default, repository)


def wanted_files(clone: Clone, commit: str) -> dict[str, TrackedFile]:
    """The source files of a commit, by path: what may be given and what may be found."""
    files = clone.repository.committed(commit) or ()
    return {file.path: file for file in files if is_wanted(file.path)}


def is_wanted(path: str) -> bool:
    return kinds.is_source(path) and kinds.unwanted_name(path) is None


def cases(clone: Clone, count: int, seed: int) -> tuple[list[Case], int]:
    """At most `count` cases, the oldest first, and of how many commits they were drawn."""
    eligible = sorted(_eligible(clone))
    chance = random.Random(f"{seed} {clone.name}")
    chance.shuffle(eligible)
    found: list[Case] = []
    for commit, parent, seconds, message, paths in eligible:
        if len(found) == count:
            break
        before = wanted_files(clone, parent)
        there = [path for path in paths if path in before]
        if len(there) >= LEAST_FILES:
            given = chance.choice(there)
            others = tuple(path for path in there if path != given)
            found.append(Case(commit, parent, seconds, message, given, others))
    return sorted(found, key=lambda case: (case.seconds, case.commit)), len(eligible)


def _eligible(clone: Clone) -> list[tuple[str, str, int, str, tuple[str, ...]]]:
    output = git_commands.run(
        clone.folder,
        [
            *("log", "--no-merges", "--name-only", "-z", "--no-renames", "--encoding=UTF-8"),
            *("--format=%x01%H%x00%P%x00%ct%x00%B%x00", "--end-of-options", clone.head),
        ],
    )
    found: list[tuple[str, str, int, str, tuple[str, ...]]] = []
    fields = output.stdout.split(b"\0")
    starts = [place for place, field in enumerate(fields) if _COMMIT.match(field)]
    for start, end in zip(starts, [*starts[1:], len(fields)], strict=True):
        commit, parents, seconds, message, *names = fields[start:end]
        paths = {git_commands.decoded(name.removeprefix(b"\n")) for name in names} - {""}
        sources = sorted(path for path in paths if is_wanted(path))
        if (
            len(parents.split()) == 1
            and LEAST_FILES <= len(sources) <= MOST_FILES
            and len(paths) <= MOST_PATHS
        ):
            text = message.decode("utf-8", "replace").strip()
            found.append(
                (commit[1:].decode(), parents.decode(), int(seconds), text, tuple(sources))
            )
    return found


def recall(found: Sequence[str], wanted: Sequence[str], first: int = 5) -> float:
    """The share of `wanted` that is among the `first` of `found`."""
    return len(set(found[:first]) & set(wanted)) / len(wanted)
