"""A repository, or a folder that is none: which files it has, as of which commit.

Knows git's listings and their shapes.  Lists and identifies files; it does not judge them (see
`gate`), and no content of a work-tree file is read in here.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kibitz_context import git_commands
from kibitz_context.git_commands import BlobReader, GitFolder
from kibitz_context.ignore_files import IgnoreFiles

# A folder without git is walked; more than this is not a project but somebody's home.
MAX_WALKED_FILES = 5_000
MAX_WALKED_FOLDERS = 2_000
# What git lists beyond what it tracks; an unignored `node_modules` must not cost a minute.
MAX_UNTRACKED_FILES = 2_000
# Lines that were searched for: more are of no use, and a minified line may be a megabyte long.
MAX_GREP_BYTES = 4 * 1024 * 1024

_REGULAR_MODES = frozenset({"100644", "100755", "100664"})
_SYMLINK_MODE = "120000"

ChangeKind = Literal["added", "modified", "deleted", "untracked"]


@dataclass(frozen=True, order=True, slots=True)
class TrackedFile:
    """A regular file that git knows, or one that was found in a folder without git.

    `path` is relative to the root, with ``/``.  `blob_id` is git's id of the content, "" where
    there is none; `size_bytes` is the content's size, None where listing does not tell.
    """

    path: str
    blob_id: str = ""
    size_bytes: int | None = None


@dataclass(frozen=True, order=True, slots=True)
class ChangedPath:
    """A path that differs between a commit and the work tree."""

    path: str
    kind: ChangeKind


@dataclass(frozen=True)
class Repository:
    """A work tree and its git directory, or a plain folder (`git` is None).

    `problem` says why there is no git.  `only` is set for a single file outside any
    repository: its folder is the root, but nothing beside it is looked at.
    """

    root: Path
    git: GitFolder | None = None
    problem: str | None = None
    only: str | None = None

    @classmethod
    def find(cls, start: Path, folders: Sequence[Path] = ()) -> Repository:
        """The repository that holds `start`, or else a plain folder.

        `start` may be a file, also one that does not exist yet.  Without git the root is the
        innermost of `folders` (those that somebody opened) that holds `start`, or the folder
        `start` itself.  A file in none of them gives its folder with that file as the only
        member: opening one file is no reason to read what lies beside it.
        """
        real = _real(start)
        is_folder = _is_folder(real)
        folder = real if is_folder else real.parent
        while not _is_folder(folder) and folder != folder.parent:
            folder = folder.parent
        found = git_commands.discover(folder)
        if isinstance(found, GitFolder):
            return cls(found.root, found)
        around = [each for each in map(_real, folders) if real.is_relative_to(each)]
        if around:
            return cls(max(around, key=lambda each: len(each.parts)), None, found)
        only = None if is_folder else real.relative_to(folder).as_posix()
        return cls(folder, None, found, only)

    @property
    def has_git(self) -> bool:
        return self.git is not None

    def head(self) -> str | None:
        """The id of the commit that is checked out; None without git or before the first."""
        if self.git is None:
            return None
        output = git_commands.run(
            self.git, ["rev-parse", "--verify", "--quiet", "--end-of-options", "HEAD^{commit}"]
        )
        return output.stdout.decode("ascii").strip() or None if not output.failure else None

    def tracked(self) -> tuple[TrackedFile, ...]:
        """The regular files in git's index, sorted by path; without git, those of a walk.

        Links and submodules are not in it.  A path in a merge conflict is listed once.
        """
        if self.git is None:
            return tuple(sorted(self._walk()))
        output = git_commands.run(self.git, ["ls-files", "-s", "-z"])
        files: dict[str, TrackedFile] = {}
        for record in output.stdout.split(b"\0"):
            meta, _, path = git_commands.decoded(record).partition("\t")
            if path and path not in files and meta[:6] in _REGULAR_MODES:
                files[path] = TrackedFile(path, meta.split(" ")[1])
        return tuple(files[path] for path in sorted(files))

    def committed(self, commit: str) -> tuple[TrackedFile, ...]:
        """The regular files of `commit` with their sizes, sorted by path."""
        if self.git is None:
            return ()
        output = git_commands.run(
            self.git, ["ls-tree", "-r", "-l", "-z", "--full-tree", "--end-of-options", commit]
        )
        files: list[TrackedFile] = []
        for record in output.stdout.split(b"\0"):
            meta, _, path = git_commands.decoded(record).partition("\t")
            fields = meta.split()
            if path and len(fields) == 4 and fields[0] in _REGULAR_MODES:
                size = int(fields[3]) if fields[3].isdigit() else None
                files.append(TrackedFile(path, fields[2], size))
        return tuple(sorted(files))

    def changed_paths(self, commit: str) -> tuple[ChangedPath, ...]:
        """Tracked paths whose state in the work tree may differ from `commit`, sorted.

        Told from file metadata: a touched file is listed although its text is the same, and a
        file that git would convert on checkout may be.  Compare before believing.
        """
        if self.git is None:
            return ()
        output = git_commands.run(
            self.git,
            ["diff-index", "--raw", "-z", "--no-renames", "--ignore-submodules=all", commit],
            overrides=git_commands.filter_overrides(self.git),
        )
        records = git_commands.decoded(output.stdout).split("\0")
        changed: dict[str, ChangeKind] = {}
        for meta, path in zip(records[::2], records[1::2], strict=False):
            # A link that became a file, or a file that became one, is a change of the file.
            if not _REGULAR_MODES.isdisjoint(meta[1:14].split(" ")):
                changed[path] = _KINDS.get(meta[-1:], "modified")
        return tuple(ChangedPath(path, changed[path]) for path in sorted(changed))

    def untracked(self) -> tuple[str, ...]:
        """Files that git neither tracks nor ignores, sorted; at most `MAX_UNTRACKED_FILES`."""
        if self.git is None:
            return ()
        listing = git_commands.lines(
            self.git, ["ls-files", "--others", "--exclude-standard", "-z"], MAX_UNTRACKED_FILES
        )
        # A repository inside this one is listed as a folder: it is not ours to look into.
        return tuple(sorted(path for path in listing if not path.endswith("/")))

    def ignored(self, paths: Sequence[str]) -> frozenset[str]:
        """Those of `paths` (relative to the root) that git ignores; a tracked file never is.

        Without git the ``.gitignore`` files are read as git would.
        """
        if not paths:
            return frozenset()
        if self.git is not None:
            # "./" keeps a name that starts with a colon from being read as pathspec magic.
            names = b"".join(b"./" + git_commands.encoded(path) + b"\0" for path in paths)
            output = git_commands.run(self.git, ["check-ignore", "-z", "--stdin"], stdin=names)
            # Status 1 says that none is ignored.  Anything else is a failure (a path that git
            # does not accept, say), after which the patterns are looked at without git.
            if output.status in (0, 1):
                ignored = git_commands.decoded(output.stdout).split("\0")
                return frozenset(path.removeprefix("./") for path in ignored if path)
        ignore_files = IgnoreFiles(self.root, ".gitignore")
        return frozenset(path for path in paths if ignore_files.excludes(path))

    @contextlib.contextmanager
    def blobs(self, max_bytes: int) -> Iterator[BlobReader]:
        """A reader of blobs, none larger than `max_bytes`; one process for any number."""
        assert self.git is not None, "a folder without git has no blobs"
        with BlobReader(self.git, max_bytes) as reader:
            yield reader

    def grep(
        self, commit: str, patterns: Sequence[str], folder: str = ""
    ) -> tuple[tuple[str, str], ...]:
        """(path, line) of lines of `commit` that match one of `patterns`, below `folder`.

        The patterns are regular expressions of the kind that POSIX (extended) and Perl read
        alike.  At most `MAX_GREP_BYTES` of
        output are read.
        """
        if self.git is None or not patterns:
            return ()
        options = ["-I", "-z", "--no-textconv", "--no-color", "--no-column", "--no-line-number"]
        options += [argument for pattern in patterns for argument in ("-e", pattern)]
        options += [commit, "--", *([f":(literal){folder}"] if folder else [])]
        # Perl's engine is twice as fast, but not every git was built with it.
        for dialect in ("-P", "-E"):
            output = git_commands.beginning(self.git, ["grep", dialect, *options], MAX_GREP_BYTES)
            if output.status in (0, 1):
                break
        found: list[tuple[str, str]] = []
        for record in output.stdout.decode("utf-8", "replace").split("\n"):
            path, separator, line = record.partition("\0")
            if separator:
                found.append((path.removeprefix(f"{commit}:"), line))
        return tuple(found)

    def _walk(self) -> Iterator[TrackedFile]:
        """The regular files below the root that ``.gitignore`` does not exclude."""
        if self.only is not None:
            if _is_regular(self.root / self.only):
                yield TrackedFile(self.only)
            return
        if self.root == Path(self.root.anchor) or self.root == _real(Path.home()):
            return
        ignore_files = IgnoreFiles(self.root, ".gitignore")
        files = folders = 0
        pending = [""]
        while pending and folders < MAX_WALKED_FOLDERS:
            folder = pending.pop(0)
            folders += 1
            for entry in _entries(self.root / folder):
                path = f"{folder}{entry.name}"
                if entry.name == ".git":
                    continue
                if entry.is_dir(follow_symlinks=False):
                    if not ignore_files.excludes(f"{path}/"):
                        pending.append(f"{path}/")
                elif entry.is_file(follow_symlinks=False) and not ignore_files.excludes(path):
                    files += 1
                    if files > MAX_WALKED_FILES:
                        return
                    size = None
                    with contextlib.suppress(OSError):
                        size = entry.stat(follow_symlinks=False).st_size
                    yield TrackedFile(path, "", size)


_KINDS: dict[str, ChangeKind] = {"A": "added", "D": "deleted"}


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _is_folder(path: Path) -> bool:
    # Unlike `Path.is_dir` it takes a name that is too long for the disk.
    return os.path.isdir(path)  # noqa: PTH112


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """The entries of a folder by name; none of one that cannot be read."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        return sorted(entries, key=lambda entry: entry.name)
    return []


def _is_regular(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False
