"""What a running job or command has used and costs so far, told from the steps it yields."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

from kibitz.actions.values import Asked, Begun, Received, Spent, Step
from kibitz.bill import bill, dollars
from kibitz.claude.models import catalogue
from kibitz.claude.models.catalogue import Catalogue
from kibitz.claude.values import Usage


@dataclass
class _Request:
    """A request that has not ended."""

    model: str
    begun: Usage | None = None
    received_tokens: int = 0


class Tally:
    """Counts steps.  Sums of all requests that have ended, and those that have not.

    `known_models` gives the models and prices that hold; it is asked when they are needed.
    """

    def __init__(self, known_models: Callable[[], Catalogue] = catalogue.builtin) -> None:
        self._known_models = known_models
        self.model = ""
        self.request_id: str | None = None
        self._running: dict[int, _Request] = {}
        self._ended = Usage()
        self._ended_usd: float | None = 0.0
        self._n_ended = 0

    def count(self, step: Step, of: int = 0) -> None:
        """Count a step; `of` tells those apart that are done at once."""
        match step:
            case Asked(model):
                self._end_as_it_is(of)
                self.model = model
                self._running[of] = _Request(model)
            case Begun(usage):
                self._running.setdefault(of, _Request(self.model)).begun = usage
            case Received(tokens):
                self._running.setdefault(of, _Request(self.model)).received_tokens = tokens
            case Spent(usage, cost_usd, model, request_id):
                self.model, self.request_id = model, request_id
                self._running.pop(of, None)
                self._add(usage, cost_usd)
            case _:
                pass

    @property
    def n_ended(self) -> int:
        """How many requests came to their end."""
        return self._n_ended

    def usage(self) -> Usage:
        """All tokens so far; those of a reply that still comes are an estimate."""
        return sum((_so_far(each) for each in self._running.values()), self._ended)

    def cost_usd(self) -> float | None:
        """USD so far; None where a price is not known."""
        total_usd = self._ended_usd
        for each in self._running.values():
            usd = self._price(each.model, _so_far(each))
            total_usd = None if usd is None or total_usd is None else total_usd + usd
        return total_usd

    def bill(self) -> str:
        """The bill in one line; "" when nothing was asked."""
        if not self._n_ended and not self._running:
            return ""
        return bill(self.usage(), self.cost_usd())

    def figure(self) -> str:
        """What it costs so far, to follow a number of tokens; "" where no price is known."""
        cost_usd = self.cost_usd()
        return f", {dollars(cost_usd)}" if cost_usd else ""

    def token_line(self) -> str:
        """The bill with everything there is to say of it."""
        usage, cost_usd = self.usage(), self.cost_usd()
        cost = "cost unknown" if cost_usd is None else dollars(cost_usd)
        requests = f"{self._n_ended} requests" if self._n_ended > 1 else self.request_id
        parts = [
            f"{usage.prompt_tokens:,} tokens in ({usage.cache_read_tokens:,} read from cache, "
            f"{usage.cache_write_tokens:,} written to cache, {usage.input_tokens:,} neither)",
            f"{usage.output_tokens:,} tokens out",
            cost,
            *([requests] if requests else []),
        ]
        return f"{self.model}: {', '.join(parts)}"

    def stopped(self) -> str:
        """What an interruption has cost, as a sentence."""
        if not self._n_ended and not self._running:
            return "Stopped; nothing was sent."
        if not self._n_ended and all(each.begun is None for each in self._running.values()):
            return "Stopped before Claude began to answer."
        return f"Stopped; so far: {self.bill()}."

    def _add(self, usage: Usage, cost_usd: float | None) -> None:
        self._ended += usage
        if cost_usd is None or self._ended_usd is None:
            self._ended_usd = None
        else:
            self._ended_usd += cost_usd
        self._n_ended += 1

    def _end_as_it_is(self, of: int) -> None:
        """The request before did not come to its end; it was paid for all the same."""
        before = self._running.pop(of, None)
        if before is not None and before.begun is not None:
            usage = _so_far(before)
            self._add(usage, self._price(before.model, usage))

    def _price(self, model: str, usage: Usage) -> float | None:
        return self._known_models().cost_usd(model, usage)


def _so_far(request: _Request) -> Usage:
    if request.begun is None:
        return Usage()
    received = max(request.begun.output_tokens, request.received_tokens)
    return dataclasses.replace(request.begun, output_tokens=received)
