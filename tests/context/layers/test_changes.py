"""The changes layer: what differs now from the commit, and nothing else."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz_context.files.repository import Repository
from kibitz_context.gate.gate import Gate
from kibitz_context.gather import gather
from kibitz_context.layers import changes, diffs
from kibitz_context.layers.changes import OVER_BUDGET
from kibitz_context.layers.diffs import unified_diff
from kibitz_context.layers.log import INTRODUCTION
from kibitz_context.lines import split_lines
from kibitz_context.values import Context
from support.git_folder import GitFolder, git_folder

BEFORE = "".join(f"line {number}\n" for number in range(1, 41))


def context(
    root: Path,
    overlays: Mapping[str, str] | None = None,
    max_tokens: int = 20_000,
    **rules: list[str],
) -> Context:
    repository = Repository.find(root)
    buffers = {root / path: text for path, text in (overlays or {}).items()}
    return gather(
        repository, Gate(repository.root, **rules), max_tokens=max_tokens, overlays=buffers
    )


def body(context: Context) -> str:
    """The layer without what is the same in all of them."""
    text = context.changes.text
    start = f"<changes>\n{INTRODUCTION}"
    assert text == "" or (text.startswith(start) and text.endswith("</changes>\n"))
    return text.removeprefix(start).removesuffix("</changes>\n")


@pytest.fixture
def made(tmp_path: Path) -> GitFolder:
    return git_folder(
        tmp_path, {"a.py": BEFORE, "b.py": "one\n", ".gitignore": "*.log\n", "c.py": "kept\n"}
    )


def test_without_changes_there_is_no_layer(made: GitFolder) -> None:
    os.utime(made.root / "a.py", (0, 0))
    assert context(made.root).changes.text == ""


def test_a_long_file_with_a_small_change_is_a_diff(made: GitFolder) -> None:
    made.write({"a.py": BEFORE.replace("line 20\n", "line twenty\n")})
    assert body(context(made.root)) == (
        '<diff path="a.py">\n@@ 19-21 @@\n line 19\n-line 20\n+line twenty\n line 21\n</diff>\n'
    )


def test_each_hunk_is_told_by_itself_and_says_what_it_stands_in(made: GitFolder) -> None:
    lines = [f"    line({number})\n" for number in range(30)]
    old = "".join(["class A:\n", "  def one(self):\n", *lines, "  def two(self):\n", *lines])
    made.commit({"a.py": old})
    edited = [*lines[:5], *lines[6:]]
    new = "".join(
        ["class B:\n", "  def one(self):\n", *edited, "  def two(self):\n", *lines, "more\n"]
    )
    found = changes.entries_of(changes.Now("a.py", "modified", new), old)
    assert [(each.place.lines, each.text) for each in found] == [
        ((0, 2), "@@ 1-2 @@\n-class A:\n+class B:\n   def one(self):\n"),
        (
            (6, 9),
            "@@ 7-9 @@ def one(self):\n     line(4)\n-    line(5)\n     line(6)\n",
        ),
        ((62, 63), "@@ 63-63 @@ def two(self):\n     line(29)\n+more\n"),
    ]
    moved = changes.entries_of(changes.Now("a.py", "modified", f"first\n{new}"), old)
    assert moved[1:] == found[1:], "what is above does not matter"


def test_of_a_heading_only_what_says_where_one_is_is_told() -> None:
    lines = [
        "def f(",
        "    a: int,",
        ") -> None:",
        "    if a:",
        "        x",
        "    } else {",
        "        y",
    ]
    assert diffs.heading(lines, 6, 7) == "def f("
    assert diffs.heading(lines, 0, 3) == ""
    assert diffs.heading(["x" * 90, " y"], 1, 2) == "x" * 40
    assert diffs.heading(["class A {", "\tint f() {", "\t\tx;"], 2, 3) == "int f() {"


def test_a_file_that_is_mostly_new_is_shown_whole(made: GitFolder) -> None:
    made.write({"b.py": "two\nthree\n"})
    assert body(context(made.root)) == '<file path="b.py" change="modified">\ntwo\nthree\n</file>\n'


def test_new_staged_untracked_and_deleted_files(made: GitFolder) -> None:
    made.write({"staged.py": "s\n", "untracked.py": "u\n", "d.log": "ignored\n"})
    made.git("add", "staged.py")
    (made.root / "b.py").unlink()
    assert body(context(made.root)) == (
        '<deleted path="b.py"/>\n'
        '<file path="staged.py" change="new">\ns\n</file>\n'
        '<file path="untracked.py" change="new">\nu\n</file>\n'
    )


def test_an_unsaved_buffer_wins_over_the_disk(made: GitFolder) -> None:
    made.write({"b.py": "disk\n"})
    assert body(context(made.root, {"b.py": "buffer\n"})) == (
        '<file path="b.py" change="modified">\nbuffer\n</file>\n'
    )
    assert body(context(made.root, {"b.py": "one\n"})) == "", "undone in the editor"
    assert body(context(made.root, {"b.py": "one\r\n"})) == ""


def test_buffers_of_new_deleted_ignored_and_foreign_files(made: GitFolder, tmp_path: Path) -> None:
    (made.root / "b.py").unlink()
    found = context(
        made.root,
        {
            "new/x.py": "new\n",
            "b.py": "again\n",
            "d.log": "ignored\n",
            ".env": "A=1\n",
            "../elsewhere.py": "foreign\n",
            "binary.py": "a\0b",
        },
    )
    assert body(found) == (
        '<file path="b.py" change="modified">\nagain\n</file>\n'
        '<file path="new/x.py" change="new">\nnew\n</file>\n'
    )
    assert {each.path: each.reason for each in found.omitted} == {
        ".env": "files called .env hold credentials",
        "binary.py": "it is binary",
    }


def test_conflict_markers_are_shown_as_they_stand(made: GitFolder) -> None:
    made.git("checkout", "-q", "-b", "other")
    made.commit({"b.py": "theirs\n"})
    made.git("checkout", "-q", "main")
    made.commit({"b.py": "ours\n"})
    with pytest.raises(AssertionError):
        made.git("merge", "-q", "other")
    assert '<file path="b.py" change="conflicted">\n' in body(context(made.root))
    assert "<<<<<<< HEAD\nours\n=======\ntheirs\n>>>>>>> other\n" in body(context(made.root))


def test_what_the_gate_refuses_is_not_shown(made: GitFolder) -> None:
    made.write(
        {
            "b.py": b"\xff\xfe\0",
            "c.py": "excluded now\n",
            "new.pem": "x",
            "big.txt": "x" * (changes.MAX_UNTRACKED_BYTES + 1),
            "data.bin": b"\0",
            "yarn.lock": "x\n",
        }
    )
    found = context(made.root, exclude=["c.py"])
    assert body(found) == '<not-shown path="b.py"/>\n', "the snapshot shows what it was"
    assert found.changes.files == ()
    assert {each.path: each.reason for each in found.omitted} == {
        "b.py": "it is UTF-16, not UTF-8",
        "c.py": "it is excluded by context.exclude",
    }


def test_a_link_is_not_followed(made: GitFolder) -> None:
    (made.root / "b.py").unlink()
    (made.root / "b.py").symlink_to("c.py")
    found = context(made.root)
    assert body(found) == '<not-shown path="b.py"/>\n'
    assert [(each.path, each.reason) for each in found.omitted] == [
        ("b.py", "it is a symbolic link")
    ]


def test_a_file_that_became_a_folder_is_gone(made: GitFolder) -> None:
    (made.root / "b.py").unlink()
    made.write({"b.py/x.py": "inside\n"})
    assert body(context(made.root)) == (
        '<deleted path="b.py"/>\n<file path="b.py/x.py" change="new">\ninside\n</file>\n'
    )


def test_a_file_that_git_forgot_but_does_not_ignore_is_shown_as_it_is(made: GitFolder) -> None:
    made.git("rm", "-q", "--cached", "b.py")
    assert body(context(made.root)) == ""
    made.write({"b.py": "two\n"})
    assert "two\n" in body(context(made.root))


def test_a_diff_does_not_show_half_of_a_secret(made: GitFolder) -> None:
    made.commit({"s.py": BEFORE + 'password = "hunter2"\n' + BEFORE})
    made.write({"s.py": BEFORE + 'password = "hunter2-longer"\n' + BEFORE})
    text = body(context(made.root))
    assert '-password = "R_' in text
    assert "hunter" not in text


def test_the_work_at_hand_comes_first_when_there_is_no_room(made: GitFolder) -> None:
    long = "word\n" * 1_000
    made.write({"a.py": long * 4, "untracked.py": long * 4})
    found = context(made.root, {"c.py": long * 3}, max_tokens=0)
    assert [use.path for use in found.changes.files] == ["c.py"]
    assert '<not-shown path="untracked.py"/>' in body(found)
    assert found.changes.tokens <= 8_000
    assert {each.path for each in found.omitted if each.reason == OVER_BUDGET} >= {"untracked.py"}


def test_include_holds_for_changes_too(made: GitFolder) -> None:
    made.write({"a.py": "changed\n", "b.py": "changed\n"})
    found = context(made.root, include=["a.py"])
    assert [use.path for use in found.changes.files] == ["a.py"]


def test_a_folder_without_git_has_changes_in_its_buffers_only(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("disk\n")
    (tmp_path / "b.py").write_text("same\n")
    found = context(tmp_path, {"a.py": "buffer\n", "b.py": "same\n", "new.py": "new\n"})
    assert found.commit is None
    assert "disk\n" in found.snapshot.text
    assert body(found) == (
        '<file path="a.py" change="modified">\nbuffer\n</file>\n'
        '<file path="new.py" change="new">\nnew\n</file>\n'
    )


def test_before_the_first_commit_the_files_are_the_base(tmp_path: Path) -> None:
    made = git_folder(tmp_path)
    made.write({"a.py": "disk\n", "b.py": "untracked\n", "c.log": "x", ".gitignore": "*.log\n"})
    made.git("add", "a.py")
    found = context(tmp_path, {"a.py": "buffer\n"})
    assert [use.path for use in found.snapshot.files] == [".gitignore", "a.py", "b.py"]
    assert body(found) == '<file path="a.py" change="modified">\nbuffer\n</file>\n'


def test_equal_changes_are_equal_bytes(made: GitFolder) -> None:
    made.write({"b.py": "2\n", "x.py": "3\n"})
    one = context(made.root).changes.text
    os.utime(made.root / "b.py", (1, 1))
    assert context(made.root, {"x.py": "3\n"}).changes.text == one


# --- diffs -------------------------------------------------------------------------------------


def patched(old: str, diff: str) -> str:
    """`old` with a unified diff applied, strictly; written for this test alone."""
    source, result, position = split_lines(old), list[str](), 0
    lines = diff.split("\n")[:-1]
    for index, line in enumerate(lines):
        if line.startswith("@@"):
            start, length = (int(part) for part in line.split()[1][1:].split(","))
            begin = start if length == 0 else start - 1
            result += source[position:begin]
            position = begin
        elif not line.startswith("\\"):
            is_last = lines[index + 1 : index + 2] == ["\\ No newline at end of file"]
            content = line[1:] + ("" if is_last else "\n")
            if line[0] in " -":
                assert source[position] == content
                position += 1
            if line[0] in " +":
                result.append(content)
    return "".join(result + source[position:])


_lines = st.lists(st.sampled_from(["a\n", "b\n", "c\n", "\n"]), max_size=25).map("".join)
_texts = st.tuples(_lines, st.sampled_from(["", "x"])).map("".join)


@given(_texts, _texts)
def test_a_diff_turns_the_old_text_into_the_new_one(old: str, new: str) -> None:
    assert patched(old, unified_diff(old, new)) == new


@given(_texts, _texts)
def test_a_change_too_long_to_compare_is_one_block(old: str, new: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(diffs, "_MAX_COMPARED_LINES", 3)
        assert patched(old, unified_diff(old, new)) == new


def test_git_takes_our_diffs(tmp_path: Path) -> None:
    made = git_folder(tmp_path, {"a.txt": BEFORE})
    new = BEFORE.replace("line 3\n", "").replace("line 30\n", "30\nthirty\n") + "end"
    diff = "--- a/a.txt\n+++ b/a.txt\n" + unified_diff(BEFORE, new)
    made.git("apply", "-", stdin=diff.encode())
    assert (tmp_path / "a.txt").read_text() == new
