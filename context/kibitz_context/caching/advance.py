"""What becomes of a prefix with one more request: the step from what was sent to what will be.

Pure: the remembered state, what differs now and the policy's answer in; the next state and the
plan of the request out.  Nothing here reads a file, a clock or a database.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from kibitz_context import markup
from kibitz_context.caching.policy import Decision, TailEntry, not_longer
from kibitz_context.caching.prefix_state import PrefixState, RestingLog
from kibitz_context.layers.changes import OVER_BUDGET, as_in_snapshot, not_shown, since_told
from kibitz_context.layers.log import (
    AS_IN_SNAPSHOT,
    INTRODUCTION,
    Entry,
    Log,
    Told,
    newest,
    section,
)
from kibitz_context.tokens import estimate
from kibitz_context.values import Omission, Place, Plan, Step

# However long the log is, this share of the budget is for what has changed just now.
LEAST_TAIL_SHARE = 0.25
# Of more files than this it is not even said that they have changed.
MAX_NAMED_FILES = 100

# What the log told of a file that is still so: seen often enough for any policy.
_TOLD_BEFORE = 1_000


@dataclass(frozen=True)
class Ground:
    """What is the case now, seen from one base.

    `entries` tell every place that differs, the most likely to matter first; files at the paths
    `in_hand` are asked about or not saved.  `untellable` are files that differ but whose text is
    not wanted or cannot be had.  `base_paths` are the files of the base, `shown_paths` those of
    which the snapshot shows more than the name.
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
    in_hand: AbstractSet[str] = frozenset()

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
    """The next state; the plan; what holds of what the changes layer tells; what did not fit."""

    state: PrefixState
    plan: Plan
    told: Mapping[Place, Told]
    omitted: tuple[Omission, ...]


def pending(state: PrefixState, ground: Ground, known: PrefixState | None = None) -> list[Pending]:
    """What the log of `state` does not tell of `ground`, the most likely to matter first.

    What the log speaks of and what does not differ any more is among it.  What was seen before is
    remembered in `known`, where `state` has another log than that had.
    """
    entries, _ = _since_whole(state.log, ground.entries)
    untold = state.log.untold(entries)
    over = [
        as_in_snapshot(place, place.path in ground.base_paths)
        for place in _over(state.log, entries, ground)
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
    """How much of the log does not hold any more, or could be told in less."""
    entries, retold = _since_whole(state.log, ground.entries)
    states = {entry.place: entry.state for entry in entries}
    return state.log.stale_tokens(states, {entry.path: entry.tokens for entry in retold})


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
        sightings={each.entry.place: (each.entry.state, each.sightings) for each in waiting},
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
        log_statements=tuple(tuple(told.statement for told in block.told) for block in log.blocks),
        tail_statements=tuple(entry.told.statement for entry in tail),
        step=decision.step,
        reason=decision.reason,
        snapshot_alive=is_alive,
        log_blocks_alive=(
            after.log_blocks_leased if log_lease is not None and log_lease.alive(now) else 0
        ),
    )
    told = newest((*log.newest.values(), *(entry.told for entry in tail)))
    return Advanced(after, plan, told, omitted)


def _since_whole(log: Log, entries: Sequence[Entry]) -> tuple[list[Entry], list[Entry]]:
    """What `entries` come to behind `log`: of a file that it told as a whole, that telling and
    what has become of it since.  Besides, the entries that tell these files as they are now."""
    found: list[Entry] = []
    retold: list[Entry] = []
    for entry in entries:
        told, text = log.whole.get(entry.path, (None, ""))
        hunks = since_told(entry, text) if told is not None and entry.form == "full" else None
        if told is None or hunks is None:
            found.append(entry)
            continue
        retold.append(entry)
        found += (replace(entry, state=told.state, tokens=told.tokens), *hunks)
    return found, retold


def _over(log: Log, entries: Sequence[Entry], ground: Ground) -> list[Place]:
    """The places of which the log tells something that is over, where nothing else is told;
    `entries` are what there is to tell behind it."""
    untellable = set(ground.untellable)
    now = {entry.place for entry in entries}
    paths = {place.path for place in now}
    new: dict[str, list[Place]] = {}
    for entry in log.untold(entries):
        new.setdefault(entry.path, []).append(entry.place)
    found: set[Place] = set()
    for place, told in log.newest.items():
        if told.state == AS_IN_SNAPSHOT or place.path in untellable:
            continue
        if place.path not in paths:
            # Nothing of the file differs any more: all of it can be taken back at once.
            found.add(Place(place.path))
        elif place not in now and not any(each.replaces(place) for each in new.get(place.path, ())):
            found.add(place)
    return sorted(found, key=lambda place: (place.path, place.lines or (0, 0)))


def _sightings(state: PrefixState, ground: Ground, entry: Entry) -> int:
    told = state.log.newest.get(entry.place)
    if told is not None and told.state == entry.state:
        return _TOLD_BEFORE
    seen, count = state.sightings.get(entry.place, ("", 0))
    # An empty state is that of a file that is as in the snapshot: a state like any other.
    if count and seen == entry.state:
        return count + 1
    # Only what is being worked on is waited for: see decision 0007.
    return 1 if entry.path in ground.in_hand and _had_another_state(state, entry) else 2


def _had_another_state(state: PrefixState, entry: Entry) -> bool:
    """Whether these lines have differed before, in another way than now."""
    place = entry.place
    seen = (each for each, (before, _) in state.sightings.items() if before != AS_IN_SNAPSHOT)
    told = (each for each, told in state.log.newest.items() if told.state != AS_IN_SNAPSHOT)
    return any(place.replaces(each) for each in (*seen, *told))


def _promoted(
    log: Log, waiting: Sequence[Pending], promote_at: int | None, budget_tokens: int
) -> tuple[Log, list[Pending]]:
    """Append what has held still for long enough; the rest goes on waiting."""
    room = budget_tokens - log.tokens
    if not log.blocks:
        room -= estimate(markup.section("changes", [INTRODUCTION]))
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
    return [path for path in ground.untellable if path in log.paths or path in ground.shown_paths]


def _fitting(
    log: Log, waiting: Sequence[Pending], ground: Ground
) -> tuple[list[Pending], list[Pending]]:
    """What there is room for behind `log`, and what there is not."""
    room = max(ground.budget_tokens - log.tokens, int(ground.budget_tokens * LEAST_TAIL_SHARE))
    if ground.most_tokens is not None:
        room = min(room, ground.most_tokens - log.tokens)
    room -= estimate(markup.section("changes", ["" if log.blocks else INTRODUCTION]))
    room -= sum(not_shown(Place(path)).tokens for path in _wrong(log, ground)[:MAX_NAMED_FILES])
    if sum(each.entry.tokens for each in waiting) > room:
        room -= sum(not_shown(each.entry.place).tokens for each in waiting[:MAX_NAMED_FILES])
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
    left_out = [each.entry.place for each in over]
    paths = dict.fromkeys(place.path for place in left_out)
    tail = [each.entry for each in fitting]
    # Who reads of a part of a file has to know that there is more.
    spoken_of = log.paths | {entry.path for entry in tail}
    unnamed = [*map(Place, _wrong(log, ground)), *left_out]
    unnamed.sort(key=lambda place: place.path not in spoken_of)
    tail += [
        not_shown(place)
        for number, place in enumerate(unnamed)
        if place.path in spoken_of or number < MAX_NAMED_FILES
    ]
    return tail, tuple(Omission(path, OVER_BUDGET) for path in paths)


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
