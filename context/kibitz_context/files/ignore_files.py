"""Patterns in gitignore's syntax: the settings' own, and files of them in a tree.

Knows how patterns of several levels combine, which is git's way: the deepest file decides, the
last matching line in it wins, and what lies in an excluded folder cannot be taken back.
"""

from __future__ import annotations

import os
import re
import threading
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

MAX_IGNORE_FILE_BYTES = 256 * 1024
# A pattern becomes a regular expression, and each star multiplies what a mismatch can cost.
# More: an untrusted repository can stall us.  Fewer: an honest pattern is not obeyed.
MAX_STARS = 8
MAX_PATTERN_CHARACTERS = 1_000

_STARS = re.compile(r"(?:\*\*/)+|\*+")
# Python warns of these inside brackets: they may become set operations one day.
_AMBIGUOUS_SET = re.compile(r"\[[^\]]*(?:\[|--|&&|~~|\|\|)[^\]]*\]")
_POSIX_CLASSES = {
    "alnum": "a-zA-Z0-9",
    "alpha": "a-zA-Z",
    "digit": "0-9",
    "lower": "a-z",
    "space": " \t",
    "upper": "A-Z",
    "xdigit": "0-9a-fA-F",
}


def fold(path: str) -> str:
    """`path` as a file system sees it that ignores case and Unicode composition."""
    return unicodedata.normalize("NFC", path).casefold()


@dataclass(frozen=True)
class Patterns:
    """Lines of gitignore patterns that are relative to one folder."""

    lines: tuple[str, ...]
    folded: bool = False

    @cached_property
    def problems(self) -> tuple[str, ...]:
        """The lines that are no pattern, or one that could stall us; they match nothing."""
        return tuple(line for line in self.lines if _compiled(self._line(line)) is None)

    @cached_property
    def _spec(self) -> GitIgnoreSpec:
        from pathspec import GitIgnoreSpec

        return GitIgnoreSpec([part for _, each in self._each for part in each.patterns])

    @cached_property
    def _each(self) -> Sequence[tuple[str, GitIgnoreSpec]]:
        """Every line that is a pattern, and what it matches by itself."""
        lines = [self._line(line) for line in self.lines]
        return [(line, each) for line in lines if (each := _compiled(line)) is not None]

    def _line(self, line: str) -> str:
        return fold(line) if self.folded else line

    def verdict(self, path: str) -> bool | None:
        """True: excluded; False: taken back; None: no pattern says anything.

        A path that ends with ``/`` is a folder.
        """
        if not self.lines:
            return None
        shown = fold(path) if self.folded else path
        if self._spec.check_file(shown).include is None:
            return None
        # The library lets a pattern for a folder match all that is in it.  To git that is the
        # folder's own affair: "!*/" takes back no file.
        for line, each in reversed(self._each):
            if _speaks_of(line, shown) and (verdict := each.check_file(shown).include) is not None:
                return verdict
        return None

    def matches(self, path: str) -> bool:
        """Whether the last pattern that matches `path` or a folder above it matches it."""
        return any(self.verdict(part) for part in _prefixes(path))


