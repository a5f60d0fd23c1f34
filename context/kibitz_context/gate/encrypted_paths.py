"""Files that git keeps encrypted, by what ``.gitattributes`` says of them.

A filter such as git-crypt's or transcrypt's has them in clear on the disk of whoever holds the
key.  That somebody encrypts them says that they are for nobody else.  What is known of attributes
is as much as that takes: patterns, macros, and which filter holds at last.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path

from kibitz_context.files.ignore_files import IgnoreFiles, lines_of
from kibitz_context.files.tracked_rules import ATTRIBUTES, TrackedRules

_ENCRYPTING = re.compile(r"crypt|vault", re.IGNORECASE)
_FILTER = re.compile(r"[-!]?filter(?:=(?P<name>.*))?")
_LINE = re.compile(r'\s*(?P<pattern>"(?:[^"\\]|\\.)*"|\S+)\s+(?P<attributes>.*)')


class EncryptedPaths:
    """The paths below `root` that a filter encrypts, whether or not this clone has that filter: a
    colleague without the key sees the same files.  For any thread."""

    def __init__(self, root: Path, *, folded: bool = False, is_settled: bool = False) -> None:
        self._root = root
        self._folded = folded
        self._is_settled = is_settled
        self._macros: frozenset[str] = frozenset()

    def holds(self, path: str) -> bool:
        """Whether the file at `path` (relative, ``/``) is stored encrypted."""
        if self._files is None:
            return False
        ends = [0, *(index + 1 for index, char in enumerate(path) if char == "/")]
        # The one at the top is read first, for its macros; the deepest that says anything holds.
        # Unlike what is ignored, a folder says nothing of what is in it.
        levels = [(end, self._files.patterns(path[:end])) for end in ends]
        for end, patterns in reversed(levels):
            if (verdict := patterns.verdict(path[end:])) is not None:
                return verdict
        return False

    def signature(self, folders: Iterable[str]) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """What the answers depend on, as far as it lies in `folders`."""
        if self._files is None:
            return ()
        found = ((folder, self._files.patterns(folder).lines) for folder in folders)
        return tuple((folder, lines) for folder, lines in found if lines)

    @cached_property
    def _files(self) -> IgnoreFiles | None:
        """The attributes as patterns; None where none that git tracks has a file encrypted."""
        tracked = TrackedRules(self._root, ATTRIBUTES, self._patterns, unreadable=())
        if not tracked.has_any:
            return None
        return IgnoreFiles(
            self._root,
            ATTRIBUTES,
            folded=self._folded,
            is_settled=self._is_settled,
            absent=tracked.lines,
            lines=self._patterns,
        )

    def _patterns(self, content: bytes) -> tuple[str, ...]:
        return tuple(self._translated(content))

    def _translated(self, content: bytes) -> Iterator[str]:
        """Patterns as an ignore file has them: of what is encrypted, and of what is not after
        all."""
        for line in lines_of(content):
            found = _LINE.fullmatch(line)
            if found is None or found["pattern"].startswith(("#", "!")):
                continue
            pattern = found["pattern"]
            encrypts = self._verdict(found["attributes"].split())
            if pattern.startswith("[attr]"):
                # Only the file at the top may have these.
                if encrypts:
                    self._macros |= {pattern.removeprefix("[attr]")}
            elif encrypts is not None:
                plain = pattern[1:-1] if pattern.startswith('"') else pattern
                yield plain if encrypts else f"!{plain}"

    def _verdict(self, attributes: list[str]) -> bool | None:
        """Whether the attributes have a file encrypted; None where they say nothing of it."""
        verdict = None
        for attribute in attributes:
            if (found := _FILTER.fullmatch(attribute)) is not None:
                verdict = _ENCRYPTING.search(found["name"] or "") is not None
            elif attribute in self._macros:
                verdict = True
        return verdict
