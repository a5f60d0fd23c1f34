"""Nothing of a prefix is given up by accident."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

from kibitz_context.caching import prefix
from kibitz_context.caching.prefix import (
    state_of,
)
from kibitz_context.lines import Span
from kibitz_context.values import Focus
from support.asking_editor import (
    Clock,
    Editor,
    grows,
    plan,
    prefix_of,
)
from support.context_reader import as_read
from support.git_folder import GitFolder
from support.prefix_files import FILES, truth


def test_a_commit_a_branch_and_a_rebase_leave_the_snapshot(
    editor: Editor, made: GitFolder, keeps_on: None
) -> None:
    first = editor.ask()
    last = first
    made.commit({"b.py": "mine\n"})
    steps: list[Callable[[], object]] = [
        lambda: made.git("switch", "-q", "-c", "feature"),
        lambda: made.commit({"new.py": "n\n"}),
        lambda: made.git("switch", "-q", "main"),
        lambda: made.commit({"a.py": "a = 2\n"}),
        lambda: made.git("switch", "-q", "feature"),
        lambda: made.git("rebase", "-q", "main"),
        lambda: made.git("checkout", "-q", "--detach", "HEAD~1"),
        lambda: made.git("stash", "-q"),
    ]
    for step in steps:
        step()
        for _ in range(2):
            editor.prepare()
            found = editor.ask()
            assert (plan(found).step, found.commit) == ("keep", first.commit)
            assert found.snapshot == first.snapshot
            assert grows(last, found)
            assert as_read(found) == {
                path: (made.root / path).read_text() for path in made.git("ls-files").splitlines()
            }
            last = found


def test_a_change_is_bought_at_once_unless_somebody_works_on_it(
    editor: Editor, made: GitFolder, keeps_on: None
) -> None:
    first = editor.ask()
    made.commit({"a.py": "theirs\n"})
    made.write({"d/c.py": "saved\n"})
    editor.buffers = {made.root / "b.py": "begun\n"}
    found = editor.ask()
    [block] = plan(found).changes_log
    assert found.snapshot == first.snapshot
    assert all(text in block for text in ("theirs", "saved", "begun"))
    made.write({"d/c.py": "saved again\n"})
    editor.buffers = {made.root / "b.py": "gone on\n"}
    [_, block] = plan(editor.ask()).changes_log
    assert "saved again" in block
    assert "gone on" not in block
    [_, _, bought] = plan(editor.ask()).changes_log
    assert "gone on" in bought


def test_a_new_file_goes_on_by_hunks_through_buffer_disk_commit_and_branches(
    editor: Editor, made: GitFolder, keeps_on: None
) -> None:
    editor.ask()
    file = made.root / "d" / "new.py"
    text = "".join(f"new = {number}\n" for number in range(40))

    def saved(change: str) -> None:
        file.write_text(text.replace("new = 7\n", change))

    def typed(change: str) -> None:
        editor.buffers = {file: text.replace("new = 7\n", change)}

    steps: list[Callable[[], object]] = [
        lambda: typed("new = 7\n"),  # it is on no disk yet
        lambda: typed("seven\n"),
        lambda: saved("seven\n"),
        editor.buffers.clear,
        lambda: saved("eight\n"),
        lambda: made.git("add", "."),
        lambda: made.commit({"b.py": "b = 3\n"}),
        lambda: made.git("switch", "-q", "-c", "feature"),
        lambda: saved("nine\n"),
        lambda: made.git("checkout", "-q", "--", "."),
    ]
    last = None
    for step in steps:
        step()
        editor.prepare()
        found = editor.ask(focus=Focus("d/new.py", truth(editor)["d/new.py"], Span(0, 0)))
        assert as_read(found) == truth(editor)
        assert found.changes.text.count("new = 30\n") == 1, "it is told whole once"
        assert "new = 30\n" not in found.task.text, "and can be read there"
        assert last is None or grows(last, found)
        last = found
    assert last is not None
    (use,) = (use for use in last.changes.files if use.path == "d/new.py")
    assert use.form == "excerpt"
    assert "d/new.py" not in {omission.path for omission in last.omitted}
    made.git("switch", "-q", "main")
    made.git("rm", "-q", "d/new.py")
    gone = editor.ask()
    assert as_read(gone) == truth(editor)
    assert grows(last, gone)


def test_a_new_file_that_may_not_be_sent_any_more_ends_the_log(
    editor: Editor, made: GitFolder, keeps_on: None
) -> None:
    text = "".join(f"new = {number}\n" for number in range(40))
    made.write({"new.py": text})
    editor.ask()
    made.write({"new.py": f"first\n{text}"})
    assert "@@ 1-1 @@\n+first" in editor.ask().changes.text
    made.write({".kibitzignore": "new.py\n"})
    found = editor.ask()
    assert (plan(found).step, "new = " in found.changes.text) != ("keep", True)
    assert "new = " not in "".join(prefix_of(found))


def test_a_snapshot_that_lacked_a_file_gives_way_to_the_whole_one(
    editor: Editor, made: GitFolder, keeps_on: None
) -> None:
    blob = made.git("rev-parse", "HEAD:b.py")
    file = made.root / ".git" / "objects" / blob[:2] / blob[2:]
    content = file.read_bytes()
    file.unlink()
    editor.prepare()
    first, second = editor.ask(), editor.ask()
    assert (plan(first).step, plan(second).step) == ("first", "keep")
    assert FILES["b.py"] not in first.snapshot.text
    file.write_bytes(content)
    editor.prepare()
    whole = editor.ask()
    assert (plan(whole).step, plan(whole).reason) == (
        "rebuild",
        "files that this clone lacked are there now",
    )
    assert FILES["b.py"] in whole.snapshot.text
    assert plan(editor.ask()).step == "keep"


def test_another_process_and_a_restart_send_the_same(
    editor: Editor, made: GitFolder, clock: Clock, keeps_on: None
) -> None:
    made.write({"b.py": "3\n"})
    for _ in range(3):
        first = editor.ask()
    prefix._stores.clear()
    again = Editor(made, editor.cache).ask()
    assert prefix_of(again) == prefix_of(first)
    assert plan(again).snapshot_alive


SCRIPT = """
import sys
from pathlib import Path
from kibitz_context.gate.gate import Gate
from kibitz_context.gather import PrefixRequest, gather
from kibitz_context.caching.prefix import began
from kibitz_context.files.repository import Repository
root, cache, name = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
for number in range(6):
    buffers = {root / f"{name}.py": f"{name} = {number // 2}\\n"}
    repository = Repository.find(root)
    context = gather(repository, Gate(root), max_tokens=5000, overlays=buffers, cache=cache,
                     prefix=PrefixRequest("claude-x"))
    began(context)
    assert f"{name} = {number // 2}\\n" in context.changes.text
