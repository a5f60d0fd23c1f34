"""Over any sequence of changes and decisions: sent bytes stay, and what is read is what is so.

The machine plays requests against the pure steps; the layers are read back as Claude would.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kibitz_context import layers
from kibitz_context.advance import (
    MAX_NAMED_FILES,
    Advanced,
    Ground,
    advance,
    behind,
    pending,
    stale_tokens,
)
from kibitz_context.changes import OVER_BUDGET, Now, entry_of
from kibitz_context.log import AS_IN_SNAPSHOT
from kibitz_context.policy import Decision, Lease
from kibitz_context.prefix_state import PrefixState
from kibitz_context.tokens import estimate
from kibitz_context.values import Context, Layer, Step
from support.context_reader import NOT_SHOWN, as_read

BODY = "".join(f"line {number}\n" for number in range(30))


def ground(
    base: Mapping[str, str],
    now: Mapping[str, str],
    *,
    commit: str = "c1",
    untellable: tuple[str, ...] = (),
    budget: int = 10_000,
    most: int | None = None,
    settled: tuple[str, ...] = (),
) -> Ground:
    """What there is to tell of files that were `base` and are `now`."""
    entries = []
    for path in sorted({*base, *now} - set(untellable)):
        if base.get(path) != now.get(path):
            kind: Literal["modified", "untracked"] = "modified" if path in base else "untracked"
            entries.append(entry_of(Now(path, kind, now.get(path)), base.get(path)))
    return Ground(
        commit, f"key of {commit}", repr(sorted(base.items())), 1_000, tuple(entries), untellable,
        base.keys(), base.keys(), budget, most, frozenset(settled),
    )  # fmt: skip


def decided(step: Step, promote_at: int | None = 2) -> Decision:
    return Decision(step, "1h", "5m", promote_at, "because")


def read(base: Mapping[str, str], advanced: Advanced) -> dict[str, str]:
    """The files as the layers tell them."""
    blocks = [layers.block("file", text, path=path) for path, text in sorted(base.items())]
    snapshot = layers.layer("snapshot", layers.section("repository", blocks))
    text = "".join((*advanced.plan.changes_log, advanced.plan.changes_tail))
    changes = Layer("changes", text, estimate(text))
    return as_read(Context(Path("/r"), "c1", snapshot, changes, Layer("task", "", 0)))


# --- the machine -------------------------------------------------------------------------------

PATHS = ["a.py", "b.py", "c.py", "d/e.py"]
TEXTS = ["x\n", BODY, BODY.replace("line 7\n", "seven\n"), BODY + "more\n", "<file>\n</file>\n"]

_edits = st.tuples(
    st.just("edit"), st.sampled_from(PATHS), st.one_of(st.none(), st.sampled_from(TEXTS))
)
_reverts = st.tuples(st.just("revert"), st.sampled_from(PATHS), st.none())
_switches = st.tuples(st.just("unreadable"), st.sampled_from(PATHS), st.none())
_requests = st.tuples(
    st.just("request"),
    st.sampled_from(["keep", "keep", "keep", "fold", "rebuild"]),
    st.sampled_from([None, 1, 2, 3]),
)
_moves = st.lists(st.one_of(_edits, _edits, _reverts, _switches, _requests, _requests), max_size=40)


@dataclass
class World:
    """A repository, and the prefix of the requests about it."""

    base: dict[str, str]
    now: dict[str, str]
    unreadable: set[str] = field(default_factory=set)
    commits: int = 1
    state: PrefixState = PrefixState()  # noqa: RUF009
    sent: tuple[str, ...] = ()

    def request(self, step: Step, promote_at: int | None, budget: int) -> Advanced:
        if not self.state.was_sent:
            step = "first"
        if step in ("first", "rebuild"):
            self.commits += 1
            self.base = {**self.now}
            for path in self.unreadable:
                self.base.setdefault(path, "what it was\n")
        return advance(self.state, self.seen(budget), decided(step, promote_at), now=0.0)

    def seen(self, budget: int) -> Ground:
        unreadable = tuple(sorted(self.unreadable))
        return ground(
            self.base, self.now, commit=f"c{self.commits}", untellable=unreadable, budget=budget
        )

    @property
    def truth(self) -> dict[str, str]:
        return {path: text for path, text in self.now.items() if path not in self.unreadable}


@settings(max_examples=300)
@given(_moves, st.sampled_from([150, 300, 10_000]))
def test_sent_bytes_stay_and_what_is_read_is_so(
    moves: list[tuple[str, str, object]], budget: int
) -> None:
    world = World({"a.py": BODY, "b.py": "x\n"}, {"a.py": BODY, "b.py": "x\n"})
    for kind, what, more in moves:
        if kind == "edit":
            world.now.pop(what, None)
            if isinstance(more, str):
                world.now[what] = more
        elif kind == "revert":
            world.now.pop(what, None)
            if what in world.base:
                world.now[what] = world.base[what]
        elif kind == "unreadable":
            world.unreadable ^= {what}
        else:
            check_request(world, what, more, budget)  # type: ignore[arg-type]


def check_request(world: World, step: Step, promote_at: int | None, budget: int) -> None:
    before = world.state
    advanced = world.request(step, promote_at, budget)
    plan, after = advanced.plan, advanced.state
    prefix = (after.snapshot_key, *plan.changes_log)
    if plan.step == "keep":
        assert prefix[: len(world.sent)] == world.sent, "what was sent is sent again"
        assert len(prefix) <= len(world.sent) + 1, "at most one block a request"
        assert after.generation == before.generation
    else:
        assert after.generation == before.generation + 1
    told = read(world.base, advanced)
    unread = {omission.path for omission in advanced.omitted}
    for path in {*told, *world.truth, *world.base}:
        if path in world.unreadable:
            assert told.get(path) in (None, NOT_SHOWN), "nothing is told that is not known"
        elif path in unread:
            assert told[path] == NOT_SHOWN
        else:
            assert told.get(path) == world.truth.get(path)
    seen = world.seen(budget)
    if plan.step == "keep":
        rented = advance(before, seen, decided("keep", None), now=0.0)
        entries = {each.entry.path: each.entry.tokens for each in pending(before, seen)}
        left_out = sum(entries[omission.path] for omission in rented.omitted)
        expected = behind(before, seen)
        assert expected.left_out_tokens == left_out
        assert sum(each.tokens for each in expected.tail) == sum(entries.values()) - left_out
    repeated = advance(before, world.seen(budget), decided(plan.step, promote_at), now=0.0)
    assert repeated == advanced, "the same again"
    world.state, world.sent = after, prefix


def test_a_file_that_is_typed_in_stays_in_the_tail_until_it_holds_still() -> None:
    base = {"a.py": BODY}
    state = advance(PrefixState(), ground(base, base), decided("first"), now=0).state
    for number in range(3):
        now = {"a.py": f"{BODY}typed {number}\n"}
        advanced = advance(state, ground(base, now), decided("keep"), now=0)
        assert advanced.plan.changes_log == ()
        assert f"+typed {number}\n" in advanced.plan.changes_tail
        state = advanced.state
    advanced = advance(state, ground(base, now), decided("keep"), now=0)
    assert "+typed 2\n" in advanced.plan.changes_log[0]
    assert advanced.plan.changes_tail == ""


def test_the_policy_says_when_a_change_is_bought() -> None:
    base, now = {"a.py": BODY}, {"a.py": "x\n"}
    at_once = advance(PrefixState(), ground(base, now), decided("first", 1), now=0)
    assert len(at_once.plan.changes_log) == 1
    state = PrefixState()
    for _ in range(4):
        never = advance(state, ground(base, now), decided("first", None), now=0)
        assert never.plan.changes_log == ()
        state = never.state


def test_what_is_committed_is_bought_at_once() -> None:
    """What a branch has brought stays; what is typed in does not."""
    base, now = {"a.py": BODY, "b.py": BODY}, {"a.py": "theirs\n", "b.py": "mine\n"}
    seen = ground(base, now, settled=("a.py",))
    first = advance(PrefixState(), seen, decided("first"), now=0)
    assert [told.path for told in first.state.log.newest.values()] == ["a.py"]
    assert "mine" in first.plan.changes_tail
    third = advance(PrefixState(), seen, decided("first", 3), now=0)
    assert third.state.log.blocks == ()


def test_a_snapshot_that_one_comes_back_to_is_read() -> None:
    """main, a branch of another base, and back: main's bytes are still in the cache."""
    main, other = {"a.py": BODY}, {"a.py": "x\n"}
    state = advance(PrefixState(), ground(main, main), decided("first"), now=0).state
    lease = Lease("5m", 300.0)
    state = PrefixState(**{**vars(state), "snapshot_lease": lease})
    away = advance(state, ground(other, other, commit="c2"), decided("rebuild"), now=10)
    assert (away.state.snapshot_lease, away.plan.snapshot_alive) == (None, False)
    # The same bytes as of another commit are the same entry.
    back = ground(main, main, commit="c3")
    assert away.state.lease_of(back.snapshot_digest) == lease
    read = advance(away.state, back, decided("rebuild"), now=299)
    assert (read.state.snapshot_lease, read.plan.snapshot_alive) == (lease, True)
    assert (read.plan.snapshot_lifetime, read.plan.changes_lifetime) == ("5m", "5m")
    late = advance(away.state, back, decided("rebuild"), now=300)
    assert (late.state.snapshot_lease, late.plan.snapshot_alive) == (None, False)
    assert late.plan.snapshot_lifetime == "1h"
    assert late.state.resting == {}, "what is dead is forgotten"


