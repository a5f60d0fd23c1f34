"""What is remembered of a prefix, and when what was sent is read again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from kibitz_context.caching import prefix
from kibitz_context.caching.policy import Lease
from kibitz_context.caching.prefix import (
    PrefixStore,
    began,
    missed,
    opened,
    prefix_key,
    state_of,
)
from kibitz_context.caching.prefix_state import PrefixState
from kibitz_context.files.repository import Repository
from kibitz_context.gate.gate import Gate
from kibitz_context.gather import gather
from kibitz_context.layers.log import Log, LogBlock, Told
from kibitz_context.values import Context, Place, PrefixId
from support.asking_editor import (
    MAX_TOKENS,
    REQUEST,
    Clock,
    Editor,
    plan,
)
from support.git_folder import GitFolder

TOLD = Told(Place("a.py", (1, 6)), "s", "excerpt", 9)
WHOLE = Told(Place("n.py"), "w", "full", 2, (0, 4))
SINCE = Told(Place("n.py", (0, 1), since_told=True), "h", "excerpt", 1)
FULL_STATE = PrefixState(
    base="c1",
    snapshot_key="k",
    snapshot_digest="d",
    resting={"e": Lease("1h", 97.0)},
    generation=3,
    snapshot_tokens=100,
    log=Log((LogBlock("text\n", (TOLD, Told(Place("b.py"), "", "name", 3), WHOLE, SINCE)),)),
    sightings={Place("c.py"): ("t", 2), Place("a.py", (20, 23), True): ("u", 1)},
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
    clock.now += 60
    second = editor.ask()
    assert leased(second) == (Lease("1h", clock.now + 3_600), Lease("5m", clock.now + 300), 1)
    assert not plan(second).log_blocks_alive, "it is written with this very request"
    assert plan(editor.ask()).log_blocks_alive == 1
    clock.now += 301
    late = plan(editor.ask())
    assert (late.snapshot_alive, late.log_blocks_alive) == (True, 0)


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


def test_a_context_of_another_process_is_known_by_its_key(tmp_path: Path) -> None:
    assert state_of(PrefixId("k", 1, tmp_path)) == PrefixState()
