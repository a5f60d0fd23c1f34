"""What a running job or command has used and costs so far, told from the steps it yields."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from kibitz.actions.values import Asked, Begun, Received, Spent, Step
from kibitz.bill import bill, dollars
from kibitz.claude import catalogue
from kibitz.claude.catalogue import Catalogue
from kibitz.claude.values import Usage


class Tally:
    """Counts steps.  Sums of all requests that have ended, and the one that has not.

    `known_models` gives the models and prices that hold; it is asked when they are needed.
    """

    def __init__(self, known_models: Callable[[], Catalogue] = catalogue.builtin) -> None:
        self._known_models = known_models
        self.model = ""
        self.prompt_tokens = 0
        self.received_tokens = 0
        self.request_id: str | None = None
        self._asking = False
        self._begun: Usage | None = None
        self._ended = Usage()
        self._ended_usd: float | None = 0.0
        self._n_ended = 0

    def count(self, step: Step) -> None:
        match step:
            case Asked(model, prompt_tokens):
                self._end_as_it_is()
                self.model, self.prompt_tokens = model, prompt_tokens
                self._asking = True
            case Begun(usage):
                self._begun = usage
            case Received(tokens):
                self.received_tokens = tokens
            case Spent(usage, cost_usd, model, request_id):
                self.model, self.request_id = model, request_id
                self._add(usage, cost_usd)
            case _:
                pass

    @property
    def n_ended(self) -> int:
        """How many requests came to their end."""
        return self._n_ended

    def usage(self) -> Usage:
        """All tokens so far; those of a reply that still comes are an estimate."""
        return self._ended + self._running()

    def cost_usd(self) -> float | None:
        """USD so far; None where a price is not known."""
        running_usd = self._price(self._running()) if self.model else 0.0
        if running_usd is None or self._ended_usd is None:
            return None
        return self._ended_usd + running_usd

    def bill(self) -> str:
        """The bill in one line; "" when nothing was asked."""
        if not self._n_ended and not self._asking:
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
        if not self._n_ended and not self._asking:
            return "Stopped; nothing was sent."
        if not self._n_ended and self._begun is None:
            return "Stopped before Claude began to answer."
        return f"Stopped; so far: {self.bill()}."

    def _running(self) -> Usage:
        if self._begun is None:
            return Usage()
        received = max(self._begun.output_tokens, self.received_tokens)
        return dataclasses.replace(self._begun, output_tokens=received)

    def _add(self, usage: Usage, cost_usd: float | None) -> None:
        self._ended += usage
        if cost_usd is None or self._ended_usd is None:
            self._ended_usd = None
        else:
            self._ended_usd += cost_usd
        self._n_ended += 1
        self._asking, self._begun, self.received_tokens = False, None, 0

    def _end_as_it_is(self) -> None:
        """The request before did not come to its end; it was paid for all the same."""
        if self._begun is not None:
            running = self._running()
            self._add(running, self._price(running))

    def _price(self, usage: Usage) -> float | None:
        return self._known_models().cost_usd(self.model, usage)
