"""A file that the snapshot does not have: told once as a whole, and then by what becomes of it."""

from __future__ import annotations

import pytest

from kibitz_context.caching.advance import Advanced, advance, pending, stale_tokens
from kibitz_context.caching.prefix_state import PrefixState
from kibitz_context.layers.changes import RETOLD_SHARE
from kibitz_context.values import Step
from support.context_reader import NOT_SHOWN
from support.grounds import BODY, decided, ground, read

BASE = {"a.py": "kept\n"}
SEVEN = BODY.replace("line 7\n", "seven\n")
TWO = SEVEN.replace("line 40\n", "forty\n")


def after(
    state: PrefixState, new: str | None, step: Step = "keep", promote_at: int | None = 2
) -> Advanced:
    """One more request, with the new file as that."""
    now = BASE if new is None else {**BASE, "new.py": new}
    found = advance(state, ground(BASE, now), decided(step, promote_at), now=0)
    expected = {"new.py": new} if new is not None else {}
    assert read(BASE, found) == BASE | expected
    return found


@pytest.fixture
def told() -> PrefixState:
    """What is remembered once the new file was told."""
    first = after(PrefixState(), BODY, "first")
    (block,) = first.plan.changes_log
    assert f'<file path="new.py" change="new">\n{BODY}</file>\n' in block
    return first.state


def test_a_line_of_it_costs_a_hunk(told: PrefixState) -> None:
    _, block = after(told, SEVEN).plan.changes_log
    assert block == (
        '<changes>\n<diff path="new.py" against="told">\n'
        "@@ 7-9 @@\n line 6\n-line 7\n+seven\n line 8\n</diff>\n</changes>\n"
    )


def test_later_hunks_are_of_the_same_text_and_go_on_the_same(told: PrefixState) -> None:
    state = after(told, SEVEN).state
    found = after(state, f"first\n{TWO}")
    _, _, block = found.plan.changes_log
    assert "@@ 1-1 @@\n+first\n line 0\n" in block
    assert "@@ 40-42 @@" in block, "as the lines were numbered when it was told"
    assert "seven" not in block, "that is told already"
    assert after(found.state, f"first\n{TWO}").plan.changes_log == found.plan.changes_log


def test_lines_that_are_as_told_are_taken_back(told: PrefixState) -> None:
    state = after(told, TWO).state
    found = after(state, SEVEN)
    taken_back = '<restored path="new.py" lines="40-42" against="told"/>\n'
    assert found.plan.changes_log[-1] == f"<changes>\n{taken_back}</changes>\n"
    again = after(found.state, BODY)
    assert again.plan.changes_log[-1].count("<restored") == 1
    assert after(again.state, BODY).plan.changes_tail == ""


def test_what_is_worked_on_stands_in_the_tail(told: PrefixState) -> None:
    """The lines that are typed in, and not all of the file with them."""
    state = after(told, SEVEN).state
    for number in range(3):
        now = {**BASE, "new.py": BODY.replace("line 7\n", f"typed {number}\n")}
        found = advance(state, ground(BASE, now, in_hand=("new.py",)), decided("keep"), now=0)
        assert len(found.plan.changes_log) == 2
        assert f"+typed {number}\n" in found.plan.changes_tail
        assert "line 30" not in found.plan.changes_tail
        state = found.state


def test_what_has_changed_in_most_lines_is_told_anew(told: PrefixState) -> None:
    lines = BODY.splitlines(keepends=True)
    few = "".join(["other\n", *lines[1:20], "other\n", *lines[21:]])
    assert "<file" not in after(told, few).plan.changes_log[-1]
    many = "".join("other\n" if number % 3 else line for number, line in enumerate(lines))
    found = after(told, many)
    assert f'<file path="new.py" change="new">\n{many}' in found.plan.changes_log[-1]
    assert RETOLD_SHARE < 1
    later = after(found.state, many.replace("line 30\n", "thirty\n"))
    assert "<file" not in later.plan.changes_log[-1], "from then on that is what hunks are of"


def test_a_fold_tells_it_as_it_is(told: PrefixState) -> None:
    state = after(told, TWO).state
    folded = after(state, TWO, "fold")
    (block,) = folded.plan.changes_log
    assert f'<file path="new.py" change="new">\n{TWO}</file>\n' in block
    assert "<diff" not in block
    assert "<diff" in after(folded.state, BODY).plan.changes_log[-1]


