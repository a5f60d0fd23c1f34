"""Over any sequence of changes and decisions: sent bytes stay, and what is read is what is so.

The machine plays requests against the pure steps; the layers are read back as Claude would.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kibitz_context.caching.advance import (
    MAX_NAMED_FILES,
    Advanced,
    Ground,
    advance,
    behind,
    pending,
    stale_tokens,
)
from kibitz_context.caching.policy import Lease
from kibitz_context.caching.prefix_state import PrefixState
from kibitz_context.layers.changes import OVER_BUDGET
from kibitz_context.layers.log import AS_IN_SNAPSHOT
from kibitz_context.tokens import estimate
from kibitz_context.values import Step
from support.context_reader import NOT_SHOWN
from support.grounds import BODY, decided, ground, read

# --- the machine -------------------------------------------------------------------------------

PATHS = ["a.py", "b.py", "c.py", "d/e.py"]
TEXTS = ["x\n", "", BODY, BODY.replace("line 7\n", "seven\n"), BODY + "more\n", "<file>\n</file>\n"]

_edits = st.tuples(
    st.just("edit"), st.sampled_from(PATHS), st.one_of(st.none(), st.sampled_from(TEXTS))
)
_lines = st.tuples(
    st.just("line"),
    st.sampled_from(PATHS),
    # Some of these are near one another, so that their hunks meet, and some are not.
    st.tuples(
        st.sampled_from(["type", "undo", "type", "undo", "insert", "delete"]),
        st.sampled_from([3, 9, 13, 18, 40, 59]),
    ),
)
_reverts = st.tuples(st.just("revert"), st.sampled_from(PATHS), st.none())
_switches = st.tuples(st.just("unreadable"), st.sampled_from(PATHS), st.none())
_requests = st.tuples(
    st.just("request"),
    st.sampled_from(["keep", "keep", "keep", "fold", "rebuild"]),
    st.sampled_from([None, 1, 2, 3]),
)
_moves = st.lists(
    st.one_of(_edits, _lines, _lines, _lines, _reverts, _switches, _requests, _requests),
    min_size=10,
    max_size=40,
)
# One file, of which many lines are changed in turn; the second one is new.
_typing = st.sampled_from(["a.py", "c.py"]).flatmap(
    lambda path: st.lists(
        st.tuples(
            st.one_of(
                *3 * [_lines.map(lambda move: (move[0], path, move[2]))],
                st.tuples(st.just("edit"), st.just(path), st.sampled_from([None, *TEXTS[1:5]])),
                st.tuples(st.just("unreadable"), st.just(path), st.none()),
            ),
            st.tuples(
                st.just("request"),
                st.sampled_from([*9 * ["keep"], "fold"]),
                st.sampled_from([1, 1, 2]),
            ),
        ),
        min_size=8,
        max_size=20,
    )
)


@dataclass
class World:
    """A repository, and the prefix of the requests about it."""

    base: dict[str, str]
    now: dict[str, str]
    begun: dict[str, str] = field(default_factory=dict)
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


def typed(text: str, base: str, how: str, at: int) -> str:
    """`text` with one line of it changed, or as `base` has it."""
    lines, before = text.splitlines(), base.splitlines()
    at = min(at, max(0, len(lines) - 1))
    match how:
        case "insert":
            lines.insert(at, f"new {len(lines)}")
        case "delete":
            del lines[at : at + 1]
        case "undo" if at < len(before):
            lines[at : at + 1] = [before[at]]
        case _:
            lines[at : at + 1] = [f"typed {at}"]
    return "".join(f"{line}\n" for line in lines)


@settings(max_examples=300)
@given(
    st.one_of(_moves, _typing.map(lambda pairs: [move for pair in pairs for move in pair])),
    st.sampled_from([150, 300, 10_000]),
)
def test_sent_bytes_stay_and_what_is_read_is_so(
    moves: list[tuple[str, str, object]], budget: int
) -> None:
    world = World({"a.py": BODY, "b.py": "x\n"}, {"a.py": BODY, "b.py": "x\n"})
    for kind, what, more in moves:
        if kind == "edit":
            world.now.pop(what, None)
            if isinstance(more, str):
                world.now[what] = more
        elif kind == "line" and isinstance(more, tuple):
            if what in world.now:
                before = world.base.get(what) or world.begun.get(what, "")
                world.now[what] = typed(world.now[what], before, *more)
            else:
                world.now[what] = world.begun[what] = BODY
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
        waiting = {each.entry.place: each.entry.tokens for each in pending(before, seen)}
        tail = {each.place for each in rented.plan.tail_statements if each.state != "not shown"}
        left_out = sum(tokens for place, tokens in waiting.items() if place not in tail)
        expected = behind(before, seen)
        assert expected.left_out_tokens == left_out
        assert sum(each.tokens for each in expected.tail) == sum(waiting.values()) - left_out
        assert (left_out > 0) == bool(rented.omitted)
    repeated = advance(before, world.seen(budget), decided(plan.step, promote_at), now=0.0)
    assert repeated == advanced, "the same again"
    world.state, world.sent = after, prefix


def test_lines_that_are_typed_stay_in_the_tail_until_they_hold_still() -> None:
    base = {"a.py": BODY}
    above = BODY.replace("line 3\n", "three\n")
    state = advance(PrefixState(), ground(base, base), decided("first"), now=0).state
    for number in range(4):
        seen = ground(base, {"a.py": f"{above}typed {number}\n"}, in_hand=("a.py",))
        advanced = advance(state, seen, decided("keep"), now=0)
        # What is new is bought at once: in most of it nobody goes on typing.
        assert len(advanced.plan.changes_log) == 1
        assert "+three\n" in advanced.plan.changes_log[0]
        told = advanced.plan.changes_tail if number else advanced.plan.changes_log[0]
        assert f"+typed {number}\n" in told
        state = advanced.state
    advanced = advance(state, seen, decided("keep"), now=0)
    assert "+typed 3\n" in advanced.plan.changes_log[1]
    assert "three" not in advanced.plan.changes_log[1], "that is told already"
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


def test_only_what_is_worked_on_is_waited_for() -> None:
    """Files that nobody asks about or types in are bought in every state."""
    base = {"a.py": BODY, "b.py": BODY}
    first = ground(base, {"a.py": "theirs\n", "b.py": "mine\n"}, in_hand=("b.py",))
    state = advance(PrefixState(), first, decided("first"), now=0).state
    assert state.log.paths == {"a.py", "b.py"}
    later = ground(base, {"a.py": "theirs too\n", "b.py": "mine too\n"}, in_hand=("b.py",))
    found = advance(state, later, decided("keep"), now=0)
    assert "theirs too" in found.plan.changes_log[1]
    assert "mine too" in found.plan.changes_tail
    third = advance(PrefixState(), first, decided("first", 3), now=0)
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
    folded = advance(state, ground(base, now), decided("fold", 3), now=0)
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
        (each.entry.tokens, 2) for each in over
    ]
    state = advance(state, ground(base, base), decided("keep", 1), now=0).state
    assert pending(state, ground(base, base)) == []


def test_of_lines_that_are_as_before_again_the_rest_still_holds() -> None:
    base = {"a.py": BODY}
    above, below = (BODY.replace(f"line {at}\n", "new\n") for at in (3, 40))
    both = above.replace("line 40\n", "new\n")
    state = advance(PrefixState(), ground(base, {"a.py": both}), decided("first", 1), now=0).state
    [back] = pending(state, ground(base, {"a.py": below}))
    assert back.entry.text == '<restored path="a.py" lines="3-5"/>\n'
    no_room = ground(base, {"a.py": above.replace("line 40\n", "x " * 600 + "\n")}, budget=300)
    found = advance(state, no_room, decided("keep", 1), now=0)
    assert (
        found.plan.changes_tail == '<changes>\n<not-shown path="a.py" lines="40-42"/>\n</changes>\n'
    )
    assert [omission.path for omission in found.omitted] == ["a.py"]


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
