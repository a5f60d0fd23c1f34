"""Where the repository of a folder is, and whether it is that folder's own.

Knows what a git directory looks like and how a work tree refers to one.  Reads no content.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace
from pathlib import Path

from kibitz_context.files import git_commands
from kibitz_context.files.git_commands import GitFolder

# What is said of a folder that has none, and nothing is wrong.
NO_REPOSITORY = "no git repository"


def discover(start: Path) -> GitFolder | str:
    """The repository whose work tree holds the folder `start`, or why there is none."""
    if problem := git_commands.git_problem():
        return problem
    for top in (start, *start.parents):
        if has_git(top):
            break
        if is_git_directory(top):
            return "a git directory, which has no work tree of its own"
    else:
        return NO_REPOSITORY
    # Git itself decides whether this is a repository, and whether its owner may be trusted
    # (`safe.directory`): that check is made only when the git directory is not given.
    asked = ["--show-toplevel", "--absolute-git-dir", "--git-common-dir"]
    arguments = ["rev-parse", _NEW_OPTION, *asked]
    if not _LEADING_ELSEWHERE.isdisjoint(os.environ):
        arguments.insert(0, f"--git-dir={_linked_git_dir(top)}")
        arguments.insert(1, f"--work-tree={top}")
    output = git_commands.run_at(top, arguments)
    lines = os.fsdecode(output.stdout).split("\n")
    if lines[0] == _NEW_OPTION:
        return git_commands.too_old()
    if output.failure is not None or len(lines) < 3 or not lines[0]:
        return output.failure or "no work tree"
    found = GitFolder(
        Path(os.path.realpath(lines[0])),
        Path(os.path.realpath(lines[1])),
        Path(os.path.realpath(top / lines[2])),
    )
    return _stranger(found, Path(os.path.realpath(top))) or replace(
        found, index=_index_of_a_commit(found)
    )


# Variables that tell git of another repository than the one that it would find.
_LEADING_ELSEWHERE = frozenset(("GIT_DIR", "GIT_WORK_TREE"))

# It came with the oldest git that will do, and an older one repeats it: so its age is known
# without a process that asks for it.
_NEW_OPTION = "--path-format=absolute"


def has_git(folder: Path) -> bool:
    """Whether `folder` looks like the top level of a work tree."""
    # Unlike `Path.exists` it takes a folder that may not be entered, and too long a name.
    return os.path.exists(folder / ".git")  # noqa: PTH110


def is_git_directory(folder: Path) -> bool:
    """Whether `folder` is what ``.git`` is in a work tree: a bare repository, say."""
    # ``.git`` itself is told by its name: the folder that it is in is the work tree.
    return (
        folder.name != ".git"
        and os.path.lexists(folder / "HEAD")
        and os.path.isdir(folder / "objects")  # noqa: PTH112
        and os.path.isdir(folder / "refs")  # noqa: PTH112
    )


def _stranger(found: GitFolder, top: Path) -> str | None:
    """Why `found` is not the repository of `top`, though ``.git`` in there leads to it.

    An archive from a stranger may bring a ``.git`` that names the reader's home as its work
    tree, or another of the reader's repositories as its history.
    """
    if found.root != top:
        return "its git directory names another work tree (core.worktree)"
    if found.git_dir == top / ".git":
        return None
    if found.git_dir != found.common_dir:
        # Git notes in a linked work tree's git directory where that work tree is.
        with contextlib.suppress(OSError, ValueError):
            noted = os.fsdecode((found.git_dir / "gitdir").read_bytes()[:4096]).strip()
            if os.path.realpath(found.git_dir / noted) == str(top / ".git"):
                return None
        return "its git directory belongs to another work tree (`git worktree repair` mends it)"
    if found.git_dir.name == ".git":
        return "its git directory belongs to another work tree"
    return None


def _index_of_a_commit(found: GitFolder) -> Path | None:
    """What git has staged for the commit whose hook this process is part of; None: the index.

    ``git commit -a`` and ``git commit PATH`` put what they are about to commit into a file beside
    the index.  One that lies elsewhere may be another repository's.
    """
    named = os.environ.get("GIT_INDEX_FILE", "")
    path = Path(os.path.realpath(found.root / named))
    return path if path.parent == found.git_dir and path.name != "index" else None


def _linked_git_dir(top: Path) -> Path:
    """The git directory of `top`, which in a linked work tree or a submodule is elsewhere."""
    dot_git = top / ".git"
    if dot_git.is_file():
        with contextlib.suppress(OSError, ValueError):
            content = dot_git.read_bytes()[:4096].decode("utf-8", "surrogateescape")
            return top / content.removeprefix("gitdir:").strip()
    return dot_git