class IgnoreFiles:
    """All files called `name` in a tree, read when needed and again when they have changed.

    With `is_settled` each is looked at once: nothing that changes later is seen.  `absent` gives
    the lines of the file in a folder ("" or ending with ``/``) that is not on the disk; `lines`
    takes the content of one apart.
    """

    def __init__(
        self,
        root: Path,
        name: str,
        *,
        folded: bool = False,
        is_settled: bool = False,
        absent: Callable[[str], tuple[str, ...]] | None = None,
        lines: Callable[[bytes], tuple[str, ...]] | None = None,
    ) -> None:
        self._prefix = f"{root}{os.sep}"
        self._name = name
        self._folded = folded
        self._settled: dict[str, Patterns] | None = {} if is_settled else None
        self._has_rules: dict[str, bool] = {}
        self._absent = absent
        self._lines_of = lines or lines_of
        self._read: dict[str, tuple[tuple[int, int], Patterns]] = {}
        self._lock = threading.Lock()

    def excludes(self, path: str) -> bool:
        """Whether `path` (relative, ``/``; a folder ends with it) or a folder above is excluded."""
        if self._settled is not None and not self._is_ruled(_folder_of(path)):
            return False
        folders = ["", *(prefix for prefix in _prefixes(path) if prefix.endswith("/"))]
        levels = [(each, self.patterns(each)) for each in folders if each != path]
        for prefix in _prefixes(path):
            for folder, patterns in reversed(levels):
                if len(folder) < len(prefix):
                    verdict = patterns.verdict(prefix[len(folder) :])
                    if verdict:
                        return True
                    if verdict is False:
                        break
        return False

    def patterns(self, folder: str) -> Patterns:
        """The patterns in `folder` itself ("" or ending with ``/``)."""
        if self._settled is None:
            return self._now(folder)
        known = self._settled.get(folder)
        if known is None:
            known = self._settled[folder] = self._now(folder)
        return known

    def _is_ruled(self, folder: str) -> bool:
        """Whether there are patterns in `folder` or above it."""
        known = self._has_rules.get(folder)
        if known is None:
            known = bool(self.patterns(folder).lines) or (
                folder != "" and self._is_ruled(_folder_of(folder))
            )
            self._has_rules[folder] = known
        return known

    def _now(self, folder: str) -> Patterns:
        # Asked of every folder of every path: a string is made ten times faster than a `Path`.
        path = f"{self._prefix}{folder}{self._name}"
        try:
            facts = os.lstat(path)
        except (OSError, ValueError):
            return self._tracked(folder)
        signature = (facts.st_mtime_ns, facts.st_size)
        with self._lock:
            known = self._read.get(folder)
            if known is None or known[0] != signature:
                known = (signature, Patterns(self._lines(Path(path)), self._folded))
                self._read[folder] = known
        return known[1]

    def _tracked(self, folder: str) -> Patterns:
        """The patterns in `folder` where their file is not on the disk."""
        lines = self._absent(folder) if self._absent is not None else ()
        if not lines:
            return _NONE
        with self._lock:
            known = self._read.get(folder)
            if known is None or known[1].lines != lines:
                known = (_ABSENT, Patterns(lines, self._folded))
                self._read[folder] = known
        return known[1]

    def _lines(self, path: Path) -> tuple[str, ...]:
        # Git, too, does not follow a link here.
        if path.is_symlink() or not path.is_file():
            return ()
        try:
            with path.open("rb") as file:
                content = file.read(MAX_IGNORE_FILE_BYTES)
        except OSError:
            return ()
        return self._lines_of(content)


def lines_of(content: bytes) -> tuple[str, ...]:
    """The lines of a file of patterns."""
    return tuple(content.decode("utf-8-sig", "replace").splitlines())


_NONE = Patterns(())
# Of a file that is not on the disk: no time and no size.
_ABSENT = (-1, -1)


def _folder_of(path: str) -> str:
    """The folder that holds `path`: "" or ending with ``/``."""
    return path[: path.rfind("/", 0, len(path) - 1) + 1]


def _prefixes(path: str) -> Sequence[str]:
    """The folders above `path`, topmost first, each ending with ``/``, then `path` itself."""
    ends = [index + 1 for index, char in enumerate(path[:-1]) if char == "/"]
    return [*(path[:end] for end in ends), path]


def _speaks_of(line: str, path: str) -> bool:
    """Whether `line`, if it matches `path`, can mean `path` itself and not a folder above it."""
    pattern = line.rstrip().removeprefix("!")
    if pattern.endswith("/") and not path.endswith("/"):
        return False
    pattern, path = pattern.rstrip("/"), path.rstrip("/")
    if "**" in pattern:
        return True
    if "/" in pattern:
        return pattern.lstrip("/").count("/") == path.count("/")
    # A pattern without a slash speaks of names, and the path's own name is its last part.
    above, _, name = path.rpartition("/")
    if not above:
        return True
    spec = _compiled(pattern)
    return spec is not None and spec.check_file(name).include is not None


@lru_cache(maxsize=4_096)
def _compiled(line: str) -> GitIgnoreSpec | None:
    from pathspec import GitIgnoreSpec

    for name, characters in _POSIX_CLASSES.items():
        line = line.replace(f"[:{name}:]", characters)
    if len(line) > MAX_PATTERN_CHARACTERS or len(_STARS.findall(line)) > MAX_STARS:
        return None
    if _AMBIGUOUS_SET.search(line):
        return None
    try:
        return GitIgnoreSpec.from_lines([line])
    except (ValueError, re.error):
        return None
