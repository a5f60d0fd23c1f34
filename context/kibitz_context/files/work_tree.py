"""What a work tree is beside a commit, as git tells it: changed, forgotten, new and ignored paths.

Told from names, modes, ids and git's own rules of conversion; no content is read in here.  It
holds up where the index is damaged or gone.
"""

from __future__ import annotations

import contextlib
import stat
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from kibitz_context.files import git_commands
from kibitz_context.files.git_commands import GitFolder

# What git lists beyond what it tracks; an unignored `node_modules` must not cost a minute.
MAX_UNTRACKED_FILES = 2_000
_MAX_UNTRACKED_BYTES = 1024 * 1024
# Fewer: git is asked once instead of twice.  More: the paths times the files of the index.
MANY_PATHS = 200
# Larger files are not sent, so it need not be found out whether only their line endings differ.
_MAX_COMPARED_BYTES = 4 * 1024 * 1024

REGULAR_MODES = frozenset({"100644", "100755", "100664"})

ChangeKind = Literal["added", "modified", "deleted", "untracked"]


@dataclass(frozen=True, order=True, slots=True)
class ChangedPath:
    """A path that differs between a commit and the work tree.

    `blob_id` is the content that git's index has for it, where the work tree has the same or, in
    a sparse checkout, no file at all; "" otherwise.
    """

    path: str
    kind: ChangeKind
    blob_id: str = ""


def head(git: GitFolder) -> str | None:
    """The id of the commit that is checked out; None before the first."""
    output = git_commands.run(
        git, ["rev-parse", "--verify", "--quiet", "--end-of-options", "HEAD^{commit}"]
    )
    return output.stdout.decode("ascii").strip() or None if not output.failure else None


def changed_paths(git: GitFolder, commit: str) -> tuple[ChangedPath, ...]:
    """Tracked paths whose state may differ from `commit`, sorted.

    Told from file metadata, and by git's own rules of conversion where only these differ.
    Still a listed file may have the commit's text: compare before believing.
    """
    overrides = git_commands.filter_overrides(git)
    diff = ["diff-index", "--raw", "-z", "--no-renames", "--ignore-submodules=all", commit]
    output = git_commands.run(git, diff, overrides=overrides)
    is_own = output.failure is None and is_regular(git.index_file)
    if not is_own:
        with _with_index_of(git, commit) as folder:
            output = git_commands.run(folder, diff, overrides=overrides)
    records = git_commands.decoded(output.stdout).split("\0")
    changed: dict[str, ChangedPath] = {}
    doubtful: dict[str, str] = {}
    for meta, path in zip(records[::2], records[1::2], strict=False):
        old_mode, mode, old_id, blob_id, status = meta.lstrip(":").split(" ")
        # Without an index nothing says that what is not there ever was.
        if status == "D" and not is_own:
            continue
        # A link that became a file, or a file that became one, is a change of the file.
        if not REGULAR_MODES.isdisjoint((old_mode, mode)):
            is_known = mode in REGULAR_MODES and blob_id.strip("0") != ""
            kind = _KINDS.get(status, "modified")
            changed[path] = ChangedPath(path, kind, blob_id if is_known else "")
            if status == "M" and not is_known and old_mode in REGULAR_MODES:
                doubtful[path] = old_id
    for path in _converted_alike(git, doubtful, overrides):
        del changed[path]
    return tuple(changed[path] for path in sorted(changed))


_KINDS: dict[str, ChangeKind] = {"A": "added", "D": "deleted"}


def _converted_alike(
    git: GitFolder, blob_ids: Mapping[str, str], overrides: Sequence[tuple[str, str]]
) -> Sequence[str]:
    """Those of the paths that git would commit as the blob that stands beside them.

    Line endings, `ident` and ``working-tree-encoding`` make a file on the disk differ from its
    blob although nobody changed it.
    """
    # Opening anything but a regular file may wait for ever; a quote has a meaning to git.
    paths = [
        path
        for path in blob_ids
        if not path.startswith('"')
        and "\n" not in path
        and is_regular(git.root / path, _MAX_COMPARED_BYTES)
    ]
    if not paths:
        return ()
    names = b"".join(git_commands.encoded(path) + b"\n" for path in paths)
    output = git_commands.run(
        git, ["hash-object", "--stdin-paths"], stdin=names, overrides=overrides
    )
    now = output.stdout.decode("ascii", "replace").split()
    return [path for path, new_id in zip(paths, now, strict=False) if new_id == blob_ids[path]]


