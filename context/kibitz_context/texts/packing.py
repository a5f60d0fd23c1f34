"""Symbols as bytes, and back: small, quick to read, the same on any machine.

Columns instead of objects, since the names of a file compress well next to one another.  Between
processes they go as they are, into a file compressed.  Bytes that were not written in here are
refused with a ValueError; nothing in them is ever executed.
"""

from __future__ import annotations

import struct
import sys
import zlib
from collections.abc import Iterable, Sequence
from itertools import chain

from kibitz_context.texts.symbols import Definition, Symbols

# Higher: a tenth smaller, and three times slower.
_COMPRESSION = 1
# More than any text has that is looked at: what claims to be larger is damaged.
MAX_UNPACKED_BYTES = 32 * 1024 * 1024

_BETWEEN = "\n"
_HEADER = struct.Struct("<5I")


def packed(found: Symbols) -> bytes:
    """The bytes that `unpacked` reads."""
    return compressed(written(found))


def unpacked(data: bytes) -> Symbols:
    """The symbols that were packed."""
    return read(_decompressed(data))


def compressed(raw: bytes) -> bytes:
    """What `written` made, as `unpacked` reads it."""
    return zlib.compress(raw, _COMPRESSION)


def written(found: Symbols) -> bytes:
    """The bytes that `read` and `names_in` read."""
    definitions = found.definitions
    numbers = [
        *chain.from_iterable(
            (each.line, each.end_line, each.signature_end, each.depth) for each in definitions
        ),
        *(count for _, count in found.references),
    ]
    columns = [
        _column((found.grammar,)),
        _column(each.name for each in definitions),
        _column(each.kind for each in definitions),
        _column(name for name, _ in found.references),
        _column(found.imports),
    ]
    header = _HEADER.pack(*map(len, columns))
    values = struct.pack(f"<{len(numbers)}I", *numbers)
    return b"".join((header, *columns, values))


def read(raw: bytes) -> Symbols:
    """The symbols that were written."""
    try:
        (grammar,), names, kinds, used, imports, numbers = _columns(raw)
        at = 4 * len(names)
        definitions = tuple(
            map(
                Definition,
                names,
                kinds,
                numbers[0:at:4],
                numbers[1:at:4],
                numbers[2:at:4],
                numbers[3:at:4],
            )
        )
        return Symbols(
            grammar, definitions, tuple(zip(used, numbers[at:], strict=True)), tuple(imports)
        )
    except _DAMAGED as error:
        raise ValueError(_NO_SYMBOLS) from error


def names_in(raw: bytes) -> tuple[Iterable[tuple[str, str]], Sequence[str]]:
    """Of symbols that were written: what is defined (name and kind of each) and what is used."""
    try:
        _, names, kinds, used, _, _ = _columns(raw)
        return list(zip(names, kinds, strict=True)), used
    except _DAMAGED as error:
        raise ValueError(_NO_SYMBOLS) from error


class Names:
    """Reads the names of many packed symbols, and keeps each name, and each use, once.

    The symbols of fifty thousand files would be half a gigabyte otherwise.
    """

    def __init__(self) -> None:
        self._definitions: dict[str, Definition] = {}
        self._references: dict[tuple[str, int], tuple[str, int]] = {}

    def unpacked(self, data: bytes) -> Symbols:
        """As `unpacked`; but each name is defined once, nowhere, and is of no kind."""
        try:
            (grammar,), names, _, used, imports, numbers = _columns(_decompressed(data))
            counts = numbers[4 * len(names) :]
            uses = zip(used, counts, strict=True)
            return Symbols(
                sys.intern(grammar),
                tuple(map(self._definition, dict.fromkeys(names))),
                tuple(self._references.setdefault(use, use) for use in uses),
                tuple(map(sys.intern, imports)),
            )
        except _DAMAGED as error:
            raise ValueError(_NO_SYMBOLS) from error

    def _definition(self, name: str) -> Definition:
        found = self._definitions.get(name)
        if found is None:
            found = self._definitions[name] = Definition(name, "", 0, 0, 0, 0)
        return found


_DAMAGED = (struct.error, UnicodeError, ValueError, TypeError)
_NO_SYMBOLS = "these are no packed symbols"


def _decompressed(data: bytes) -> bytes:
    reader = zlib.decompressobj()
    try:
        raw = reader.decompress(data, MAX_UNPACKED_BYTES)
    except (zlib.error, TypeError) as error:
        raise ValueError(_NO_SYMBOLS) from error
    if not reader.eof:
        # It is cut off, or too large.
        raise ValueError(_NO_SYMBOLS)
    return raw


def _columns(
    raw: bytes,
) -> tuple[list[str], list[str], list[str], list[str], list[str], Sequence[int]]:
    lengths = _HEADER.unpack_from(raw)
    at = _HEADER.size
    columns: list[list[str]] = []
    for length in lengths:
        text = raw[at : at + length].decode("utf-8", "surrogatepass")
        columns.append(text.split(_BETWEEN)[:-1])
        at += length
    numbers = struct.unpack(f"<{(len(raw) - at) // 4}I", raw[at:])
    return columns[0], columns[1], columns[2], columns[3], columns[4], numbers


def _column(texts: Iterable[str]) -> bytes:
    # A name may hold anything but a line feed: no grammar has one within a name.
    return "".join(f"{text.replace(_BETWEEN, ' ')}{_BETWEEN}" for text in texts).encode(
        "utf-8", "surrogatepass"
    )
