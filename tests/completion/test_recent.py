"""What was changed last: texts before and after, and what is told of them."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from kibitz.completion.recent import MOST_CHARACTERS, MOST_LINES, STEP_EDITS, RecentEdits
from kibitz.open_documents import ContentChange, DocumentChange, Documents
from kibitz_context.lines import Position

TEXT = "".join(f"line {number}\n" for number in range(100))


class Editor:
    """Two open files, whose changes are followed as the product does it."""

    def __init__(self, text: str = TEXT) -> None:
        self.recent = RecentEdits()
        self.documents = Documents()
        self.documents.follow(self._changed)
        self.documents.follow_closing(self.recent.closed)
        for name in ("a.py", "b.py"):
            self.documents.open(name, Path("/work") / name, "python", 0, text)

    def _changed(self, event: DocumentChange) -> None:
        self.recent.changed(event.before, event.after, event.changes)

    def type(self, name: str, line: int, text: str, removed_lines: int = 0) -> None:
        start, end = Position(line, 0), Position(line + removed_lines, 0)
        self.documents.change(name, 1, [ContentChange(text, start, end)])

    @property
    def told(self) -> list[tuple[str, list[str], list[str]]]:
        """File, lines that went and lines that came."""
        found: list[tuple[str, list[str], list[str]]] = []
        for edit in self.recent.settled:
            before, after = edit.before.split("\n"), edit.after.split("\n")
            gone = [line for line in before if line not in after]
            found.append((edit.path.name, gone, [line for line in after if line not in before]))
        return found


def test_what_goes_on_is_not_told_yet() -> None:
    editor = Editor()
    for char in "abc":
        editor.type("a.py", 10, char)
    assert editor.told == []


def test_it_is_told_when_something_is_changed_elsewhere() -> None:
    editor = Editor()
    editor.type("a.py", 10, "new\n")
    editor.type("a.py", 12, "newer\n", removed_lines=1)
    editor.type("a.py", 50, "x")
    assert editor.told == [("a.py", ["line 11"], ["new", "newer"])]


def test_another_file_is_elsewhere() -> None:
    editor = Editor()
    editor.type("a.py", 10, "new\n")
    editor.type("b.py", 10, "x")
    assert [name for name, *_ in editor.told] == ["a.py"]


def test_closing_the_file_ends_it() -> None:
    editor = Editor()
    editor.type("a.py", 10, "new\n")
    editor.documents.close("b.py")
    assert editor.told == []
    editor.documents.close("a.py")
    assert [name for name, *_ in editor.told] == ["a.py"]


def test_lines_that_were_added_above_move_it() -> None:
    editor = Editor()
    editor.type("a.py", 10, "new\n")
    # Nearby: it goes on, now further down.
    editor.type("a.py", 4, "above\n" * 20)
    editor.type("a.py", 38, "newer\n")
    assert editor.told == []


def test_lines_that_were_removed_are_no_part_of_it() -> None:
    editor = Editor()
    editor.type("a.py", 10, "", removed_lines=30)
    editor.type("a.py", 25, "x")
    assert [name for name, *_ in editor.told] == ["a.py"], "that is elsewhere"


def test_what_was_taken_back_is_nothing() -> None:
    editor = Editor()
    editor.type("a.py", 10, "new\n")
    editor.type("a.py", 10, "", removed_lines=1)
    editor.type("b.py", 10, "x")
    assert editor.told == []


def test_what_nobody_has_typed_is_not_told() -> None:
    editor = Editor()
    editor.type("a.py", 10, "pasted\n" * (MOST_LINES + 1))
    editor.type("b.py", 10, "x")
    assert editor.told == []
    huge = Editor("x" * (MOST_CHARACTERS + 1) + "\n")
    huge.type("a.py", 1, "x")
    huge.type("b.py", 1, "x")
    assert huge.told == []


def test_a_buffer_without_a_name_is_not_told() -> None:
    editor = Editor()
    editor.documents.open("untitled:1", None, "python", 0, TEXT)
    editor.type("untitled:1", 1, "x")
    editor.type("a.py", 1, "x")
    assert editor.told == []


@given(st.lists(st.integers(0, 9), min_size=1, max_size=40))
def test_new_ones_come_at_the_end_and_old_ones_go_several_at_a_time(places: list[int]) -> None:
    editor = Editor()
    before = editor.recent.settled
    for place in places:
        editor.type("a.py", place * 20, "new\n")
        after = editor.recent.settled
        assert len(after) < 2 * STEP_EDITS
        if after[: len(before)] != before:
            assert len(before) == 2 * STEP_EDITS - 1
            assert after[:-1] == before[STEP_EDITS:]
        before = after
