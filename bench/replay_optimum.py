"""What somebody who knows the future would pay under the same rules.

Dynamic programming over the actions of a session.  At every action the optimum chooses whether to
write a snapshot, for which base (any commit that was checked out or shared lately, as long as the
changes beside it fit their budget) and for how long (not at all, 5 min, 1 h); whether to begin the
log anew; for how long the log lives (not at all, 5 min, 1 h, never longer than the snapshot); for
each state of each hunk of each changed file whether to buy it into the log at first sight or to
send it every time; and in each pause whether to keep the entries alive by pings, which it sends as
late as it can wherever the machine is awake.  A log only grows until it is begun anew, as
anybody's does: what is bought is read on, whether it still holds or not.

In some points it is better off than anybody could be: it has no daily cap, its pings need no
safety margin and read no log, the budget bounds what holds and not what is dragged along, a file
that was told whole may be referred to though it was not bought, and to say that something is as
before costs nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from bench.replay_session import Session
from bench.replay_world import Made
from kibitz_context.caching.lease import LIFETIME_SECONDS
from kibitz_context.layers.log import Entry
from kibitz_context.values import CacheLifetime, Place, Prices

RECENT_BASES = 4
LONGEST_LOG = 60
"""After so many requests at the latest the log is begun anew."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Tokens of what does not change: rules and snapshot; and the most that changes may be."""

    prefix: int
    changes_budget: int


@dataclass(slots=True)
class _Run:
    """A place in one state: since when (index), in how many requests running, and its tokens."""

    state: str
    since: int
    count: int
    tokens: int

    def usd(self, end: int, write: float, prices: Prices) -> float:
        """The cheaper of sending it each time and of buying it into a log that ends at `end`."""
        bought = write + (end - 1 - self.since) * prices.read
        return self.tokens * min(self.count * prices.input, bought)


_Entry = tuple[Made, CacheLifetime]


