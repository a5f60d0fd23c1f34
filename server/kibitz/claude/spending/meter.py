"""What is known of one response so far: its usage, its cost, its times."""

from __future__ import annotations

import dataclasses
import time

from kibitz.claude.models.catalogue import Catalogue
from kibitz.claude.prompts.estimate import text_weight
from kibitz.claude.prompts.misses import Miss
from kibitz.claude.spending.ledger import Outcome, Settlement, SoFar
from kibitz.claude.values import (
    Event,
    Finished,
    Started,
    StopReason,
    TextDelta,
    ToolInputDelta,
    Usage,
)

# How often a running request's row is brought up to date.  Higher: a killed process's last
# seconds are not counted; lower: more writes to the disk.
NOTE_SECONDS = 2.0


class Meter:
    """Counts the events of one response to a request for `model`."""

    def __init__(self, model: str, known_models: Catalogue) -> None:
        self._asked_model = self._model = model
        self._catalogue = known_models
        self._chars_per_token = known_models.chars_per_token(model)
        self._began = time.monotonic()
        self._first_token: float | None = None
        self._usage = Usage()
        # An estimate: while a reply streams, the API does not say how much of it there is.
        self._received_tokens = 0.0
        self.started: Started | None = None
        self._is_complete = False
        self._stop_reason: StopReason | None = None
        self._request_id: str | None = None
        self._noted = 0.0

    def count(self, event: Event) -> None:
        match event:
            case Started(request_id, model, usage):
                self.started = event
                self._request_id, self._model, self._usage = request_id, model, usage
            case TextDelta(text) | ToolInputDelta(_, _, text):
                if self._first_token is None:
                    self._first_token = time.monotonic()
                self._received_tokens += text_weight(text, self._chars_per_token)
            case Finished():
                self._request_id = event.request_id or self._request_id
                self._model = event.model
                self.complete(event.usage, event.stop_reason)
            case _:
                pass

    def complete(self, usage: Usage, stop_reason: StopReason) -> None:
        """The response has ended with that usage."""
        self._is_complete, self._usage, self._stop_reason = True, usage, stop_reason

    def broke_off(self, usage: Usage) -> None:
        """The response has ended too early; the endpoint had reported that usage by then."""
        self._usage = usage

    @property
    def usage(self) -> Usage:
        return self._usage

    def note_is_due(self) -> bool:
        """Whether the ledger should hear of it: at once when the prompt's bill is known, then now
        and then."""
        now = time.monotonic()
        if self._usage == Usage() or now - self._noted < NOTE_SECONDS:
            return False
        self._noted = now
        return True

    def so_far(self) -> SoFar:
        usage = self._usage
        if not self._is_complete:
            received = round(self._received_tokens)
            usage = dataclasses.replace(usage, output_tokens=max(usage.output_tokens, received))
        # A gateway may answer under a name of its own.
        model = self._model if self._catalogue.find(self._model) else self._asked_model
        cost_usd = self._catalogue.cost_usd(model, usage)
        if cost_usd is None:
            return SoFar(usage, None, None)
        without_cache_usd = self._catalogue.cost_without_cache_usd(model, usage)
        assert without_cache_usd is not None
        return SoFar(usage, cost_usd, without_cache_usd - cost_usd)

    def settlement(self, outcome: Outcome, miss: Miss | None = None) -> Settlement:
        first = self._first_token
        return Settlement(
            outcome,
            self.so_far(),
            stop_reason=self._stop_reason,
            request_id=self._request_id,
            first_token_seconds=None if first is None else first - self._began,
            total_seconds=time.monotonic() - self._began,
            miss=miss,
        )
