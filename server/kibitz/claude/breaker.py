"""When requests that nobody has asked for are not sent: circuits of an endpoint and its models.

After repeated failures keep-warm, pre-warming and whatever else runs by itself is refused without
a request, for a pause that grows each time.  Then one such request is let through to see.  What a
user asks for is never refused, and how it ends counts like everything else.

The libraries for this know one circuit for all callers, refuse them alike and tell nobody;
ours lets explicit requests pass, has a fault of a model beside that of the endpoint, and obeys
`retry-after`.  It sends nothing and knows no words for users.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from kibitz.claude.values import ClaudeFailure, FailureKind, Purpose

log = logging.getLogger(__name__)

# Fewer: one bad minute of a network stops what would have gone well a second later.
FAILURES_TO_PAUSE = 3
# Failures that are further apart than this have nothing to do with each other.
RELATED_SECONDS = 600.0
FIRST_PAUSE_SECONDS = 30.0
LONGEST_PAUSE_SECONDS = 900.0
# An endpoint may ask for any time; after a day it is worth a look.
LONGEST_ASKED_SECONDS = 24 * 3600.0

# Faults of the endpoint, or of the way there: no model would have fared better.
_OF_ENDPOINT: frozenset[FailureKind] = frozenset(
    {
        "network",
        "timeout",
        "server_error",
        "dropped",
        "not_an_api",
        "no_credentials",
        "wrong_credentials",
        "no_credit",
        "spend_limit",
    }
)
# Each model has its own capacity, its own rate limit and its own permission.
_OF_MODEL: frozenset[FailureKind] = frozenset(
    {"overloaded", "rate_limit", "unknown_model", "no_permission"}
)
# Somebody has to do something about these: one failure says it all, and a minute changes nothing.
_LASTING: frozenset[FailureKind] = frozenset(
    {
        "no_credentials",
        "wrong_credentials",
        "no_credit",
        "spend_limit",
        "unknown_model",
        "no_permission",
    }
)

_ENDPOINT = ""  # the name of the circuit that is no model's


@dataclass(slots=True)
class _Circuit:
    """Closed while `failure` is None.  A pause that is over is half open: one request may try."""

    failures: int = 0
    last_failure_at: float = 0.0
    failure: ClaudeFailure | None = None
    pauses: int = 0
    paused_at: float = 0.0
    pause_seconds: float = 0.0
    is_probed: bool = False

    @property
    def until(self) -> float:
        return self.paused_at + self.pause_seconds

    def is_over(self, now: float) -> bool:
        """Whether the pause is; a clock that was set back does not make it longer."""
        return not self.paused_at <= now < self.until

    def pause(self, failure: ClaudeFailure, now: float) -> None:
        self.failure = failure
        self.pauses += 1
        seconds = min(FIRST_PAUSE_SECONDS * 2 ** (self.pauses - 1), LONGEST_PAUSE_SECONDS)
        if failure.kind in _LASTING:
            seconds = LONGEST_PAUSE_SECONDS
        # Several editors should not all look at the same moment.
        seconds *= random.uniform(1.0, 1.2)  # noqa: S311
        self.paused_at, self.pause_seconds = now, max(seconds, _asked_seconds(failure))


class Breaker:
    """The circuits of one endpoint.  Touched on the event loop only; time is `time.time`."""

    def __init__(self) -> None:
        self._circuits: dict[str, _Circuit] = {}
        self._followers: list[Callable[[ClaudeFailure | None], None]] = []
        self._told = False

    def follow(self, tell: Callable[[ClaudeFailure | None], None]) -> None:
        """Have `tell` called once when automatic requests begin to be refused, with what they are
        refused with, and once with None when they are not any more."""
        self._followers.append(tell)

    @property
    def paused_until(self) -> float | None:
        """When something automatic is tried again, as `time.time` counts; None: all goes on."""
        return max((each.until for each in self._paused()), default=None)

    def attempt(self, model: str, purpose: Purpose) -> Attempt:
        """One request to come, as a context: how it is left says how it ended.

        Raises ClaudeFailure "paused" for an automatic one during a pause, with `facts =
        {until, because}`: a time as `time.time` counts, and the kind of failure.
        """
        probes: list[_Circuit] = []
        if not purpose.interactive:
            now = time.time()
            for circuit in self._of(model):
                if circuit.failure is None:
                    continue
                if circuit.is_probed or not circuit.is_over(now):
                    raise self._refusal(circuit, circuit.failure)
                probes.append(circuit)
            for circuit in probes:
                circuit.is_probed = True
        return Attempt(self, model, probes)

    def succeeded(self, model: str) -> None:
        """A request to `model` has come to its end."""
        for circuit in self._of(model):
            _close(circuit)
        self._say_if_back()

    def failed(self, model: str, failure: ClaudeFailure) -> None:
        """A request to `model` has failed.  What is no fault of the other side does not count."""
        if failure.facts.get("cause") == "shut_down":
            return
        if failure.kind in _OF_ENDPOINT:
            self._count(self._circuits.setdefault(_ENDPOINT, _Circuit()), failure)
        elif failure.kind in _OF_MODEL:
            self._count(self._circuits.setdefault(model, _Circuit()), failure)
            # It has answered, and that for this model alone.
            if _ENDPOINT in self._circuits:
                _close(self._circuits[_ENDPOINT])
                self._say_if_back()

    def _count(self, circuit: _Circuit, failure: ClaudeFailure) -> None:
        now = time.time()
        if now - circuit.last_failure_at > RELATED_SECONDS:
            circuit.failures = 0
        circuit.failures += 1
        circuit.last_failure_at = now
        if circuit.failure is not None and not circuit.is_over(now):
            # A user has tried meanwhile.  That is no reason to wait longer, but what the endpoint
            # now asks for is.
            until = max(circuit.until, now + _asked_seconds(failure))
            circuit.pause_seconds = until - circuit.paused_at
        elif (
            circuit.failure is not None
            or circuit.failures >= FAILURES_TO_PAUSE
            or failure.kind in _LASTING
        ):
            circuit.pause(failure, now)
            log.info(
                "automatic requests pause for %.0f s after: %s",
                circuit.pause_seconds,
                failure.kind,
            )

    def _refusal(self, circuit: _Circuit, because: ClaudeFailure) -> ClaudeFailure:
        refusal = ClaudeFailure(
            "paused",
            model=because.model,
            endpoint=because.endpoint,
            facts={"until": max(circuit.until, time.time()), "because": because.kind},
        )
        if not self._told:
            self._told = True
            self._tell(refusal)
        return refusal

    def _say_if_back(self) -> None:
        if self._told and not self._paused():
            self._told = False
            log.info("automatic requests are sent again")
            self._tell(None)

    def _tell(self, refusal: ClaudeFailure | None) -> None:
        for tell in self._followers:
            tell(refusal)

    def _of(self, model: str) -> list[_Circuit]:
        return [self._circuits[name] for name in (_ENDPOINT, model) if name in self._circuits]

    def _paused(self) -> list[_Circuit]:
        return [each for each in self._circuits.values() if each.failure is not None]


def _asked_seconds(failure: ClaudeFailure) -> float:
    return min(failure.retry_after_seconds or 0.0, LONGEST_ASKED_SECONDS)


def _close(circuit: _Circuit) -> None:
    circuit.failure, circuit.failures, circuit.pauses = None, 0, 0


class Attempt:
    """One request that was let through.  Left without `succeeded` and without a ClaudeFailure, it
    was given up: that says nothing of the endpoint."""

    def __init__(self, breaker: Breaker, model: str, probes: list[_Circuit]) -> None:
        self._breaker = breaker
        self._model = model
        self._probes = probes

    def succeeded(self) -> None:
        self._breaker.succeeded(self._model)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for circuit in self._probes:
            circuit.is_probed = False
        if isinstance(error, ClaudeFailure):
            self._breaker.failed(self._model, error)
