"""Reading a completion out of a reply, wherever its chunks break."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz.completion.reader import CompletionReader
from kibitz.completion.spot import Spot
from support.completion_pictures import spot

TYPED = Spot("x = ", "", "python")


def read(reply: str, place: Spot, size: int = 1) -> tuple[str, int]:
    """The completion, and how many characters of the reply were wanted."""
    reader = CompletionReader(place)
    for start in range(0, len(reply), size):
        reader.feed(reply[start : start + size])
        if reader.has_enough:
            return reader.text, start + size
    reader.finish(closed=True)
    return reader.text, len(reply)


def test_what_stands_between_the_tags() -> None:
    assert read("Well: <completion>a < b</completion> done", TYPED)[0] == "a < b"


def test_prose_is_no_completion() -> None:
    reader = CompletionReader(TYPED)
    reader.feed("I cannot complete this.")
    reader.finish(closed=False)
    assert (reader.opened, reader.text) == (False, "")


def test_in_a_line_the_first_line_is_enough() -> None:
    text, wanted = read("<completion>sum(prices)\nprint(x)\nprint(y)</completion>", TYPED)
    assert text == "sum(prices)\n"
    assert wanted == len("<completion>sum(prices)\n")


def test_a_block_is_over_where_the_next_function_begins() -> None:
    place = spot("def f(x):\n    ▮")
    reply = "<completion>if x:\n        return 1\n    return 2\n\n\ndef g():\n    pass\n"
    assert read(reply, place)[0].endswith("return 2\n\n\ndef g():\n")


def test_a_block_without_indentation_goes_on() -> None:
    place = spot("def f(x):\n    ▮")
    reply = "<completion>if x:\n    return 1\nreturn 2</completion>"
    assert read(reply, place)[0] == "if x:\n    return 1\nreturn 2"


def test_a_reply_that_has_lost_its_indentation_altogether_goes_on() -> None:
    place = spot("class A:\n    def f(self):\n        ▮")
    reply = "<completion>if self.x:\n    return 1\nreturn 2\nreturn 3</completion>"
    assert read(reply, place)[0] == "if self.x:\n    return 1\nreturn 2\nreturn 3"


def test_what_looks_like_the_end_and_is_none_belongs_to_it() -> None:
    reader = CompletionReader(TYPED)
    reader.feed("<completion>a <")
    assert reader.text == "a "
    reader.finish(closed=True)
    assert reader.text == "a <"


def test_who_only_types_is_shown_few_lines() -> None:
    reply = "<completion>" + "".join(f"x{n} = {n}\n" for n in range(100))
    assert read(reply, Spot("", ""))[0].count("\n") == 12
    assert read(reply, Spot("", "", was_invoked=True))[0].count("\n") == 60


@pytest.mark.parametrize("closed", [True, False])
def test_a_reply_that_is_cut_off_has_whole_lines_only(closed: bool) -> None:
    reader = CompletionReader(Spot("", "", was_invoked=True))
    reader.feed("<completion>a = 1\nb = ")
    reader.finish(closed=closed)
    assert reader.whole_lines == ("a = 1\nb = " if closed else "a = 1\n")


@given(
    st.text("ab<>/completion \n", max_size=60),
    st.lists(st.integers(1, 7), min_size=1, max_size=20),
)
def test_chunks_change_nothing(text: str, sizes: list[int]) -> None:
    reply = f"<completion>{text}</completion>"
    place = Spot("", "", was_invoked=True)
    reader, start, number = CompletionReader(place), 0, 0
    while start < len(reply):
        size = sizes[number % len(sizes)]
        reader.feed(reply[start : start + size])
        start, number = start + size, number + 1
    reader.finish(closed=True)
    assert reader.text == text.partition("</completion>")[0]