def forgotten(git: GitFolder, commit: str) -> tuple[str, ...]:
    """Files of `commit` that git does not track any more, sorted.

    Without an index nothing says that git ever tracked what it does not.
    """
    if not is_regular(git.index_file):
        return ()
    command = ["diff-index", "--cached", "--raw", "-z", "--no-renames", "--diff-filter=D"]
    output = git_commands.run(git, [*command, "--ignore-submodules=all", commit])
    if output.failure is not None:
        return ()
    records = git_commands.decoded(output.stdout).split("\0")
    pairs = zip(records[::2], records[1::2], strict=False)
    return tuple(sorted(path for meta, path in pairs if meta[1:7] in REGULAR_MODES))


def untracked(git: GitFolder) -> tuple[str, ...]:
    """Files that git neither tracks nor ignores, sorted; at most `MAX_UNTRACKED_FILES`."""
    others = ["ls-files", "--others", "--exclude-standard", "-z"]
    output = git_commands.beginning(git, others, _MAX_UNTRACKED_BYTES)
    is_damaged = output.failure is not None
    if is_damaged or not is_regular(git.index_file):
        commit = head(git)
        if is_damaged or commit:
            with _with_index_of(git, commit or "--empty") as folder:
                output = git_commands.beginning(folder, others, _MAX_UNTRACKED_BYTES)
    *listing, _ = git_commands.decoded(output.stdout).split("\0")
    del listing[MAX_UNTRACKED_FILES:]
    # A repository inside this one is listed as a folder: it is not ours to look into.
    return tuple(sorted(path for path in listing if not path.endswith("/")))


def ignored(git: GitFolder, paths: Sequence[str]) -> frozenset[str] | None:
    """Those of `paths` (relative to the root) that git ignores; a tracked file never is.

    None where git does not say: it does not accept one of the paths, for instance.
    """
    # Git compares each path with its whole index; of many paths that is done here.
    is_many = len(paths) > MANY_PATHS
    asked = ["check-ignore", "-z", "--stdin", *(["--no-index"] if is_many else [])]
    # "./" keeps a name that starts with a colon from being read as pathspec magic.
    names = b"".join(b"./" + git_commands.encoded(path) + b"\0" for path in paths)
    output = git_commands.run(git, asked, stdin=names)
    # Status 1 says that none is ignored.
    if output.status not in (0, 1):
        return None
    answer = git_commands.decoded(output.stdout).split("\0")
    found = frozenset(path.removeprefix("./") for path in answer if path)
    return found - _in_index(git) if is_many and found else found


def is_regular(path: Path, max_bytes: int | None = None) -> bool:
    """Whether a regular file is at `path`, and none that is larger."""
    try:
        facts = path.lstat()
    except (OSError, ValueError):  # ValueError: the locale has no such name.
        return False
    return stat.S_ISREG(facts.st_mode) and (max_bytes is None or facts.st_size <= max_bytes)


def _in_index(git: GitFolder) -> frozenset[str]:
    """Every path that git tracks, whatever is there."""
    output = git_commands.run(git, ["ls-files", "-z"])
    return frozenset(git_commands.decoded(output.stdout).split("\0"))


@contextlib.contextmanager
def _with_index_of(git: GitFolder, commit: str) -> Iterator[GitFolder]:
    """The repository with an index made of `commit`, where its own is damaged or gone."""
    with tempfile.TemporaryDirectory(prefix="kibitz-") as temporary:
        folder = replace(git, index=Path(temporary) / "index")
        git_commands.run(folder, ["read-tree", commit])
        yield folder
