"""Symbols as bytes: what goes in comes out, and nothing else does."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz_context.texts.packing import mentioned, packed, split, unpacked, written
from kibitz_context.texts.symbols import Definition, Symbols, symbols

_names = st.text(st.characters(blacklist_characters="\n"), min_size=1, max_size=12)
_numbers = st.integers(0, 2**32 - 1)
_definitions = st.builds(
    Definition,
    _names,
    st.sampled_from(("function", "class")),
    _numbers,
    _numbers,
    _numbers,
    _numbers,
)
_symbols = st.builds(
    Symbols,
    st.sampled_from(("python", "lexical")),
    st.lists(_definitions, max_size=6).map(tuple),
    st.lists(st.tuples(_names, _numbers), max_size=6).map(tuple),
    st.lists(_names, max_size=4).map(tuple),
)


@given(_symbols)
def test_what_goes_in_comes_out(found: Symbols) -> None:
    assert unpacked(packed(found)) == found


@given(_symbols)
def test_what_is_mentioned_is_what_went_in(found: Symbols) -> None:
    defined, used, counts, imports = mentioned(written(found))
    assert split(defined) == [each.name for each in found.definitions]
    assert tuple(zip(used, counts, strict=True)) == found.references
    assert tuple(imports) == found.imports


@given(st.binary(max_size=200))
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="no packed symbols"):
        unpacked(data)
    with pytest.raises(ValueError, match="no packed symbols"):
        mentioned(data)


@given(st.binary(max_size=200))
def test_other_bytes_that_are_compressed_are_refused_or_symbols(data: bytes) -> None:
    try:
        found = unpacked(zlib.compress(data))
    except ValueError:
        return
    assert isinstance(found, Symbols)


@pytest.mark.parametrize("kept", [0, 1, 10, -1])
def test_bytes_that_are_cut_off_are_refused(kept: int) -> None:
    data = packed(symbols("a.py", "import a\ndef one():\n    return two(Three)\n"))
    with pytest.raises(ValueError, match="no packed symbols"):
        unpacked(data[:kept])


def test_a_bomb_is_refused() -> None:
    data = zlib.compress(bytes(64 * 1024 * 1024))
    with pytest.raises(ValueError, match="no packed symbols"):
        unpacked(data)