def test_what_was_seen_before_is_known_after_a_rebuild() -> None:
    base, now = {"a.py": BODY, "b.py": "x\n"}, {"a.py": BODY + "1\n", "b.py": "y\n"}
    state = PrefixState()
    for step in ("first", "keep"):
        state = advance(state, ground(base, now), decided(step), now=0).state  # type: ignore[arg-type]
    assert state.log.blocks
    newer = {"a.py": BODY + "1\n", "b.py": "x\n"}
    rebuilt = advance(state, ground(newer, now, commit="c2"), decided("rebuild"), now=0)
    assert [told.path for told in rebuilt.state.log.newest.values()] == ["b.py"]
    assert (rebuilt.state.base, rebuilt.state.snapshot_lease) == ("c2", None)


def test_a_fold_drops_what_no_longer_holds() -> None:
    base = {"a.py": BODY, "b.py": "x\n"}
    state = PrefixState(snapshot_lease=Lease("1h", 50.0))
    for now in ({"a.py": "1\n", "b.py": "y\n"}, {"a.py": "2\n", "b.py": "y\n"}, base):
        for _ in range(2):
            step: Step = "keep" if state.was_sent else "first"
            state = advance(state, ground(base, now), decided(step), now=0).state
            state = PrefixState(**{**vars(state), "snapshot_lease": Lease("1h", 50.0)})
    assert len(state.log.blocks) == 3
    now = {"a.py": BODY, "b.py": "z\n"}
    assert stale_tokens(state, ground(base, now)) == sum(
        told.tokens for block in state.log.blocks for told in block.told
    )
    folded = advance(state, ground(base, now), decided("fold"), now=0)
    assert folded.plan.changes_log == ()
    assert '<file path="b.py" change="modified">\nz\n' in folded.plan.changes_tail
    assert "a.py" not in folded.plan.changes_tail
    assert folded.state.snapshot_lease == Lease("1h", 50.0), "the snapshot is as it was"
    assert folded.state.log_lease is None


