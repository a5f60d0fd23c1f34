"""A prefix over its life: what is remembered, shared between processes, and never lost by accident.

With real repositories; what one step does to the log is tested in `test_advance`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kibitz_context import policy, prefix
from kibitz_context.changes import changes_budget
from kibitz_context.gate import Gate
from kibitz_context.gather import Focus, gather
from kibitz_context.lines import Span
from kibitz_context.log import Log, LogBlock, Told
from kibitz_context.policy import Decision, Lease
from kibitz_context.prefix import (
    PrefixStore,
    began,
    missed,
    opened,
    prefix_key,
    state_of,
)
from kibitz_context.prefix_state import PrefixState
from kibitz_context.repository import Repository
from kibitz_context.values import Context, Layer, PrefixId
from support.asking_editor import (
    MAX_TOKENS,
    PRICES,
    REQUEST,
    Clock,
    Editor,
    grows,
    plan,
    prefix_of,
)
from support.context_reader import NOT_SHOWN, as_read
from support.git_folder import GitFolder, git_folder

FILES = {"a.py": "a = 1\n" * 20, "b.py": "b = 2\n", "d/c.py": "c = 3\n"}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("time.time", lambda: clock.now)
    return clock


@pytest.fixture
def made(tmp_path: Path) -> GitFolder:
    return git_folder(tmp_path / "root", FILES)


@pytest.fixture
def editor(made: GitFolder, tmp_path: Path, clock: Clock) -> Editor:
    editor = Editor(made, tmp_path / "cache")
    editor.prepare()
    return editor


@pytest.fixture
def keeps_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """A policy that gives nothing up by itself and buys at the second sighting."""

    def decide(state: policy.State) -> Decision:
        return Decision("keep" if state.prefix_known else "first", "1h", "5m", 2, "as before")

    monkeypatch.setattr(policy, "decide", decide)


# --- what is remembered ------------------------------------------------------------------------

FULL_STATE = PrefixState(
    base="c1",
    snapshot_key="k",
    snapshot_digest="d",
    resting={"e": Lease("1h", 97.0)},
    generation=3,
    snapshot_tokens=100,
    log=Log((LogBlock("text\n", (Told("a.py", "s", "full", 9), Told("b.py", "", "name", 3))),)),
    sightings={"c.py": ("t", 2)},
    request_times=(1.0, 2.5),
    open_times=(0.5,),
    snapshot_lease=Lease("1h", 99.0),
    log_lease=Lease("5m", 98.0),
    log_blocks_leased=1,
)


@pytest.mark.parametrize("state", [FULL_STATE, PrefixState()])
def test_a_state_is_read_as_it_was_written(tmp_path: Path, state: PrefixState) -> None:
    PrefixStore(tmp_path).update("k", lambda _: state)
    assert PrefixStore(tmp_path).get("k") == state
    assert PrefixStore(tmp_path).get("other") == PrefixState()


def test_what_cannot_be_read_was_never_sent(tmp_path: Path) -> None:
    store = PrefixStore(tmp_path)
    store.update("k", lambda _: FULL_STATE)
    with store._database.transaction() as connection:
        connection.execute("UPDATE prefixes SET state = '{}'")
    assert store.get("k") == PrefixState()
    (tmp_path / prefix.FILE_NAME).write_bytes(b"x" * 9_000)
    (tmp_path / f"{prefix.FILE_NAME}-wal").unlink(missing_ok=True)
    assert PrefixStore(tmp_path).get("k") == PrefixState()


def test_prefixes_that_nobody_uses_are_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    monkeypatch.setattr(prefix, "MAX_PREFIXES", 3)
    store = PrefixStore(tmp_path)
    for name in "abcd":
        clock.now += 1
        store.update(name, lambda _: FULL_STATE)
    assert [name for name in "abcd" if store.get(name).was_sent] == ["b", "c", "d"]


def test_a_prefix_is_of_a_root_a_model_and_the_settings_that_select(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    gate = Gate(tmp_path)
    keys = {
        prefix_key(gate, "m", 5),
        prefix_key(gate, "n", 5),
        prefix_key(gate, "m", 6),
        prefix_key(Gate(tmp_path / "other"), "m", 5),
        prefix_key(Gate(tmp_path, include=["x"]), "m", 5),
        prefix_key(Gate(tmp_path, exclude=["x"]), "m", 5),
    }
    assert len(keys) == 6
    assert prefix_key(Gate(tmp_path), "m", 5) in keys


# --- leases ------------------------------------------------------------------------------------


def leased(context: Context) -> tuple[Lease | None, Lease | None, int]:
    assert context.prefix is not None
    state = state_of(context.prefix)
    return state.snapshot_lease, state.log_lease, state.log_blocks_leased


def test_entries_live_from_the_start_of_the_last_request(
    editor: Editor, made: GitFolder, clock: Clock, keeps_on: None
) -> None:
    first = editor.ask(is_sent=False)
    assert leased(first) == (None, None, 0), "gathered, but nothing was answered"
    began(first, clock.now - 2)
    assert leased(first) == (Lease("1h", clock.now + 3_598), None, 0)
    made.write({"b.py": "3\n"})
    editor.ask()
    clock.now += 60
    third = editor.ask()
    assert leased(third) == (Lease("1h", clock.now + 3_600), Lease("5m", clock.now + 300), 1)
    assert not plan(third).log_blocks_alive, "it is written with this very request"
    assert plan(editor.ask()).log_blocks_alive == 1
    clock.now += 301
    assert (plan(editor.ask()).snapshot_alive, plan(third).log_blocks_alive) == (True, 0)


def test_times_of_requests_are_kept_but_not_those_of_pings(
    editor: Editor, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = editor.ask()
    assert context.prefix is not None
    clock.now += 100
    began(context, asked=False)
    state = state_of(context.prefix)
    assert state.request_times == (clock.now - 100,)
    assert state.snapshot_lease is not None
    assert state.snapshot_lease.expires_at >= clock.now
    monkeypatch.setattr(prefix, "REQUEST_TIMES_KEPT", 20)
    for _ in range(25):
        began(context)
    assert len(state_of(context.prefix).request_times) == 20


def test_a_miss_counts_on_nothing(editor: Editor, keeps_on: None) -> None:
    context = editor.ask()
    missed(context)
    assert leased(context) == (None, None, 0)
    assert not plan(editor.ask()).snapshot_alive


def test_news_of_an_older_prefix_is_not_of_this_one(
    editor: Editor, made: GitFolder, clock: Clock, keeps_on: None
) -> None:
    old = editor.ask(is_sent=False)
    made.write({".kibitzignore": "b.py\n"})
    new = editor.ask(is_sent=False)
    began(old)
    assert leased(new) == (None, None, 0)
    assert new.prefix is not None
    assert len(state_of(new.prefix).request_times) == 1, "but somebody has asked"
    missed(old)
    began(new)
    assert leased(new)[0] is not None


def test_openings_are_kept(editor: Editor, clock: Clock) -> None:
    context = editor.ask()
    assert context.prefix is not None
    assert opened(context.prefix).open_times == ()
    clock.now += 5
    assert opened(context.prefix).open_times == (clock.now - 5,)


def test_of_what_is_not_recorded_nothing_is_known(editor: Editor, made: GitFolder) -> None:
    editor.ask()
    made.write({"b.py": "3\n"})
    store = prefix.store_in(editor.cache)
    key = prefix_key(Gate(made.root), REQUEST.model, MAX_TOKENS)
    before = store.get(key)
    looking = Editor(made, editor.cache, replace(REQUEST, record=False))
    shown = [looking.ask() for _ in range(3)]
    assert store.get(key) == before
    assert shown[0] == shown[2]
    assert shown[0].prefix is None
    sent = editor.ask()
    assert (sent.plan, sent.changes, sent.task) == (shown[0].plan, shown[0].changes, shown[0].task)


def test_without_a_prefix_there_is_no_plan(made: GitFolder, tmp_path: Path) -> None:
    context = gather(Repository.find(made.root), Gate(made.root), max_tokens=MAX_TOKENS)
    assert (context.plan, context.prefix) == (None, None)
    began(context)
    missed(context)
    assert not list(tmp_path.rglob("*.sqlite"))


def test_without_a_cache_folder_this_process_remembers(
    made: GitFolder, clock: Clock, keeps_on: None
) -> None:
    editor = Editor(made, None)
    first = editor.ask()
    assert not first.provisional
    made.commit({"b.py": "3\n"})
    second = editor.ask()
    assert (plan(first).step, plan(second).step) == ("first", "keep")
    assert first.snapshot == second.snapshot


# --- nothing is given up by accident -----------------------------------------------------------


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


def test_what_is_committed_is_bought_at_once_and_what_is_worked_on_is_not(
    editor: Editor, made: GitFolder, keeps_on: None
) -> None:
    first = editor.ask()
    made.commit({"a.py": "theirs\n", "b.py": "asked about\n"})
    made.write({"d/c.py": "saved\n"})
    editor.buffers = {made.root / "b.py": "asked about\n"}
    found = editor.ask()
    [block] = plan(found).changes_log
    assert "theirs" in block
    assert "asked about" not in block
    assert "saved" not in block
    assert found.snapshot == first.snapshot
    [_, bought] = plan(editor.ask()).changes_log
    assert "asked about" in bought
    assert "saved" in bought


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
from kibitz_context.gate import Gate
from kibitz_context.gather import PrefixRequest, gather
from kibitz_context.prefix import began
from kibitz_context.repository import Repository
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


# --- what forces a new beginning ---------------------------------------------------------------


def why(editor: Editor, step: str = "rebuild") -> str:
    found = plan(editor.ask())
    assert found.step == step
    assert plan(editor.ask()).step == "keep", "once is enough"
    return found.reason


def test_a_base_that_was_collected(made: GitFolder, tmp_path: Path, keeps_on: None) -> None:
    made.commit({"a.py": "lost\n"})
    editor = Editor(made, tmp_path / "cache")
    editor.ask()
    made.git("reset", "-q", "--hard", "HEAD~1")
    assert plan(editor.ask()).step == "keep", "still there, for a while"
    made.git("reflog", "expire", "--expire=now", "--all")
    made.git("gc", "-q", "--prune=now")
    assert why(editor) == "the commit that the snapshot stood for is gone"


def test_a_snapshot_that_is_ready_after_a_provisional_one(
    made: GitFolder, tmp_path: Path, keeps_on: None
) -> None:
    editor = Editor(made, tmp_path / "cache")
    assert editor.ask().provisional
    assert editor.ask().provisional
    editor.prepare()
    assert why(editor) == "the whole snapshot is ready"
    assert not editor.ask().provisional


def test_the_ready_snapshot_is_taken_although_there_is_a_newer_commit(
    made: GitFolder, tmp_path: Path, keeps_on: None
) -> None:
    editor = Editor(made, tmp_path / "cache")
    early = editor.ask()
    editor.prepare()
    made.commit({"b.py": "b = 3\n"})
    found = editor.ask()
    assert (found.provisional, found.commit) == (False, early.commit)
    assert as_read(found)["b.py"] == "b = 3\n"


def test_who_comes_second_goes_on_from_the_first(
    editor: Editor, made: GitFolder, monkeypatch: pytest.MonkeyPatch, keeps_on: None
) -> None:
    """Another process sends the first request between our looking and our writing."""
    other = Editor(made, editor.cache)
    really = PrefixStore.update
    sent: list[Context] = []
    is_there: list[bool] = []

    def update(
        self: PrefixStore, key: str, change: Callable[[PrefixState], PrefixState]
    ) -> PrefixState:
        if not is_there:
            is_there.append(True)
            sent.append(other.ask())
        return really(self, key, change)

    monkeypatch.setattr(PrefixStore, "update", update)
    found = editor.ask()
    assert [plan(each).step for each in (sent[0], found)] == ["first", "keep"]
    assert prefix_of(found) == prefix_of(sent[0])
    assert found.prefix == sent[0].prefix


def test_rules_that_change(editor: Editor, made: GitFolder, keeps_on: None) -> None:
    assert "c = 3" in editor.ask().snapshot.text
    made.write({"d/.kibitzignore": "c.py\n"})
    found = editor.ask()
    assert "c = 3" not in found.snapshot.text + found.changes.text
    assert plan(found).step == "rebuild"
    assert plan(found).reason == "what may be sent has changed, or how it is shown"


def test_a_file_of_the_snapshot_that_becomes_private(
    editor: Editor, made: GitFolder, keeps_on: None
) -> None:
    assert "c = 3" in editor.ask().snapshot.text
    made.git("rm", "-q", "--cached", "d/c.py")
    made.write({".gitignore": "c.py\n"})
    found = editor.ask()
    assert "c = 3" not in found.snapshot.text + found.changes.text
    assert plan(found).step == "rebuild"


@pytest.mark.parametrize(
    ("rule", "ignored"), [(".gitignore", "notes.py\n"), ("n/.kibitzignore", "*\n")]
)
def test_a_file_of_the_log_that_becomes_private(
    editor: Editor, made: GitFolder, keeps_on: None, rule: str, ignored: str
) -> None:
    made.write({"n/notes.py": "a private thought\n"})
    for _ in range(3):
        editor.ask()
    assert "a private thought" in plan(editor.ask()).changes_log[0]
    made.write({rule: ignored})
    found = editor.ask()
    assert plan(found).step == "fold"
    assert "a private thought" not in found.changes.text
    assert why(editor, "keep")


def test_a_new_file_of_the_log_that_becomes_too_large_is_not_taken_for_deleted(
    editor: Editor, made: GitFolder, keeps_on: None
) -> None:
    made.write({"notes.py": "n = 1\n"})
    for _ in range(3):
        editor.ask()
    made.write({"notes.py": "n = 1\n" * 20_000})
    for _ in range(2):
        found = editor.ask()
        assert as_read(found)["notes.py"] == NOT_SHOWN
    made.write({"notes.py": "n = 1\n"})
    assert as_read(editor.ask())["notes.py"] == "n = 1\n"


def test_a_snapshot_that_is_lost(editor: Editor, made: GitFolder, keeps_on: None) -> None:
    assert not editor.ask().provisional
    assert editor.cache is not None
    from kibitz_context import snapshots, view

    for part in editor.cache.glob("snapshots.sqlite*"):
        part.unlink()
    view._snapshots.clear()
    assert not snapshots.store_in(editor.cache).has("k")
    assert why(editor) == "the snapshot that was sent is not stored any more"


def test_a_first_commit(tmp_path: Path, keeps_on: None) -> None:
    made = git_folder(tmp_path / "root")
    made.write(FILES)
    editor = Editor(made, tmp_path / "cache")
    assert editor.ask().commit is None
    assert plan(editor.ask()).step == "keep"
    made.commit()
    assert why(editor) == "there is a commit now"


# --- without git -------------------------------------------------------------------------------


@pytest.fixture(params=["no git", "no commit", "no cache folder"])
def plain(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Editor:
    made = GitFolder(tmp_path / "plain")
    made.root.mkdir()
    if request.param == "no commit":
        made = git_folder(made.root)
    made.write(FILES)
    return Editor(made, None if request.param == "no cache folder" else tmp_path / "cache")


def test_a_folder_keeps_its_snapshot_while_files_are_saved(plain: Editor, keeps_on: None) -> None:
    made = plain.made
    first = last = plain.ask()
    assert (first.commit, first.provisional, plan(first).step) == (None, False, "first")
    plain.buffers = {made.root / "d/c.py": "c = 4\n"}
    steps: list[Callable[[], object]] = [
        lambda: made.write({"a.py": FILES["a.py"] + "more = 1\n"}),
        lambda: made.write({"new.py": "n\n"}),
        lambda: (made.root / "b.py").unlink(),
        lambda: made.write({"a.py": FILES["a.py"], "b.py": "again\n"}),
        lambda: plain.buffers.clear(),
        lambda: made.write({"d/c.py": "c = 5\n"}),
    ]
    for step in steps:
        step()
        for _ in range(2):
            found = plain.ask()
            assert plan(found).step == "keep"
            assert grows(last, found)
            assert as_read(found) == truth(plain)
            last = found
    assert len(plan(last).changes_log) == len(steps)


def test_a_file_of_a_folder_that_becomes_private(plain: Editor, keeps_on: None) -> None:
    assert "c = 3" in plain.ask().snapshot.text
    plain.made.write({".gitignore": "c.py\n"})
    if plain.made.root.joinpath(".git").exists():
        plain.made.git("add", ".gitignore")
    found = plain.ask()
    assert "c = 3" not in found.snapshot.text + found.changes.text
    assert plan(found).step == "rebuild"
    assert plan(plain.ask()).step == "keep"


def test_a_newer_state_of_the_folder_is_offered(
    plain: Editor, monkeypatch: pytest.MonkeyPatch
) -> None:
    offers: list[policy.Rebuild | None] = []

    def decide(state: policy.State) -> Decision:
        offers.append(state.rebuild)
        step = "rebuild" if state.rebuild else "keep" if state.prefix_known else "first"
        return Decision(step, "1h", "5m", 2, "a newer base")  # type: ignore[arg-type]

    monkeypatch.setattr(policy, "decide", decide)
    plain.ask()
    plain.buffers = {plain.made.root / "a.py": "a = 2\n"}
    plain.ask()
    assert offers == [None, None], "nothing is saved yet"
    plain.made.write({"b.py": "b = 3\n"})
    found = plain.ask()
    assert offers[2] is not None
    assert 0 < offers[2].changes_tokens < 60
    assert plan(found).step == "rebuild"
    assert "b = 3" in found.snapshot.text
    assert as_read(found) == truth(plain)


# --- the policy decides ------------------------------------------------------------------------


def test_the_policy_hears_what_is_the_case(
    editor: Editor, made: GitFolder, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    heard: list[policy.State] = []

    def decide(state: policy.State) -> Decision:
        heard.append(state)
        return Decision("keep" if state.prefix_known else "first", "1h", "5m", 2, "so")

    monkeypatch.setattr(policy, "decide", decide)
    editor.request = replace(REQUEST, rules_tokens=77, tokens_factor=2.0, ttl="1h", keep_warm=False)
    snapshot = editor.ask().snapshot
    made.write({"b.py": "three\n", "d/c.py": "four\n"})
    clock.now += 50
    editor.ask()
    editor.ask()
    made.write({"b.py": "five\n", "d/c.py": FILES["d/c.py"]})
    clock.now += 50
    editor.ask()
    first, second, third, fourth = heard
    assert (first.prefix_known, first.snapshot_lease, first.request_times) == (False, None, ())
    assert first.snapshot_tokens == 2 * snapshot.tokens
    assert first.changes_budget_tokens == 2 * changes_budget(MAX_TOKENS)
    assert (first.rules_tokens, first.prices, first.ttl, first.keep_warm) == (
        77,
        PRICES,
        "1h",
        False,
    )
    assert second.prefix_known
    assert second.request_times == (clock.now - 100,)
    assert second.snapshot_lease == Lease("1h", clock.now + 3_500)
    assert [each.sightings for each in second.tail] == [1, 1]
    assert [each.sightings for each in third.tail] == [2, 2]
    assert fourth.log_lease == Lease("5m", clock.now + 250)
    assert fourth.log_tokens > fourth.stale_log_tokens > 0
    assert [each.sightings for each in fourth.tail] == [1, 1]
    assert all(state.rebuild is None for state in heard)


def test_a_newer_base_is_offered_when_its_snapshot_is_ready(
    editor: Editor, made: GitFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    offers: list[policy.Rebuild | None] = []

    def decide(state: policy.State) -> Decision:
        offers.append(state.rebuild)
        step = "rebuild" if state.rebuild else "keep" if state.prefix_known else "first"
        return Decision(step, "1h", "5m", 2, "a newer base")  # type: ignore[arg-type]

    monkeypatch.setattr(policy, "decide", decide)
    before = editor.ask()
    head = made.commit({"b.py": "b = 3\n"})
    made.write({"a.py": "a = 9\n"})
    assert plan(editor.ask()).step == "keep", "not prepared yet"
    editor.prepare()
    after = editor.ask()
    assert offers[:2] == [None, None]
    assert offers[2] is not None
    assert 0 < offers[2].changes_tokens < 100, "a.py alone"
    assert (plan(after).step, after.commit) == ("rebuild", head)
    assert after.commit != before.commit
    assert "b = 3" in after.snapshot.text
    assert "a = 9" in plan(after).changes_log[0], "it was seen before"
    assert not plan(after).snapshot_alive


# --- budgets -----------------------------------------------------------------------------------


def test_a_prompt_has_no_more_tokens_than_it_may(
    editor: Editor, made: GitFolder, keeps_on: None
) -> None:
    focus_text = "focus = 1\n" * 2_000
    left_out: dict[int, set[str]] = {}
    for most in (3_000, 12_000, 40_000):
        made.write({"b.py": "changed = 1\n" * 1_500, "a.py": "x = 1\n" * 900})
        editor.request = replace(
            REQUEST,
            model=f"m{most}",
            max_prompt_tokens=most,
            caller_tokens=500,
            rules_tokens=300,
            tokens_factor=1.25,
        )
        focus = Focus("z.py", focus_text, Span(9_000, 9_010))
        for _ in range(3):
            found = editor.ask(focus=focus)
            layers: tuple[Layer, ...] = (found.snapshot, found.changes, found.task)
            assert 800 + 1.25 * sum(layer.tokens for layer in layers) <= most
        told = {use.path for use in (*found.changes.files, *found.task.files)}
        left_out[most] = {omission.path for omission in found.omitted}
        assert told | left_out[most] >= {"a.py", "b.py", "z.py"}
    assert left_out[3_000] > left_out[12_000] >= left_out[40_000]


def test_the_snapshot_that_was_sent_is_never_trimmed(
    editor: Editor, made: GitFolder, keeps_on: None
) -> None:
    made.write({"b.py": "3\n"})
    for _ in range(3):
        before = editor.ask()
    editor.request = replace(REQUEST, max_prompt_tokens=10)
    after = editor.ask(focus=Focus("z.py", "z\n", Span(0, 2)))
    assert prefix_of(after) == prefix_of(before)
    assert after.task.text == ""
    assert {omission.path for omission in after.omitted} == {"z.py"}


# --- any sequence ------------------------------------------------------------------------------

PATHS = ["a.py", "b.py", "d/c.py", "new.py"]
TEXTS = ["", "x = 1\n", FILES["a.py"] + "more\n", FILES["a.py"].replace("a = 1\n", "a = 5\n", 1)]
_path = st.sampled_from(PATHS)
_text = st.sampled_from(TEXTS)
_moves = st.lists(
    st.one_of(
        st.tuples(st.just("save"), _path, _text),
        st.tuples(st.just("type"), _path, _text),
        st.tuples(st.just("close"), _path, st.none()),
        st.tuples(st.just("delete"), _path, st.none()),
        st.tuples(st.just("commit"), st.none(), st.none()),
        st.tuples(st.just("switch"), st.sampled_from(["main", "other"]), st.none()),
        st.tuples(st.just("revert"), st.none(), st.none()),
        st.tuples(st.just("wait"), st.sampled_from([10, 400, 4_000]), st.none()),
        st.tuples(st.just("ask"), st.none(), st.none()),
    ),
    min_size=4,
    max_size=14,
)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_moves)
def test_whatever_somebody_does(moves: list[tuple[str, object, object]]) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        clock = Clock()
        patch.setattr("time.time", lambda: clock.now)
        made = git_folder(Path(folder) / "root", FILES)
        made.git("branch", "other")
        editor = Editor(made, Path(folder) / "cache")
        editor.prepare()
        before: Context | None = None
        for kind, what, text in (*moves, ("ask", None, None)):
            act(editor, clock, kind, what, text)
            editor.prepare()
            after = editor.ask()
            assert as_read(after) == truth(editor)
            if before is not None and plan(after).step == "keep":
                assert grows(before, after)
            assert plan(after).reason
            before = after
            clock.now += 1


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_moves)
def test_whatever_somebody_does_in_a_folder(moves: list[tuple[str, object, object]]) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        clock = Clock()
        patch.setattr("time.time", lambda: clock.now)
        made = GitFolder(Path(folder) / "root")
        made.write(FILES)
        editor = Editor(made, Path(folder) / "cache")
        before: Context | None = None
        for kind, what, text in (*moves, ("ask", None, None)):
            if kind not in ("commit", "switch", "revert"):
                act(editor, clock, kind, what, text)
            after = editor.ask()
            assert as_read(after) == truth(editor)
            if before is not None and plan(after).step == "keep":
                assert grows(before, after)
            before = after
            clock.now += 1


def act(editor: Editor, clock: Clock, kind: str, what: object, text: object) -> None:
    made = editor.made
    if kind == "save":
        made.write({str(what): str(text)})
    elif kind == "type":
        editor.buffers[made.root / str(what)] = str(text)
    elif kind == "close":
        editor.buffers.pop(made.root / str(what), None)
    elif kind == "delete":
        (made.root / str(what)).unlink(missing_ok=True)
    elif kind == "commit":
        made.commit()
    elif kind == "switch":
        made.git("switch", "-q", "--discard-changes", str(what))
    elif kind == "revert":
        made.git("checkout", "-q", ".")
    elif kind == "wait":
        assert isinstance(what, int)
        clock.now += what


def truth(editor: Editor) -> dict[str, str]:
    """What is in every file now, as an editor would show it."""
    found = {
        str(file.relative_to(editor.made.root)): file.read_text()
        for file in editor.made.root.rglob("*.py")
    }
    return found | {
        str(path.relative_to(editor.made.root)): text for path, text in editor.buffers.items()
    }


def test_a_context_of_another_process_is_known_by_its_key(tmp_path: Path) -> None:
    assert state_of(PrefixId("k", 1, tmp_path)) == PrefixState()
