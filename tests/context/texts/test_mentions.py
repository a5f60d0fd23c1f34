"""What many texts mention: the names of each, but only those that any of them uses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz_context.texts.definitions import Definition, Symbols
from kibitz_context.texts.mentions import MAX_COUNT, Mentioning, Mentions
from kibitz_context.texts.packing import written
from support.mentioning import mentions_of

_names = st.sampled_from(("a", "load", "save", "Store", "naïve", "\ud800", "x" * 90))
_definitions = st.builds(Definition, _names, st.just("function"), *[st.just(0)] * 4)
_symbols = st.builds(
    Symbols,
    st.just("python"),
    st.lists(_definitions, max_size=6).map(tuple),
    st.dictionaries(_names, st.integers(0, 2**32 - 1), max_size=6).map(
        lambda counts: tuple(sorted(counts.items()))
    ),
    st.lists(_names, max_size=4).map(tuple),
)


@given(st.lists(_symbols, max_size=5))
def test_of_each_text_all_is_mentioned_but_what_nobody_uses(texts: list[Symbols]) -> None:
    used_anywhere = {name for text in texts for name, _ in text.references}
    found = mentions_of({str(number): text for number, text in enumerate(texts)})
    for mentions, text in zip(found.values(), texts, strict=True):
        names = dict.fromkeys(each.name for each in text.definitions)
        assert mentions.defined == tuple(name for name in names if name in used_anywhere)
        assert mentions.used == tuple(name for name, _ in text.references)
        assert list(mentions.counts) == [min(count, MAX_COUNT) for _, count in text.references]
        assert mentions.imports == text.imports


def test_equal_names_are_one_object() -> None:
    text = Symbols(
        "python", (Definition("load", "function", 0, 1, 1, 0),), (("load", 1),), ("one.two",)
    )
    first, second = mentions_of({"1": text, "2": text}).values()
    assert first.used[0] is second.used[0] is first.defined[0] is second.defined[0]
    assert first.imports[0] is second.imports[0]


def test_a_text_without_names_mentions_nothing() -> None:
    assert mentions_of({"1": Symbols("python")}) == {"1": Mentions((), (), b"", ())}


def test_what_is_damaged_is_refused_and_the_others_are_kept() -> None:
    mentioning = Mentioning()
    whole = written(Symbols("python", (), (("load", 2),), ()))
    assert mentioning.add(whole) == 0
    for damaged in (whole[:-4], whole + bytes(4), b"", whole[:9]):
        with pytest.raises(ValueError, match="no packed symbols"):
            mentioning.add(damaged)
    assert mentioning.all() == [Mentions((), ("load",), b"\x02", ())]
