"""Which base a request is seen from, and what becomes of the prefix that was sent before.

Brings together what is remembered, what the repository is like now and what the policy says.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from kibitz_context.caching import policy
from kibitz_context.caching.advance import (
    Advanced,
    Ground,
    advance,
    behind,
    stale_tokens,
)
from kibitz_context.caching.policy import Decision
from kibitz_context.caching.prefix import PrefixRequest, PrefixStore
from kibitz_context.caching.prefix_state import PrefixState, RestingLog
from kibitz_context.caching.returning import with_resting_log
from kibitz_context.caching.view import View
from kibitz_context.gate.baseline import Bases, Sources, baseline
from kibitz_context.layers import snapshots
from kibitz_context.layers.log import Log
from kibitz_context.values import PrefixId

# Where the prompt is bounded, so much of what the snapshot leaves is kept for the task.
TASK_SHARE = 0.3

# A changed file of which nothing is known yet.
TOKENS_OF_UNKNOWN_CHANGE = 400

# Other processes may be faster: after so many attempts the request is not remembered.
MAX_ATTEMPTS = 3


class Lookout:
    """The views of one gathering, each looked at once."""

    def __init__(
        self,
        sources: Sources,
        bases: Bases,
        buffers: Callable[[View], Mapping[str, str]],
        max_tokens: int,
        cache: Path | None,
    ) -> None:
        self.bases = bases
        self._sources = sources
        self._buffers = buffers
        self._max_tokens = max_tokens
        self._cache = cache
        self._views: dict[str | None, View] = {}

    def at(self, commit: str | None) -> View:
        """The view from `commit`; from the folder where there is none or it cannot be read."""
        if commit not in self._views:
            base = baseline(self._sources.repository, commit)
            self._views[commit] = View(
                self._sources.at(base), self._buffers, self._max_tokens, self._cache
            )
        return self._views[commit]

    def has(self, commit: str) -> bool:
        """Whether a commit is there; asked again only of one that nobody has asked about yet."""
        known = (self.bases.head, self.bases.shared, self.bases.known)
        return commit in known or self._sources.repository.commits([commit])[0] is not None

    @property
    def preferred(self) -> View:
        return self.at(self.bases.preferred)

    def kept(self, snapshot_key: str) -> View | None:
        """The view from a folder's earlier moment; None where that is not stored any more."""
        known = snapshots.store_in(self._cache).get(snapshot_key)
        if known is None or known.folder is None:
            return None
        sources = self._sources.at(known.folder)
        return View(sources, self._buffers, self._max_tokens, self._cache, known)


@dataclass(frozen=True)
class Course:
    """The view that the request is sent with, and the step to it.

    `is_planned` is whether anybody asked for a plan; `prefix` is None where nothing is recorded.
    """

    view: View
    advanced: Advanced
    is_planned: bool = True
    prefix: PrefixId | None = None


def without_prefix(view: View) -> Course:
    """The course of a request that has no past and no future: everything stands in the tail."""
    decision = Decision("first", None, None, None, "")
    return Course(view, advance(PrefixState(), view.ground, decision, now=0.0), is_planned=False)


def with_prefix(
    lookout: Lookout,
    request: PrefixRequest,
    store: PrefixStore,
    prefix: PrefixId,
    state: PrefixState,
) -> Course:
    """The course of `prefix`, which is in `state`; what is decided is remembered in `store`."""
    now = time.time()
    for _ in range(MAX_ATTEMPTS):
        view, decision = _decided(lookout, request, state, now)
        ground = _within(view, request, state)
        resting = _readable(view, ground, state, now) if decision.step != "first" else []
        decision, chosen = with_resting_log(
            state, ground, decision, resting, request.prices, now=now
        )
        if not request.record:
            return Course(view, advance(state, ground, decision, chosen, now=now))
        done: list[Advanced] = []

        def step(
            fresh: PrefixState,
            seen: PrefixState = state,
            ground: Ground = ground,
            decision: Decision = decision,
            chosen: RestingLog | None = chosen,
            done: list[Advanced] = done,
        ) -> PrefixState:
            if _stands_elsewhere(fresh, seen):
                return fresh
            done.append(advance(fresh, ground, decision, chosen, now=now))
            return done[0].state

        if decision.step != "keep":
            view.keep()
        store.update(prefix.key, step)
        if done:
            recorded = replace(prefix, generation=done[0].state.generation)
            return Course(view, done[0], prefix=recorded)
        state = store.get(prefix.key)
    return Course(view, advance(state, ground, decision, chosen, now=now))


def _stands_elsewhere(fresh: PrefixState, seen: PrefixState) -> bool:
    """Whether another process has taken the prefix further than appending to its log."""
    return (fresh.generation, fresh.base, fresh.snapshot_key) != (
        seen.generation,
        seen.base,
        seen.snapshot_key,
    )


def _decided(
    lookout: Lookout, request: PrefixRequest, state: PrefixState, now: float
) -> tuple[View, Decision]:
    view, forced = _standing(lookout, state)
    must_fold = forced is None and state.was_sent and _tells_what_is_private(view, state.log)
    known = PrefixState(request_times=state.request_times) if forced is not None else state
    decision = policy.decide(_policy_state(lookout, view, request, known, now))
    if forced is not None:
        return view, replace(decision, step="rebuild", reason=forced)
    if must_fold:
        reason = "the log told of a file that may not be sent any more"
        return view, replace(decision, step="fold", reason=reason)
    return lookout.preferred if decision.step == "rebuild" else view, decision


