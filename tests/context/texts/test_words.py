"""The words that texts are found by."""

from __future__ import annotations

from collections import Counter
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st

from kibitz_context.texts import words as words_module
from kibitz_context.texts.names import names_in_code
from kibitz_context.texts.words import search_words, word_counts, words


def test_a_name_is_there_itself_and_in_its_parts() -> None:
    assert words("readHTTPFrame(x)") == ["readhttpframe", "read", "http", "frame"]
    assert words("load_all") == ["load_all", "load", "all"]


@given(st.text(alphabet="abA_B1 .(é", max_size=80))
def test_counting_is_the_same_as_listing(text: str) -> None:
    assert word_counts(text) == Counter(words(text))


@given(st.text(alphabet="abA_B1 .(é\n", max_size=80), st.integers(1, 20))
def test_counting_piece_by_piece_is_the_same(text: str, piece_characters: int) -> None:
    with mock.patch.object(words_module, "PIECE_CHARACTERS", piece_characters):
        assert word_counts(text) == Counter(words(text))


def test_words_that_find_nothing_are_not_searched_for() -> None:
    files = {"ledger": 2, "own": 1, "common": 90}
    text = "common common ledger own strange"
    assert search_words(text, 100, lambda _: files) == ("ledger", "common")


def test_only_so_many_words_are_searched_for() -> None:
    text = " ".join(f"word{chr(97 + n % 26)}{chr(97 + n // 26)}" for n in range(500))
    found = search_words(text, 100, lambda asked: dict.fromkeys(asked, 2))
    assert len(found) == words_module.MAX_SEARCHED_WORDS


def test_names_in_code_are_what_is_called_or_has_the_shape_of_a_name() -> None:
    text = "let x = helper(a); rgtest!(one, two); if ready != done { Frame::new() } read_all"
    assert names_in_code(text) == ["Frame", "helper", "read_all", "rgtest"]