def test_the_plan_says_what_can_be_read() -> None:
    base, now = {"a.py": BODY}, {"a.py": "x\n"}
    state = advance(PrefixState(), ground(base, now), decided("first", 1), now=0).state
    state = PrefixState(
        **{
            **vars(state),
            "snapshot_lease": Lease("1h", 3_600.0),
            "log_lease": Lease("5m", 300.0),
            "log_blocks_leased": 1,
        }
    )
    for moment, expected in ((299.0, (True, 1)), (301.0, (True, 0)), (3_601.0, (False, 0))):
        plan = advance(state, ground(base, now), decided("keep"), now=moment).plan
        assert (plan.snapshot_alive, plan.log_blocks_alive) == expected


def test_a_file_that_is_as_before_is_taken_back_once() -> None:
    base, now = {"a.py": BODY, "b.py": "x\n"}, {"a.py": "1\n", "new.py": "n\n", "b.py": "x\n"}
    state = advance(PrefixState(), ground(base, now), decided("first", 1), now=0).state
    over = pending(state, ground(base, base))
    assert [(each.entry.text, each.entry.state) for each in over] == [
        ('<restored path="a.py"/>\n', AS_IN_SNAPSHOT),
        ('<deleted path="new.py"/>\n', AS_IN_SNAPSHOT),
    ]
    told = behind(state, ground(base, base)).tail
    assert [(each.tokens, each.sightings) for each in told] == [
        (each.entry.tokens, 1) for each in over
    ]
    state = advance(state, ground(base, base), decided("keep", 1), now=0).state
    assert pending(state, ground(base, base)) == []


