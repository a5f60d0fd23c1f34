"""Gathering: the focus is always to be seen, related code is found, and it can be stopped."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz_context import gather as gather_module
from kibitz_context.caching import view as view_module
from kibitz_context.files.repository import Repository
from kibitz_context.gate.gate import Gate
from kibitz_context.gather import Focus, GatherStopped, gather
from kibitz_context.lines import Span
from kibitz_context.values import Context, Omission
from support.git_folder import git_folder

BODY = "".join(f"def function{n}():\n    return {n}\n\n\n" for n in range(400))


def context(
    root: Path,
    focus: Focus | None = None,
    max_tokens: int = 20_000,
    overlays: Mapping[Path, str] | None = None,
    question: str = "",
    **rules: list[str],
) -> Context:
    repository = Repository.find(root)
    return gather(
        repository,
        Gate(repository.root, **rules),
        max_tokens=max_tokens,
        focus=focus,
        overlays=overlays,
        question=question,
    )


def whole(path: str, text: str) -> Focus:
    return Focus(path, text, Span(0, len(text)))


def times_shown(found: Context, line: str) -> int:
    return (found.snapshot.text + found.changes.text + found.task.text).count(line)


# --- the focus ---------------------------------------------------------------------------------


def test_a_focus_that_its_task_shows_alone_leaves_the_layers_as_they_are(tmp_path: Path) -> None:
    git_folder(tmp_path, {"a.py": "x = rate()\n", "b.py": "def rate():\n    return 1\n"})
    unsaved = "y = 2\nx = rate()\n"
    focus = Focus("a.py", unsaved, Span(0, 5), in_task=True, alone=True)
    found = context(tmp_path, focus, overlays={tmp_path / "a.py": unsaved})
    assert found.changes.text == "" and "y = 2" not in found.task.text

    (tmp_path / "a.py").write_text("z = 3\nx = rate()\n")
    saved = context(tmp_path, focus, overlays={tmp_path / "a.py": unsaved})
    assert "z = 3" in saved.changes.text and times_shown(saved, "y = 2") == 0


def test_a_focus_that_is_in_the_snapshot_is_not_repeated(tmp_path: Path) -> None:
    git_folder(tmp_path, {"a.py": "x = 1\r\n"})
    found = context(tmp_path, whole("a.py", "x = 1\r\n"))
    assert (found.changes.text, found.task.text) == ("", "")
    assert times_shown(found, "x = 1\n") == 1


def test_a_focus_with_unsaved_changes_is_among_the_changes(tmp_path: Path) -> None:
    git_folder(tmp_path, {"a.py": BODY})
    text = BODY.replace("return 7\n", "return seven\n")
    found = context(tmp_path, whole("a.py", text))
    assert found.task.text == ""
    assert "+    return seven\n" in found.changes.text
    assert "@@ 29-31 @@" in found.changes.text
    assert times_shown(found, "def function6():\n") == 1, "whole in the snapshot"


def test_a_focus_of_which_not_all_is_told_is_in_the_task(tmp_path: Path) -> None:
    git_folder(tmp_path, {"a.py": BODY})
    long = "".join(f"x{number} = {number} * 10_000\n" for number in range(1_900))
    text = BODY.replace("return 390\n", "return many\n") + long
    found = context(tmp_path, Focus("a.py", text, Span(0, 10)))
    assert "+    return many\n" in found.changes.text
    assert '<not-shown path="a.py" lines="' in found.changes.text
    assert [use.path for use in found.task.files] == ["a.py"]


def test_a_focus_that_did_not_fit_is_in_the_task(tmp_path: Path) -> None:
    git_folder(tmp_path, {"a.py": BODY})
    found = context(tmp_path, whole("a.py", BODY), max_tokens=500)
    assert (
        found.task.text == f'<task-context>\n<file path="a.py">\n{BODY}</file>\n</task-context>\n'
    )
    assert [(use.path, use.form) for use in found.task.files] == [("a.py", "full")]
    assert "a.py" not in {omission.path for omission in found.omitted}


def test_lines_that_the_task_itself_shows_are_not_repeated(tmp_path: Path) -> None:
    git_folder(tmp_path, {"a.py": BODY})
    start, end = BODY.index("def function9():"), BODY.index("def function12():")
    found = context(tmp_path, Focus("a.py", BODY, Span(start, end), in_task=True), max_tokens=500)
    above, below = BODY[:start], BODY[end:]
    n_lines = BODY.count("\n")
    assert found.task.text == (
        "<task-context>\n"
        f'<excerpt path="a.py">\nlines 1-36:\n{above}</excerpt>\n'
        f'<excerpt path="a.py">\nlines 49-{n_lines}:\n{below}</excerpt>\n'
        "</task-context>\n"
    )
    assert [(use.path, use.form) for use in found.task.files] == [("a.py", "excerpt")]


@pytest.mark.parametrize(
    ("span", "shown"),
    [
        (Span(0, 6), "lines 2-3:\ny = 2\nz = 3\n"),
        (Span(8, 9), "lines 1-1:\nx = 1\n|lines 3-3:\nz = 3\n"),
        (Span(6, 6), "lines 1-1:\nx = 1\n|lines 3-3:\nz = 3\n"),
        (Span(12, 18), "lines 1-2:\nx = 1\ny = 2\n"),
        (Span(0, 18), ""),
        (Span(50, 90), "lines 1-3:\nx = 1\ny = 2\nz = 3\n"),
    ],
)
def test_whole_lines_are_left_out(tmp_path: Path, span: Span, shown: str) -> None:
    text = "x = 1\ny = 2\nz = 3\n"
    git_folder(tmp_path, {"b.lock": text})
    found = context(tmp_path, Focus("b.lock", text, span, in_task=True))
    blocks = [f'<excerpt path="b.lock">\n{part}</excerpt>\n' for part in shown.split("|") if part]
    assert excerpts(found) == "".join(blocks)


def test_round_a_region_of_a_huge_file_both_sides_are_shown(tmp_path: Path) -> None:
    text = BODY * 10
    git_folder(tmp_path, {"a.py": text})
    start = text.index("return 399\n", len(text) // 2)
    found = context(
        tmp_path, Focus("a.py", text, Span(start, start + 9), in_task=True), max_tokens=500
    )
    assert found.task.text.count("<excerpt ") == 2
    assert "def function399():\n</excerpt>" in found.task.text, "up to the region"
    assert "return 398\n" in found.task.text
    assert 12_000 < found.task.tokens <= 16_100


def test_a_changed_focus_whose_base_is_not_to_be_seen_is_in_the_task(tmp_path: Path) -> None:
    git_folder(tmp_path, {"a.py": BODY})
    text = BODY.replace("return 7\n", "return seven\n")
    found = context(tmp_path, whole("a.py", text), max_tokens=500)
    assert text in found.task.text
    assert "+    return seven\n" in found.changes.text


def test_a_generated_focus_is_in_the_task(tmp_path: Path) -> None:
    git_folder(tmp_path, {"yarn.lock": "x\n", "b.py": "# Do not edit: generated.\n"})
    for path in ("yarn.lock", "b.py"):
        text = (tmp_path / path).read_text()
        found = context(tmp_path, whole(path, text))
        assert text in found.task.text
        assert path not in {omission.path for omission in found.omitted}


def test_a_new_focus_is_among_the_changes(tmp_path: Path) -> None:
    git_folder(tmp_path, {"a.py": "x\n"})
    found = context(tmp_path, whole("new.py", "y = 2\n"))
    assert '<file path="new.py" change="new">\ny = 2\n</file>' in found.changes.text
    assert found.task.text == ""


def test_of_a_huge_focus_the_part_round_the_span_is_shown(tmp_path: Path) -> None:
    text = BODY * 10
    git_folder(tmp_path, {"a.py": text})
    start = text.index("return 399\n", len(text) // 2)
    found = context(tmp_path, Focus("a.py", text, Span(start, start + 9)), max_tokens=500)
    (use,) = found.task.files
    assert (use.path, use.form) == ("a.py", "excerpt")
    assert "return 399\n" in found.task.text
    assert found.task.tokens <= 16_100
    assert found.task.text.startswith('<task-context>\n<excerpt path="a.py">\n')


@pytest.mark.parametrize("span", [Span(0, 0), Span(10**6, 10**6), Span(0, 10**6), Span(5, 4)])
def test_a_span_that_is_empty_or_not_in_the_text_is_no_fault(tmp_path: Path, span: Span) -> None:
    text = BODY * 10
    git_folder(tmp_path, {"a.py": text})
    assert context(tmp_path, Focus("a.py", text, span), max_tokens=500).task.files
    assert context(tmp_path, Focus("a.py", "", span)).commit


def test_a_focus_that_may_not_be_sent_is_not(tmp_path: Path) -> None:
    made = git_folder(tmp_path, {"a.py": "x\n", ".gitignore": "*.log\n"})
    made.write({"b.log": "ignored"})
    for path, reason in {
        "b.log": "it is ignored by git",
        ".env": "files called .env hold credentials",
        "../x.py": "it is outside the repository",
    }.items():
        found = context(tmp_path, whole(path, "very private text"))
        assert times_shown(found, "very private text") == 0
        assert {each.path: each.reason for each in found.omitted} == {path: reason}


def test_secrets_in_the_focus_are_replaced(tmp_path: Path) -> None:
    text = 'password = "hunter2"\n'
    git_folder(tmp_path, {"a.py": "x\n"})
    assert times_shown(context(tmp_path, whole("a.py", text)), "hunter2") == 0
    assert times_shown(context(tmp_path, whole("new.py", text), max_tokens=0), "hunter2") == 0


def test_of_many_open_buffers_git_is_asked_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = git_folder(tmp_path, {"a.py": "x\n", ".gitignore": "*.log\n"})
    git_folder(tmp_path / "inner", {"z.py": "z\n", ".gitignore": "own.py\n"})
    made.write({"here.py": "on the disk\n", "b.log": "ignored\n"})
    overlays = {tmp_path / f"new{number}.py": f"buffer {number}\n" for number in range(20)}
    overlays[tmp_path / "here.py"] = "buffer\n"
    overlays[tmp_path / "b.log"] = "ignored, unsaved\n"
    overlays[tmp_path / "inner/own.py"] = "ignored by the inner repository\n"
    asked: list[int] = []
    really = Repository.ignored

    def ignored(self: Repository, paths: Sequence[str]) -> frozenset[str]:
        asked.extend([len(paths)] if paths and self.root == tmp_path else [])
        return really(self, paths)

    monkeypatch.setattr(Repository, "ignored", ignored)
    found = context(tmp_path, overlays=overlays)
    assert asked == [21], "the new ones and the ignored one"
    assert all(f"buffer {number}\n" in found.changes.text for number in range(20))
    assert "ignored" not in found.changes.text
    assert found.omitted == ()


def test_a_file_outside_any_repository_is_shown_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.py").write_text("disk\n")
    (tmp_path / "diary.py").write_text("private\n")
    repository = Repository.find(tmp_path / "notes.py")
    found = gather(
        repository,
        Gate(repository.root),
        max_tokens=9_000,
        focus=whole("notes.py", "buffer\n"),
        overlays={tmp_path / "diary.py": "private, unsaved\n"},
        question="diary private",
    )
    assert found.commit is None
    assert times_shown(found, "buffer\n") == 1
    assert times_shown(found, "private") == times_shown(found, "diary") == 0


# --- related code ------------------------------------------------------------------------------


def excerpts(found: Context) -> str:
    return found.task.text.removeprefix("<task-context>\n").removesuffix("</task-context>\n")


def test_what_the_focus_uses_is_shown_where_it_is_defined(tmp_path: Path) -> None:
    helper = "import os\n\n\ndef helper(a):\n    b = a\n\n    return b\n\n\n" + BODY
    git_folder(tmp_path, {"z.py": helper, "a.py": "y = helper(x)\n", "c.py": "helper\n" + BODY})
    found = context(tmp_path, whole("a.py", "y = helper(x)\n"), max_tokens=400)
    assert excerpts(found) == (
        '<excerpt path="z.py">\nlines 4-7:\ndef helper(a):\n    b = a\n\n    return b\n</excerpt>\n'
    )
    assert [(use.path, use.form, use.score) for use in found.task.files] == [
        ("z.py", "excerpt", 1.0)
    ]


def test_what_is_seen_whole_is_not_excerpted(tmp_path: Path) -> None:
    git_folder(tmp_path, {"z.py": "def helper(a): ...\n", "a.py": "helper(x)\n"})
    assert context(tmp_path, whole("a.py", "helper(x)\n")).task.text == ""


def test_the_question_is_looked_up_too(tmp_path: Path) -> None:
    git_folder(tmp_path, {"z.py": "class Ledger:\n    pass\n" + BODY})
    found = context(tmp_path, max_tokens=200, question="What does the Ledger keep?")
    assert "class Ledger:\n" in excerpts(found)


def test_definitions_are_found_as_they_are_now(tmp_path: Path) -> None:
    made = git_folder(tmp_path, {"z.py": BODY + "def helper(old): ...\n", "a.py": "helper(x)\n"})
    made.write({"z.py": BODY + "def helper(new): ...\n"})
    found = context(tmp_path, whole("a.py", "helper(x)\n"), max_tokens=200)
    assert "def helper(new)" in excerpts(found)
    assert "def helper(old)" not in excerpts(found)
    (tmp_path / "z.py").unlink()
    assert excerpts(context(tmp_path, whole("a.py", "helper(x)\n"), max_tokens=200)) == ""


def test_a_name_that_is_defined_everywhere_tells_nothing(tmp_path: Path) -> None:
    files = {f"m{n}.py": "def setup(): ...\n" + BODY for n in range(9)}
    git_folder(tmp_path, {**files, "a.py": "setup()\n"})
    assert excerpts(context(tmp_path, whole("a.py", "setup()\n"), max_tokens=300)) == ""


def test_excerpts_come_through_the_gate(tmp_path: Path) -> None:
    hidden = "def helper(private): ...\n" + BODY
    git_folder(
        tmp_path,
        {
            "a.py": "helper(x)\n",
            "skip/b.py": hidden,
            "vendor/c.py": hidden,
            "d.py": 'def helper(token="' + "k3J9xQ7vR2" + "mZ8pLw5tYb" + '"): ...\n' + BODY,
        },
    )
    found = context(tmp_path, whole("a.py", "helper(x)\n"), max_tokens=200, exclude=["skip/"])
    assert [use.path for use in found.task.files] == ["d.py"]
    assert "REDACTED_" in excerpts(found)


def test_without_git_related_code_is_found_on_the_disk(tmp_path: Path) -> None:
    (tmp_path / "z.py").write_text("def helper(a): ...\n" + BODY)
    (tmp_path / "a.py").write_text("helper(x)\n")
    found = context(tmp_path, whole("a.py", "helper(x)\n"), max_tokens=200)
    assert "def helper(a)" in excerpts(found)


# --- every kind of repository ------------------------------------------------------------------


def test_an_empty_repository_has_empty_layers(tmp_path: Path) -> None:
    git_folder(tmp_path)
    found = context(tmp_path, question="what is this?")
    assert (found.commit, found.snapshot.text, found.changes.text, found.task.text) == (
        None,
        "",
        "",
        "",
    )
    assert found.omitted == ()


def test_an_empty_folder_has_empty_layers(tmp_path: Path) -> None:
    assert context(tmp_path).snapshot.text == ""


def test_a_folder_without_git_is_shown_as_it_is_on_the_disk(tmp_path: Path) -> None:
    for path, text in {
        "a.py": "x\n",
        "b/c.py": "y\n",
        "d.log": "z\n",
        ".gitignore": "*.log",
    }.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    os.mkfifo(tmp_path / "pipe.py")
    found = context(tmp_path)
    assert [use.path for use in found.snapshot.files] == [".gitignore", "a.py", "b/c.py"]
    assert found.root == tmp_path


def test_a_file_that_is_deleted_meanwhile_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.py").write_text("x\n")
    (tmp_path / "b.py").write_text("y\n")
    really_read = Gate.read_listed

    def read(self: Gate, path: str):  # type: ignore[no-untyped-def]
        (tmp_path / "b.py").unlink(missing_ok=True)
        return really_read(self, path)

    monkeypatch.setattr(Gate, "read_listed", read)
    found = context(tmp_path)
    assert [(each.path, each.reason) for each in found.omitted] == [("b.py", "it does not exist")]


def test_a_repository_with_a_broken_head_is_not_a_fault(tmp_path: Path) -> None:
    made = git_folder(tmp_path, {"a.py": "x\n"})
    made.write({".git/refs/heads/main": "0" * 40 + "\n"})
    found = context(tmp_path)
    assert found.commit is None
    assert "x\n" in found.snapshot.text


def test_missing_objects_are_left_out(tmp_path: Path) -> None:
    made = git_folder(tmp_path, {"a.py": "x\n", "b.py": "y\n"})
    blob = made.git("rev-parse", "HEAD:b.py")
    (tmp_path / ".git/objects" / blob[:2] / blob[2:]).unlink()
    found = context(tmp_path)
    assert [(each.path, each.reason) for each in found.omitted] == [
        ("b.py", "its content is missing from the repository")
    ]


# --- stopping, threads, memory -----------------------------------------------------------------


def test_it_stops_when_it_is_told_to(tmp_path: Path) -> None:
    git_folder(tmp_path, {f"{n}.py": "x\n" for n in range(20)})
    repository = Repository.find(tmp_path)
    asked = 0

    def should_stop() -> bool:
        nonlocal asked
        asked += 1
        return asked > 8

    with pytest.raises(GatherStopped):
        gather(repository, Gate(tmp_path), max_tokens=9_000, should_stop=should_stop)
    assert asked == 9
    assert len(gather(repository, Gate(tmp_path), max_tokens=9_000).snapshot.files) == 20


def test_many_threads_gather_the_same(tmp_path: Path) -> None:
    made = git_folder(tmp_path, {f"{n}.py": f"x = {n}\n" for n in range(30)})
    made.write({"1.py": "changed\n", "new.py": "new\n"})
    repository, gate = Repository.find(tmp_path), Gate(tmp_path)
    start = threading.Barrier(6)

    def run(_: int) -> Context:
        start.wait(10)
        return gather(repository, gate, max_tokens=5_000, focus=whole("2.py", "edited\n"))

    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(run, range(6)))
    assert all(each == found[0] for each in found)


def test_a_warm_gather_reads_no_blob_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git_folder(tmp_path, {"a.py": "x\n"})
    first = context(tmp_path)

    def fail(*_: object) -> None:
        raise AssertionError("a blob was read again")

    monkeypatch.setattr("kibitz_context.files.git_commands.BlobReader.read", fail)
    assert context(tmp_path) == first


@pytest.mark.real  # slow
def test_what_is_remembered_is_bounded(tmp_path: Path) -> None:
    made = git_folder(tmp_path)
    for number in range(view_module.MAX_REMEMBERED_SNAPSHOTS + 2):
        made.commit({"a.py": f"{number}\n"})
        assert f"{number}\n" in context(tmp_path).snapshot.text
    assert len(view_module._snapshots) == view_module.MAX_REMEMBERED_SNAPSHOTS


_paths = st.sampled_from([f"{letter}.py" for letter in "abcdefgh"])


@given(st.sets(_paths), st.sets(_paths), st.sets(_paths))
def test_what_was_left_out_is_told_anew_in_order(
    before: set[str], news: set[str], shown: set[str]
) -> None:
    omitted = tuple(Omission(path, "it is over the budget") for path in sorted(before))
    told = gather_module._told_anew(
        omitted, {path: Omission(path, "it is too large") for path in news}, shown
    )
    assert {each.path: each.reason for each in told} == {
        path: "it is too large" if path in news else "it is over the budget"
        for path in (before | news) - shown
    }
    assert [each.path for each in told] == sorted((before | news) - shown)