def _standing(lookout: Lookout, state: PrefixState) -> tuple[View, str | None]:
    """The view that the prefix has had so far, or the one that has to take its place and why."""
    if not state.was_sent:
        return lookout.preferred, None
    if state.base is not None and not lookout.has(state.base):
        return lookout.preferred, "the commit that the snapshot stood for is gone"
    view = lookout.at(state.base) if state.base is not None else None
    if view is None and lookout.bases.preferred is not None:
        return lookout.preferred, "there is a commit now"
    view = view or lookout.kept(state.snapshot_key)
    if view is None:
        return lookout.preferred, "the snapshot that was sent is not stored any more"
    if view.base.commit != state.base:
        return lookout.preferred, "the commit that the snapshot stood for cannot be read"
    if state.snapshot_key == view.shown_key:
        return view, None
    if state.snapshot_key == view.provisional_key:
        return view, "the whole snapshot is ready"
    if state.base is not None and state.snapshot_key.startswith(f"{view.snapshot_key}-"):
        return view, "files that this clone lacked are there now"
    if state.snapshot_key == view.snapshot_key:
        return lookout.preferred, "the snapshot that was sent is not stored any more"
    return lookout.preferred, "what may be sent has changed, or how it is shown"


def _readable(view: View, ground: Ground, state: PrefixState, now: float) -> list[RestingLog]:
    """The logs that were sent behind this snapshot, may be sent still and are in the cache."""
    resting = state.resting_behind(ground.base, ground.snapshot_digest, now)
    return [each for each in resting if not _tells_what_is_private(view, each.log)]


def _tells_what_is_private(view: View, log: Log) -> bool:
    """Whether a log holds text of a file that may not be sent now."""
    gate = view.sources.gate
    if any(gate.name_refusal(path) is not None for path in log.paths):
        return True
    return bool(view.sources.repository.ignored(_unlisted(view, log)))


def _unlisted(view: View, log: Log) -> list[str]:
    """Files that the log tells of and that are there, though nobody has listed them as new: they
    are ignored now, or too large, or one of too many."""
    known, changed = view.base.by_path, view.changes.texts
    root = view.sources.gate.root
    return sorted(
        path
        for path in log.paths
        if path not in known and path not in changed and os.path.lexists(root / path)
    )


def _policy_state(
    lookout: Lookout, view: View, request: PrefixRequest, state: PrefixState, now: float
) -> policy.State:
    factor = request.tokens_factor

    def real(tokens: int) -> int:
        return round(tokens * factor)

    ground = _within(view, request, state)
    waiting = behind(state, ground)
    return policy.State(
        now=now,
        snapshot_tokens=real(ground.snapshot_tokens),
        changes_budget_tokens=real(ground.log_tokens),
        rules_tokens=request.rules_tokens,
        prices=request.prices,
        ttl=request.ttl,
        keep_warm=request.keep_warm,
        request_times=state.request_times,
        prefix_known=state.was_sent,
        snapshot_lease=state.snapshot_lease,
        log_lease=state.log_lease,
        log_tokens=real(state.log.tokens),
        stale_log_tokens=real(stale_tokens(state, ground)),
        tail=tuple(replace(each, tokens=real(each.tokens)) for each in waiting.tail),
        left_out_tokens=real(waiting.left_out_tokens),
        rebuild=_rebuild(lookout, view, state, real) if state.was_sent else None,
    )


def _rebuild(
    lookout: Lookout, view: View, state: PrefixState, real: Callable[[int], int]
) -> policy.Rebuild | None:
    """What the preferred base would be like, once its snapshot is prepared."""
    if view.kept is not None:
        return _rebuild_of_folder(view, real)
    if lookout.bases.preferred == view.base.commit:
        return None
    other = lookout.preferred
    if other.base.commit is None or other.prepared is None:
        return None
    # What differs from there is told here as well, nearly always: it need not be compared.
    known: Counter[str] = Counter()
    for entry in view.changes.entries:
        known[entry.path] += entry.tokens
    differs = {changed.path: TOKENS_OF_UNKNOWN_CHANGE for changed in other.listed.changed}
    # Of untracked files only those matter that are told.
    tokens = sum(known.get(path, guess) for path, guess in differs.items())
    tokens += sum(known.get(path, 0) for path in other.listed.untracked if path not in differs)
    layer = other.prepared.layer
    return policy.Rebuild(real(layer.tokens), real(tokens), state.lease_of(layer.sha256))


def _rebuild_of_folder(view: View, real: Callable[[int], int]) -> policy.Rebuild | None:
    """What a folder's snapshot would be like if it were made now: about the same, and only what
    is not saved would be left to tell."""
    unsaved = view.overlays.keys()
    told = view.changes.entries
    if all(entry.path in unsaved for entry in told):
        return None
    left = sum(entry.tokens for entry in told if entry.path in unsaved)
    return policy.Rebuild(real(view.snapshot.layer.tokens), real(left))


def _within(view: View, request: PrefixRequest, state: PrefixState) -> Ground:
    """The ground of `view` with the room that the prompt leaves for the changes."""
    ground = view.ground
    if unlisted := _unlisted(view, state.log):
        ground = replace(ground, untellable=(*ground.untellable, *unlisted))
    left = left_tokens(view, request)
    if left is None:
        return ground
    return replace(ground, most_tokens=left - int(left * TASK_SHARE))


def left_tokens(view: View, request: PrefixRequest) -> int | None:
    """What the prompt leaves for changes and task, in estimated tokens; None: enough."""
    if request.max_prompt_tokens is None:
        return None
    fixed = request.rules_tokens + request.caller_tokens
    whole = int((request.max_prompt_tokens - fixed) / request.tokens_factor)
    return max(0, whole - view.snapshot.layer.tokens)
