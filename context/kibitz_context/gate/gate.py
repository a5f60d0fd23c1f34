"""The one way to read a byte of a repository.

Every text that may leave the machine passes here: files of the work tree (`Gate.read`), open
buffers (`Gate.admit`) and the content of commits (`Gate.admit_blob`); and so does every picture
and PDF document (`Gate.read_media`).  The gate resolves the
real path, refuses what lies outside the root, is excluded or holds credentials by its name,
refuses what is not plain UTF-8 text, and has secrets replaced.  It answers, it never raises, and
it never waits: a pipe or a device is refused without being opened for long.

It knows nothing of what the text is for, and nothing here can be switched off by a setting.
"""

from __future__ import annotations

import contextlib
import os
import stat
import threading
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path

from kibitz_context.files import discovery
from kibitz_context.files.ignore_files import IgnoreFiles, Patterns
from kibitz_context.files.repository import Repository
from kibitz_context.files.tracked_rules import KIBITZ_IGNORE, TrackedRules
from kibitz_context.gate.denied_names import denied_part, is_git_folder
from kibitz_context.gate.encrypted_paths import EncryptedPaths
from kibitz_context.gate.media import Media, media_of
from kibitz_context.gate.secrets import redact
from kibitz_context.values import Allowed, Refused

# Larger: seconds of looking for secrets, for a text that no prompt can hold.
MAX_TEXT_BYTES = 4 * 1024 * 1024

# Longer than any system opens, and deeper than anybody's folders.
MAX_PATH_CHARACTERS = 4_096
MAX_PATH_PARTS = 200

# Parts that name nothing below their folder; "" is what too many or too few slashes leave.
_ELSEWHERE = frozenset(("", ".", ".."))

_MEGABYTE = 1024 * 1024


def _too_large(most_bytes: int) -> Refused:
    return Refused(f"it is larger than {most_bytes / _MEGABYTE:g} MB")


