"""The sample repository: a small library with a flaw or two, laid out in a temporary folder.

Its files ship as data, each with ``.txt`` behind its name, so that no tool takes them for
modules of kibitz.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

NAME = "fairshare"
_SUFFIX = ".txt"
_GIT = (
    "git",
    *("-c", "user.name=Demo"),
    *("-c", "user.email=demo@example.invalid"),
    *("-c", "init.defaultBranch=main"),
    *("-c", "core.autocrlf=false"),
)


@dataclass(frozen=True, slots=True)
class Sample:
    """The sample as it lies on the disk.  `has_git` is false on a machine without git."""

    root: Path
    n_files: int
    has_git: bool

    def path(self, name: str) -> Path:
        return self.root / name


@dataclass(frozen=True, slots=True)
class Region:
    """Whole lines of a text: from the first one to the last one, zero-based and half-open."""

    first: int
    end: int

    @property
    def shown(self) -> str:
        """The lines as people count them."""
        return f"{self.first + 1}-{self.end}"


def lay_out(root: Path, environ: Mapping[str, str]) -> Sample:
    """Write the sample into the new folder `root` and commit it."""
    # Its real path: the server knows it by that (on macOS /tmp is a link).
    root.mkdir()
    root = root.resolve()
    n_files = _copy(files("kibitz.demo") / "sample_files", root)
    return Sample(root, n_files, _commit(root, environ))


def region(text: str, first: str, last: str) -> Region:
    """The lines of `text` from the one that starts with `first` to the next that is `last`."""
    lines = text.split("\n")
    start = next(index for index, line in enumerate(lines) if line.startswith(first))
    stop = next(index for index in range(start, len(lines)) if lines[index] == last)
    return Region(start, stop + 1)


def without_git_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """`environ` without what would make git work on another repository than the one it is in."""
    return {name: value for name, value in environ.items() if not name.startswith("GIT_")}


def _copy(source: Traversable, target: Path) -> int:
    """Copy the data files below `source`; returns how many there were."""
    count = 0
    for item in source.iterdir():
        if item.is_dir():
            (target / item.name).mkdir()
            count += _copy(item, target / item.name)
        elif item.name.endswith(_SUFFIX):
            (target / item.name.removesuffix(_SUFFIX)).write_bytes(item.read_bytes())
            count += 1
    return count


def _commit(root: Path, environ: Mapping[str, str]) -> bool:
    """Make `root` a repository with one commit, by no settings of the user's."""
    own = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    environment = {**without_git_variables(environ), **own}
    try:
        for command in (
            ("init", "--quiet", "--template="),
            ("add", "--all"),
            ("commit", "--quiet", "--message", "Split what friends spend together"),
        ):
            subprocess.run(
                [*_GIT, *command], cwd=root, env=environment, check=True, capture_output=True
            )
    except (OSError, subprocess.CalledProcessError):
        return False  # kibitz works without git, and so does its demo.
    return True