def test_the_log_never_grows_over_its_budget_but_takes_back_all_the_same() -> None:
    base = {"a.py": BODY, "b.py": BODY}
    now = {"a.py": "1 " * 200, "b.py": "2 " * 200}
    first = advance(PrefixState(), ground(base, now, budget=400), decided("first", 1), now=0)
    assert first.state.log.tokens <= 400
    assert [told.path for told in first.state.log.newest.values()] == ["a.py"]
    assert {omission.path: omission.reason for omission in first.omitted} == {"b.py": OVER_BUDGET}
    assert '<not-shown path="b.py"/>' in first.plan.changes_tail
    back = advance(first.state, ground(base, base, budget=1), decided("keep", 1), now=0)
    assert back.plan.changes_log[1] == '<changes>\n<restored path="a.py"/>\n</changes>\n'


def test_a_small_prompt_trims_the_tail_but_not_what_was_sent() -> None:
    base = {"a.py": BODY, "b.py": BODY}
    now = {"a.py": "1 " * 300}
    first = advance(PrefixState(), ground(base, now), decided("first", 1), now=0)
    both = {**now, "b.py": "2 " * 300}
    small = advance(first.state, ground(base, both, most=100), decided("keep", 1), now=0)
    assert small.plan.changes_log == first.plan.changes_log
    assert small.plan.changes_tail == '<changes>\n<not-shown path="b.py"/>\n</changes>\n'


def test_of_thousands_of_files_not_all_are_named() -> None:
    base = {f"m{number}.py": BODY for number in range(1_000)}
    found = advance(PrefixState(), ground(base, {}, budget=1_000), decided("first"), now=0)
    assert found.plan.changes_tail.count("<not-shown ") <= MAX_NAMED_FILES
    assert len(found.omitted) > 800
    assert estimate(found.plan.changes_tail) <= 1_000 + 20 * MAX_NAMED_FILES


def test_what_cannot_be_told_is_said_where_something_else_is_shown() -> None:
    base = {"a.py": BODY}
    found = advance(
        PrefixState(), ground(base, base, untellable=("a.py", "big.bin")), decided("first"), now=0
    )
    assert '<not-shown path="a.py"/>' in found.plan.changes_tail
    assert "big.bin" not in found.plan.changes_tail, "nothing was told of it"


def test_another_base_cannot_be_kept_to() -> None:
    state = advance(PrefixState(), ground({}, {}), decided("first"), now=0).state
    with pytest.raises(AssertionError):
        advance(state, ground({}, {}, commit="c2"), decided("keep"), now=0)
