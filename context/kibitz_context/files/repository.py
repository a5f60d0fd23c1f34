"""A repository, or a folder that is none: which files it has, as of which commit.

Knows git's listings of commits and their shapes, and what takes git's place in a plain folder;
what differs in the work tree is `work_tree`'s.  Lists and identifies files; it does not judge
them (see `gate`), and no content of a work-tree file is read in here.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from kibitz_context.files import discovery, git_commands, walk, work_tree
from kibitz_context.files.git_commands import BlobReader, GitFolder
from kibitz_context.files.ignore_files import IgnoreFiles
from kibitz_context.files.work_tree import REGULAR_MODES, ChangedPath, ChangeKind, is_regular
from kibitz_context.values import Omission

__all__ = ["ChangeKind", "ChangedPath", "Repository", "TrackedFile"]

# Lines that were searched for: more are of no use, and a minified line may be a megabyte long.
MAX_GREP_BYTES = 4 * 1024 * 1024

_COMMIT = re.compile(r"(?:[0-9a-f]{40}|[0-9a-f]{64}) commit")
_OTHER_MODES = {
    "120000": "it is a symbolic link",
    "160000": "it is a submodule, a repository of its own",
}


@dataclass(frozen=True, order=True, slots=True)
class TrackedFile:
    """A regular file that git knows, or one that was found in a folder without git.

    `path` is relative to the root, with ``/``.  `blob_id` is git's id of the content, "" where
    there is none; `size_bytes` is the content's size, None where listing does not tell.
    """

    path: str
    blob_id: str = ""
    size_bytes: int | None = None


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
        found = discovery.discover(folder)
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

    @property
    def is_shallow(self) -> bool:
        """Whether the clone lacks older commits; no process is started to find out."""
        if self.git is None:
            return False
        file = self.git.common_dir / "shallow"
        return is_regular(file) and not is_regular(file, max_bytes=0)

    def head(self) -> str | None:
        """The id of the commit that is checked out; None without git or before the first."""
        return work_tree.head(self.git) if self.git is not None else None

    def commits(self, names: Sequence[str], upstream: bool = False) -> tuple[str | None, ...]:
        """The commits that `names` (revisions) stand for, None for what there is not.

        With `upstream` the branch's upstream comes after them.  One process for all.
        """
        wanted = [*names, *(["@{upstream}"] if upstream else [])]
        if self.git is None:
            return (None,) * len(wanted)
        # Without an upstream git gives up in the middle: that is why it is asked for last.
        stdin = b"".join(git_commands.encoded(f"{name}^{{commit}}") + b"\n" for name in wanted)
        arguments = ["cat-file", "--batch-check=%(objectname) %(objecttype)"]
        output = git_commands.run(self.git, arguments, stdin=stdin)
        answers = git_commands.decoded(output.stdout).split("\n")[: len(wanted)]
        found = [
            answer.partition(" ")[0] if _COMMIT.fullmatch(answer) else None for answer in answers
        ]
        return tuple(found + [None] * (len(wanted) - len(found)))

    def references(self, patterns: Sequence[str]) -> Mapping[str, str]:
        """The commits of all references that match one of `patterns`, by full name."""
        if self.git is None:
            return {}
        listing = ["for-each-ref", "--format=%(objecttype) %(objectname) %(refname)"]
        output = git_commands.run(self.git, [*listing, *patterns])
        fields = (line.split(" ", 2) for line in git_commands.decoded(output.stdout).split("\n"))
        return {each[2]: each[1] for each in fields if each[0] == "commit"}

    def merge_base(self, one: str, other: str) -> str | None:
        """The best common ancestor of two commits; None without one, as in a shallow clone."""
        if self.git is None:
            return None
        output = git_commands.run(self.git, ["merge-base", one, other])
        answer = git_commands.decoded(output.stdout).partition("\n")[0]
        return answer if output.failure is None and answer else None

    def lines_between(self, older: str, newer: str, max_files: int) -> tuple[int, ...] | None:
        """For each file that differs between two commits, how many lines were added or removed.

        None when these are more than `max_files`, which costs no comparison of contents.
        """
        if self.git is None:
            return ()
        commits = ["-r", "-z", "--no-renames", "--ignore-submodules=all", older, newer]
        names = git_commands.lines(self.git, ["diff-tree", "--name-only", *commits], max_files + 1)
        if sum(1 for _ in names) > max_files:
            return None
        options = ["--numstat", "--no-ext-diff", "--no-textconv"]
        output = git_commands.run(self.git, ["diff-tree", *options, *commits])
        records = (record.split("\t") for record in git_commands.decoded(output.stdout).split("\0"))
        # A binary file has no lines.
        return tuple(
            sum(int(count) for count in record[:2] if count.isdigit())
            for record in records
            if len(record) >= 3
        )

    def tracked(self) -> tuple[TrackedFile, ...]:
        """The regular files in git's index, sorted by path; without git, those of a walk.

        Links and submodules are not in it.  A path in a merge conflict is listed once.
        """
        if self.git is None:
            return tuple(sorted(self._listed()))
        output = git_commands.run(self.git, ["ls-files", "-s", "-z"])
        files: dict[str, TrackedFile] = {}
        for record in output.stdout.split(b"\0"):
            meta, _, path = git_commands.decoded(record).partition("\t")
            if path and path not in files and meta[:6] in REGULAR_MODES:
                files[path] = TrackedFile(path, meta.split(" ")[1])
        return tuple(files[path] for path in sorted(files))

    def committed(self, commit: str) -> tuple[TrackedFile, ...] | None:
        """The regular files of `commit`: see `tree`."""
        found = self.tree(commit)
        return None if found is None else found[0]

    def tree(self, commit: str) -> tuple[tuple[TrackedFile, ...], tuple[Omission, ...]] | None:
        """The regular files of `commit` with their sizes, and what else it has; by path.

        None when its folders cannot all be read: they are damaged, or were never fetched.
        """
        if self.git is None:
            return (), ()
        command = ["ls-tree", "-r", "-z", "--full-tree"]
        output = git_commands.run(self.git, [*command, "-l", "--end-of-options", commit])
        # Git gives up at the first size that it cannot tell: of a blob that is not there.
        has_sizes = output.failure is None
        if not has_sizes:
            output = git_commands.run(self.git, [*command, "--end-of-options", commit])
            if output.failure is not None:
                return None
        files: list[TrackedFile] = []
        others: list[Omission] = []
        for mode, blob_id, path, *size in _entries_of_tree(output.stdout):
            if mode in REGULAR_MODES:
                n_bytes = int(size[0]) if size and size[0].isdigit() else None
                files.append(TrackedFile(path, blob_id, n_bytes))
            elif mode in _OTHER_MODES:
                others.append(Omission(path, _OTHER_MODES[mode]))
        if not has_sizes:
            sizes = self._sizes([file.blob_id for file in files])
            files = [replace(file, size_bytes=sizes.get(file.blob_id)) for file in files]
        files.sort(key=lambda file: file.path)
        others.sort(key=lambda other: other.path)
        return tuple(files), tuple(others)

    def _sizes(self, blob_ids: Sequence[str]) -> Mapping[str, int]:
        """The sizes of those blobs that are there."""
        assert self.git is not None
        output = git_commands.run(
            self.git,
            ["cat-file", "--batch-check=%(objectname) %(objectsize)"],
            stdin="".join(f"{each}\n" for each in blob_ids).encode("ascii"),
        )
        pairs = (line.split() for line in output.stdout.decode("ascii", "replace").splitlines())
        return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}

    def changed_paths(self, commit: str) -> tuple[ChangedPath, ...]:
        """Tracked paths whose state in the work tree may differ from `commit`, sorted.

        Told from file metadata, and by git's own rules of conversion where only these differ.
        Still a listed file may have the commit's text: compare before believing.
        """
        return work_tree.changed_paths(self.git, commit) if self.git is not None else ()

    def forgotten(self, commit: str) -> tuple[str, ...]:
        """Files of `commit` that git does not track any more, sorted.

        Without an index nothing says that git ever tracked what it does not.
        """
        return work_tree.forgotten(self.git, commit) if self.git is not None else ()

    def untracked(self) -> tuple[str, ...]:
        """Files that git neither tracks nor ignores, sorted; a bounded number."""
        return work_tree.untracked(self.git) if self.git is not None else ()

    def ignored(self, paths: Sequence[str]) -> frozenset[str]:
        """Those of `paths` (relative to the root) that git ignores; a tracked file never is.

        Without git, and where it does not say, the ``.gitignore`` files are read as git would.
        """
        found = work_tree.ignored(self.git, paths) if self.git is not None and paths else None
        if found is not None:
            return found
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
        alike.  At most `MAX_GREP_BYTES` of output are read.
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

    def _listed(self) -> Iterator[TrackedFile]:
        """The regular files of a folder without git."""
        if self.only is None:
            yield from (TrackedFile(path, "", size) for path, size in walk.files(self.root))
        elif is_regular(self.root / self.only):
            yield TrackedFile(self.only)


def _entries_of_tree(output: bytes) -> Iterator[tuple[str, ...]]:
    """Mode, id, path and, where it was asked for, size of each entry that ``ls-tree`` wrote."""
    for record in git_commands.decoded(output).split("\0"):
        meta, _, path = record.partition("\t")
        if path:
            mode, _, object_id, *size = meta.split()
            yield mode, object_id, path, *size


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _is_folder(path: Path) -> bool:
    # Unlike `Path.is_dir` it takes a name that is too long for the disk.
    return os.path.isdir(path)  # noqa: PTH112
