"""A clone of our own to check commits out in: the user's work tree is left as it is."""

from __future__ import annotations

import subprocess
from pathlib import Path

from kibitz.errors import UserError
from kibitz.plain_text import one_line

# Nothing that the repository brings along is run by a checkout, and nothing is fetched.
_SETTINGS = (
    *("core.hooksPath=/dev/null", "core.fsmonitor=false", "advice.detachedHead=false"),
    *("protocol.allow=never", "protocol.file.allow=always"),
)


def head_of(repository: Path) -> str:
    """The commit that is checked out in `repository`.  Raises UserError."""
    return _git(repository, "rev-parse", "--verify", "HEAD^{commit}").strip()


def make_clone(repository: Path, folder: Path) -> Path:
    """A clone of `repository` in `folder`, which shares its objects; the one that is there, if
    there is one.  Raises UserError."""
    if not (folder / ".git").exists():
        _git(repository, "clone", "--quiet", "--shared", "--no-checkout", ".", str(folder))
    return folder


def check_out(clone: Path, commit: str) -> None:
    """Have the files of `commit` in the work tree, and no others.  Raises UserError."""
    _git(clone, "checkout", "--quiet", "--force", "--detach", commit)
    _git(clone, "clean", "--quiet", "-d", "--force")


def _git(folder: Path, *arguments: str) -> str:
    ran = subprocess.run(
        ["git", *(part for each in _SETTINGS for part in ("-c", each)), *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        said = one_line(ran.stderr.strip().splitlines()[-1] if ran.stderr.strip() else "", 200)
        raise UserError(f"git cannot use {one_line(str(folder), 200)} ({said}).")
    return ran.stdout
