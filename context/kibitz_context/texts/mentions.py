"""The names that the texts of a repository have in common: which of them mentions which.

Of fifty thousand texts at once, so each name is one object, without places, and of what is
defined only that is kept which some text uses.  Whose the texts are is not known here.
"""

from __future__ import annotations

from dataclasses import dataclass

from kibitz_context.texts import packing

MAX_COUNT = 255


@dataclass(frozen=True, slots=True)
class Mentions:
    """The names in one of several texts.

    `defined` are those that it defines and any of the texts uses, each once, in order; `used`
    those that it uses, sorted, and `counts` how often each, `MAX_COUNT` at most; `imports` are
    as in `Symbols`.
    """

    defined: tuple[str, ...]
    used: tuple[str, ...]
    counts: bytes
    imports: tuple[str, ...]


class Mentioning:
    """Gathers the names of many texts; `all` says what each of them mentions."""

    def __init__(self) -> None:
        self._used: dict[str, str] = {}
        self._imports: dict[str, str] = {}
        # What a text defines stays one string until all is known that is used: most of it is not.
        self._read: list[tuple[str, tuple[str, ...], bytes, tuple[str, ...]]] = []

    def add(self, raw: bytes) -> int:
        """Gather what `packing.written` made of the symbols of a text: its number in `all`.

        Raises ValueError for any other bytes.
        """
        defined, used, counts, imports = packing.mentioned(raw)
        self._read.append(
            (
                defined,
                tuple(map(self._used.setdefault, used, used)),
                bytes(count if count < MAX_COUNT else MAX_COUNT for count in counts),
                tuple(map(self._imports.setdefault, imports, imports)),
            )
        )
        return len(self._read) - 1

    def all(self) -> list[Mentions]:
        """What the texts mention, in the order in which they came."""
        found = self._used.get
        # One after the other gives way to what is made of it.
        self._read.reverse()
        made: list[Mentions] = []
        while self._read:
            defined, used, counts, imports = self._read.pop()
            names = dict.fromkeys(packing.split(defined))
            shared = tuple(name for name in map(found, names) if name is not None)
            made.append(Mentions(shared, used, counts, imports))
        return made
