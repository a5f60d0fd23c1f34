"""Diffs: small texts before and after."""

from __future__ import annotations

from kibitz.demo.diff import counts, hunks


def shown(old: str, new: str) -> str:
    """The diff as text, hunks parted by a dash."""
    found = hunks(old.splitlines(keepends=True), new.splitlines(keepends=True))
    return "-\n".join(
        "".join(f"{row.number}{row.sign}{row.text}" for row in hunk) for hunk in found
    )


def test_a_changed_line_with_its_surroundings() -> None:
    assert shown("a\nb\nc\nd\ne\nf\n", "a\nb\nc\nD\ne\nf\n") == ("2 b\n3 c\n4-d\n4+D\n5 e\n6 f\n")


def test_old_lines_count_in_the_old_text_and_all_others_in_the_new() -> None:
    assert shown("a\nb\n", "x\ny\nb\n") == "1-a\n1+x\n2+y\n3 b\n"


def test_changes_far_apart_are_hunks_of_their_own() -> None:
    old = "".join(f"{number}\n" for number in range(20))
    new = old.replace("3\n", "three\n", 1).replace("17\n", "seventeen\n")
    assert shown(old, new).count("-\n") == 1


def test_blank_lines_at_the_ends_are_left_out_unless_they_are_new() -> None:
    assert shown("\n\na\n\n\n", "\n\nb\n\n\n") == "3-a\n3+b\n"
    assert shown("a\n", "a\n\n") == "1 a\n2+\n"


def test_nothing_is_different() -> None:
    assert hunks(["a\n"], ["a\n"]) == []


def test_counts() -> None:
    assert counts(hunks(["a\n", "b\n"], ["a\n", "x\n", "y\n"])) == (2, 1)
