"""Symbols as bytes: what goes in comes out, and nothing else does."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz_context.texts.packing import Names, packed, unpacked
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


@given(st.lists(_symbols, max_size=4))
def test_names_are_what_went_in_without_its_places(many: list[Symbols]) -> None:
    names = Names()
    for found in many:
        read = names.unpacked(packed(found))
        assert [each.name for each in read.definitions] == list(
            dict.fromkeys(each.name for each in found.definitions)
        )
        assert (read.grammar, read.references, read.imports) == (
            found.grammar,
            found.references,
            found.imports,
        )


def test_equal_names_are_one_object() -> None:
    names = Names()
    first, second = (
        names.unpacked(packed(symbols("a.py", f"def one():\n    return helper({number})\n")))
        for number in range(2)
    )
    assert first.definitions[0] is second.definitions[0]
    assert first.references[0] is second.references[0]


@given(st.binary(max_size=200))
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="no packed symbols"):
        unpacked(data)
    with pytest.raises(ValueError, match="no packed symbols"):
        Names().unpacked(data)


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