"""


def test_two_processes_share_one_log(editor: Editor, made: GitFolder) -> None:
    editor.ask()
    command = [sys.executable, "-c", SCRIPT, str(made.root), str(editor.cache)]
    running = [subprocess.Popen([*command, name]) for name in ("one", "two")]
    assert [process.wait(120) for process in running] == [0, 0]
    found = editor.ask()
    assert found.prefix is not None
    assert len(state_of(found.prefix).request_times) == 14
    assert as_read(found) == FILES


def test_a_touched_file_and_one_saved_unchanged_change_nothing(
    editor: Editor, made: GitFolder, keeps_on: None
) -> None:
    first = editor.ask()
    os.utime(made.root / "a.py", (0, 0))
    made.write({"b.py": FILES["b.py"]})
    editor.buffers = {made.root / "d/c.py": FILES["d/c.py"]}
    found = editor.ask()
    assert (found.snapshot, found.changes.text) == (first.snapshot, "")


def test_a_setting_that_is_taken_back_finds_its_prefix_again(
    editor: Editor, keeps_on: None
) -> None:
    first = editor.ask()
    assert plan(editor.ask(exclude=["b.py"])).step == "first"
    again = editor.ask()
    assert plan(again).step == "keep"
    assert prefix_of(again) == prefix_of(first)