_TOO_LARGE = _too_large(MAX_TEXT_BYTES)
_BINARY = Refused("it is binary")
_GONE = Refused("it does not exist")
_NOT_REGULAR = Refused("it is not a regular file")
_OTHER_ENCODINGS = (
    (b"\xff\xfe\x00\x00", "UTF-32"),
    (b"\x00\x00\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)


class Gate:
    """Decides, for one root, what may be read and sent.

    `include` and `exclude` are gitignore patterns relative to the root: what matches `exclude`
    is refused; `include` narrows what is *chosen* (`includes`) and readmits nothing.  Paths are
    given absolute, or relative to the root.  One gate may be used by several threads.

    `folded` says whether the file system ignores case; None finds out.  With `is_settled` the
    ignore files are read once, for one piece of work that looks at every path.
    """

    def __init__(
        self,
        root: Path,
        *,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        folded: bool | None = None,
        is_settled: bool = False,
    ) -> None:
        self.root = Path(os.path.realpath(root))
        self._folded = _ignores_case(self.root) if folded is None else folded
        self.include = tuple(include)
        self.exclude = tuple(exclude)
        self._include = Patterns(self.include, self._folded)
        self._exclude = Patterns(self.exclude, self._folded)
        self._ignore_files = IgnoreFiles(
            self.root,
            KIBITZ_IGNORE,
            folded=self._folded,
            is_settled=is_settled,
            absent=TrackedRules(self.root, KIBITZ_IGNORE).lines,
        )
        self._encrypted = EncryptedPaths(self.root, folded=self._folded, is_settled=is_settled)
        self._repositories: dict[Path, Repository | None] = {}
        self._lock = threading.Lock()

    @cached_property
    def problems(self) -> tuple[str, ...]:
        """Patterns of the settings that cannot be used, each as a sentence."""
        lines = (
            *(
                f"context.include: {line!r} is not a usable pattern"
                for line in self._include.problems
            ),
            *(
                f"context.exclude: {line!r} is not a usable pattern"
                for line in self._exclude.problems
            ),
        )
        ignored = self._ignore_files.patterns("").problems
        return (*lines, *(f"{KIBITZ_IGNORE}: {line!r} is not a usable pattern" for line in ignored))

    def read(self, path: Path | str) -> Allowed | Refused:
        """The text of a file of the work tree.  A byte order mark is not part of it."""
        real = self._resolved(path)
        if isinstance(real, Refused):
            return real
        if reason := self._path_refusal(path, real):
            return Refused(reason)
        return self._content(real)

    def read_listed(self, path: str) -> Allowed | Refused:
        """As `read`, of a path that git has just listed as tracked or as not ignored.

        Saves asking git for each of many files; everything else is checked.
        """
        real = self._resolved(path)
        if isinstance(real, Refused):
            return real
        if real != self.root / path:
            # A link leads to another path, and that one git has not listed.
            return self.read(path)
        if reason := self._name_refusal(path, real):
            return Refused(reason)
        return self._content(real)

    def read_media(self, path: Path | str, most_bytes: int) -> Media | Refused:
        """A picture or a PDF document of the work tree, by its content and not by its name.

        Secrets in one cannot be seen: only what a user names should be read this way.
        """
        real = self._resolved(path)
        if isinstance(real, Refused):
            return real
        if reason := self._path_refusal(path, real):
            return Refused(reason)
        data = _read_beneath(self.root, real.relative_to(self.root).parts, most_bytes)
        return media_of(data) if isinstance(data, bytes) else data

    def admit(self, path: Path | str | None, text: str) -> Allowed | Refused:
        """The text of an open buffer; None is a buffer that is no file."""
        if path is not None and (reason := self.refusal(path)) is not None:
            return Refused(reason)
        return _admitted(text)

    def admit_blob(self, path: str, data: bytes) -> Allowed | Refused:
        """The content that `path` (relative, ``/``) has in a commit.

        Whether git ignores the path today is the caller's to ask, for all paths at once
        (`Repository.ignored`).
        """
        if reason := self.name_refusal(path):
            return Refused(reason)
        if len(data) > MAX_TEXT_BYTES:
            return _TOO_LARGE
        return _judged(data)

    def refusal(self, path: Path | str) -> str | None:
        """Why `path` may not be sent, judged without its content; None when it may be.

        The file need not exist.  Asks git, if there is one, whether it ignores the path.
        """
        real = self._resolved(path)
        return real.reason if isinstance(real, Refused) else self._path_refusal(path, real)

    def name_refusal(self, path: str) -> str | None:
        """As `refusal`, of a listed path (relative, ``/``) and without asking the disk or git."""
        parts = path.split("/")
        if not _ELSEWHERE.isdisjoint(parts):
            return "it is outside the repository"
        try:
            path.encode()
        except UnicodeEncodeError:
            return "its name is not UTF-8"
        if any(map(is_git_folder, parts)):
            return "it belongs to git itself"
        if denied := denied_part(path):
            return f"files called {denied} hold credentials"
        if self._exclude.lines and self._exclude.matches(path):
            return "it is excluded by context.exclude"
        if self._ignore_files.excludes(path):
            return f"it is excluded by {KIBITZ_IGNORE}"
        if self._encrypted.holds(path):
            return "git keeps it encrypted"
        return None

    def includes(self, path: str) -> bool:
        """Whether `path` is wanted unasked: true for all where nothing is said."""
        return not self._include.lines or self._include.matches(path)

    def names_explicitly(self, path: str) -> bool:
        """Whether ``context.include`` names `path`, so that it is wanted although generated."""
        return bool(self._include.lines) and self._include.matches(path)

    def relative(self, path: Path | str) -> str | None:
        """`path` relative to the root with ``/``, by its real place; None when outside."""
        real = self._resolved(path)
        if isinstance(real, Refused):
            return None
        return real.relative_to(self.root).as_posix()

    def signature(self, folders: Iterable[str]) -> str:
        """What the answers depend on besides path and content, as far as it lies in `folders`."""
        folders = tuple(folders)
        rules = [
            (folder, patterns.lines)
            for folder in folders
            if (patterns := self._ignore_files.patterns(folder)).lines
        ]
        encrypted = self._encrypted.signature(folders)
        return repr((self._include.lines, self._exclude.lines, self._folded, rules, *encrypted))

    def _content(self, real: Path) -> Allowed | Refused:
        data = _read_beneath(self.root, real.relative_to(self.root).parts)
        return _judged(data) if isinstance(data, bytes) else data

    def _resolved(self, path: Path | str) -> Path | Refused:
        """The real path below the root; refuses what is elsewhere."""
        text = str(path)
        # A network name would make Windows log in to that host while it is being resolved.
        if text.startswith(("\\\\", "//")) and not str(self.root).startswith(text[:2]):
            return Refused("it is outside the repository")
        if len(text) > MAX_PATH_CHARACTERS or len(Path(text).parts) > MAX_PATH_PARTS:
            return Refused("its path is not valid")
        try:
            real = Path(os.path.realpath(self.root / text))
        except (OSError, ValueError):
            return Refused("its path is not valid")
        if real == self.root:
            return Refused("it is a folder")
        if not real.is_relative_to(self.root):
            return Refused("it is outside the repository")
        return real

    def _path_refusal(self, path: Path | str, real: Path) -> str | None:
        if reason := self._name_refusal(path, real):
            return reason
        if any(discovery.is_git_directory(each) for each in real.parents):
            return "it belongs to git itself"
        repository = self._repository_of(real.parent)
        if repository is None:
            repository = Repository(self.root)
        elif repository.git is not None and real.is_relative_to(repository.git.common_dir):
            return "it belongs to git itself"
        below = real.relative_to(repository.root).as_posix()
        return "it is ignored by git" if repository.ignored([below]) else None

    def _name_refusal(self, path: Path | str, real: Path) -> str | None:
        relative = real.relative_to(self.root).as_posix()
        if reason := self.name_refusal(relative):
            return reason
        # The name that was asked for counts as well: a link called `.env` is not read either.
        asked = Path(os.path.normpath(self.root / path))
        listed = asked.relative_to(self.root).as_posix() if asked.is_relative_to(self.root) else ""
        if listed not in ("", relative) and (reason := self.name_refusal(listed)):
            return reason
        if not listed and (denied := denied_part(asked.name)):
            return f"files called {denied} hold credentials"
        return None

    def _repository_of(self, folder: Path) -> Repository | None:
        """The innermost repository around `folder`; it decides what it ignores."""
        with self._lock:
            if folder in self._repositories:
                return self._repositories[folder]
        top = next((each for each in (folder, *folder.parents) if discovery.has_git(each)), None)
        found = None
        if top is not None:
            found = Repository.find(top)
            # Git may see another top level (``core.worktree``); then its rules are not for here.
            if not folder.is_relative_to(found.root):
                found = None
        with self._lock:
            self._repositories[folder] = found
        return found


def _judged(data: bytes) -> Allowed | Refused:
    """The text in `data` with secrets replaced, or why it is none."""
    for mark, encoding in _OTHER_ENCODINGS:
        if data.startswith(mark):
            return Refused(f"it is {encoding}, not UTF-8")
    if b"\0" in data:
        return _BINARY
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return Refused("it is not UTF-8 text")
    return redact(text)


def _admitted(text: str) -> Allowed | Refused:
    if len(text) > MAX_TEXT_BYTES:
        return _TOO_LARGE
    if "\0" in text:
        return _BINARY
    try:
        if len(text.encode()) > MAX_TEXT_BYTES:
            return _TOO_LARGE
    except UnicodeEncodeError:
        return Refused("it is not valid Unicode")
    return redact(text)


def _read_beneath(
    root: Path, parts: Sequence[str], most_bytes: int = MAX_TEXT_BYTES
) -> bytes | Refused:
    """The content of the regular file at `parts` below `root`.

    Where the platform can, folder after folder is opened without following links: nothing that
    is swapped for a link between the check and the reading leads out of the root.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
    flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    with contextlib.ExitStack() as opened:
        try:
            if os.open not in os.supports_dir_fd:
                descriptor = os.open(root.joinpath(*parts), flags)
            else:
                folder: int | None = None
                for part in (str(root), *parts[:-1]):
                    folder = os.open(part, flags | os.O_DIRECTORY, dir_fd=folder)
                    opened.callback(os.close, folder)
                if not _may_be_opened(parts[-1], folder):
                    return _NOT_REGULAR
                descriptor = os.open(parts[-1], flags, dir_fd=folder)
            opened.callback(os.close, descriptor)
            facts = os.fstat(descriptor)
            if stat.S_ISDIR(facts.st_mode):
                return Refused("it is a folder")
            if not stat.S_ISREG(facts.st_mode):
                return _NOT_REGULAR
            if facts.st_size > most_bytes:
                return _too_large(most_bytes)
            return _read_all(descriptor, most_bytes)
        except (FileNotFoundError, NotADirectoryError):
            return _GONE
        except PermissionError:
            return Refused("it cannot be read (permission denied)")
        except OSError as error:
            return Refused(f"it cannot be read ({error.strerror or 'unknown error'})")


def _may_be_opened(name: str, folder: int | None) -> bool:
    """Whether opening does nothing by itself, as it may with a device."""
    mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
    return stat.S_ISREG(mode) or stat.S_ISDIR(mode)


def _read_all(descriptor: int, most_bytes: int) -> bytes | Refused:
    """All that is there; a file that grows meanwhile is cut off by the limit, as too large."""
    chunks: list[bytes] = []
    total = 0
    while chunk := os.read(descriptor, 1 << 20):
        chunks.append(chunk)
        total += len(chunk)
        if total > most_bytes:
            return _too_large(most_bytes)
    return b"".join(chunks)


def _ignores_case(folder: Path) -> bool:
    """Whether the file system holds ``A`` and ``a`` for the same name, asked of `folder`."""
    for each in (folder, *folder.parents):
        other = each.with_name(each.name.swapcase()) if each.name else each
        if other != each:
            try:
                return other.samefile(each)
            except OSError:
                return False
    return False
