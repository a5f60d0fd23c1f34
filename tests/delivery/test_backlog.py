"""What of the reply goes when: whole hunks, and of a long one slices."""

from __future__ import annotations

from kibitz.delivery.backlog import Backlog
from kibitz.edits.diff import StreamingDiff
from kibitz.edits.values import LineEdit


def slices(start: int, count: int) -> list[LineEdit]:
    return [LineEdit(start, start, (f"new {number}\n",)) for number in range(count)]


def sizes(batch: list[LineEdit]) -> list[int]:
    return [len(edit.lines) for edit in batch]


def test_a_hunk_waits_until_it_is_finished() -> None:
    backlog = Backlog(held_lines=5)
    backlog.add([LineEdit(0, 1, ("first\n",))], in_hunk=False)
    assert sizes(backlog.take(was_patient=False)) == [1]
    backlog.add(slices(4, 3), in_hunk=True)
    assert backlog.take(was_patient=True) == []

    backlog.add([LineEdit(4, 6, ())], in_hunk=False)

    joined = tuple(f"new {number}\n" for number in range(3))
    assert backlog.take(was_patient=False) == [LineEdit(4, 6, joined)]
    assert not backlog


def test_finished_hunks_do_not_wait_for_the_one_that_is_coming() -> None:
    backlog = Backlog(held_lines=5)
    backlog.add([LineEdit(0, 1, ("first\n",)), *slices(4, 2)], in_hunk=True)

    assert backlog.take(was_patient=False) == [LineEdit(0, 1, ("first\n",))]
    assert backlog.take(was_patient=True) == []
    assert backlog


def test_the_first_lines_of_all_go_as_soon_as_patience_ends() -> None:
    backlog = Backlog(held_lines=5)
    backlog.add(slices(4, 1), in_hunk=True)

    assert backlog.take(was_patient=False) == []
    assert sizes(backlog.take(was_patient=True)) == [1]


def test_a_long_hunk_goes_in_slices_and_those_after_the_first_need_no_patience() -> None:
    backlog = Backlog(held_lines=5)
    backlog.add(slices(4, 1), in_hunk=True)
    backlog.take(was_patient=True)
    backlog.add(slices(4, 5), in_hunk=True)
    assert backlog.take(was_patient=False) == []
    backlog.add(slices(4, 1), in_hunk=True)

    assert sizes(backlog.take(was_patient=False)) == [6]


def test_the_next_long_hunk_is_not_the_one_that_was_cut() -> None:
    backlog = Backlog(held_lines=0)
    backlog.add(slices(4, 2), in_hunk=True)
    assert sizes(backlog.take(was_patient=True)) == [2]
    backlog.add([LineEdit(4, 5, ())], in_hunk=False)
    assert sizes(backlog.take(was_patient=False)) == [0]
    backlog.add(slices(7, 2), in_hunk=True)

    assert backlog.take(was_patient=False) == []
    assert sizes(backlog.take(was_patient=True)) == [2]


def test_a_hunk_that_was_cut_at_its_end_says_nothing_of_the_next_one() -> None:
    backlog = Backlog(held_lines=0)
    backlog.add(slices(4, 2), in_hunk=True)
    backlog.take(was_patient=True)
    backlog.add([], in_hunk=False)
    backlog.add(slices(7, 2), in_hunk=True)

    assert backlog.take(was_patient=False) == []


def test_what_is_replaced_finds_its_own_way_and_is_not_joined() -> None:
    backlog = Backlog(held_lines=0)
    two = [LineEdit(0, 1, ("a\n",)), LineEdit(1, 3, ("b\n",))]
    backlog.add(two, in_hunk=False)

    assert backlog.take(was_patient=False) == two


def test_a_hunk_of_hundreds_of_lines_does_not_wait_for_its_end() -> None:
    diff, backlog = StreamingDiff(["a\n", "b\n"]), Backlog(held_lines=24)
    sent: list[int] = []
    for line in ["a\n", *(f"new {number}\n" for number in range(300)), "b\n"]:
        backlog.add(diff.push([line]), in_hunk=diff.in_hunk)
        batch = backlog.take(was_patient=True)
        if batch:
            sent += sizes(batch)

    assert sent == [1, *[25] * 11, 24]
