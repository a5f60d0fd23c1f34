"""What each signal counts, and what counts less."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz_context.indexing.history import message_words
from kibitz_context.ranking.signals import (
    MAX_FILES_OF_A_SMALL_CHANGE,
    Query,
    Signal,
    by_place,
    changed_in_small_commits,
    changed_in_two_steps,
    changed_together,
    changed_with_few,
    changed_with_newest,
    said_before,
    search,
    similar,
)
from kibitz_context.ranking.tree import Tree
from support.histories import commits
from support.memory_index import MemoryIndex


def test_a_commit_counts_half_after_fifty_others_or_after_two_hundred() -> None:
    tree = Tree({each: each for each in ("a.py", "new.py", "old.py", "older.py")})
    history = commits(
        ("a.py", "new.py"),
        *[("o.py",)] * 49,
        ("a.py", "old.py"),
        *[("o.py",)] * 149,
        ("a.py", "older.py"),
    )
    found = changed_together(Query("a.py"), tree, history)
    assert found["old.py"] == pytest.approx(found["new.py"] / 2)
    found = changed_with_few(Query("a.py"), tree, history)
    assert found["older.py"] == pytest.approx(found["new.py"] / 2)


def test_a_commit_gives_all_its_other_files_together_as_much_as_to_one() -> None:
    tree = Tree({each: each for each in ("a.py", "one.py", "x.py", "y.py")})
    history = commits(("a.py", "one.py"), ("a.py", "x.py", "y.py"))
    found = changed_with_few(Query("a.py"), tree, history)
    assert found["x.py"] == found["y.py"] == pytest.approx(found["one.py"] / 2 / (1 + 1 / 200))


def test_the_newest_commits_of_a_file_count_however_long_ago_they_were() -> None:
    tree = Tree({each: each for each in ("a.py", "z.py", "new.py", "large.py")})
    query = Query("a.py")
    large = ("a.py", "large.py", *(f"{n}.py" for n in range(MAX_FILES_OF_A_SMALL_CHANGE - 1)))
    own = [("a.py", "new.py"), large, ("a.py", "z.py")]
    for signal in (changed_with_newest, changed_in_small_commits):
        now = signal(query, tree, commits(*own))
        later = signal(query, tree, commits(*[("o.py",)] * 600, *own))
        assert now == later
        assert now["new.py"] > now["z.py"] > 0
    assert "large.py" in changed_with_newest(query, tree, commits(*own))
    assert "large.py" not in changed_in_small_commits(query, tree, commits(*own))


def test_two_steps_lead_to_what_was_changed_with_a_companion() -> None:
    tree = Tree({each: each for each in ("a.py", "often.py", "once.py", "x.py", "y.py", "far.py")})
    history = commits(
        ("a.py", "often.py"),
        ("a.py", "often.py"),
        ("a.py", "once.py"),
        ("often.py", "x.py"),
        ("once.py", "y.py"),
        ("y.py", "far.py"),
    )
    found = changed_in_two_steps(Query("a.py"), tree, history)
    assert found["x.py"] > found["y.py"] > 0
    assert "far.py" not in found
    assert "a.py" not in found


def test_a_message_with_two_of_the_words_says_more_than_two_with_one_each() -> None:
    tree = Tree({each: each for each in ("both.py", "one.py", "old.py")})
    history = commits(
        ("one.py",),
        ("one.py",),
        ("both.py",),
        *[("o.py",)] * 400,
        ("old.py",),
        messages=(
            "Settle late",
            "Send an invoice",
            "Settle the invoice",
            *[""] * 400,
            "Settle the invoice",
        ),
    )
    found = said_before(message_words("Settle each invoice"), tree, history)
    assert found["both.py"] > found["one.py"] > 0
    assert found["both.py"] > found["old.py"] > 0


@given(st.dictionaries(st.text(max_size=3), st.integers(1, 5).map(float), max_size=9))
def test_places_are_in_the_order_of_the_values_and_equals_share_one(signal: Signal) -> None:
    found = by_place(signal)
    for path, value in signal.items():
        assert found[path] == 1 / (1 + sum(other > value for other in signal.values()))


def test_a_near_copy_does_not_silence_what_else_is_similar() -> None:
    index = MemoryIndex(
        {"copy.py": "ledger invoice packet settle\n", "other.py": "ledger\n", "z.py": "x\n"}
    )
    tree = Tree({each: each for each in ("copy.py", "other.py", "z.py")})
    query = Query("a.py", words=("ledger", "invoice", "packet", "settle"))
    by_words = search(query.words, index, tree)
    found = similar(query, index, tree)
    assert found["other.py"] / found["copy.py"] == pytest.approx(
        (by_words["other.py"] / by_words["copy.py"]) ** 0.5
    )
