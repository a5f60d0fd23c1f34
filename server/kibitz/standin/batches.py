"""Message batches: taken in, worked off after a while of virtual time, kept with their results.

Results come in an order of their own, as the API warns that they do.  Where it is silent a choice
is made: a batch that is cancelled, or runs out of its day, has worked off as large a part of its
requests, from the first on, as the time it had is of the time it needs.
"""

from __future__ import annotations

import itertools
import json
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kibitz.standin.clock import Clock, rfc3339
from kibitz.standin.errors import ApiError, invalid_request, not_found

DAY_SECONDS = 86_400
MOST_REQUESTS = 100_000
MOST_BYTES = 256 * 1024 * 1024
_CUSTOM_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")

Work = Callable[[str, Mapping[str, Any]], dict[str, Any]]
"""Turns a workspace and the parameters of one request into its result."""


@dataclass(slots=True)
class _Batch:
    id: str
    workspace: str
    requests: list[dict[str, Any]]
    created_at: float
    cancelled_at: float | None = None
    ended_at: float | None = None
    total: int = 0
    results: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])


class Batches:
    """All batches.  One ends `seconds` of virtual time after it came, seen when it is asked for."""

    def __init__(self, clock: Clock, work: Work, seconds: float) -> None:
        self._clock = clock
        self._work = work
        self._seconds = seconds
        self._batches: dict[str, _Batch] = {}
        self._numbers = itertools.count(1)

    def create(self, body: object, workspace: str, base_url: str) -> dict[str, Any] | ApiError:
        problem = _problem(body)
        if problem is not None:
            return invalid_request(problem)
        assert isinstance(body, dict)
        batch = _Batch(
            f"msgbatch_standin{next(self._numbers):012d}",
            workspace,
            list(body["requests"]),
            self._clock.now(),
            total=len(body["requests"]),
        )
        self._batches[batch.id] = batch
        return self._describe(batch, base_url)

    def retrieve(self, batch_id: str, workspace: str, base_url: str) -> dict[str, Any] | ApiError:
        batch = self._find(batch_id, workspace)
        return batch if isinstance(batch, ApiError) else self._describe(batch, base_url)

    def every(self, workspace: str, base_url: str) -> list[dict[str, Any]]:
        """The batches of a workspace, newest first."""
        mine = [batch for batch in self._batches.values() if batch.workspace == workspace]
        for batch in mine:
            self._progress(batch)
        return [self._describe(batch, base_url) for batch in reversed(mine)]

    def cancel(self, batch_id: str, workspace: str, base_url: str) -> dict[str, Any] | ApiError:
        """Cancels what has not ended; the end itself is seen when the batch is next asked for."""
        batch = self._find(batch_id, workspace)
        if isinstance(batch, ApiError):
            return batch
        if batch.ended_at is None and batch.cancelled_at is None:
            batch.cancelled_at = self._clock.now()
        return self._describe(batch, base_url)

    def delete(self, batch_id: str, workspace: str) -> dict[str, Any] | ApiError:
        batch = self._find(batch_id, workspace)
        if isinstance(batch, ApiError):
            return batch
        if batch.ended_at is None:
            return invalid_request(f"{batch_id} cannot be deleted while it is being processed.")
        del self._batches[batch_id]
        return {"id": batch_id, "type": "message_batch_deleted"}

    def results(self, batch_id: str, workspace: str) -> bytes | ApiError:
        """The results as JSON lines."""
        batch = self._find(batch_id, workspace)
        if isinstance(batch, ApiError):
            return batch
        if batch.ended_at is None:
            return invalid_request(f"{batch_id} has no results yet.")
        return b"".join(json.dumps(result).encode() + b"\n" for result in batch.results)

    def _find(self, batch_id: str, workspace: str) -> _Batch | ApiError:
        batch = self._batches.get(batch_id)
        if batch is None or batch.workspace != workspace:
            return not_found(f"Message Batch {batch_id} not found.")
        self._progress(batch)
        return batch

    def _progress(self, batch: _Batch) -> None:
        if batch.ended_at is not None:
            return
        now = self._clock.now()
        worked_seconds = (batch.cancelled_at or now) - batch.created_at
        if batch.cancelled_at is not None:
            left = "canceled"
        elif worked_seconds >= min(self._seconds, DAY_SECONDS):
            left = "expired"
        else:
            return
        share = worked_seconds / self._seconds if self._seconds else 1.0
        n_worked_off = int(batch.total * min(share, 1.0))
        for number, request in enumerate(batch.requests):
            worked_off = number < n_worked_off and batch.cancelled_at != batch.created_at
            result = (
                self._work(batch.workspace, request["params"]) if worked_off else {"type": left}
            )
            batch.results.append({"custom_id": request["custom_id"], "result": result})
        random.Random(batch.id).shuffle(batch.results)
        # The prompts of a large batch are not needed any more.
        batch.requests = []
        batch.ended_at = now

    def _describe(self, batch: _Batch, base_url: str) -> dict[str, Any]:
        ended = batch.ended_at is not None
        kinds = [result["result"]["type"] for result in batch.results]
        counts = {
            kind: kinds.count(kind) for kind in ("succeeded", "errored", "canceled", "expired")
        }
        working = "canceling" if batch.cancelled_at is not None else "in_progress"
        return {
            "id": batch.id,
            "type": "message_batch",
            "processing_status": "ended" if ended else working,
            "request_counts": {
                "processing": 0 if ended else batch.total,
                **counts,
            },
            "created_at": rfc3339(batch.created_at),
            "expires_at": rfc3339(batch.created_at + DAY_SECONDS),
            "ended_at": _time(batch.ended_at),
            "cancel_initiated_at": _time(batch.cancelled_at),
            "archived_at": None,
            "results_url": f"{base_url}/v1/messages/batches/{batch.id}/results" if ended else None,
        }


def _problem(body: object) -> str | None:
    requests = body.get("requests") if isinstance(body, dict) else None
    if not isinstance(requests, list) or not requests:
        return "requests: Field required"
    if len(requests) > MOST_REQUESTS:
        return f"requests: List should have at most {MOST_REQUESTS} items after validation"
    seen: set[str] = set()
    for index, request in enumerate(requests):
        if not isinstance(request, dict) or not isinstance(request.get("params"), dict):
            return f"requests.{index}.params: Field required"
        identifier = request.get("custom_id")
        if not isinstance(identifier, str) or not _CUSTOM_ID.fullmatch(identifier):
            return (
                f"requests.{index}.custom_id: String should match pattern '^[a-zA-Z0-9_-]{{1,64}}$'"
            )
        if identifier in seen:
            return f"requests.{index}.custom_id: duplicate custom_id '{identifier}'"
        seen.add(identifier)
    return None


def _time(timestamp: float | None) -> str | None:
    return None if timestamp is None else rfc3339(timestamp)
