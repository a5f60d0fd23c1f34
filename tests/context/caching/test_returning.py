"""Who comes back to a branch reads the log of before instead of writing it anew."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from kibitz_context.caching.prefix import missed, state_of
from kibitz_context.caching.prefix_state import MAX_RESTING_LOGS, as_json, from_json
from kibitz_context.values import Context
from support.asking_editor import Clock, Editor, grows, plan
from support.context_reader import as_read
from support.git_folder import GitFolder, git_folder

FILES = {f"m{n}.py": f"value = {n}\n" * 60 for n in range(8)}


@pytest.fixture
def made(tmp_path: Path) -> GitFolder:
    """Two branches that differ from `main` in four files each."""
    made = git_folder(tmp_path / "root", FILES)
    for branch, numbers in (("one", range(4)), ("two", range(4, 8))):
        made.git("switch", "-q", "-c", branch, "main")
        made.commit({f"m{n}.py": f"{branch} = {n}\n" * 60 for n in numbers})
    made.git("switch", "-q", "main")
    return made


@pytest.fixture
def editor(made: GitFolder, tmp_path: Path, clock: Clock) -> Editor:
    editor = Editor(made, tmp_path / "cache")
    editor.prepare()
    return editor


def on(editor: Editor, branch: str, clock: Clock, *, n_requests: int = 3) -> Context:
    """Some requests on a branch, a minute apart; the last one."""
    editor.made.git("switch", "-q", branch)
    for _ in range(n_requests):
        clock.now += 60
        context = editor.ask()
        assert as_read(context) == {
            path: (editor.made.root / path).read_text()
            for path in editor.made.git("ls-files", "-co", "--exclude-standard").splitlines()
        }
    return context


def test_the_log_of_a_branch_is_read_again(editor: Editor, clock: Clock) -> None:
    on(editor, "main", clock)
    one = on(editor, "one", clock)
    assert plan(one).changes_log
    two = on(editor, "two", clock)
    assert not grows(one, two)
    again = on(editor, "one", clock, n_requests=1)
    assert plan(again).step == "return"
    assert "a log that was sent before is in the cache" in plan(again).reason
    assert grows(one, again)
    assert plan(again).log_blocks_alive == len(plan(one).changes_log)
    other = on(editor, "two", clock, n_requests=1)
    assert plan(other).step == "return"
    assert grows(two, other)
    assert plan(on(editor, "two", clock)).step == "keep"


def test_a_log_that_has_expired_is_written_anew(editor: Editor, clock: Clock) -> None:
    on(editor, "main", clock)
    one = on(editor, "one", clock)
    on(editor, "two", clock)
    for _ in range(3):  # the snapshot is kept in the cache by these, the log of `one` is not
        clock.now += 30 * 60
        editor.ask()
    again = on(editor, "one", clock, n_requests=1)
    assert plan(again).snapshot_alive
    assert plan(again).step != "return"
    assert one.snapshot == again.snapshot
    assert plan(again).log_blocks_alive == 0


def test_a_miss_forgets_the_logs_that_rest(editor: Editor, clock: Clock) -> None:
    on(editor, "main", clock)
    on(editor, "one", clock)
    two = on(editor, "two", clock)
    assert two.prefix is not None
    assert state_of(two.prefix).resting_logs
    missed(two)
    assert not state_of(two.prefix).resting_logs
    assert plan(on(editor, "one", clock, n_requests=1)).step != "return"


def test_a_log_that_tells_what_is_private_now_is_not_sent(
    editor: Editor, made: GitFolder, clock: Clock
) -> None:
    made.write({"notes.py": "a plan\n" * 40})
    on(editor, "main", clock)
    one = on(editor, "one", clock)
    assert any("a plan" in block for block in plan(one).changes_log)
    on(editor, "two", clock)
    (made.root / ".git" / "info" / "exclude").write_text("notes.py\n")
    made.git("switch", "-q", "one")
    clock.now += 60
    again = editor.ask()
    assert plan(again).step != "return"
    assert "a plan" not in again.changes.text


def test_few_logs_rest_and_they_are_remembered(editor: Editor, clock: Clock) -> None:
    on(editor, "main", clock)
    one = on(editor, "one", clock)
    assert one.prefix is not None
    state = state_of(one.prefix)
    assert from_json(as_json(state)) == state
    lease = state.log_lease
    assert lease is not None
    for number in range(MAX_RESTING_LOGS + 3):
        state = replace(state.without_log(clock.now), log=state.log, log_lease=lease)
        state = replace(state, log_blocks_leased=1, snapshot_digest=f"other {number}")
    assert len(state.resting_logs) == MAX_RESTING_LOGS
    assert from_json(as_json(state)) == state
    assert not state.without_log(lease.expires_at).resting_logs
