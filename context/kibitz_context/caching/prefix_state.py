"""What is remembered of one prefix: a value, what may become of it, and how it is written down.

Pure; where it is kept is `prefix`'s business, and what is to become of it `policy`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from kibitz_context.caching.lease import Lease
from kibitz_context.layers.log import Log, LogBlock, Told
from kibitz_context.values import Place

# Branches that somebody goes to and fro between within an hour.
MAX_RESTING_LOGS = 4


@dataclass(frozen=True, slots=True)
class RestingLog:
    """A log that was given up while its entry was alive, of the changes from `base` behind the
    snapshot with that digest; `lease` covers the first `blocks_leased` blocks."""

    base: str | None
    snapshot_digest: str
    log: Log
    lease: Lease
    blocks_leased: int


@dataclass(frozen=True)
class PrefixState:
    """What is remembered of one prefix.

    `base` is the commit that the snapshot stands for, `snapshot_key` names what its bytes were
    made of and `snapshot_digest` the bytes.  `resting` has the leases of other snapshots that were
    sent before, by digest, and `resting_logs` the logs that can still be read.  `sightings` has,
    for each place that the log does not tell, the state it was last seen in and in how many
    requests running.  `log_blocks_leased` is how many blocks of the log `log_lease` covers.  A new
    `generation` begins when bytes that were sent before are given up.
    """

    base: str | None = None
    snapshot_key: str = ""
    generation: int = 0
    snapshot_digest: str = ""
    snapshot_tokens: int = 0
    log: Log = field(default_factory=Log)
    sightings: Mapping[Place, tuple[str, int]] = field(default_factory=dict)
    request_times: tuple[float, ...] = ()
    open_times: tuple[float, ...] = ()
    snapshot_lease: Lease | None = None
    resting: Mapping[str, Lease] = field(default_factory=dict)
    log_lease: Lease | None = None
    log_blocks_leased: int = 0
    resting_logs: tuple[RestingLog, ...] = ()

    @property
    def was_sent(self) -> bool:
        return self.generation > 0

    def lease_of(self, digest: str) -> Lease | None:
        """The entry of a snapshot's bytes, as far as it is known, dead or alive."""
        if digest == self.snapshot_digest:
            return self.snapshot_lease
        return self.resting.get(digest)

    def with_snapshot(
        self, base: str | None, key: str, digest: str, tokens: int, now: float
    ) -> PrefixState:
        """The state with another snapshot, whose bytes may have been sent before."""
        leases = {**self.resting, self.snapshot_digest: self.snapshot_lease}
        alive = {each: lease for each, lease in leases.items() if lease and lease.alive(now)}
        return replace(
            self.without_log(now),
            base=base,
            snapshot_key=key,
            snapshot_digest=digest,
            snapshot_tokens=tokens,
            snapshot_lease=alive.pop(digest, None),
            resting=alive,
        )

    def without_log(self, now: float) -> PrefixState:
        """The state with an empty log; the one that is given up rests while its entry lives."""
        resting = [each for each in self.resting_logs if each.lease.alive(now)]
        lease = self.log_lease
        if lease is not None and lease.alive(now) and self.log_blocks_leased:
            digest, leased = self.snapshot_digest, self.log_blocks_leased
            resting.append(RestingLog(self.base, digest, self.log, lease, leased))
        return replace(
            self,
            log=Log(),
            log_lease=None,
            log_blocks_leased=0,
            resting_logs=tuple(resting[-MAX_RESTING_LOGS:]),
        )

    def with_log(self, chosen: RestingLog, now: float) -> PrefixState:
        """The state with a resting log in the place of its own."""
        state = self.without_log(now)
        return replace(
            state,
            log=chosen.log,
            log_lease=chosen.lease,
            log_blocks_leased=chosen.blocks_leased,
            resting_logs=tuple(each for each in state.resting_logs if each != chosen),
        )

    def resting_behind(self, base: str | None, digest: str, now: float) -> list[RestingLog]:
        """The logs that can be read behind a snapshot."""
        return [
            each
            for each in self.resting_logs
            if (each.base, each.snapshot_digest) == (base, digest) and each.lease.alive(now)
        ]

    def without_leases(self) -> PrefixState:
        """The state in which nothing is believed to be in the cache."""
        return replace(
            self,
            snapshot_lease=None,
            resting={},
            log_lease=None,
            log_blocks_leased=0,
            resting_logs=(),
        )


def as_json(state: PrefixState) -> dict[str, Any]:
    """The state in types that JSON has."""
    return {
        "base": state.base,
        "snapshot_key": state.snapshot_key,
        "generation": state.generation,
        "snapshot_digest": state.snapshot_digest,
        "snapshot_tokens": state.snapshot_tokens,
        "log": _log_as_json(state.log),
        "sightings": [[_place_as_json(place), *seen] for place, seen in state.sightings.items()],
        "request_times": state.request_times,
        "open_times": state.open_times,
        "snapshot_lease": asdict(state.snapshot_lease) if state.snapshot_lease else None,
        "resting": {digest: asdict(lease) for digest, lease in state.resting.items()},
        "log_lease": asdict(state.log_lease) if state.log_lease else None,
        "log_blocks_leased": state.log_blocks_leased,
        "resting_logs": [
            {
                "base": each.base,
                "snapshot_digest": each.snapshot_digest,
                "log": _log_as_json(each.log),
                "lease": asdict(each.lease),
                "blocks_leased": each.blocks_leased,
            }
            for each in state.resting_logs
        ],
    }


def from_json(stored: dict[str, Any]) -> PrefixState:
    """The state that `as_json` was given.  Raises KeyError, TypeError or ValueError for anything
    else."""
    return PrefixState(
        base=stored["base"],
        snapshot_key=stored["snapshot_key"],
        generation=stored["generation"],
        snapshot_digest=stored["snapshot_digest"],
        snapshot_tokens=stored["snapshot_tokens"],
        log=_log_from_json(stored["log"]),
        sightings={_place(place): (seen, count) for place, seen, count in stored["sightings"]},
        request_times=tuple(stored["request_times"]),
        open_times=tuple(stored["open_times"]),
        snapshot_lease=Lease(**stored["snapshot_lease"]) if stored["snapshot_lease"] else None,
        resting={digest: Lease(**lease) for digest, lease in stored["resting"].items()},
        log_lease=Lease(**stored["log_lease"]) if stored["log_lease"] else None,
        log_blocks_leased=stored["log_blocks_leased"],
        resting_logs=tuple(
            RestingLog(
                each["base"],
                each["snapshot_digest"],
                _log_from_json(each["log"]),
                Lease(**each["lease"]),
                each["blocks_leased"],
            )
            for each in stored["resting_logs"]
        ),
    )


def _log_as_json(log: Log) -> list[Any]:
    return [
        [
            block.text,
            [
                [_place_as_json(each.place), each.state, each.form, each.tokens, each.text_at]
                for each in block.told
            ],
        ]
        for block in log.blocks
    ]


def _log_from_json(stored: list[Any]) -> Log:
    return Log(
        tuple(
            LogBlock(
                text,
                tuple(
                    Told(_place(place), state, form, tokens, _span(text_at))
                    for place, state, form, tokens, text_at in told
                ),
            )
            for text, told in stored
        )
    )


def _place_as_json(place: Place) -> list[Any]:
    return [place.path, place.lines, place.since_told]


def _place(stored: list[Any]) -> Place:
    path, lines, since_told = stored
    return Place(path, _span(lines), since_told)


def _span(stored: list[int] | None) -> tuple[int, int] | None:
    if stored is None:
        return None
    first, end = stored
    return first, end
