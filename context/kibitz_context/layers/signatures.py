"""Which signatures of a file are worth showing to somebody who works on the other files.

Those of what other files use: a helper that only its own file calls, or a test that nobody
calls, says nothing to them.  Made of the symbols of the files alone; the same on any machine.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import fsum

from kibitz_context.files.repository import TrackedFile
from kibitz_context.texts import outline, symbols
from kibitz_context.texts.mentions import Mentions
from kibitz_context.texts.symbols import CONTAINERS, EXTENSION, Definition, Symbols

# What the tags of an outline cost, in signatures.
_SIGNATURES_OF_TAGS = 2


@dataclass(frozen=True)
class Signatures:
    """The outlines of the files of a repository.

    `users` says of each name how many files use it, `worths` of each path how much the other
    files ask for what it defines, for each of its signatures that they use.  `symbols_of` finds
    the symbols of a file, None where they are not known.
    """

    users: Mapping[str, int]
    worths: Mapping[str, float]
    symbols_of: Callable[[TrackedFile], Symbols | None]

    def outline_of(self, file: TrackedFile, text: str) -> str:
        """The signatures in `text` that other files use; where there are none, all of them."""
        found = self.symbols_of(file)
        if found is None or not found.definitions:
            found = symbols.symbols(file.path, text)
        if used := self._used(found):
            found = replace(found, definitions=used)
        return outline.outline_of(found, text.split("\n"))

    def worth(self, path: str) -> float:
        return self.worths.get(path, 0.0)

    def _used(self, found: Symbols) -> tuple[Definition, ...]:
        """What other files use of `found`, and the containers that it stands in."""
        own = frozenset(name for name, _ in found.references)
        kept: list[Definition] = []
        for each in reversed(tuple(outline.visible(found.definitions))):
            is_used = each.kind != EXTENSION and _elsewhere(self.users, each.name, own) > 0
            holds_used = each.kind in CONTAINERS and kept and kept[-1].line < each.end_line
            if is_used or holds_used:
                kept.append(each)
        return tuple(reversed(kept))


def signatures(
    mentions_of: Mapping[str, Mentions], symbols_of: Callable[[TrackedFile], Symbols | None]
) -> Signatures:
    """The signatures of all files; `mentions_of` says by path what each of them mentions."""
    users: Counter[str] = Counter()
    defining: Counter[str] = Counter()
    for found in mentions_of.values():
        users.update(found.used)
        defining.update(found.defined)
    worths = {path: _worth(found, users, defining) for path, found in mentions_of.items()}
    return Signatures(users, worths, symbols_of)


def _worth(found: Mentions, users: Mapping[str, int], defining: Mapping[str, int]) -> float:
    """Each name counts by the number of bits of the number of files that use it, divided among
    the files that define it: the hundredth user says little that the tenth has not."""
    own = frozenset(found.used) if found.defined else frozenset[str]()
    asked = [
        count.bit_length() / defining[name]
        for name in found.defined
        if (count := _elsewhere(users, name, own)) > 0
    ]
    return fsum(asked) / (_SIGNATURES_OF_TAGS + len(asked))


def _elsewhere(users: Mapping[str, int], name: str, own: frozenset[str]) -> int:
    """How many other files use `name`; `own` is what the file itself uses."""
    return users.get(name, 0) - (name in own)
