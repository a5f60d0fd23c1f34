"""The money of batches: the worst case is reserved before a chunk is sent, its results settle it.

Half the price, and reservations that outlive the process; the rest is as for any other request.
Every method blocks for a moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kibitz.claude.batching.batches import PRICE_SHARE, BatchRequest, BatchResult, ResultKind
from kibitz.claude.models.catalogue import Catalogue
from kibitz.claude.prompts.estimate import prompt_tokens, worst_usage
from kibitz.claude.spending.budget import Budget, Exceeded, Planned
from kibitz.claude.spending.ledger import Ledger, Outcome, Settlement, SoFar
from kibitz.claude.values import Prompt, Purpose, Usage

_OUTCOMES: dict[ResultKind, Outcome] = {
    "succeeded": "finished",
    "errored": "server_error",
    "canceled": "cancelled",
    "expired": "timeout",
}


class BatchBooks:
    """Reserves and settles, in `ledger` and within `budget`, requests to one model."""

    def __init__(
        self, ledger: Ledger, budget: Budget, purpose: Purpose, model: str, known_models: Catalogue
    ) -> None:
        self._ledger = ledger
        self._budget = budget
        self.purpose = purpose
        self._model = model
        self._known_models = known_models

    def cost_usd(self, usage: Usage) -> float | None:
        """What a request of a batch costs; None where no price is known."""
        usd = self._known_models.cost_usd(self._model, usage)
        return None if usd is None else usd * PRICE_SHARE

    def worst_case_usd(self, prompt: Prompt) -> float | None:
        """The most that the prompt can cost in a batch: with nothing of it in the cache."""
        return self.cost_usd(worst_usage(prompt))

    def foresee(self, prompts: Iterable[Prompt]) -> tuple[float | None, Exceeded | None]:
        """What all of these may cost together at most, and the limit that this would exceed.

        They are looked at one by one, and none is kept.
        """
        planned = [self._planned(prompt, 0) for prompt in prompts]
        costs = [each.worst_case_usd for each in planned]
        total_usd = sum(usd for usd in costs if usd is not None) if any(costs) else None
        return total_usd, self._budget.foresee(planned)

    def reserve(self, tag: str, requests: Sequence[BatchRequest]) -> Exceeded | None:
        """Reserve the worst case of a chunk's requests, or say which limit is in the way."""
        planned = {
            each.custom_id: self._planned(each.prompt, prompt_tokens(each.prompt))
            for each in requests
        }
        return self._budget.reserve_batch(tag, planned)

    def release(self, tag: str) -> None:
        """The chunk was never sent."""
        self._ledger.release_batch(tag)

    def settle(self, tag: str, results: Iterable[BatchResult]) -> None:
        """Put what these requests did cost into the place of their reservations."""
        self._ledger.settle_batch(
            tag, {result.custom_id: self._settlement(result) for result in results}
        )

    def close(self) -> None:
        """Close the budget.  The ledger stays open: it is not ours alone."""
        self._budget.close()

    def _planned(self, prompt: Prompt, estimated_tokens: int) -> Planned:
        return Planned(
            self.purpose,
            prompt.tier,
            prompt.model,
            self.worst_case_usd(prompt),
            estimated_tokens=estimated_tokens or None,
        )

    def _settlement(self, result: BatchResult) -> Settlement:
        finished, usage = result.finished, result.usage
        cost_usd = self.cost_usd(usage)
        saved_usd = None
        if cost_usd is not None:
            without_cache_usd = self._known_models.cost_without_cache_usd(self._model, usage) or 0.0
            saved_usd = without_cache_usd * PRICE_SHARE - cost_usd
        return Settlement(
            _OUTCOMES[result.kind],
            SoFar(usage, cost_usd, saved_usd),
            stop_reason=finished.stop_reason if finished is not None else None,
            request_id=result.message_id or result.custom_id,
        )
