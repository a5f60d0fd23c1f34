"""A git repository for a test: made by git itself, with no settings of the machine in it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

_ENVIRONMENT = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_AUTHOR_DATE": "2026-01-02T03:04:05+00:00",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
    "GIT_COMMITTER_DATE": "2026-01-02T03:04:05+00:00",
}
# Else each commit starts another process, to see whether there is anything to tidy up.
_GIT = ("git", "-c", "maintenance.auto=false")


class GitFolder:
    """A folder that git commands are run in."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def git(self, *arguments: str, stdin: bytes = b"") -> str:
        done = subprocess.run(
            [*_GIT, *arguments],
            cwd=self.root,
            env={**os.environ, **_ENVIRONMENT},
            input=stdin,
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode("utf-8", "surrogateescape").strip()

    def write(self, files: Mapping[str, str | bytes]) -> None:
        for path, content in files.items():
            file = self.root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content if isinstance(content, bytes) else content.encode())

    def commit(
        self, files: Mapping[str, str | bytes] | None = None, message: str = "change"
    ) -> str:
        """Write `files`, commit everything that is not ignored; the id of the commit."""
        self.write(files or {})
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")


def git_folder(root: Path, files: Mapping[str, str | bytes] | None = None) -> GitFolder:
    """A new repository at `root`, with `files` committed if there are any."""
    root.mkdir(parents=True, exist_ok=True)
    folder = GitFolder(root)
    folder.git("init", "-q", "-b", "main")
    if files is not None:
        folder.commit(files)
    return folder
