"""ripgrep, where it is installed: which of many files may hold a match.

It only narrows down.  What it names is read through the gate and searched again with secrets
replaced, so nothing that it sees gets out but that a file is worth reading.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

# A command line takes 32 KB on Windows.
MAX_ARGUMENT_CHARACTERS = 24_000
# More than these a program can be given anywhere else: fewer processes.
MAX_PATHS = 1_000
TRYING_SECONDS = 2.0

_OPTIONS = (
    *("--no-config", "--files-with-matches", "--null", "--crlf", "--no-messages"),
    *("--no-ignore", "--hidden", "--no-require-git", "--color=never", "--no-mmap"),
)


def executable(root: Path) -> str | None:
    """Where ripgrep is, None where it is not.  One that lies in the repository is not run."""
    found = shutil.which("rg")
    if found is None:
        return None
    real = Path(os.path.realpath(found))
    return None if real.is_relative_to(root) else str(real)


def narrowed(
    program: str, root: Path, pattern: str, paths: Sequence[str], deadline: float
) -> frozenset[str] | None:
    """Those of `paths` (relative to `root`) in which a line matches; None when ripgrep cannot
    say: it does not take the pattern, or not within the time.

    Blocking; `deadline` is of `time.monotonic`.
    """
    if not _takes(program, root, pattern):
        return None
    found: set[str] = set()
    for some in _batches(paths):
        seconds = deadline - time.monotonic()
        if seconds <= 0:
            return None
        command = [program, *_OPTIONS, "-e", pattern, "--", *(f"./{path}" for path in some)]
        try:
            run = subprocess.run(
                command,
                cwd=root,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=seconds,
                check=False,
            )
        except (OSError, ValueError, subprocess.TimeoutExpired):
            return None
        # Whatever its status is: a file that git lists may be gone, and the others are searched.
        found.update(
            name.decode("utf-8", "surrogateescape").replace(os.sep, "/").removeprefix("./")
            for name in run.stdout.split(b"\0")
            if name
        )
    return frozenset(found)


def _takes(program: str, root: Path, pattern: str) -> bool:
    """Whether the pattern is one of ripgrep's: nothing is searched."""
    try:
        run = subprocess.run(
            [program, "--no-config", "-e", pattern, "-"],
            cwd=root,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TRYING_SECONDS,
            check=False,
        )
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return False
    return run.returncode in (0, 1)


def _batches(paths: Sequence[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    room = MAX_ARGUMENT_CHARACTERS
    for path in paths:
        length = len(path.encode("utf-8", "surrogateescape")) + 3
        if batch and (length > room or len(batch) == MAX_PATHS):
            yield batch
            batch, room = [], MAX_ARGUMENT_CHARACTERS
        batch.append(path)
        room -= length
    if batch:
        yield batch
