"""A bounded memory: what was used last is there, and nothing is computed twice while it is."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz_context.remembered import Remembered


def test_what_was_used_last_stays() -> None:
    memory: Remembered[str, int] = Remembered(2)
    memory.put("a", 1)
    memory.put("b", 2)
    assert memory.get("a") == 1
    memory.put("c", 3)
    assert [memory.get(key) for key in "abc"] == [1, None, 3]
    memory.put("a", 4)
    memory.get_or_make("c", lambda: 0)
    memory.put("d", 5)
    assert [memory.get(key) for key in "acd"] == [None, 3, 5]
    memory.clear()
    assert len(memory) == 0


def test_a_value_is_made_once_even_if_it_is_none() -> None:
    memory: Remembered[str, str | None] = Remembered(2)
    made: list[str] = []

    def make() -> str | None:
        made.append("made")
        return None

    assert memory.get_or_make("a", make) is None
    assert memory.get_or_make("a", make) is None
    assert made == ["made"]


def test_what_could_not_be_made_is_not_remembered() -> None:
    memory: Remembered[str, int] = Remembered(2)
    with pytest.raises(ZeroDivisionError):
        memory.get_or_make("a", lambda: 1 // 0)
    assert memory.get_or_make("a", lambda: 1) == 1


def test_nobody_waits_for_what_another_thread_makes() -> None:
    memory: Remembered[str, int] = Remembered(2)
    begun, go_on = threading.Event(), threading.Event()

    def slow() -> int:
        begun.set()
        go_on.wait()
        return 1

    thread = threading.Thread(target=memory.get_or_make, args=("a", slow))
    thread.start()
    begun.wait()
    assert memory.get("b") is None
    assert memory.get_or_make("a", lambda: 2) == 2
    go_on.set()
    thread.join()
    assert memory.get("a") == 1


@given(
    st.integers(1, 4),
    st.lists(st.tuples(st.sampled_from(("get", "put", "make")), st.integers(0, 6))),
)
def test_it_holds_what_a_list_in_order_of_use_would(most: int, done: list[tuple[str, int]]) -> None:
    memory: Remembered[int, int] = Remembered(most)
    used: list[tuple[int, int]] = []  # key and value, the last one used last
    for number, (what, key) in enumerate(done):
        known = dict(used).get(key)
        if what == "get":
            assert memory.get(key) == known
            value = known
        elif what == "put":
            memory.put(key, number)
            value = number
        else:
            value = number if known is None else known
            assert memory.get_or_make(key, lambda value=number: value) == value
        if value is not None:
            used = [*(each for each in used if each[0] != key), (key, value)][-most:]
        assert len(memory) == len(used)
