"""What a changed file means for a repository, and where to look for changes.

Pure but for one question to git.  Whoever hears of changes (the client, or our own watcher) asks
here what they mean.  Nothing is right only because a change was heard of: each request asks git
and the disk itself.  Hearing of it early only makes what is slow begin before somebody waits.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from kibitz.settings import PROJECT_FILE
from kibitz_context.files import git_commands
from kibitz_context.files.repository import Repository
from kibitz_context.files.tracked_rules import ATTRIBUTES, KIBITZ_IGNORE

# More folders are not watched one by one: each is an entry in a table of the system that all
# programs of the user share (8,192 on older ones).
MOST_FOLDERS = 4_096

# In a git directory, what is written when another commit is checked out, made or fetched.  Not
# `index`: that is written whenever anybody looks at the status.
_OF_A_COMMIT = frozenset({"HEAD", "logs/HEAD", "FETCH_HEAD", "ORIG_HEAD", "packed-refs"})
_RULE_FILES = frozenset({".gitignore", ATTRIBUTES, KIBITZ_IGNORE})


@dataclass(frozen=True, slots=True)
class Happened:
    """What changes mean for one repository.

    `files` are paths relative to the root whose content may be new, sorted.  `commit`: another
    commit may be checked out or known.  `rules`: other files may be ignored.  `settings`: the
    project's settings may be others.  `git`: the repository itself may have come or gone.
    """

    files: tuple[str, ...] = ()
    commit: bool = False
    rules: bool = False
    settings: bool = False
    git: bool = False

    def __bool__(self) -> bool:
        return bool(self.files or self.commit or self.rules or self.settings or self.git)

    def __or__(self, other: Happened) -> Happened:
        return Happened(
            tuple(sorted({*self.files, *other.files})),
            self.commit or other.commit,
            self.rules or other.rules,
            self.settings or other.settings,
            self.git or other.git,
        )


def meaning(repository: Repository, paths: Iterable[str]) -> Happened:
    """What changes of `paths` (absolute) mean for `repository`; those elsewhere mean nothing."""
    git_folders: list[str] = []
    if repository.git is not None:
        git_folders = [str(repository.git.git_dir), str(repository.git.common_dir)]
    root = str(repository.root)
    files: set[str] = set()
    commit = rules = settings = git = False
    for path in paths:
        in_git = [name for folder in git_folders if (name := _below(path, folder)) is not None]
        if in_git:
            commit = commit or any(
                name in _OF_A_COMMIT or name.startswith("refs/") for name in in_git
            )
            rules = rules or "info/exclude" in in_git
            continue
        name = _below(path, root)
        if name is None:
            continue
        *folders, last = name.split("/")
        if ".." in folders or ".git" in folders or repository.only not in (None, name):
            continue
        if last == ".git":
            git = True
        elif name == PROJECT_FILE:
            settings = True
        else:
            rules = rules or last in _RULE_FILES
            files.add(name)
    return Happened(tuple(sorted(files)), commit, rules, settings, git)


def folders_to_watch(repository: Repository) -> tuple[Path, ...]:
    """The folders in which a change could mean something, each without those below it, sorted.

    They are those of the commit and the git directory's, so that a `node_modules` or a build
    folder costs nothing.  At most `MOST_FOLDERS`; of more the upper ones.  Runs git.
    """
    folders = [repository.root]
    if repository.git is not None:
        git = repository.git
        folders += [git.git_dir, git.git_dir / "logs", git.common_dir]
        listing = git_commands.lines(
            git,
            ["ls-tree", "-r", "-d", "-z", "--name-only", "--full-tree", "HEAD"],
            # Git lists a folder before those below it, but not level by level.
            4 * MOST_FOLDERS,
        )
        by_depth = sorted(listing, key=lambda path: (path.count("/"), path))
        folders += [repository.root / path for path in by_depth]
    there = dict.fromkeys(folder for folder in folders if folder.is_dir())
    return tuple(sorted(list(there)[:MOST_FOLDERS]))


def _below(path: str, folder: str) -> str | None:
    """`path` relative to `folder` with ``/``; None where it is not below it."""
    if not path.startswith(folder):
        return None
    rest = path[len(folder) :]
    if folder.endswith(os.sep):
        return rest.replace(os.sep, "/") or None
    return rest[1:].replace(os.sep, "/") if rest[:1] == os.sep and len(rest) > 1 else None
