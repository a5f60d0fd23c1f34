"""Symbols as bytes, and back: small, quick to read, the same on any machine.

Columns instead of objects, since the names of a file compress well next to one another.  Between
processes they go as they are, into a file compressed.  Bytes that were not written in here are
refused with a ValueError; nothing in them is ever executed.
"""

from __future__ import annotations

import struct
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
    return read(decompressed(data))


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


def mentioned(raw: bytes) -> tuple[str, Sequence[str], Sequence[int], Sequence[str]]:
    """Of symbols that were written: the names that are defined, for `split`; those that are used,
    how often each; and the imports."""
    try:
        (_, defined, _, used, imports), numbers = _texts(raw)
        names = split(used)
        counts = numbers[4 * defined.count(_BETWEEN) :]
        if len(counts) != len(names):
            raise ValueError(_NO_SYMBOLS)
        return defined, names, counts, split(imports)
    except _DAMAGED as error:
        raise ValueError(_NO_SYMBOLS) from error


def split(column: str) -> list[str]:
    """What stands in one column, in order."""
    return column.split(_BETWEEN)[:-1]


_DAMAGED = (struct.error, UnicodeError, ValueError, TypeError)
_NO_SYMBOLS = "these are no packed symbols"


def decompressed(data: bytes) -> bytes:
    """What `compressed` was given."""
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
    (grammar, names, kinds, used, imports), numbers = _texts(raw)
    return split(grammar), split(names), split(kinds), split(used), split(imports), numbers


def _texts(raw: bytes) -> tuple[list[str], Sequence[int]]:
    """The five columns, each as one text, and the numbers."""
    at = _HEADER.size
    texts: list[str] = []
    for length in _HEADER.unpack_from(raw):
        texts.append(raw[at : at + length].decode("utf-8", "surrogatepass"))
        at += length
    return texts, struct.unpack(f"<{(len(raw) - at) // 4}I", raw[at:])


def _column(texts: Iterable[str]) -> bytes:
    # A name may hold anything but a line feed: no grammar has one within a name.
    return "".join(f"{text.replace(_BETWEEN, ' ')}{_BETWEEN}" for text in texts).encode(
        "utf-8", "surrogatepass"
    )