class Optimum:
    """The optimum of one session, at any prices."""

    def __init__(self, session: Session, sizes: Sizes) -> None:
        self._session, self._sizes = session, sizes
        times = [seen.at for seen in session.seen]
        self._count = len(times)
        self._gaps = [later - earlier for earlier, later in pairwise(times)]
        self._pings = {
            lifetime: [
                pings_across(start, end, seconds, session.trace.awake)
                for start, end in pairwise(times)
            ]
            for lifetime, seconds in LIFETIME_SECONDS.items()
        }

    def usd(self, prices: Prices) -> float:
        """The least that L0–L2 and the pings of the whole session can cost."""
        best = [0.0] + [math.inf] * self._count
        alive: list[dict[_Entry, float]] = [{} for _ in range(self._count + 1)]
        prefix = self._sizes.prefix
        for start in range(self._count):
            written = {
                (base, lifetime): best[start] + prefix * prices.write(lifetime)
                for base in self._bases(start)
                for lifetime in LIFETIME_SECONDS
            }
            read = {entry: usd + prefix * prices.read for entry, usd in alive[start].items()}
            logs: dict[Made, list[tuple[float, float, float]]] = {}
            for entry in written.keys() | read.keys():
                base, lifetime = entry
                if base not in logs:
                    logs[base] = list(self._logs(base, start, prices))
                    # Without any entry.
                    plain = best[start] + prefix * prices.input + logs[base][0][0]
                    best[start + 1] = min(best[start + 1], plain)
                usd = min(written.get(entry, math.inf), read.get(entry, math.inf))
                for end, (rented, short, long) in enumerate(logs[base], start + 1):
                    if end > start + 1:
                        pings = self._pings[lifetime][end - 2]
                        if pings is None:
                            break
                        usd += (pings + 1) * prefix * prices.read
                    log = min(rented, short, long if lifetime == "1h" else math.inf)
                    best[end] = min(best[end], usd + log)
                    if end < self._count:
                        pings = self._pings[lifetime][end - 1]
                        if pings is not None:
                            kept = usd + log + pings * prefix * prices.read
                            alive[end][entry] = min(alive[end].get(entry, math.inf), kept)
        return best[self._count]

    def floor_usd(self, prices: Prices) -> float:
        """What nobody could go below, in whatever order and shape the layers were sent.

        The prefix is written once, each state of each hunk is told once as input, all else is read,
        nothing ever lapses, and the base is chosen anew at each action for nothing.
        """
        usd = self._sizes.prefix * (prices.write_5m + (self._count - 1) * prices.read)
        told: set[tuple[Place, str]] = set()
        whole: dict[str, Entry] = {}
        for index in range(self._count):
            beside = [self._session.changes(base, index, whole) for base in self._bases(index)]
            changes = min(beside, key=lambda each: sum(tokens for _, tokens in each.values()))
            for place, (state, tokens) in changes.items():
                usd += tokens * (prices.read if (place, state) in told else prices.input)
                told.add((place, state))
        return usd

    def _bases(self, index: int) -> list[Made]:
        """The bases that a snapshot can be built for at an action, newest first."""
        known: dict[int, Made] = {}
        for seen in reversed(self._session.seen[: index + 1]):
            for commit in (seen.head, seen.head.shared):
                known.setdefault(commit.number, commit)
            if len(known) >= RECENT_BASES:
                break
        fitting = [base for base in known.values() if self._fits(base, index)]
        return fitting or [self._session.seen[index].head]

    def _fits(self, base: Made, index: int) -> bool:
        return self._session.tokens(base, index) <= self._sizes.changes_budget

    def _logs(self, base: Made, start: int, prices: Prices) -> Iterator[tuple[float, float, float]]:
        """For a log that begins at `start`, for each end what the changes cost up to there:
        without a log, in one for 5 min, in one for 1 h."""
        whole: dict[str, Entry] = {}
        open_runs: dict[Place, _Run] = {}
        closed: list[_Run] = []
        rented = settled = 0.0
        short_lapsed = False
        for index in range(start, min(start + LONGEST_LOG, self._count)):
            if index > start:
                if not self._fits(base, index):
                    return
                if self._gaps[index - 1] > LIFETIME_SECONDS["5m"]:
                    short_lapsed = True
            changes = self._session.changes(base, index, whole)
            closed += [open_runs.pop(place) for place in open_runs.keys() - changes.keys()]
            for place, (state, tokens) in changes.items():
                rented += tokens * prices.input
                run = open_runs.get(place)
                if run is not None and run.state == state:
                    run.count += 1
                    continue
                if run is not None:
                    closed.append(run)
                open_runs[place] = _Run(state, index, 1, tokens)
            # Most are better sent than bought, and what was so once stays so.
            end = index + 1
            worth = [
                run
                for run in closed
                if run.count * prices.input > prices.write_5m + (end - 1 - run.since) * prices.read
            ]
            if len(worth) < len(closed):
                kept = set(map(id, worth))
                settled += sum(
                    run.tokens * run.count * prices.input for run in closed if id(run) not in kept
                )
                closed = worth
            runs = (*closed, *open_runs.values())
            short = settled + sum(run.usd(end, prices.write_5m, prices) for run in runs)
            long = settled + sum(run.usd(end, prices.write_1h, prices) for run in runs)
            yield rented, math.inf if short_lapsed else short, long


def pings_across(
    start: float, end: float, lifetime_seconds: float, awake: tuple[tuple[float, float], ...]
) -> int | None:
    """The fewest pings that keep an entry alive over a pause; None where nothing could."""
    count, alive_until = 0, start + lifetime_seconds
    while alive_until <= end:
        latest = max(
            (min(until, alive_until) for since, until in awake if since < alive_until),
            default=-math.inf,
        )
        if latest <= alive_until - lifetime_seconds:
            return None
        count, alive_until = count + 1, latest + lifetime_seconds
    return count