def test_what_a_fold_would_save_is_the_length_of_the_hunks(told: PrefixState) -> None:
    def stale(state: PrefixState, new: str) -> int:
        return stale_tokens(state, ground(BASE, {**BASE, "new.py": new}))

    assert stale(told, BODY) == 0
    assert stale(told, SEVEN) == 0, "what is not told yet is not in the log"
    state = after(told, SEVEN).state
    hunk = state.log.blocks[-1].told[0].tokens
    assert 0 < stale(state, SEVEN) <= hunk
    assert stale(state, BODY) == hunk, "it holds no more"


def test_a_file_that_is_gone_is_told_whole_when_it_comes_back(told: PrefixState) -> None:
    state = after(told, SEVEN).state
    gone = after(state, None)
    assert '<deleted path="new.py"/>' in gone.plan.changes_log[-1]
    assert "new.py" not in after(gone.state, None).plan.changes_tail
    back = after(gone.state, SEVEN)
    assert f'<file path="new.py" change="new">\n{SEVEN}' in back.plan.changes_log[-1]


def test_a_text_that_may_not_be_told_is_not_told_by_hunks_either(told: PrefixState) -> None:
    state = after(told, SEVEN).state
    hidden = ground(BASE, {**BASE, "new.py": TWO}, untellable=("new.py",))
    found = advance(state, hidden, decided("keep"), now=0)
    assert found.plan.changes_tail == '<changes>\n<not-shown path="new.py"/>\n</changes>\n'
    assert read(BASE, found)["new.py"] == NOT_SHOWN
    again = after(found.state, TWO)
    assert "forty" in again.plan.changes_log[-1]
    assert "seven" not in again.plan.changes_log[-1], "the log still tells that"


def test_hunks_that_have_no_room_are_named(told: PrefixState) -> None:
    short = ground(BASE, {**BASE, "new.py": SEVEN}, most=told.log.tokens + 30)
    found = advance(told, short, decided("keep", None), now=0)
    named = '<not-shown path="new.py" lines="7-9" against="told"/>'
    assert named in found.plan.changes_tail
    assert [omission.path for omission in found.omitted] == ["new.py"]
    assert read(BASE, found)["new.py"] == NOT_SHOWN


def test_a_last_line_is_told_alike_with_and_without_its_end(told: PrefixState) -> None:
    now = {**BASE, "new.py": BODY.removesuffix("\n")}
    found = advance(told, ground(BASE, now), decided("keep"), now=0)
    assert (len(found.plan.changes_log), found.plan.changes_tail) == (1, "")


def test_conflict_marks_are_named(told: PrefixState) -> None:
    marks = "<<<<<<< ours\nseven\n=======\nsieben\n>>>>>>> theirs\n"
    found = after(told, BODY.replace("line 7\n", marks))
    opening = '<diff path="new.py" against="told" change="conflicted">'
    assert opening in found.plan.changes_log[-1]


def test_an_empty_file_is_told_anew(told: PrefixState) -> None:
    """There are no lines that later ones could take the place of."""
    state = after(after(told, None).state, "").state
    found = after(state, "x = 1\n")
    assert '<file path="new.py" change="new">\nx = 1\n' in found.plan.changes_log[-1]


def test_so_it_is_with_a_file_that_is_told_whole_because_it_is_quite_another() -> None:
    state = PrefixState()
    base = {"a.py": "".join(f"old {number}\n" for number in range(60))}
    for text, step in ((BODY, "first"), (SEVEN, "keep")):
        found = advance(state, ground(base, {"a.py": text}), decided(step), now=0)  # type: ignore[arg-type]
        assert read(base, found) == {"a.py": text}
        state = found.state
    assert '<diff path="a.py" against="told">\n@@ 7-9 @@\n' in found.plan.changes_log[1]
    nearer = base["a.py"].replace("old 7\n", "seven\n")
    found = advance(state, ground(base, {"a.py": nearer}), decided("keep"), now=0)
    assert '<diff path="a.py">\n@@ 7-9 @@\n' in found.plan.changes_log[2], "the snapshot's lines"
    assert read(base, found) == {"a.py": nearer}
    found = advance(found.state, ground(base, base), decided("keep"), now=0)
    assert found.plan.changes_log[3] == '<changes>\n<restored path="a.py"/>\n</changes>\n'


def test_nothing_is_waiting_that_the_log_tells(told: PrefixState) -> None:
    state = after(told, TWO).state
    assert pending(state, ground(BASE, {**BASE, "new.py": TWO})) == []
