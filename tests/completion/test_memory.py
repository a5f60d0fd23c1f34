"""Completions that are shown again: the place, what is typed, and what is left of the text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kibitz.completion.memory import MOST_TYPED_CHARACTERS, Memory, Remembered
from kibitz.completion.spot import Spot

URI = "file:///a.py"


def spot(before: str, after: str = "") -> Spot:
    return Spot(before, after, "python")


def test_the_same_place_has_the_same_completion() -> None:
    memory = Memory()
    memory.remember(URI, spot("x = ", "\ny"), "1")
    assert memory.find(URI, spot("x = ", "\ny")) == Remembered("1", 0)


def test_another_text_behind_the_cursor_is_another_place() -> None:
    memory = Memory()
    memory.remember(URI, spot("x = (", ")"), "1")
    assert memory.find(URI, spot("x = (", " if y else 2)")) is None
    assert memory.find("file:///b.py", spot("x = (", ")")) is None


def test_who_types_along_sees_the_rest() -> None:
    memory = Memory()
    memory.remember(URI, spot("x = "), "sum(prices)")
    assert memory.find(URI, spot("x = sum")) == Remembered("(prices)", 3)
    assert memory.find(URI, spot("x = sun")) is None


def test_a_bracket_that_the_editor_closed_meanwhile_changes_nothing() -> None:
    memory = Memory()
    memory.remember(URI, spot("x = ", "\n"), "sum(prices)")
    assert memory.find(URI, spot("x = sum(", ")\n")) == Remembered("prices)", 4)


def test_anything_else_behind_the_cursor_was_not_the_editor() -> None:
    memory = Memory()
    memory.remember(URI, spot("x = ", "\n"), "sum(prices)")
    assert memory.find(URI, spot("x = sum(", "y\n")) is None
    # Where nothing was typed the editor has closed nothing.
    assert memory.find(URI, spot("x = ", ")\n")) is None
    assert memory.find(URI, spot("x = s", "))\n")) is None


def test_far_down_a_long_file_too() -> None:
    memory, above = Memory(), "y = 1\n" * 1_000
    memory.remember(URI, spot(above + "x = ", "\n" + above), "sum(prices)")
    assert memory.find(URI, spot(above + "x = sum(pri", "\n" + above)) == Remembered("ces)", 7)
    assert memory.find(URI, spot(above + "x = ", "\n" + above[:99] + "z")) is None


def test_what_was_typed_to_its_end_is_over() -> None:
    memory = Memory()
    memory.remember(URI, spot("x = "), "1")
    assert memory.find(URI, spot("x = 1")) is None


def test_going_back_finds_it_again() -> None:
    memory = Memory()
    memory.remember(URI, spot("x = "), "sum(prices)")
    assert memory.find(URI, spot("x = sX")) is None
    assert memory.find(URI, spot("x = s")) == Remembered("um(prices)", 1)


def test_nothing_to_show_is_known_too() -> None:
    memory = Memory()
    memory.remember(URI, spot("x"), "")
    assert memory.find(URI, spot("x")) == Remembered("", 0)


def test_the_one_that_was_not_used_for_longest_goes() -> None:
    memory = Memory(2)
    for name in "abc":
        memory.remember(URI, spot(f"{name} = "), name)
        memory.find(URI, spot("a = "))
    assert memory.find(URI, spot("a = ")) and memory.find(URI, spot("c = "))
    assert memory.find(URI, spot("b = ")) is None


@given(st.text(max_size=30), st.text(max_size=10), st.text(min_size=1, max_size=40), st.data())
def test_along_the_way_what_is_left_is_what_is_left(
    before: str, after: str, text: str, data: st.DataObject
) -> None:
    memory = Memory()
    memory.remember(URI, spot(before, after), text)
    typed = data.draw(st.integers(0, min(len(text) - 1, MOST_TYPED_CHARACTERS)))
    found = memory.find(URI, spot(before + text[:typed], after))
    assert found is not None
    assert found.text == text[found.typed :]
    assert found.typed <= typed
