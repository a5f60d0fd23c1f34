"""What becomes of a prefix with one more request: the step from what was sent to what will be.

Pure: the remembered state, what differs now and the policy's answer in; the next state and the
plan of the request out.  Nothing here reads a file, a clock or a database.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from kibitz_context import layers
from kibitz_context.changes import OVER_BUDGET, as_in_snapshot, not_shown
from kibitz_context.log import AS_IN_SNAPSHOT, INTRODUCTION, Entry, Log, Told, section
from kibitz_context.policy import Decision, TailEntry, not_longer
from kibitz_context.prefix_state import PrefixState, RestingLog
from kibitz_context.tokens import estimate
from kibitz_context.values import Omission, Plan, Step

# However long the log is, this share of the budget is for what has changed just now.
LEAST_TAIL_SHARE = 0.25
# Of more files than this it is not even said that they have changed.
MAX_NAMED_FILES = 100

# What the log told of a file that is still so: seen often enough for any policy.
_TOLD_BEFORE = 1_000


@dataclass(frozen=True)
class Ground:
    """What is the case now, seen from one base.

    `entries` tell every file that differs, the most likely to matter first; those at the paths
    `settled` are believed to stay as they are for a while.  `untellable` are
    files that differ but whose text is not wanted or cannot be had.  `base_paths` are the files
    of the base, `shown_paths` those of which the snapshot shows more than the name.
    `budget_tokens` is for log and tail together, and `most_tokens` what the prompt leaves for
    them, None: enough.
    """

    base: str | None
    snapshot_key: str
    snapshot_digest: str
    snapshot_tokens: int
    entries: tuple[Entry, ...]
    untellable: tuple[str, ...]
    base_paths: AbstractSet[str]
    shown_paths: AbstractSet[str]
    budget_tokens: int
    most_tokens: int | None = None
    settled: AbstractSet[str] = frozenset()

    @property
    def log_tokens(self) -> int:
        """How long the log may get."""
        if self.most_tokens is None:
            return self.budget_tokens
        return max(0, min(self.budget_tokens, self.most_tokens))


@dataclass(frozen=True)
class Pending:
    """An entry that the log does not tell, and how many requests have found it so."""

    entry: Entry
    sightings: int


@dataclass(frozen=True)
class Advanced:
    """The next state; the plan; what the changes layer tells of each path, the last entry of
    each; what did not fit."""

    state: PrefixState
    plan: Plan
    told: Mapping[str, Told]
    omitted: tuple[Omission, ...]


def pending(state: PrefixState, ground: Ground, known: PrefixState | None = None) -> list[Pending]:
    """What the log of `state` does not tell of `ground`, the most likely to matter first.

    A file that the log speaks of and that does not differ any more is among it.  What was seen
    before is remembered in `known`, where `state` has another log than that had.
    """
    untold = state.log.untold(ground.entries)
    named = {entry.path for entry in ground.entries} | set(ground.untellable)
    over = [
        as_in_snapshot(path, path in ground.base_paths)
        for path, told in sorted(state.log.newest.items())
        if told.state != AS_IN_SNAPSHOT and path not in named
    ]
    # What is taken back takes next to no room, and a reader would be wrong without it.
    known = state if known is None else known
    return [Pending(entry, _sightings(known, ground, entry)) for entry in (*over, *untold)]


@dataclass(frozen=True, slots=True)
class Behind:
    """What would stand behind the log if it stayed as it is, in the words of the policy: what
    would be told, and the tokens of what there would be no room for."""

    tail: tuple[TailEntry, ...]
    left_out_tokens: int


def behind(state: PrefixState, ground: Ground) -> Behind:
    """What `advance` would send behind the log of `state` if nothing were appended to it."""
    waiting = pending(state, ground)
    told, left_out = _fitting(state.log, waiting, ground)
    return Behind(
        tuple(TailEntry(each.entry.tokens, each.sightings) for each in told),
        sum(each.entry.tokens for each in left_out),
    )


def stale_tokens(state: PrefixState, ground: Ground) -> int:
    """How much of the log does not hold any more."""
    return state.log.stale_tokens({entry.path: entry.state for entry in ground.entries})


def advance(
    state: PrefixState,
    ground: Ground,
    decision: Decision,
    resting: RestingLog | None = None,
    *,
    now: float,
) -> Advanced:
    """Take the step that was decided.  With the step `keep` the ground must be that of the state,
    and all that was sent before stays as it is.  A step that gives up the log goes on with
    `resting`, where there is one, and else with an empty one.
    """
    if decision.step == "keep":
        assert (state.base, state.snapshot_key) == (ground.base, ground.snapshot_key)
        assert resting is None
    begun = begun_with(state, ground, decision.step, resting, now=now)
    log, waiting = _promoted(
        begun.log, pending(begun, ground, state), decision.promote_at, ground.log_tokens
    )
    tail, omitted = _tail(log, waiting, ground)
    after = replace(
        begun,
        log=log,
        sightings={each.entry.path: (each.entry.state, each.sightings) for each in waiting},
    )
    lease, log_lease = after.snapshot_lease, after.log_lease
    is_alive = lease is not None and lease.alive(now)
    lifetime = decision.snapshot_lifetime
    if lease is not None and is_alive and lifetime is not None:
        lifetime = lease.lifetime
    plan = Plan(
        snapshot_lifetime=lifetime,
        changes_lifetime=not_longer(decision.changes_lifetime, lifetime),
        changes_log=tuple(block.text for block in log.blocks),
        changes_tail=section(tail, is_first=not log.blocks),
        step=decision.step,
        reason=decision.reason,
        snapshot_alive=is_alive,
        log_blocks_alive=(
            after.log_blocks_leased if log_lease is not None and log_lease.alive(now) else 0
        ),
    )
    told = {**log.newest, **{entry.path: _told(entry) for entry in tail}}
    return Advanced(after, plan, told, omitted)


def _sightings(state: PrefixState, ground: Ground, entry: Entry) -> int:
    told = state.log.newest.get(entry.path)
    if told is not None and told.state == entry.state:
        return _TOLD_BEFORE
    seen, count = state.sightings.get(entry.path, ("", 0))
    # An empty state is that of a file that is as in the snapshot: a state like any other.
    if count and seen == entry.state:
        return count + 1
    # What a branch or a colleague has brought is not waited for: see decision 0007.
    return 2 if entry.path in ground.settled else 1


def _promoted(
    log: Log, waiting: Sequence[Pending], promote_at: int | None, budget_tokens: int
) -> tuple[Log, list[Pending]]:
    """Append what has held still for long enough; the rest goes on waiting."""
    room = budget_tokens - log.tokens
    if not log.blocks:
        room -= estimate(layers.section("changes", [INTRODUCTION]))
    chosen: list[Entry] = []
    rest: list[Pending] = []
    for each in waiting:
        is_settled = promote_at is not None and each.sightings >= promote_at
        takes_back = each.entry.state == AS_IN_SNAPSHOT
        if is_settled and (each.entry.tokens <= room or takes_back):
            room -= each.entry.tokens
            chosen.append(each.entry)
        else:
            rest.append(each)
    return log.appended(chosen), rest


def _wrong(log: Log, ground: Ground) -> list[str]:
    """Files that cannot be told, of which otherwise something would be told that is not so."""
    return [path for path in ground.untellable if path in log.newest or path in ground.shown_paths]


def _fitting(
    log: Log, waiting: Sequence[Pending], ground: Ground
) -> tuple[list[Pending], list[Pending]]:
    """What there is room for behind `log`, and what there is not."""
    room = max(ground.budget_tokens - log.tokens, int(ground.budget_tokens * LEAST_TAIL_SHARE))
    if ground.most_tokens is not None:
        room = min(room, ground.most_tokens - log.tokens)
    room -= estimate(layers.section("changes", ["" if log.blocks else INTRODUCTION]))
    room -= sum(not_shown(path).tokens for path in _wrong(log, ground)[:MAX_NAMED_FILES])
    if sum(each.entry.tokens for each in waiting) > room:
        room -= sum(not_shown(each.entry.path).tokens for each in waiting[:MAX_NAMED_FILES])
    told: list[Pending] = []
    left_out: list[Pending] = []
    for each in waiting:
        if each.entry.tokens <= room or each.entry.state == AS_IN_SNAPSHOT:
            room -= each.entry.tokens
            told.append(each)
        else:
            left_out.append(each)
    return told, left_out


def _tail(
    log: Log, waiting: Sequence[Pending], ground: Ground
) -> tuple[list[Entry], tuple[Omission, ...]]:
    """The entries behind the log, and what did not fit.

    Of what did not fit, and of what cannot be told, it is said that it has changed.
    """
    fitting, over = _fitting(log, waiting, ground)
    left_out = [each.entry.path for each in over]
    unnamed = sorted((*_wrong(log, ground), *left_out), key=lambda path: path not in log.newest)
    tail = [each.entry for each in fitting]
    tail += [
        not_shown(path)
        for number, path in enumerate(unnamed)
        if path in log.newest or number < MAX_NAMED_FILES
    ]
    return tail, tuple(Omission(path, OVER_BUDGET) for path in left_out)


def begun_with(
    state: PrefixState, ground: Ground, step: Step, resting: RestingLog | None, *, now: float
) -> PrefixState:
    """The state with what the step gives up taken out of it, and the log that it returns to."""
    if step == "keep":
        return state
    after = replace(state.without_log(now), generation=state.generation + 1)
    if step in ("first", "rebuild"):
        after = after.with_snapshot(
            ground.base, ground.snapshot_key, ground.snapshot_digest, ground.snapshot_tokens, now
        )
    return after if resting is None else after.with_log(resting, now)


def _told(entry: Entry) -> Told:
    return Told(entry.path, entry.state, entry.form, entry.tokens)
